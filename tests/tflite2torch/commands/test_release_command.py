"""``tflite2torch release``: locks, checks, reports, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from tests.support.networks import Network
from tflite2torch.cli import main
from tflite2torch.transfer import requirement
from tflite2torch.transfer.requirement import is_requirement


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["release", *map(str, arguments)])


def written(path: Path, filters: int = 4) -> Path:
    b = Network()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b.build([b.conv(b.input((1, 8, 8, 3)), 3, filters)]))
    return path


def test_from_one_release_to_the_next(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        written(folder / "same.tflite", 3)
    written(old / "other.tflite", 4)
    written(new / "other.tflite", 5)
    lock = tmp_path / "models.lock"
    result = call("lock", old, "--lock", lock)
    assert result.exit_code == 0, result.output
    facts = json.loads(lock.read_text())["models"]["other"]
    assert facts["parity"]["passed"] is True
    assert facts["parity"]["outputs"]["output"]["floor"] >= 0
    result = call("check", old, "--lock", lock)
    assert result.exit_code == 0, result.output
    before = lock.read_text()
    report, junit = tmp_path / "report.md", tmp_path / "junit.xml"
    arguments = ["check", new, "--lock", lock, "--markdown", report, "--junit", junit]
    result = call(*arguments, "--emit", tmp_path / "emitted", "--json")
    assert result.exit_code == 1, result.output
    kinds = {x["name"]: x["kinds"] for x in json.loads(result.stdout)["models"]}
    assert kinds == {"same": ["unchanged"], "other": ["architecture changed"]}
    assert "```diff" in report.read_text()
    suite = ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert {x.name for x in (tmp_path / "emitted").iterdir()} >= {"other.py", "manifest.json"}
    assert not (tmp_path / "emitted" / "same.py").exists()
    assert lock.read_text() == before
    result = call("check", new, "--lock", lock, "--update", "--no-verify")
    assert result.exit_code == 0, result.output
    assert call("check", new, "--lock", lock, "--no-verify").exit_code == 0


def test_a_wheel_by_its_requirement(
    tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip is not asked for what the cache has."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "tflite2torch" / "wheels" / "mediapipe==0.10.21"
    folder.mkdir(parents=True)
    (folder / wheel.name).symlink_to(wheel)
    result = call("lock", "mediapipe==0.10.21", "--lock", tmp_path / "x.lock", "--no-verify")
    assert result.exit_code == 0, result.output
    assert len(json.loads((tmp_path / "x.lock").read_text())["models"]) == 14
    for text, wanted in (
        ("mediapipe==0.10.21", True),
        ("mediapipe", False),
        ("-r==x", False),
        ("a==b c", False),
        ("../x==1", False),
    ):
        assert is_requirement(text) == wanted, text
    monkeypatch.setattr(requirement, "PYTHONS", ("3.11",))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    result = call("lock", "mediapipe==9.9.9", "--lock", tmp_path / "y.lock")
    assert result.exit_code == 2
    assert "mediapipe==9.9.9: its wheel cannot be fetched" in result.stderr


def test_wrong_calls(tmp_path: Path) -> None:
    model = written(tmp_path / "x" / "model.tflite")
    assert call("check", model, "--lock", tmp_path / "none.lock").exit_code == 2
    (tmp_path / "old.lock").write_text('{"schema": 0, "models": {}}')
    result = call("check", model, "--lock", tmp_path / "old.lock")
    assert result.exit_code == 2
    assert "another version of tflite2torch wrote it" in result.stderr
