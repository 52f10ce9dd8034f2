"""MAX_POOL_2D and AVERAGE_POOL_2D."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.operators.contract import Operands, Shapes
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.frontends.tflite.operators.window import (
    read_window,
    window_shape,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.pool import Pool2d


def pool_2d_shape(operands: Operands) -> Shapes:
    """Return the output shape of a pool."""
    batch, *size, channels = operands.shape(0, 4)
    options = operands.options
    kernel = [options.FilterHeight(), options.FilterWidth()]
    return [(batch, *window_shape(options, size, kernel), channels)]


@operator("MAX_POOL_2D", "AVERAGE_POOL_2D", shapes=pool_2d_shape, options="Pool2DOptions")
def pool_2d(call: OperatorCall) -> list[Node]:
    """Maximum or average over windows of an image; may have a fused activation."""
    x, options = call.floating(0), call.options
    kernel = (options.FilterHeight(), options.FilterWidth())
    window = read_window(options, x.shape[1:3], kernel)
    kind = "max" if call.operator.name == "MAX_POOL_2D" else "avg"
    node = Pool2d([x], [call.output], kind, window)
    return call.activated([node], options.FusedActivationFunction())
