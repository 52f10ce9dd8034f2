"""Matrix products."""

from __future__ import annotations

import math

from tflite2torch.converter.errors import InvalidModelError
from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.linear import Linear
from tflite2torch.converter.graph.nodes.shape import Reshape


@operator("FULLY_CONNECTED")
def fully_connected(call: OperatorCall) -> list[Node]:
    """TFLite takes its input as rows of the weight's width, whatever its shape."""
    x, weight, options = call.floating(0), call.weight(1), call.options
    if options.WeightsFormat() != 0:
        raise NotSupportedError("its weights are shuffled")
    elements, width = math.prod(x.shape), weight.shape[-1] if weight.shape else 0
    if weight.rank != 2 or width < 1 or elements % width:
        raise InvalidModelError(
            f"{call.place}: a weight of {list(weight.shape)} does not fit an input of "
            f"{list(x.shape)}; the file is damaged, fetch it again"
        )
    parameters = {"weight": weight}
    if call.optional(2) is not None:
        parameters["bias"] = call.weight(2)
    nodes: list[Node] = []
    if not options.KeepNumDims() and x.rank != 2:
        rows = Reshape.of(x, (elements // width, width))
        nodes, x = [rows], rows.outputs[0]
    activation = call.activation(options.FusedActivationFunction())
    linear = Linear([x], [call.output], parameters=parameters, activation=activation)
    return [*nodes, linear]
