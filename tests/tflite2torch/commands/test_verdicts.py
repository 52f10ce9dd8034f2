"""How ``tflite2torch convert`` ends where its comparison with TFLite does not pass."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from torch import nn

from tests.support.layered import layered_conversion
from tests.support.models import Tensor, one_operator_model
from tests.support.operators import convert_bytes
from tflite2torch.cli import main
from tflite2torch.comparison import OF_CONVERT, compare_conversion
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.errors import (
    NotComparableError,
    ReferenceFailedError,
    ReferenceMissingError,
)
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.layers.measures import Exact
from tflite2torch.parity.layers.report import Outcome, ParityReport
from tflite2torch.parity.layers.verdict import Judged
from tflite2torch.parity.options import Options

COMMAND = "tflite2torch.commands.convert"


@pytest.fixture(scope="module")
def passing(good_model: bytes) -> ParityReport:
    """What ``convert`` finds of a good model, as if its output were called scores."""
    found = compare_conversion(convert_bytes(good_model), OF_CONVERT)
    assert found.passed
    output = found.layers[-1]
    identity = replace(output.identity, name="output scores", tensor_name="scores")
    return replace(found, layers=(replace(output, identity=identity),))


@pytest.fixture(scope="module")
def failing(passing: ParityReport) -> ParityReport:
    [output] = passing.layers
    measures = replace(output.worst.measures, error=0.5)
    worst = replace(output.worst, measures=measures, free=Judged(0.5, 2e-6))
    failures = ("uniform: error 0.5 at [3] is above 2e-06",)
    return replace(passing, layers=(replace(output, worst=worst, failures=failures),))


BROKEN = ReferenceFailedError("good.tflite: the reference kernels crashed; report it")


@pytest.fixture
def two_models(tmp_path: Path, good_model: bytes) -> list[str]:
    """Two files that convert, ``first.tflite`` and ``second.tflite``."""
    paths = [tmp_path / "first.tflite", tmp_path / "second.tflite"]
    for padding, path in enumerate(paths):
        path.write_bytes(good_model + bytes(padding))
    return [str(path) for path in paths]


def convert(
    monkeypatch: pytest.MonkeyPatch,
    sources: list[str],
    verdicts: dict[str, Outcome],
    out: Path,
    *options: str,
) -> Result:
    def verdict(conversion: Conversion, options: Options) -> ParityReport:
        assert options is OF_CONVERT
        found = verdicts[conversion.name]
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(f"{COMMAND}.compare_conversion", verdict)
    monkeypatch.setenv("COLUMNS", "200")
    return CliRunner().invoke(main, ["convert", *sources, "-o", str(out), *options])


def test_a_model_that_fails_ends_with_1_and_says_where(
    monkeypatch: pytest.MonkeyPatch,
    two_models: list[str],
    tmp_path: Path,
    passing: ParityReport,
    failing: ParityReport,
) -> None:
    verdicts = {"first": passing, "second": failing}
    result = convert(monkeypatch, two_models, verdicts, tmp_path / "out")
    assert result.exit_code == 1
    assert "second: scores: uniform: error 0.5 at [3]" in result.stdout
    rows = [line for line in result.stdout.splitlines() if "scores" in line]
    assert "passes" in rows[0]
    assert "FAILS" in rows[1]
    assert "second was not written; --no-verify writes it all the same" in result.stdout
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"first.py", "first.safetensors", "manifest.json"}
    assert list(json.loads((tmp_path / "out" / "manifest.json").read_text())["models"]) == ["first"]


def test_a_model_that_fails_leaves_what_was_there(
    monkeypatch: pytest.MonkeyPatch,
    two_models: list[str],
    tmp_path: Path,
    passing: ParityReport,
    failing: ParityReport,
) -> None:
    out = tmp_path / "out"
    assert convert(monkeypatch, two_models, {"first": failing, "second": failing}, out).exit_code
    assert not out.exists()
    convert(monkeypatch, two_models, {"first": passing, "second": passing}, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    verdicts: dict[str, Outcome] = {"first": passing, "second": failing}
    result = convert(monkeypatch, two_models, verdicts, out, "--force", "--json")
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)["models"]
    assert first["module"] == str(out / "first.py")
    assert second["module"] is second["weights"] is None
    after = {path.name: path.read_bytes() for path in out.iterdir()}
    manifests = [json.loads(files.pop("manifest.json")) for files in (before, after)]
    assert before == after
    assert manifests[0] == manifests[1]


def test_files_that_exist_are_told_before_the_comparison(
    monkeypatch: pytest.MonkeyPatch, two_models: list[str], tmp_path: Path, passing: ParityReport
) -> None:
    out = tmp_path / "out"
    convert(monkeypatch, two_models, {"first": passing, "second": passing}, out)
    result = convert(monkeypatch, two_models, {}, out)
    assert result.exit_code == 2
    assert "exists already; add --force" in result.stderr


def test_a_reference_that_cannot_run_ends_with_3(
    monkeypatch: pytest.MonkeyPatch,
    two_models: list[str],
    tmp_path: Path,
    passing: ParityReport,
) -> None:
    verdicts = {"first": BROKEN, "second": passing}
    result = convert(monkeypatch, two_models, verdicts, tmp_path / "out")
    assert result.exit_code == 3
    assert result.stderr.splitlines() == [f"error: {BROKEN}"]
    assert "reference failed" in result.stdout
    assert "passes" in result.stdout


def test_a_failure_weighs_more_than_a_reference_that_cannot_run(
    monkeypatch: pytest.MonkeyPatch,
    two_models: list[str],
    tmp_path: Path,
    failing: ParityReport,
) -> None:
    verdicts = {"first": BROKEN, "second": failing}
    result = convert(monkeypatch, two_models, verdicts, tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [f"error: {BROKEN}"]


def test_every_reference_that_cannot_run_is_told(
    monkeypatch: pytest.MonkeyPatch, two_models: list[str], tmp_path: Path
) -> None:
    verdicts = {"first": BROKEN, "second": ReferenceFailedError("second: killed")}
    result = convert(monkeypatch, two_models, verdicts, tmp_path / "out")
    assert result.exit_code == 3
    assert result.stderr.splitlines() == [f"error: {BROKEN}", "error: second: killed"]


def test_quiet_says_what_fails(
    monkeypatch: pytest.MonkeyPatch,
    two_models: list[str],
    tmp_path: Path,
    passing: ParityReport,
    failing: ParityReport,
) -> None:
    verdicts = {"first": passing, "second": failing}
    result = convert(monkeypatch, two_models, verdicts, tmp_path / "out", "-q")
    assert result.exit_code == 1
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("error: second: failed: output scores: uniform: error 0.5 at [3]")


MISSING = ReferenceMissingError("first.tflite: not compared, because there is no runtime; run: it")


def test_a_reference_that_is_not_installed_is_no_failure(
    monkeypatch: pytest.MonkeyPatch,
    two_models: list[str],
    tmp_path: Path,
    passing: ParityReport,
    failing: ParityReport,
) -> None:
    verdicts: dict[str, Outcome] = {"first": MISSING, "second": passing}
    result = convert(monkeypatch, two_models, verdicts, tmp_path / "out")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert str(MISSING) in result.stdout.splitlines()
    assert (tmp_path / "out" / "first.py").is_file()
    result = convert(monkeypatch, two_models, verdicts, tmp_path / "json", "--json")
    first, second = json.loads(result.stdout)["models"]
    assert first["parity"] == {"passed": None, "reason": str(MISSING)}
    assert second["parity"]["passed"]
    verdicts["second"] = BROKEN
    assert convert(monkeypatch, two_models, verdicts, tmp_path / "3").exit_code == 3
    verdicts["second"] = failing
    assert convert(monkeypatch, two_models, verdicts, tmp_path / "1").exit_code == 1


def test_what_cannot_be_compared_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, two_models: list[str], tmp_path: Path, passing: ParityReport
) -> None:
    error = NotComparableError("first.tflite: it cannot be compared: the first axis is not it")
    result = convert(monkeypatch, two_models, {"first": error, "second": passing}, tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr == f"error: {error}\n"
    assert (tmp_path / "out" / "first.py").is_file()


def test_a_model_without_a_batch_is_told(tmp_path: Path) -> None:
    """No front end drops such an axis: TFLite's own 2 stays."""
    path = tmp_path / "two.tflite"
    path.write_bytes(one_operator_model("TANH", [Tensor((2, 3))]))
    out = tmp_path / "out"
    for arguments in (["convert", str(path), "-o", str(out)], ["parity", str(path)]):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 1
        [line] = result.stderr.splitlines()
        assert line.startswith("error: two.tflite: it cannot be compared: the first axis of")
        assert "[2, 3] is not the batch" in line
    assert (out / "two.py").is_file()


