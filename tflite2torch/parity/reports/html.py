"""Comparisons as one HTML page that needs no network: charts, and a table to look through."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tflite2torch.converter.errors import MissingDependencyError
from tflite2torch.parity.layers.report import Outcome, ParityReport
from tflite2torch.parity.reports.document import as_document, plain

PAGE = Path(__file__).with_name("page.html")

PICTURES = 8
"""For how many layers of a model, the worst first, the page shows both sides' values."""


def as_page(outcomes: Mapping[str, Outcome]) -> str:
    """Return the page, of outcomes by the name of the model.

    Raises:
        MissingDependencyError: plotly, which draws the charts, is not installed.
    """
    check_plotly()
    from plotly.offline import get_plotlyjs

    document = as_document(outcomes)
    document["command"] = shlex.join(["tflite2torch", *sys.argv[1:]])
    for model, outcome in zip(document["models"], outcomes.values(), strict=True):
        if isinstance(outcome, ParityReport):
            model["pictures"] = _pictures(outcome)
            for facts, given in zip(model["given"], outcome.given, strict=True):
                facts["thumbnail"] = given.thumbnail
    # Names come from a model file: none of them may end the script that the data is in.
    data = json.dumps(document, allow_nan=False).replace("<", "\\u003c")
    page = PAGE.read_text(encoding="utf-8")
    before, between, after = page.split("/*SPLIT*/")
    return "".join([before, get_plotlyjs(), between, data, after])


def check_plotly() -> None:
    """Raise MissingDependencyError where plotly, which draws the charts, is missing."""
    if find_spec("plotly") is None:
        raise MissingDependencyError(
            'the charts of --html need plotly; pip install "tflite2torch[parity]"'
        )


def _pictures(report: ParityReport) -> list[dict[str, Any]]:
    """Return the pictures of the worst layers; of several with one tensor, the first's."""
    drawn: dict[int, dict[str, Any]] = {}
    for layer in report.worst_first:
        found = layer.worst.measures
        if found.picture is not None and layer.identity.tensor not in drawn:
            drawn[layer.identity.tensor] = {
                "layer": layer.name,
                "sample": found.sample,
                "severity": layer.worst.severity,
                **asdict(found.picture),
            }
        if len(drawn) == PICTURES:
            break
    pictures: list[dict[str, Any]] = plain(list(drawn.values()))
    return pictures
