"""``docs/parity_details.md`` describes every field, and the limits that hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tests.support.networks import Network
from tflite2torch.cli import main
from tflite2torch.parity.layers.verdict import FLOOR_FACTOR, ULPS
from tflite2torch.parity.reference.backends import BACKENDS
from tflite2torch.parity.reference.noise import MAX_DRAWS
from tflite2torch.parity.reference.process import ROOT, Limits
from tflite2torch.parity.reports.document import SCHEMA


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "docs" / "parity_details.md").read_text(encoding="utf-8")


def fields(text: str, title: str) -> set[str]:
    """Return the fields that the table after a title names in its first column."""
    table = text.partition(title)[2].partition("| --- | --- |\n")[2]
    rows = table.partition("\n\n")[0].splitlines()
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_field_is_documented(text: str, tmp_path: Path) -> None:
    network = Network()
    x = network.function("TANH", network.input((1, 5)))
    path = tmp_path / "model.tflite"
    path.write_bytes(network.build([x]))
    result = CliRunner().invoke(main, ["parity", str(path), "--json"])
    document = json.loads(result.stdout)
    assert set(document) == {"schema", "versions", "models"}
    [model] = document["models"]
    assert fields(text, "\nA model has\n") == {*model, "reason"}
    assert fields(text, "\nA layer has\n") == set(model["layers"][0])
    for name in (*model["coverage"], *model["given"][0]):
        assert f"`{name}`" in text


def test_what_convert_says_is_documented(text: str, tmp_path: Path) -> None:
    network = Network()
    path = tmp_path / "model.tflite"
    path.write_bytes(network.build([network.function("TANH", network.input((1, 5)))]))
    out = str(tmp_path / "out")
    result = CliRunner().invoke(main, ["convert", str(path), "--json", "-o", out])
    [model] = json.loads(result.stdout)["models"]
    section = text.partition("\n## What `convert` checks\n")[2].partition("\n## ")[0]
    told = set(re.findall(r"`(\w+)`", section))
    assert {*model["parity"], *model["parity"]["outputs"][0], "reason"} <= told


def test_the_numbers_are_those_of_the_code(text: str) -> None:
    assert f'"schema": {SCHEMA}' in text
    assert f"at most **{FLOOR_FACTOR:g} noise floors**" in text
    assert f"at\nmost **{ULPS:g} ulps**" in text
    assert f"up to {MAX_DRAWS} before" in text
    assert f"limit ({Limits().seconds:g} s an answer)" in text
    assert f"({Limits().memory >> 30} GiB)" in text
    for name in BACKENDS:
        assert f"\n| `{name}` |" in text


def test_every_option_is_told_of(text: str) -> None:
    for verb in ("parity", "compare"):
        _, command, _ = main.resolve_command(click.Context(main), [verb])
        for option in command.params:
            name = max(option.opts, key=len)
            common = name in ("sources", "--quiet", "--verbose")
            assert common or f"`{name}" in text or f" {name} " in text, name
