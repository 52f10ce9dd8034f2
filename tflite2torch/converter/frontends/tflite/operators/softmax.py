"""SOFTMAX, LOG_SOFTMAX and L2_NORMALIZATION, all over the last axis."""

from __future__ import annotations

import numpy as np

from tflite2torch.converter.frontends.tflite.operators.contract import same_shape
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import Elementwise
from tflite2torch.converter.graph.nodes.normalization import Normalize
from tflite2torch.converter.graph.value import Value, shortest


@operator("SOFTMAX", shapes=same_shape, options="SoftmaxOptions")
def softmax(call: OperatorCall) -> list[Node]:
    """Softmax of ``beta * x`` over the last axis."""
    x, nodes = call.floating(0), list[Node]()
    beta = shortest(call.options.Beta())
    if beta != 1:
        factor = Value("beta", (), "float32", data=np.array(beta, np.float32))
        scaled = Value(x.name, x.shape, x.dtype)
        nodes.append(Elementwise([x, factor], [scaled], "mul"))
        x = scaled
    return [*nodes, Normalize([x], [call.output], "softmax", x.rank - 1)]


@operator("LOG_SOFTMAX", shapes=same_shape)
def log_softmax(call: OperatorCall) -> list[Node]:
    """Logarithm of the softmax over the last axis."""
    x = call.floating(0)
    return [Normalize([x], [call.output], "log_softmax", x.rank - 1)]


@operator("L2_NORMALIZATION", shapes=same_shape, options="L2NormOptions")
def l2_normalization(call: OperatorCall) -> list[Node]:
    """Division by the L2 norm over the last axis; may have a fused activation."""
    x = call.floating(0)
    node = Normalize([x], [call.output], "l2", x.rank - 1)
    return call.activated([node], call.options.FusedActivationFunction())
