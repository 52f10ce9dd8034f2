"""Reduces a graph of operators to the layers and joins that tell where one is in a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from torch import Tensor, fx

Signature = tuple[object, ...]

JOINS = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "div": "div",
    "maximum": "maximum",
    "minimum": "minimum",
    "cat": "cat",
    "concat": "cat",
    "stack": "cat",
    "matmul": "matmul",
    "bmm": "matmul",
    "baddbmm": "matmul",
}
"""Operators that join branches, by their name in ATen."""

MOVES = ("permute", "transpose", "t", "view", "reshape", "unsqueeze", "squeeze", "contiguous")
"""Operators that give a weight another shape before a layer takes it."""


@dataclass(eq=False)
class Unit:
    """An input, a layer with a kernel, a join of branches, or an output of a network.

    Activations, pools, paddings, normalizations and reshapes are what lies between units.

    Attributes:
        node: in the captured graph; None for an output.
        signature: what it is, with the sizes of its kernel: equal for equal layers, whatever
            module or function computes them. A convolution of one pixel is a dense layer.
        inputs: the units before it, in the order of its operands.
        outputs: the units behind it.
        size: elements of one sample of its result.
        name: the path of the module that has it.
        weights: what kernels of equal values have in common; empty for what has none.
    """

    node: fx.Node
    signature: Signature
    inputs: list[Unit] = field(default_factory=list)
    outputs: list[Unit] = field(default_factory=list)
    size: int = 0
    name: str = ""
    weights: str = ""


def find_units(graph: fx.Graph, outputs: Sequence[fx.Node] | None = None) -> list[Unit]:
    """Return the units of a captured graph in the order of computation.

    Args:
        graph: the graph.
        outputs: which of its results are outputs of the network; by default all.
    """
    units: list[Unit] = []
    behind: dict[fx.Node, list[Unit]] = {}
    for node in graph.nodes:
        if node.op == "output":
            for result in node.all_input_nodes if outputs is None else outputs:
                units.append(_unit(result, ("output",), behind.get(result, []), result))
            continue
        before = [unit for operand in _computed(node) for unit in behind.get(operand, [])]
        before = list(dict.fromkeys(before))
        if node.op == "placeholder":
            signature: Signature | None = ("input",)
        else:
            signature = _signature(node, before)
        if signature is None:
            behind[node] = before
        else:
            operands = [u for operand in _computed(node) for u in behind.get(operand, [])[:1]]
            unit = _unit(node, signature, operands or before, node)
            units.append(unit)
            behind[node] = [unit]
    for unit in units:
        for other in unit.inputs:
            other.outputs.append(unit)
    return units


def operator_name(node: fx.Node) -> str:
    """Return the name of an operator in ATen, without its overload: ``conv2d``.

    Those in place have the name of the others, all of ``upsample`` that of ``interpolate``.
    """
    target = node.target
    packet = getattr(target, "overloadpacket", None)
    name = str(getattr(packet or target, "__name__", target)).rstrip("_")
    return "interpolate" if name.startswith("upsample_") else name


def path_of(node: fx.Node) -> str:
    """Return the path of the module that has an operation; empty for the outermost."""
    stack = node.meta.get("nn_module_stack") or {}
    return list(stack.values())[-1][0] if stack else ""


def weight_of(operand: object) -> fx.Node | None:
    """Return the constant that an operand is, or is by a change of its shape."""
    while isinstance(operand, fx.Node) and operator_name(operand) in MOVES and operand.args:
        operand = operand.args[0]
    return operand if isinstance(operand, fx.Node) and operand.op == "get_attr" else None


def shape_of(node: object) -> tuple[int, ...]:
    """Return the shape of a result as it was captured; empty where it is no tensor."""
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    if value is None and isinstance(node, fx.Node):
        value = node.meta.get("tensor_meta")
    return tuple(int(n) if isinstance(n, int) else -1 for n in getattr(value, "shape", ()))


def _unit(node: fx.Node, signature: Signature, inputs: list[Unit], sized: fx.Node) -> Unit:
    size = 1
    for axis in shape_of(sized)[1:]:
        size *= axis
    return Unit(node, signature, list(inputs), size=size, name=path_of(node))


def _computed(node: fx.Node) -> Iterator[fx.Node]:
    """Yield the operands of a node that are tensors and no constants."""
    for operand in node.all_input_nodes:
        if operand.op != "get_attr" and isinstance(operand.meta.get("val"), (Tensor, list, tuple)):
            yield operand


def _signature(node: fx.Node, before: list[Unit]) -> Signature | None:
    """Return the signature of a layer with a kernel or of a join; None for anything else."""
    name, operands = operator_name(node), node.args
    if name in ("conv2d", "convolution", "conv_transpose2d", "conv1d"):
        kernel, groups = shape_of(operands[1]), _groups(name, operands)
        if name == "conv_transpose2d" or (name == "convolution" and operands[6] is True):
            return ("transposed", *kernel, groups)
        if set(kernel[2:]) == {1} and groups == 1:
            return ("dense", *kernel[:2])
        return ("convolution", *kernel, groups)
    if name in ("linear", "addmm", "mm", "matmul", "bmm"):
        first = operands[1:] if name == "addmm" else operands
        if weight_of(first[1]) is not None:
            inner, outer = shape_of(first[0])[-1:], shape_of(node)[-1:]
            return ("dense", *outer, *inner)
    if name in JOINS and len(before) > 1:
        kind = JOINS[name]
        return (kind, len(before)) if kind == "cat" else (kind,)
    return None


def _groups(name: str, operands: tuple[object, ...]) -> object:
    place = {"convolution": 8, "conv_transpose2d": 6}.get(name, 6)
    return operands[place] if len(operands) > place else 1
