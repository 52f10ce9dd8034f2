"""PAD, PADV2 and MIRROR_PAD."""

from __future__ import annotations

import math

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.operators.contract import Operands, Shapes
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.pad import MirrorPad, Pad
from tflite2torch.converter.graph.value import shortest


def pad_shape(operands: Operands) -> Shapes:
    """Return the shape after padding each axis by (before, after)."""
    shape = operands.shape(0)
    amounts = operands.integers(1, 2 * len(shape))
    if amounts is None:
        return [None]
    if min(amounts, default=0) < 0:
        raise FormatError(f"its paddings {list(amounts)} are negative")
    pairs = zip(amounts[::2], amounts[1::2], strict=True)
    return [tuple(n + sum(p) for n, p in zip(shape, pairs, strict=True))]


def mirror_pad_shape(operands: Operands) -> Shapes:
    """Return the padded shape; an axis must have enough elements to mirror."""
    padded = pad_shape(operands)
    amounts = operands.integers(1) or ()
    for size, before, after in zip(operands.shape(0), amounts[::2], amounts[1::2], strict=False):
        # REFLECT (mode 0) leaves the edge element itself out.
        if max(before, after) > size - (operands.options.Mode() == 0):
            raise FormatError(f"{size} elements cannot be mirrored {before, after}")
    return padded


@operator("PAD", shapes=pad_shape, inputs=2)
def pad(call: OperatorCall) -> list[Node]:
    """Pads each axis by constant amounts (before, after) with zeros."""
    return [Pad([call.floating(0)], [call.output], _amounts(call))]


def pad_v2_shape(operands: Operands) -> Shapes:
    """Return the padded shape; the padding value is a single number."""
    if math.prod(operands.shape(2)) != 1:
        raise FormatError(f"it pads with {list(operands.shape(2))} numbers")
    return pad_shape(operands)


@operator("PADV2", shapes=pad_v2_shape, inputs=3)
def pad_v2(call: OperatorCall) -> list[Node]:
    """Pads each axis by constant amounts (before, after) with a constant number."""
    value = shortest(call.constant(2).reshape(-1)[0])
    return [Pad([call.floating(0)], [call.output], _amounts(call), value)]


@operator("MIRROR_PAD", shapes=mirror_pad_shape, inputs=2, options="MirrorPadOptions")
def mirror_pad(call: OperatorCall) -> list[Node]:
    """Pads by mirroring, with the edge repeated (SYMMETRIC) or not (REFLECT)."""
    edge = call.options.Mode() == 1  # schema: MirrorPadMode
    return [MirrorPad([call.floating(0)], [call.output], _amounts(call), edge=edge)]


def _amounts(call: OperatorCall) -> tuple[tuple[int, int], ...]:
    amounts = call.integers(1)
    return tuple(zip(amounts[::2], amounts[1::2], strict=True))
