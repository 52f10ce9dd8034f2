"""Names of a model's inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.metadata import TensorMetadata
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.concat import Concat
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.naming.names import (
    GLOBALS,
    Namespace,
    identifier,
    numbered,
)
from tflite2torch.converter.naming.roles import layer_name, prefixed
from tflite2torch.converter.naming.tensor_names import role_in_name

RESERVED = {"x", "self", "count", "index", *GLOBALS}
"""Among them methods of a tuple, which the outputs' ``NamedTuple`` has as well."""


def name_interface(graph: Graph) -> Rewrites:
    """Name inputs and outputs, each by the first of these that contains a role.

    The tensor's own name; the name of the layer that computes an output; the metadata's,
    which is wrong in some official files (two of a hand model's outputs are swapped). This is
    a pass that has to run before identities and arithmetic go: their names count. Counts the
    names.
    """
    producers = graph.producers()
    wanted = [
        role_in_name(value.name) or _stated(graph.metadata.inputs, i) or "input"
        for i, value in enumerate(graph.inputs)
    ]
    wanted += [
        role_in_name(value.name)
        or _source_name(producers, value)
        or _stated(graph.metadata.outputs, i)
        or _common_name(producers, value)
        or "output"
        for i, value in enumerate(graph.outputs)
    ]
    names = Namespace(RESERVED)
    found = [names.unique(name) for name in numbered(wanted)]
    graph.input_names = found[: len(graph.inputs)]
    graph.output_names = found[len(graph.inputs) :]
    return Rewrites(len(found))


UNCLEAR = re.compile(r"output\d*|([a-z0-9]{1,2}_)*[a-z0-9]{1,2}")
"""Names that do not say what an output is: ``output2``, or words of two letters as ``ld_3d``."""


def rename_outputs(graph: Graph) -> dict[str, str]:
    """Give outputs with an unclear name that of the table of official models.

    Returns the new names by the old ones: layers that are called after such an output follow.
    """
    if not graph.metadata.known:
        return {}
    stated = {
        name: identifier(fact.name)
        for name, fact in zip(graph.output_names, graph.metadata.outputs, strict=False)
        if fact.name and UNCLEAR.fullmatch(name)
    }
    names = Namespace(RESERVED.union(graph.input_names, set(graph.output_names) - set(stated)))
    renamed = {name: names.unique(new) for name, new in stated.items()}
    graph.output_names = [renamed.get(name, name) for name in graph.output_names]
    return renamed


def _stated(metadata: list[TensorMetadata], index: int) -> str | None:
    """Return the role in the metadata's name for a tensor; None without one."""
    stated = metadata[index].name if index < len(metadata) else ""
    return role_in_name(identifier(stated)) if stated else None


def _source_name(producers: Mapping[Value, Node], value: Value) -> str | None:
    """Return the name of the nearest layer before a value, through steps of one operand."""
    while (node := producers.get(value)) is not None:
        if node.parameters:
            return layer_name(node)
        operands = [operand for operand in node.inputs if operand.data is None]
        if len(operands) != 1:
            return None
        (value,) = operands
    return None


def _common_name(producers: Mapping[Value, Node], value: Value) -> str | None:
    """Return the common prefix of the names of layers whose results are concatenated."""
    node = producers.get(value)
    while node is not None and len(node.inputs) == 1:
        node = producers.get(node.inputs[0])
    if not isinstance(node, Concat):
        return None
    names = [_source_name(producers, operand) or "" for operand in node.inputs]
    return prefixed(names, "").strip("_") or None
