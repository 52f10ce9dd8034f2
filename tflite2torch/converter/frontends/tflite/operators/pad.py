"""PAD and its relatives."""

from __future__ import annotations

from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
    shortest,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.pad import MirrorPad, Pad


@operator("PAD")
def pad(call: OperatorCall) -> list[Node]:
    """Zeros; its second operand holds (before, after) for each axis."""
    return [Pad([call.floating(0)], [call.output], _amounts(call))]


@operator("PADV2")
def pad_v2(call: OperatorCall) -> list[Node]:
    """A constant, its third operand; its second holds (before, after) for each axis."""
    value = shortest(call.constant(2).reshape(-1)[0])
    return [Pad([call.floating(0)], [call.output], _amounts(call), value)]


@operator("MIRROR_PAD")
def mirror_pad(call: OperatorCall) -> list[Node]:
    """An option says whether the edge is repeated (SYMMETRIC) or not (REFLECT)."""
    x, padding = call.floating(0), _amounts(call)
    edge = call.options.Mode() == 1  # schema: MirrorPadMode
    for size, amounts in zip(x.shape, padding, strict=True):
        if max(amounts) > size - (not edge):
            raise InvalidModelError(
                f"{call.place}: mirrors {max(amounts)} of {size} elements; "
                "the file is damaged, fetch it again"
            )
    return [MirrorPad([x], [call.output], padding, edge=edge)]


def _amounts(call: OperatorCall) -> tuple[tuple[int, int], ...]:
    x, amounts = call.input(0), call.integers(1)
    if len(amounts) != 2 * x.rank or min(amounts, default=0) < 0:
        raise InvalidModelError(
            f"{call.place}: paddings {list(amounts)} for {x.rank} axes; "
            "the file is damaged, fetch it again"
        )
    return tuple(zip(amounts[::2], amounts[1::2], strict=True))
