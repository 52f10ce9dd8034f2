"""Pools over windows of pixels."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.frontends.tflite.operators.window import (
    read_window,
    window_size,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.pool import Pool2d


@operator("MAX_POOL_2D", "AVERAGE_POOL_2D")
def pool_2d(call: OperatorCall) -> list[Node]:
    """A window of pixels, then an activation."""
    x, options = call.image(0), call.options
    kernel = (options.FilterHeight(), options.FilterWidth())
    window = read_window(call, kernel)
    window_size(call, window, x)
    kind = "max" if call.operator.name == "MAX_POOL_2D" else "avg"
    activation = call.activation(options.FusedActivationFunction())
    return [Pool2d([x], [call.output], kind, window, activation=activation)]