def test_json_says_the_same(
    monkeypatch: pytest.MonkeyPatch,
    two_models: list[str],
    tmp_path: Path,
    failing: ParityReport,
) -> None:
    verdicts = {"first": BROKEN, "second": failing}
    result = convert(monkeypatch, two_models, verdicts, tmp_path / "out", "--json")
    first, second = json.loads(result.stdout)["models"]
    assert first["parity"] == {"passed": None, "reason": str(BROKEN)}
    assert second["parity"]["passed"] is False
    assert second["parity"]["outputs"][0]["error"] == 0.5


def test_an_infinite_error_is_null(
    monkeypatch: pytest.MonkeyPatch,
    two_models: list[str],
    tmp_path: Path,
    passing: ParityReport,
) -> None:
    [output] = passing.layers
    measures = replace(output.worst.measures, error=math.inf, exact=Exact(None, None))
    worst = replace(output.worst, measures=measures, free=Judged(math.inf, 2e-6))
    found = replace(passing, layers=(replace(output, worst=worst),))
    verdicts = {"first": found, "second": found}
    result = convert(monkeypatch, two_models, verdicts, tmp_path / "out", "--json")
    [model, _] = json.loads(result.stdout)["models"]
    [told] = model["parity"]["outputs"]
    assert (told["error"], told["from_exact"]) == (None, None)


