"""What a release of models is: a lock file with the facts of each."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tflite2torch.converter.convert import Conversion, convert_model
from tflite2torch.converter.errors import (
    NotComparableError,
    ReferenceFailedError,
    SourceError,
    UnsupportedOpError,
)
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.metadata import read_metadata
from tflite2torch.converter.graph.value import Array
from tflite2torch.converter.version import __version__
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.transfer.fingerprint import fingerprints

SCHEMA = 1

SKETCH = 8
"""Values of a constant or an output that the lock keeps, evenly spaced: how far a release moves
from the one before is estimated from them."""

Facts = dict[str, Any]
Compare = Callable[[Conversion], ParityReport]


def facts_of(file: ModelFile, compare: Compare | None) -> tuple[Facts, Conversion | None]:
    """Return the facts of a model, and its conversion, None if it cannot be converted.

    Args:
        file: the model.
        compare: compares it with TFLite; None to leave that out.
    """
    facts: Facts = {"source": file.origin, "sha256": file.sha256}
    try:
        conversion = convert_model(file)
    except UnsupportedOpError as error:
        return facts | {"not_supported": error.problems}, None
    found = fingerprints(conversion)
    model = conversion.model
    facts |= {
        "architecture": found.architecture,
        "weights": found.weights,
        "storage": _storage(conversion),
        "operators": dict(sorted(Counter(x.name for x in model.operators).items())),
        "inputs": [_tensor(entry) for entry in conversion.inputs],
        "outputs": [_tensor(entry) for entry in conversion.outputs],
        "metadata": _metadata(conversion),
        "constants": {key: _sketch(x.array) for key, x in conversion.state.items()},
        "parity": None if compare is None else _parity(conversion, compare),
        "code": conversion.source.splitlines(),
    }
    return facts, conversion


def _tensor(entry: Mapping[str, Any]) -> Facts:
    return {name: entry[name] for name in ("identifier", "shape", "dtype", "value_range", "unit")}


def _storage(conversion: Conversion) -> Facts:
    """Return how many constants are stored in each type."""
    return dict(sorted(Counter(str(x.array.dtype) for x in conversion.state.values()).items()))


def _metadata(conversion: Conversion) -> Facts:
    """Return what the file says of itself, and the checksums of files inside."""
    own = read_metadata(conversion.model)
    return {
        "description": conversion.model.description,
        "says": None if own is None else json.loads(json.dumps(asdict(own))),
        "buffers": {
            name: hashlib.sha256(data).hexdigest()[:16]
            for name, data in sorted(conversion.model.metadata.items())
        },
    }


def _sketch(array: Array) -> Facts:
    """Return a checksum of numbers, and some of them."""
    flat = np.ascontiguousarray(array, np.float32 if array.dtype.kind == "f" else None).reshape(-1)
    places = np.linspace(0, max(flat.size - 1, 0), min(SKETCH, flat.size)).astype(int)
    return {
        "shape": list(array.shape),
        "sha256": hashlib.sha256(flat.tobytes()).hexdigest()[:16],
        "values": [float(f"{x:.5g}") for x in flat[places]],
    }


def _parity(conversion: Conversion, compare: Compare) -> Facts:
    """Return the verdict, and for each output its error, noise floor and a sketch."""
    try:
        report = compare(conversion)
    except (ReferenceFailedError, NotComparableError) as error:
        return {"passed": None, "verdict": str(error), "outputs": {}}
    outputs = {
        x.identity.tensor_name: {
            "error": float(f"{x.worst.error:.3g}"),
            "floor": float(f"{x.worst.floor:.3g}"),
        }
        for x in report.layers
        if x.identity.kind == "output"
    }
    if report.answers is not None:
        for name, array in report.answers.tflite.items():
            outputs.setdefault(name, {})["answer"] = _sketch(array[:1])["values"]
    return {"passed": report.passed, "verdict": report.verdict, "outputs": outputs}


def lock_text(models: Mapping[str, Facts]) -> str:
    """Return a lock file of models, by name: JSON, a fact a line."""
    document = {"schema": SCHEMA, "made_by": f"tflite2torch {__version__}", "models": models}
    return _pretty(document, 0) + "\n"


DEEP = 4
"""From this depth on, JSON goes on in a line."""


def _pretty(value: Any, depth: int) -> str:
    lines = isinstance(value, list) and value and all(isinstance(x, str) for x in value)
    if not value or not ((isinstance(value, dict) and depth < DEEP) or lines):
        return json.dumps(value, ensure_ascii=False)
    pad, end = " " * (depth + 1), " " * depth
    if isinstance(value, list):
        inner = f",\n{pad}".join(json.dumps(x, ensure_ascii=False) for x in value)
        return f"[\n{pad}{inner}\n{end}]"
    items = (f"{json.dumps(key)}: {_pretty(x, depth + 1)}" for key, x in value.items())
    return "{\n" + pad + f",\n{pad}".join(items) + f"\n{end}}}"


def read_lock(path: Path) -> dict[str, Facts]:
    """Return the models of a lock file.

    Raises:
        SourceError: it cannot be read, is none, or is of another version.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{path}: cannot be read as a lock file: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("models"), dict):
        raise SourceError(f"{path}: it is no lock file; write one with tflite2torch release lock")
    if document.get("schema") != SCHEMA:
        raise SourceError(
            f"{path}: its schema is {document.get('schema')!r}, not {SCHEMA}: another version of "
            "tflite2torch wrote it; write it anew with tflite2torch release lock"
        )
    models: dict[str, Facts] = document["models"]
    for name, facts in models.items():
        if not _complete(facts):
            raise SourceError(f"{path}: {name!a} lacks facts; write the lock anew")
    return models


def _complete(facts: Any) -> bool:
    if not isinstance(facts, dict) or not isinstance(facts.get("sha256"), str):
        return False
    kinds: Sequence[tuple[str, type]] = (
        ("architecture", str),
        ("weights", str),
        ("storage", dict),
        ("inputs", list),
        ("outputs", list),
        ("metadata", dict),
        ("constants", dict),
        ("code", list),
    )
    return "not_supported" in facts or all(isinstance(facts.get(n), kind) for n, kind in kinds)
