"""The TFLite front end: lowers a verified model to the neutral graph."""

from __future__ import annotations

from collections.abc import Sequence

from tflite2torch.converter.frontends.tflite.build import build_graph
from tflite2torch.converter.frontends.tflite.lowering import lowering
from tflite2torch.converter.frontends.tflite.metadata import read_metadata
from tflite2torch.converter.frontends.tflite.model import TfliteModel
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.metadata import ModelMetadata
from tflite2torch.converter.graph.rewriting import Pass, run_passes
from tflite2torch.converter.graph.traversal import topological_order


def lowered_graph(model: TfliteModel, name: str, raising: Sequence[Pass] = ()) -> Graph:
    """Return the graph of a verified model in torch's semantics.

    It is unfused unless ``raising`` are passes to run before layouts are chosen.

    Raises:
        UnsupportedOpError: operators cannot be converted; the error lists all of them.
        InvalidModelError: shapes or metadata contradict the operators.
    """
    graph = build_graph(model, name)
    graph.metadata = read_metadata(model) or ModelMetadata()
    # What no output depends on must have no say in the layout of what remains.
    live = set(topological_order(graph.outputs, graph.producers()))
    graph.nodes = [node for node in graph.nodes if node in live]
    run_passes(graph, lowering(raising))
    return graph
