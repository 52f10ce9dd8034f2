"""What the inputs and outputs of a model are called, and what the manifest says of them."""

from __future__ import annotations

from typing import Any

from tflite2torch.converter.frontends.tflite.metadata import (
    ModelMetadata,
    TensorMetadata,
)
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.concat import Concat
from tflite2torch.converter.graph.value import N, Value
from tflite2torch.converter.naming.names import (
    GLOBALS,
    Namespace,
    identifier,
    meaningful,
    numbered,
)
from tflite2torch.converter.naming.roles import prefixed, tflite_role

RESERVED = {"x", "self", *GLOBALS}


def name_interface(graph: Graph, metadata: ModelMetadata | None) -> None:
    """Name inputs and outputs, each by the first of these that says something.

    The tensor's own name; that of the layer which an output comes from; the metadata's,
    which is wrong in some official files (two of a hand model's outputs are swapped).
    """
    known = metadata or ModelMetadata("", "", [], [])
    wanted = [
        meaningful(value.name) or _stated(known.inputs, i) or "input"
        for i, value in enumerate(graph.inputs)
    ]
    wanted += [
        meaningful(value.name)
        or _source_name(graph, value)
        or _stated(known.outputs, i)
        or _common_name(graph, value)
        or "output"
        for i, value in enumerate(graph.outputs)
    ]
    names = Namespace(RESERVED)
    found = [names.unique(name) for name in numbered(wanted)]
    graph.input_names = found[: len(graph.inputs)]
    graph.output_names = found[len(graph.inputs) :]


def _stated(metadata: list[TensorMetadata], index: int) -> str | None:
    stated = metadata[index].name if index < len(metadata) else ""
    return meaningful(identifier(stated)) if stated else None


def _source_name(graph: Graph, value: Value) -> str | None:
    """Return what the layer is called from which a value comes, step by step."""
    producers = graph.producers()
    while (node := producers.get(value)) is not None:
        if node.parameters:
            return tflite_role(node)
        operands = [operand for operand in node.inputs if operand.data is None]
        if len(operands) != 1:
            return None
        (value,) = operands
    return None


def _common_name(graph: Graph, value: Value) -> str | None:
    """Return what the names have in common of the layers that a value is joined from."""
    producers = graph.producers()
    node = producers.get(value)
    while node is not None and len(node.inputs) == 1:
        node = producers.get(node.inputs[0])
    if not isinstance(node, Concat):
        return None
    names = [_source_name(graph, operand) for operand in node.inputs]
    shared = prefixed([name or "" for name in names], "").strip("_")
    return shared or None


def interface_entries(
    values: list[Value], names: list[str], metadata: list[TensorMetadata]
) -> list[dict[str, Any]]:
    """Return what the manifest says of inputs or outputs, in the file's order."""
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
                "tensor": value.origin.index if value.origin else None,
                "permutation": list(value.permutation),
            }
        )
    return entries
