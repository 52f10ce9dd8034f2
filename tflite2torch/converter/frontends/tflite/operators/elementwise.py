"""Elementwise operators with broadcasting."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.flatbuffer import FormatError
from tflite2torch.converter.frontends.tflite.operators.contract import (
    Operands,
    Shapes,
    broadcast_shapes,
    same_shape,
)
from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
    operator,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import (
    Cast,
    Elementwise,
    LeakyRelu,
    PRelu,
)
from tflite2torch.converter.graph.value import shortest

FLOATING = {
    "CEIL": "ceil",
    "COS": "cos",
    "ELU": "elu",
    "EXP": "exp",
    "FLOOR": "floor",
    "HARD_SWISH": "hard_swish",
    "LOG": "log",
    "LOGISTIC": "sigmoid",
    "RELU": "relu",
    "RELU6": "relu6",
    "RELU_N1_TO_1": "relu_n1_to_1",
    "ROUND": "round",
    "RSQRT": "rsqrt",
    "SIN": "sin",
    "SQRT": "sqrt",
    "TANH": "tanh",
}
"""Unary operators on float32, without options."""

UNARY = {
    "ABS": "abs",
    "LOGICAL_NOT": "logical_not",
    "NEG": "neg",
    "SIGN": "sign",
    "SQUARE": "square",
}
"""Unary operators on numbers or booleans, without options."""

BINARY = {
    "FLOOR_DIV": "floor_div",
    "FLOOR_MOD": "floor_mod",
    "LOGICAL_AND": "logical_and",
    "LOGICAL_OR": "logical_or",
    "POW": "pow",
    "SQUARED_DIFFERENCE": "squared_difference",
}
"""Binary operators on numbers or booleans, without options."""

COMPARISONS = {
    "EQUAL": "equal",
    "GREATER": "greater",
    "GREATER_EQUAL": "greater_equal",
    "LESS": "less",
    "LESS_EQUAL": "less_equal",
    "NOT_EQUAL": "not_equal",
}

CLAMPS = {"MAXIMUM": "clamp_min", "MINIMUM": "clamp_max"}
"""Functions to use instead if one input is a constant number."""


def broadcast(operands: Operands) -> Shapes:
    """Return the shape that the inputs, which must have one dtype, broadcast to."""
    tensors = [operands.tensor(i) for i in range(len(operands.inputs))]
    types = sorted({tensor.dtype for tensor in tensors})
    if len(types) > 1:
        raise FormatError(f"its operands differ in type: {', '.join(types)}")
    return [broadcast_shapes([tensor.shape for tensor in tensors])]


@operator(*FLOATING, shapes=same_shape)
def floating(call: OperatorCall) -> list[Node]:
    """Elementwise on float32."""
    x = call.floating(0)
    return [Elementwise([x], [call.output], FLOATING[call.operator.name])]


@operator(*UNARY, shapes=same_shape)
def unary(call: OperatorCall) -> list[Node]:
    """Elementwise on floating-point numbers, integers or booleans."""
    return [Elementwise([call.input(0)], [call.output], UNARY[call.operator.name])]


@operator(*BINARY, shapes=broadcast, inputs=2)
@operator(*COMPARISONS, shapes=broadcast, inputs=2, gives="bool")
def binary(call: OperatorCall) -> list[Node]:
    """Elementwise with broadcasting, on floating-point numbers, integers or booleans."""
    function = (BINARY | COMPARISONS)[call.operator.name]
    return [Elementwise([call.input(0), call.input(1)], [call.output], function)]


@operator("ADD", shapes=broadcast, inputs=2, options="AddOptions")
@operator("MUL", shapes=broadcast, inputs=2, options="MulOptions")
@operator("SUB", shapes=broadcast, inputs=2, options="SubOptions")
def arithmetic(call: OperatorCall) -> list[Node]:
    """Elementwise with broadcasting, on any numbers; may have a fused activation."""
    function = call.operator.name.lower()
    node = Elementwise([call.input(0), call.input(1)], [call.output], function)
    return call.activated([node], call.options.FusedActivationFunction())


@operator("DIV", shapes=broadcast, inputs=2, options="DivOptions")
def div(call: OperatorCall) -> list[Node]:
    """Elementwise with broadcasting, on float32; may have a fused activation."""
    node = Elementwise([call.floating(0), call.floating(1)], [call.output], "div")
    return call.activated([node], call.options.FusedActivationFunction())


@operator(*CLAMPS, shapes=broadcast, inputs=2)
def extreme(call: OperatorCall) -> list[Node]:
    """Elementwise with broadcasting; a clamp if one input is a constant number."""
    inputs = [call.input(0), call.input(1)]
    function = call.operator.name.lower()
    numbers = [v for v in inputs if v.data is not None and v.data.size == 1]
    if numbers:
        (computed,) = (v for v in inputs if v is not numbers[0])
        inputs, function = [computed, numbers[0]], CLAMPS[call.operator.name]
    return [Elementwise(inputs, [call.output], function)]


def select_shape(operands: Operands) -> Shapes:
    """Return the shape of inputs 1 and 2, which must agree; the condition may have one axis."""
    condition, shape = operands.shape(0), operands.shape(1)
    if operands.shape(2) != shape or condition not in (shape, (), shape[:1]):
        raise FormatError(f"it cannot choose by {list(condition)} from {list(shape)}")
    return [shape]


def select_v2_shape(operands: Operands) -> Shapes:
    """Return the shape that the three inputs broadcast to."""
    return [broadcast_shapes([operands.shape(i) for i in range(3)])]


@operator("SELECT", shapes=select_shape, inputs=3, gives=1)
@operator("SELECT_V2", shapes=select_v2_shape, inputs=3, gives=1)
def select(call: OperatorCall) -> list[Node]:
    """Chooses by a condition between two inputs, with broadcasting."""
    inputs = [call.input(i) for i in range(3)]
    if call.operator.name == "SELECT" and inputs[0].rank < inputs[1].rank:
        # SELECT aligns a condition of one axis with the first axis; broadcasting, in SELECT_V2
        # and in torch, would align it with the last.
        raise NotSupportedError("its condition has fewer axes than what it selects")
    return [Elementwise(inputs, [call.output], "where")]


@operator("GELU", shapes=same_shape, options="GeluOptions")
def gelu(call: OperatorCall) -> list[Node]:
    """GELU, exact or with the tanh approximation."""
    function = "gelu_tanh" if call.options.Approximate() else "gelu"
    return [Elementwise([call.floating(0)], [call.output], function)]


@operator("LEAKY_RELU", shapes=same_shape, options="LeakyReluOptions")
def leaky_relu(call: OperatorCall) -> list[Node]:
    """Leaky ReLU with one slope for all elements."""
    slope = shortest(call.options.Alpha())
    return [LeakyRelu([call.floating(0)], [call.output], slope)]


@operator("CAST", shapes=same_shape, gives=None)
def cast(call: OperatorCall) -> list[Node]:
    """Converts between float, bool and integer types; fractions are truncated."""
    known = ("bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64")
    for value in (call.input(0), call.output):
        if value.dtype not in (*known, "uint8"):
            raise NotSupportedError(f"it casts {value.dtype}")
    return [Cast([call.input(0)], [call.output])]


def prelu_shape(operands: Operands) -> Shapes:
    """Return the input's shape, to which the slopes must broadcast."""
    if broadcast_shapes([operands.shape(0), operands.shape(1)]) != operands.shape(0):
        raise FormatError(f"its slopes {list(operands.shape(1))} do not fit its input")
    return [operands.shape(0)]


@operator("PRELU", shapes=prelu_shape, inputs=2)
def prelu(call: OperatorCall) -> list[Node]:
    """PReLU with one slope for each channel (1x1xC), or one for all."""
    x, slope = call.input(0), call.weight(1)
    channels = slope.shape[-1] if slope.shape else 1
    if slope.shape[:-1] != (1,) * (slope.rank - 1) or x.rank != 4:
        raise NotSupportedError(f"a slope of shape {list(slope.shape)} for {list(x.shape)}")
    weight = slope.reshaped((channels,))
    return [PRelu([x], [call.output], parameters={"weight": weight})]
