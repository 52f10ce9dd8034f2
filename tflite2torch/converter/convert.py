"""The journey of one model: bytes → Graph → passes → source, weights and manifest entry."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tflite2torch.converter.errors import UnsupportedOpError
from tflite2torch.converter.frontends.sources import ModelFile
from tflite2torch.converter.frontends.tflite.build import build_graph
from tflite2torch.converter.frontends.tflite.metadata import (
    ModelMetadata,
    read_metadata,
)
from tflite2torch.converter.frontends.tflite.model import TfliteModel, read_model
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.naming.interface import interface_entries, name_interface
from tflite2torch.converter.naming.names import class_name
from tflite2torch.converter.passes import LITERAL, run_passes
from tflite2torch.converter.writer.diagram import draw_diagram
from tflite2torch.converter.writer.docstring import module_docstring
from tflite2torch.converter.writer.evaluation import Operation, evaluation
from tflite2torch.converter.writer.module import write_source
from tflite2torch.converter.writer.plan import Plan, plan_classes
from tflite2torch.converter.writer.safety import check_source
from tflite2torch.converter.writer.state import state_dict


@dataclass(frozen=True)
class Conversion:
    """A converted model.

    Attributes:
        file: what it came from.
        model: what the file says.
        class_name: the class that its module defines.
        source: the module's text.
        state: the constant under each state_dict key.
        inputs: for each input TFLite's name, what source and reports call it, shape ("N"
            for the batch), dtype, value range, TFLite tensor and the permutation from that
            tensor's axes.
        outputs: likewise.
        operators: how many operators the file has.
        evaluation: which operation of the module gives which value.
    """

    file: ModelFile
    model: TfliteModel
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
    graph, plan = _planned(file, model, metadata)
    docstring = module_docstring(graph, metadata, file.label, file.sha256)
    source = write_source(graph, plan, docstring)
    check_source(source)
    known = metadata or ModelMetadata("", "", [], [])
    return Conversion(
        file,
        model,
        plan.model.name,
        source,
        state_dict(plan),
        interface_entries(graph.inputs, graph.input_names, known.inputs),
        interface_entries(graph.outputs, graph.output_names, known.outputs),
        len(model.operators),
        evaluation(plan),
    )


def draw_model(file: ModelFile) -> str:
    """Return a diagram of a model's parts, as Mermaid text.

    Raises what ``convert_model`` does.
    """
    model = read_model(file)
    return draw_diagram(*_planned(file, model, read_metadata(model)))


def _planned(
    file: ModelFile, model: TfliteModel, metadata: ModelMetadata | None
) -> tuple[Graph, Plan]:
    """Return a model's graph as a PyTorch author would have drawn it, and its classes."""
    graph = build_graph(model, file.name)
    name_interface(graph, metadata)
    run_passes(graph)
    return graph, plan_classes(graph, class_name(file.name))


def unfused_graph(model: TfliteModel, name: str) -> Graph:
    """Return a model as the file spells it: a node for every operator, nothing folded.

    The passes that make a module readable fold operators into layers, merge them and drop
    them. What they make of a TFLite tensor that is gone, whatever pass it was, follows from
    this graph: its nodes compute such a tensor from others that the module still has.

    Raises what ``convert_model`` does.
    """
    graph = build_graph(model, name)
    run_passes(graph, LITERAL)
    return graph


def find_problems(model: TfliteModel, name: str) -> list[str]:
    """Return a line for everything in a verified model that cannot be converted."""
    try:
        run_passes(build_graph(model, name))
    except UnsupportedOpError as error:
        return error.problems
    return []


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
