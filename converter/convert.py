"""The journey of one model: bytes → Graph → passes → source, weights and manifest entry."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from converter.errors import UnsupportedOpError
from converter.graph import Graph, N, Value
from converter.passes import run_passes
from converter.reader.build import build_graph
from converter.reader.metadata import ModelMetadata, TensorMetadata, read_metadata
from converter.reader.model import read_model
from converter.reader.sources import ModelFile
from converter.writer.docstring import module_docstring
from converter.writer.evaluation import Operation, evaluation
from converter.writer.module import write_source
from converter.writer.names import Namespace, class_name, identifier, meaningful
from converter.writer.plan import plan_classes
from converter.writer.state import state_dict


@dataclass(frozen=True)
class Conversion:
    """A converted model.

    Attributes:
        file: what it came from.
        class_name: the class that its module defines.
        source: the module's text.
        state: the constant under each state_dict key.
        inputs: for each input TFLite's name, what source and reports call it, shape ("N" for the batch), dtype, value range,
            TFLite tensor and the permutation from that tensor's axes.
        outputs: likewise.
        operators: how many operators the file has.
        evaluation: which operation of the module gives which value.
    """

    file: ModelFile
    class_name: str
    source: str
    state: dict[str, Value]
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    operators: int
    evaluation: list[Operation]

    @property
    def name(self) -> str:
        """The module's name: its files are called after it."""
        return self.file.name

    @property
    def parameters(self) -> int:
        """How many numbers the state_dict holds."""
        return sum(math.prod(value.shape) for value in self.state.values())


def convert_model(file: ModelFile) -> Conversion:
    """Convert one model; nothing is written.

    Raises InvalidModelError for a file that is broken, and UnsupportedOpError, which lists
    everything that cannot be converted.
    """
    model = read_model(file)
    metadata = read_metadata(model)
    graph = build_graph(model, file.name)
    name_interface(graph, metadata)
    run_passes(graph)
    plan = plan_classes(graph, class_name(file.name))
    docstring = module_docstring(graph, metadata, file.label, file.sha256)
    known = metadata or ModelMetadata("", "", [], [])
    return Conversion(
        file,
        plan.model.name,
        write_source(graph, plan, docstring),
        state_dict(plan),
        _interface(graph.inputs, graph.input_names, known.inputs),
        _interface(graph.outputs, graph.output_names, known.outputs),
        len(model.operators),
        evaluation(plan),
    )


def convert_all(files: Iterable[ModelFile]) -> list[Conversion]:
    """Convert models one after the other; all of them or none.

    Raises what ``convert_model`` does; an UnsupportedOpError lists what cannot be converted
    in any of them.
    """
    conversions: list[Conversion] = []
    problems: list[str] = []
    for file in files:
        try:
            conversions.append(convert_model(file))
        except UnsupportedOpError as error:
            problems += error.problems
    if problems:
        raise UnsupportedOpError(problems)
    return conversions


def name_interface(graph: Graph, metadata: ModelMetadata | None) -> None:
    """Name inputs and outputs: by TFLite's names, by the metadata's, or by number."""
    known = metadata or ModelMetadata("", "", [], [])
    names = Namespace(["x", "self", "torch", "nn", "F", "Tensor"])
    graph.input_names = _names(graph.inputs, known.inputs, "input", names)
    graph.output_names = _names(graph.outputs, known.outputs, "output", names)


def _names(
    values: list[Value], metadata: list[TensorMetadata], fallback: str, names: Namespace
) -> list[str]:
    chosen = []
    for index, value in enumerate(values):
        stated = metadata[index].name if index < len(metadata) else ""
        wanted = meaningful(value.name) or (identifier(stated) if stated else fallback)
        chosen.append(names.unique(wanted))
    return chosen


def _interface(
    values: list[Value], names: list[str], metadata: list[TensorMetadata]
) -> list[dict[str, Any]]:
    entries = []
    for index, (value, name) in enumerate(zip(values, names, strict=True)):
        known = metadata[index].value_range if index < len(metadata) else None
        entries.append(
            {
                "name": value.name,
                "identifier": name,
                "shape": ["N" if size is N else int(size) for size in value.shape],
                "dtype": value.dtype,
                "value_range": None if known is None else list(known),
                "tensor": value.tensor,
                "permutation": list(value.order),
            }
        )
    return entries
