"""The JSON of ``tflite2torch parity``; ``docs/parity_details.md`` describes every field.

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

from tflite2torch.converter.version import __version__
from tflite2torch.parity.distances import ulp
from tflite2torch.parity.layers.report import LayerReport, Outcome, ParityReport
from tflite2torch.parity.layers.verdict import FLOOR_FACTOR, ULPS
from tflite2torch.parity.reference.noise import FIRST_DRAWS

SCHEMA = 2

PACKAGES = (
    "ai-edge-litert",
    "flatbuffers",
    "matplotlib",
    "numpy",
    "pillow",
    "tflite",
    "torch",
)
"""The packages that take part in a comparison, besides the runtime of a model."""


def as_document(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """Return what ``--json`` prints, of outcomes by the name of the model."""
    models = [_model(name, outcome) for name, outcome in outcomes.items()]
    document: dict[str, Any] = plain({"schema": SCHEMA, "versions": versions(), "models": models})
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
    given = [asdict(one) for one in outcome.given]
    for one in given:
        del one["thumbnail"]
    return {
        "name": outcome.name,
        "sha256": outcome.sha256,
        "other": None if outcome.other is None else asdict(outcome.other),
        "samples": outcome.samples,
        "left_out": outcome.left_out,
        "given": given,
        "batch": outcome.batch,
        "batches": outcome.batches,
        "tolerances": dict(outcome.tolerances),
        "seed": outcome.seed,
        "dtype": outcome.dtype,
        "form": outcome.form,
        "device": outcome.device,
        "outputs_only": outcome.outputs_only,
        "reference": outcome.reference,
        "runtime": outcome.runtime,
        "kernels": outcome.kernels,
        "layers": [_layer(layer, outcome.dtype) for layer in outcome.layers],
        "coverage": asdict(outcome.coverage),
        "constants": [asdict(constant) for constant in outcome.constants],
        "exercised": [asdict(one) for one in outcome.exercised],
        "failures": outcome.failures,
        "notes": outcome.notes,
        "sources": outcome.sources,
        "seconds": outcome.seconds,
        "source": outcome.label,
        "passed": outcome.passed,
        "verdict": outcome.verdict,
        "title": outcome.title,
        "floor_factor": FLOOR_FACTOR,
        "ulps": ULPS,
    }


def _layer(layer: LayerReport, dtype: str) -> dict[str, Any]:
    worst, forced, totals = layer.worst, layer.forced, layer.totals
    found = worst.measures
    parts = forced.judged.parts if forced else None
    return {
        **asdict(layer.identity),
        "sample": found.sample,
        "compared": totals.compared,
        "compared_on": totals.compared_on,
        "not_finite": totals.unfinite,
        "equal_places": totals.equal,
        "error": found.error,
        "mean_error": found.mean_error,
        "largest_error": totals.error,
        "where": found.where,
        "floor": worst.floor,
        "limit": worst.limit,
        "draws": worst.draws or FIRST_DRAWS,
        "forced_sample": "" if forced is None else forced.sample,
        "forced_error": None if forced is None else forced.error,
        "forced_limit": None if forced is None else forced.limit,
        "forced_severity": None if forced is None else forced.severity,
        "structure": None if worst.free.parts is None else worst.free.parts.structure,
        "rounding": None if worst.free.parts is None else worst.free.parts.rounding,
        "forced_structure": parts and parts.structure,
        "forced_rounding": parts and parts.rounding,
        "wrong": worst.free.wrong or (forced.judged.wrong if forced else ""),
        "isolated_error": None if layer.isolated is None else layer.isolated.error,
        "isolated_limit": None if layer.isolated is None else layer.isolated.limit,
        "from_exact": found.exact.module,
        "reference_from_exact": found.exact.reference,
        "magnitude": found.magnitude,
        "ulps": found.error / ulp(found.magnitude, dtype),
        "cosine": found.cosine,
        "snr": found.snr,
        "statistics": {x.name: x.value for x in found.statistics},
        "severity": worst.severity,
        "needed": totals.needed,
        "failures": layer.failures,
        "forced_failures": layer.forced_failures,
        "isolated_failures": layer.isolated_failures,
        "passed": layer.passed,
        "ratio": layer.ratio,
        "worst": layer.severity,
    }


def plain(value: Any) -> Any:
    """Return a value with numbers that JSON lacks as text."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
