"""Tables for terminals of any width."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from tests.support.layered import layered_model
from tflite2torch import compare
from tflite2torch.parity.layers.report import ParityReport, find_notes
from tflite2torch.parity.reports.terminal import fold, show_report

LONG = "stage.1.channel_mlp.normal: SQUARED_DIFFERENCE 95"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> ParityReport:
    """A comparison of a layer with a long name."""
    path = tmp_path_factory.mktemp("models") / "layered.tflite"
    path.write_bytes(layered_model())
    found = compare(path)
    assert isinstance(found, ParityReport)
    first, *rest = found.layers
    sample = "uniform, sample 1 of a batch of 3"
    measures = replace(first.worst.measures, sample=sample)
    named = replace(
        first,
        identity=replace(first.identity, name=LONG),
        worst=replace(first.worst, measures=measures),
    )
    return replace(found, layers=(named, *rest), sources=(LONG,))


def lines(report: ParityReport, width: int) -> list[str]:
    console = Console(file=StringIO(), width=width, highlight=False)
    show_report(console, report, everything=True)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def table(report: ParityReport, width: int) -> list[str]:
    """Return the table's lines, without its heading."""
    found = lines(report, width)
    start = next(i for i, line in enumerate(found) if line.startswith("  layer"))
    return found[start:]


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (40, "layer error limit"),
        (60, "layer error limit error/limit"),
        (80, "layer error limit error/limit pass at worst on"),
        (200, "layer error limit error/limit pass at worst on floor"),
    ],
)
def test_what_does_not_fit_is_left_out(report: ParityReport, width: int, headings: str) -> None:
    shown = table(report, width)
    assert shown[0].split() == headings.split()
    assert all(len(line.rstrip()) <= width for line in shown)
    assert all("…" not in line for line in shown)


def test_names_are_folded_where_they_have_parts(report: ParityReport) -> None:
    text = "\n".join([line[:22].rstrip() for line in table(report, 53)] + [""])
    assert "\n► stage.1.channel_mlp.\n  normal:\n  SQUARED_DIFFERENCE\n  95\n" in text


def test_a_line_that_is_long_enough_has_it_all(report: ParityReport) -> None:
    found = lines(report, 10_000)
    [line] = [line for line in found if LONG in line and "►" in line]
    assert line.endswith(f"  {report.layers[0].worst.floor:.1e}")
    assert "uniform, sample 1 of a batch of 3" in line


def test_text_goes_on_at_words(report: ParityReport) -> None:
    found = [line for line in lines(report, 60) if "sha256" not in line]
    setting = next(i for i, line in enumerate(found) if "LiteRT" in line)
    assert found[setting].rstrip().endswith("kernels; batch 1")
    assert found[setting + 1].startswith("  and 2, seed 0")


@pytest.mark.parametrize(
    ("name", "width", "folded"),
    [
        ("stem", 4, "stem"),
        ("stage.2.depthwise", 10, "stage.2.\ndepthwise"),
        ("depthwise", 5, "depth\nwise"),
        ("eyes_and_brows.blocks", 9, "eyes_and_\nbrows.\nblocks"),
        ("a: b #2", 3, "a:\nb\n#2"),
        ("..", 1, ".\n."),
        ("", 5, ""),
    ],
)
def test_folding(name: str, width: int, folded: str) -> None:
    assert fold(name, width) == folded
    assert all(len(line) <= width for line in folded.splitlines())


def test_a_limit_that_took_more_draws_is_marked(report: ParityReport) -> None:
    layer = report.layers[0]
    deeper = replace(layer, worst=replace(layer.worst, draws=17), failures=(), forced_failures=())
    notes = find_notes((deeper,), 3, (), {})
    assert notes == (f"within the limit only after more draws: {layer.name} (17)",)
    assert "·* " in "".join(lines(replace(report, layers=(deeper,), sources=()), 10_000))
    assert "·* " not in "".join(lines(report, 10_000))
