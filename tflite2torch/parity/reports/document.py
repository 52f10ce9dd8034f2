"""The JSON of ``tflite2torch parity``; ``docs/parity.md`` tells of every field.

A field may be added in any release; one that changes its meaning, or goes, raises
``schema``. A number that JSON lacks is the text "inf", "-inf" or "nan".
"""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from typing import Any

from tflite2torch.converter.errors import ReferenceFailedError
from tflite2torch.converter.version import __version__
from tflite2torch.parity.judge import FLOOR_FACTOR, ULPS
from tflite2torch.parity.layers.report import ParityReport

SCHEMA = 2

PACKAGES = (
    "ai-edge-litert",
    "flatbuffers",
    "numpy",
    "pillow",
    "plotly",
    "scikit-image",
    "tflite",
    "torch",
)
"""What takes part in a comparison; ``runtime`` of a model says what ran it."""

Outcome = ParityReport | ReferenceFailedError
"""What a comparison of one model came to."""


def as_document(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """Return what ``--json`` prints, of outcomes by the name of the model."""
    models = [_model(name, outcome) for name, outcome in outcomes.items()]
    document: dict[str, Any] = plain(
        {"schema": SCHEMA, "versions": versions(), "models": models}
    )
    return document


def versions() -> dict[str, str]:
    """Return the versions of what took part in a comparison."""
    found = {
        "tflite2torch": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _model(name: str, outcome: Outcome) -> dict[str, Any]:
    if not isinstance(outcome, ParityReport):
        return {"name": name, "passed": None, "reason": str(outcome)}
    facts = asdict(outcome)
    facts["source"] = facts.pop("label")
    for given in facts["given"]:
        del given["thumbnail"]
    for facts_of_layer, layer in zip(facts["layers"], outcome.layers, strict=True):
        facts_of_layer["passed"] = layer.passed
        facts_of_layer["ratio"] = layer.ratio
        facts_of_layer["worst"] = layer.worst
        del facts_of_layer["picture"]
    return {
        **facts,
        "passed": outcome.passed,
        "verdict": outcome.verdict,
        "title": outcome.title,
        "floor_factor": FLOOR_FACTOR,
        "ulps": ULPS,
    }


def plain(value: Any) -> Any:
    """Return a value with what JSON lacks as text."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
