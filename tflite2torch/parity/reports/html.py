"""Comparisons as one HTML page that needs no network: charts, and a table to look through."""

from __future__ import annotations

import base64
import json
import shlex
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tflite2torch.parity.layers.report import Outcome, ParityReport
from tflite2torch.parity.reports.charts import along_network, heat_map, histograms
from tflite2torch.parity.reports.document import as_document, plain

PAGE = Path(__file__).with_name("page.html")

PICTURES = 8
"""For how many layers of a model, the worst first, the page shows both sides' values."""


def as_page(outcomes: Mapping[str, Outcome]) -> str:
    """Return the page, of outcomes by the name of the model.

    Raises:
        MissingDependencyError: there is a chart to draw, and matplotlib is not installed.
    """
    document = as_document(outcomes)
    document["command"] = shlex.join(["tflite2torch", *sys.argv[1:]])
    for index, (model, outcome) in enumerate(
        zip(document["models"], outcomes.values(), strict=True)
    ):
        if isinstance(outcome, ParityReport):
            del model["constants"]  # of which the page shows none
            model["pictures"] = list(_pictures(outcome, f"model{index}"))
            if outcome.layers:
                model["chart"] = along_network(outcome.layers, f"model{index}-errors")
            for facts, given in zip(model["given"], outcome.given, strict=True):
                facts["thumbnail"] = given.thumbnail
    # Charts and tables repeat themselves: compressed, they are a fifth as long. Names come from a
    # model file, and none of them can end the script that the data is in.
    data = base64.b64encode(zlib.compress(json.dumps(document, allow_nan=False).encode())).decode()
    before, after = PAGE.read_text(encoding="utf-8").split("/*DATA*/")
    return "".join([before, data, after])


def _pictures(report: ParityReport, name: str) -> Iterator[dict[str, Any]]:
    """Yield the pictures of the worst layers; of several with one tensor, the first's."""
    drawn: set[int] = set()
    for layer in report.worst_first:
        found = layer.worst.measures
        if found.picture is None or layer.identity.tensor in drawn:
            continue
        if len(drawn) == PICTURES:
            return
        drawn.add(layer.identity.tensor)
        chart = f"{name}-tensor{layer.identity.tensor}"
        yield {
            "layer": layer.name,
            "sample": found.sample,
            "severity": plain(layer.worst.severity),
            "histograms": histograms(found.picture, f"{chart}-values"),
            "heat_map": heat_map(found.picture, f"{chart}-map") if found.picture.heat else "",
            "not_drawn": [
                f"{side} has {values.nan} NaN and {values.infinite} infinite values"
                for side, values in (
                    ("TFLite", found.picture.expected),
                    ("PyTorch", found.picture.found),
                )
                if values.nan + values.infinite
            ],
        }
