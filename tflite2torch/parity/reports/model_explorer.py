"""Comparisons as the node data that Google's Model Explorer lays over a graph.

The shape is that of its "custom node data": for each model a name and results by the key
of a node. Over a ``.tflite`` file a node may be named by any of its output tensors.
"""

from __future__ import annotations

import json
from typing import Any

import tflite

from tflite2torch.parity.align.values import OUTPUT
from tflite2torch.parity.layers.report import ParityReport

BEYOND = 1e9
"""Stands for infinity, which JSON lacks."""

THRESHOLDS = [
    {"value": 0.5, "bgColor": "#a6d96a"},
    {"value": 1, "bgColor": "#fee08b"},
    {"value": BEYOND, "bgColor": "#f46d43"},
]
"""Colours of an error over what is tolerated: up to half of it, all of it, and more."""


def as_node_data(report: ParityReport, model: bytes) -> str:
    """Return the file for one model: for each tensor, its error as a share of the limit.

    Args:
        report: what was found.
        model: the verified ``.tflite`` file, whose graph has a name.
    """
    graph_name = tflite.Model.GetRootAs(model).Subgraphs(0).Name() or b"main"
    results: dict[str, Any] = {}
    for layer in report.layers:
        if layer.identity.kind != OUTPUT:
            name = layer.identity.tensor_name
            results[name] = {"value": min(layer.severity, BEYOND)}
    name = f"error of {report.name}, 1 is all that is tolerated"
    graph = {"name": name, "results": results, "thresholds": THRESHOLDS}
    return json.dumps({graph_name.decode(errors="replace"): graph}, indent=1, allow_nan=False)
