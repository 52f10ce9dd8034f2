"""Reads TFLite metadata: licence; names, descriptions, value ranges of inputs and outputs."""

from __future__ import annotations

import math

import numpy as np

from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.file import printable
from tflite2torch.converter.frontends.tflite.flatbuffer import (
    Decoder,
    FormatError,
    Schema,
    Table,
)
from tflite2torch.converter.frontends.tflite.model import TfliteModel
from tflite2torch.converter.graph.metadata import ModelMetadata, TensorMetadata
from tflite2torch.converter.graph.value import Array

# A FlatBuffer within the FlatBuffer: metadata has a schema and an identifier of its own, and
# is as untrusted as the model, so that the same decoder reads it.
_BUFFER = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
_UNITS = "process_units"
_PIXELS = (0.0, 255.0)
"""The value range of an image's pixels before normalization."""

_TABLES = """
ModelMetadata name:string description:string version:string
    subgraph_metadata:[SubGraphMetadata] author:string license:string
    associated_files:[AssociatedFile] min_parser_version:string
SubGraphMetadata name:string description:string
    input_tensor_metadata:[TensorMetadata] output_tensor_metadata:[TensorMetadata]
    associated_files:[AssociatedFile] input_process_units:[ProcessUnit]
    output_process_units:[ProcessUnit]
TensorMetadata name:string description:string dimension_names:[string]
    content:Content process_units:[ProcessUnit] stats:Stats
    associated_files:[AssociatedFile]
AssociatedFile name:string description:string type:i8 locale:string
Content content_properties:ContentProperties range:ValueRange
ImageProperties color_space:i8 default_size:ImageSize
ImageSize width:u32 height:u32
BoundingBoxProperties index:[u32] type:i8 coordinate_type:i8
ValueRange min:i32 max:i32
ProcessUnit options:ProcessUnitOptions
NormalizationOptions mean:[f32] std:[f32]
ScoreCalibrationOptions score_transformation:i8 default_score:f32
ScoreThresholdingOptions global_score_threshold:f32
BertTokenizerOptions vocab_file:[AssociatedFile]
SentencePieceTokenizerOptions sentence_piece_model:[AssociatedFile]
    vocab_file:[AssociatedFile]
Stats max:[f32] min:[f32]
"""

_UNIONS = """
ContentProperties FeatureProperties ImageProperties BoundingBoxProperties
ProcessUnitOptions NormalizationOptions ScoreCalibrationOptions
    ScoreThresholdingOptions BertTokenizerOptions SentencePieceTokenizerOptions
"""

_LONGEST = 500
"""The most characters of a text that are read."""

_NONE = np.empty(0, np.float32)
_SCHEMA = Schema(_TABLES, _UNIONS)


def read_metadata(model: TfliteModel) -> ModelMetadata | None:
    """Return a model's TFLITE_METADATA, or None if it has none.

    Raises InvalidModelError if it is malformed or does not match the model's interface.
    """
    data = model.metadata.get(_BUFFER)
    if data is None:
        return None
    try:
        root = Decoder(data, _SCHEMA).root(_IDENTIFIER, "ModelMetadata")
        subgraphs = root.get("subgraph_metadata") or [Table(0, "")]
        inputs = _tensors(subgraphs[0], "input_tensor_metadata", len(model.inputs))
        outputs = _tensors(subgraphs[0], "output_tensor_metadata", len(model.outputs))
    except FormatError as error:
        raise InvalidModelError(
            f"{model.label}: metadata {_BUFFER}: {error}; the file is damaged, fetch it again"
        ) from error
    return ModelMetadata(
        _text(root, "name"),
        _text(root, "description"),
        inputs,
        outputs,
        licence=_text(root, "license"),
    )


def _tensors(subgraph: Table, field: str, count: int) -> list[TensorMetadata]:
    entries: list[Table] = subgraph.get(field, [])
    # Entries have no tensor index, only their order. Many files have none at all.
    if entries and len(entries) != count:
        raise FormatError(f"{len(entries)} entries for {count} tensors", field)
    return [
        TensorMetadata(_text(entry, "name"), _text(entry, "description"), _value_range(entry))
        for entry in entries
    ]


def _text(entry: Table, field: str) -> str:
    """Return one printable line of bounded length: a file may hold megabytes of text."""
    return printable(entry.get(field, ""), _LONGEST)


def _value_range(entry: Table) -> tuple[float, float] | None:
    """Return the range of normalized pixels, or else that of the tensor's statistics."""
    # Statistics of an image may describe the pixels before normalization (as in TensorFlow's
    # own tutorial, 0 to 255), which is not what the model reads.
    options = [unit.get("options") for unit in entry.get("process_units", [])]
    for unit in options:
        if unit is not None and unit.type == "NormalizationOptions":
            return _normalized(unit.get("mean", _NONE), unit.get("std", _NONE))
    stats = entry.get("stats", {})
    return _bounds([*stats.get("min", ())], [*stats.get("max", ())], "stats")


def _normalized(means: Array, stds: Array) -> tuple[float, float] | None:
    """Return the range of ``(pixel - mean) / std`` over all channels."""
    if len(means) != len(stds) and 1 not in (len(means), len(stds)):
        raise FormatError(f"{len(means)} means and {len(stds)} deviations", _UNITS)
    if any(not std > 0 for std in stds):
        raise FormatError("a standard deviation is not positive", _UNITS)
    # One mean may stand for all channels beside several deviations, and the other way round.
    channels = [(float(mean), float(std)) for mean, std in np.broadcast(means, stds)]
    black, white = ([(p - mean) / std for mean, std in channels] for p in _PIXELS)
    return _bounds(black, white, _UNITS)


def _bounds(least: list[float], largest: list[float], field: str) -> tuple[float, float] | None:
    """Return the smallest and the largest value, or None if either list is empty."""
    if not least or not largest:
        return None
    bounds = float(min(least)), float(max(largest))
    # Chained, so that a NaN fails too: inputs are drawn from this range.
    if not -math.inf < bounds[0] <= bounds[1] < math.inf:
        raise FormatError(f"a range of values from {bounds[0]} to {bounds[1]}", field)
    return bounds
