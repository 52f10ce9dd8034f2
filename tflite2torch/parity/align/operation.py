"""Single operations of a traced module: their weights, and their results on other operands."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any

from torch import Tensor, fx, nn
from torch.func import functional_call


def weights_of(module: nn.Module, node: fx.Node) -> dict[str, Tensor]:
    """Return the floating-point parameters and buffers that an operation reads.

    Their keys are those of the module's ``state_dict``.
    """
    if node.op == "call_module":
        layer = module.get_submodule(str(node.target))
        named = chain(layer.named_parameters(), layer.named_buffers())
        found = {f"{node.target}.{name}": tensor for name, tensor in named}
    else:
        found = {str(n.target): _attribute(module, n) for n in _constants(node)}
    return {key: tensor for key, tensor in found.items() if tensor.is_floating_point()}


def computed_operands(node: fx.Node) -> list[fx.Node]:
    """Return the nodes whose results an operation reads, less the constants."""
    constants = set(_constants(node))
    return [operand for operand in node.all_input_nodes if operand not in constants]


def run_operation(
    module: nn.Module,
    node: fx.Node,
    operands: Mapping[fx.Node, Any],
    weights: Mapping[str, Tensor] = MappingProxyType({}),
) -> Any:
    """Return the result of one operation of a module.

    Args:
        module: the module, which gives what ``weights`` lacks.
        node: the operation, in the graph of the module or of one with the same paths.
        operands: the values of ``computed_operands``.
        weights: values to use in place of those of ``weights_of``, by their key.
    """
    values = dict(operands)
    for constant in _constants(node):
        key = str(constant.target)
        values[constant] = weights[key] if key in weights else _attribute(module, constant)
    args = fx.node.map_arg(node.args, lambda n: values[n])
    kwargs = fx.node.map_arg(node.kwargs, lambda n: values[n])
    if node.op == "call_module":
        prefix = f"{node.target}."
        own = {key.removeprefix(prefix): tensor for key, tensor in weights.items()}
        return functional_call(module.get_submodule(str(node.target)), own, args, kwargs)
    if node.op == "call_method":
        first, *rest = args
        return getattr(first, str(node.target))(*rest, **kwargs)
    assert callable(node.target)
    return node.target(*args, **kwargs)


def _constants(node: fx.Node) -> list[fx.Node]:
    return [operand for operand in node.all_input_nodes if operand.op == "get_attr"]


def _attribute(module: nn.Module, node: fx.Node) -> Tensor:
    path, _, name = str(node.target).rpartition(".")
    tensor: Tensor = getattr(module.get_submodule(path), name)
    return tensor