def test_what_a_comparison_lacks_is_told_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, two_models: list[str], tmp_path: Path
) -> None:
    lack = 'torch not installed; pip install "tflite2torch[parity]"'
    monkeypatch.setattr(f"{COMMAND}.missing", lambda: lack)
    result = convert(monkeypatch, two_models, {}, tmp_path / "out")
    assert result.exit_code == 0
    assert f"Not compared with TFLite: {lack}" in result.stdout


def test_a_fault_of_ours_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, two_models: list[str], tmp_path: Path
) -> None:
    def fault(*_: object) -> None:
        raise KeyError("lost")

    monkeypatch.setattr(f"{COMMAND}.convert_all", fault)
    result = CliRunner().invoke(main, ["convert", *two_models, "-o", str(tmp_path)])
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: internal error: KeyError: 'lost'; run again with -v")


def test_interrupting_it_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, two_models: list[str], tmp_path: Path
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tflite2torch.converter.files.serialize_weights", interrupt)
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["convert", *two_models, "-o", str(out)])
    assert result.exit_code == 130
    assert result.stderr.splitlines() == ["interrupted; nothing was written"]
    assert not out.exists()
    result = CliRunner().invoke(main, ["convert", *two_models, "-o", str(out), "--json"])
    assert json.loads(result.stdout)["error"]["exit_code"] == 130
    assert {path.suffix for path in tmp_path.iterdir()} == {".tflite"}


def test_interrupting_the_comparison_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, two_models: list[str], tmp_path: Path
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"{COMMAND}.compare_conversion", interrupt)
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["convert", *two_models, "-o", str(out)])
    assert result.exit_code == 130
    assert result.stderr == "interrupted; nothing was written\n"
    assert {path.suffix for path in tmp_path.iterdir()} == {".tflite"}


def test_a_slope_that_is_off_by_little_fails() -> None:
    """What ``parity`` finds, ``convert`` finds."""
    layered = layered_conversion()
    good = load_module(layered)
    [slope] = [name for name, part in good.named_modules() if isinstance(part, nn.PReLU)]
    with torch.no_grad():
        good.get_parameter(f"{slope}.weight")[5] += 1e-4
    report = compare_conversion(layered, OF_CONVERT, good)
    assert report.sources == (slope,)
