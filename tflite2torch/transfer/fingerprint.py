"""Fingerprints of a model: one of its architecture, one of its weights.

Both are of the neutral graph before any pass has fused operators, so that they depend neither on
names, nor on the order of independent operators in the file, nor on the type that weights are
stored in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from tflite2torch.converter.convert import Conversion, unfused_graph
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.traversal import topological_order
from tflite2torch.converter.graph.value import Value

_BASE = {field.name for field in fields(Node)}


@dataclass(frozen=True)
class Fingerprints:
    """What a model is recognized by, each a SHA-256 in hexadecimal.

    Attributes:
        architecture: of operators, their options and connections, shapes, and all constants that
            are no weights: integers and single numbers.
        weights: of the numbers in all other constants, in the order of computation, as float32.
    """

    architecture: str
    weights: str


def fingerprints(conversion: Conversion) -> Fingerprints:
    """Return the fingerprints of a converted model.

    Two models have one architecture if each weight of one has a counterpart in the other; their
    weights are then equal if the second fingerprints are.
    """
    graph = unfused_graph(conversion.model, conversion.name)
    nodes = topological_order(graph.outputs, graph.producers())
    weights = hashlib.sha256()
    for value in _constants(nodes):
        if _is_weight(value):
            weights.update(np.ascontiguousarray(value.array, np.float32).tobytes())
    return Fingerprints(_architecture(graph, nodes), weights.hexdigest())


def _is_weight(value: Value) -> bool:
    return value.array.dtype.kind == "f" and value.array.size > 1


def _constants(nodes: list[Node]) -> Iterator[Value]:
    """Give each constant once, in the order in which it is first read."""
    seen = set()
    for node in nodes:
        for value in (*node.inputs, *node.parameters.values()):
            if value.data is not None and value not in seen:
                seen.add(value)
                yield value


def _architecture(graph: Graph, nodes: list[Node]) -> str:
    """Hash each value by how it is computed, and the graph by its outputs and all its nodes.

    The hashes of nodes are sorted: of two computations that are equal, weights apart, none comes
    first.
    """
    known = {value: _hash("input", i, *_tensor(value)) for i, value in enumerate(graph.inputs)}

    def of(value: Value) -> str:
        if value.data is None:
            return known[value]
        if _is_weight(value):
            return _hash("weight", *_tensor(value))
        return _hash("constant", *_tensor(value), value.array.tolist())

    found = []
    for node in nodes:
        options = [
            (field.name, getattr(node, field.name))
            for field in fields(node)
            if field.name not in _BASE
        ]
        found.append(
            _hash(
                type(node).__name__,
                options,
                [of(value) for value in node.inputs],
                [(name, of(value)) for name, value in sorted(node.parameters.items())],
            )
        )
        for place, value in enumerate(node.outputs):
            known[value] = _hash(found[-1], place, *_tensor(value))
    return _hash([of(value) for value in graph.outputs], sorted(found))


def _tensor(value: Value) -> tuple[str, str]:
    return str(list(value.shape)), value.dtype


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
