"""The way of one model: bytes → neutral graph → passes → structure → names → source, weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tflite2torch.converter.errors import UnsupportedOpError
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.front_end import lowered_graph
from tflite2torch.converter.frontends.tflite.model import TfliteModel
from tflite2torch.converter.frontends.tflite.parse import read_model
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.metadata import ModelMetadata
from tflite2torch.converter.graph.rewriting import Pass, run_passes
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.interface import interface_entries
from tflite2torch.converter.motifs import CHAINS
from tflite2torch.converter.naming.interface import name_interface, rename_outputs
from tflite2torch.converter.naming.names import class_name
from tflite2torch.converter.official.facts import with_facts
from tflite2torch.converter.passes import PASSES, RAISING
from tflite2torch.converter.planning.plan import Plan, plan_classes
from tflite2torch.converter.planning.sizes import Sizes
from tflite2torch.converter.planning.state import state_dict
from tflite2torch.converter.structure import structure_steps
from tflite2torch.converter.writer.diagram import draw_diagram
from tflite2torch.converter.writer.docstring import module_docstring
from tflite2torch.converter.writer.evaluation import Operation, evaluation
from tflite2torch.converter.writer.forward import Forward
from tflite2torch.converter.writer.module import write_source
from tflite2torch.converter.writer.safety import check_source

STRUCTURE: list[Pass] = structure_steps(CHAINS)
"""What finds blocks and stages, in a graph that ``PASSES`` have rewritten."""


@dataclass(frozen=True)
class Conversion:
    """A converted model.

    Attributes:
        file: what it came from.
        model: what the file says; see ``unfused_graph``.
        class_name: the class that its module defines.
        source: the module's text.
        state: the constant under each state_dict key.
        inputs: for each input TFLite's name, what source and reports call it, shape ("N"
            for the batch), dtype, value range, unit, meaning, labels, how photos are resized,
            TFLite tensor and the permutation from that tensor's axes.
        outputs: likewise.
        metadata: what the file, or the table of official models, says of the model.
        sizes: the sizes of images that the module takes, and a detector's anchors.
        evaluation: which operation of the module gives which value.
    """

    file: ModelFile
    model: TfliteModel
    class_name: str
    source: str
    state: dict[str, Value]
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    metadata: ModelMetadata
    sizes: Sizes
    evaluation: list[Operation]

    @property
    def name(self) -> str:
        """The module's name: its files are called after it."""
        return self.file.name

    @property
    def operators(self) -> int:
        """The number of operators in the file."""
        return len(self.model.operators)

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
    graph, sizes, plan = _planned(model, file)
    docstring = module_docstring(graph, sizes, file.origin, file.sha256)
    forwards = {scope.name: Forward(scope) for scope in plan.scopes}
    source = write_source(graph, sizes, plan, forwards, docstring)
    check_source(source)
    return Conversion(
        file,
        model,
        plan.model.name,
        source,
        state_dict(plan),
        interface_entries(graph.inputs, graph.input_names, graph.metadata.inputs),
        interface_entries(graph.outputs, graph.output_names, graph.metadata.outputs),
        graph.metadata,
        sizes,
        evaluation(plan, forwards),
    )


def draw_model(file: ModelFile) -> str:
    """Return a diagram of a model's parts, as Mermaid text.

    Raises what ``convert_model`` does.
    """
    graph, _, plan = _planned(read_model(file), file)
    return draw_diagram(graph, plan)


def unfused_graph(model: TfliteModel, name: str) -> Graph:
    """Return a model's graph in torch's semantics, before any pass has fused operators.

    It has a node for every operator. A tensor that a pass has fused into a layer follows from
    this graph: its nodes compute the tensor from others that the module still has.

    Raises UnsupportedOpError, which lists everything that cannot be converted, and
    InvalidModelError where the file contradicts itself.
    """
    return lowered_graph(model, name)


def _planned(model: TfliteModel, file: ModelFile) -> tuple[Graph, Sizes, Plan]:
    """Return a graph as a PyTorch author would have drawn it, its sizes and its classes."""
    graph = lowered_graph(model, file.name, [name_interface, *RAISING])
    run_passes(graph, PASSES)
    shapes = ([value.shape for value in values] for values in (graph.inputs, graph.outputs))
    graph.metadata = with_facts(graph.metadata, file.sha256, *shapes)
    renamed = rename_outputs(graph)
    sizes = Sizes.of(graph)
    run_passes(graph, STRUCTURE)
    return graph, sizes, plan_classes(graph, class_name(file.name), renamed)


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
