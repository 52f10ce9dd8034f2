"""Operators that work element by element, with broadcasting."""

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
    shortest,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import (
    Cast,
    Elementwise,
    LeakyRelu,
    PRelu,
)

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
"""Unary operators of floating-point numbers, without options."""

UNARY = {
    "ABS": "abs",
    "LOGICAL_NOT": "logical_not",
    "NEG": "neg",
    "SIGN": "sign",
    "SQUARE": "square",
}
"""Unary operators of any numbers, or of truth values, without options."""

BINARY = {
    "FLOOR_DIV": "floor_div",
    "FLOOR_MOD": "floor_mod",
    "LOGICAL_AND": "logical_and",
    "LOGICAL_OR": "logical_or",
    "POW": "pow",
    "SQUARED_DIFFERENCE": "squared_difference",
}
"""Binary operators of any numbers, or of truth values, without options."""

COMPARISONS = {
    "EQUAL": "equal",
    "GREATER": "greater",
    "GREATER_EQUAL": "greater_equal",
    "LESS": "less",
    "LESS_EQUAL": "less_equal",
    "NOT_EQUAL": "not_equal",
}

CLAMPS = {"MAXIMUM": "clamp_min", "MINIMUM": "clamp_max"}
"""The functions that these are where one operand is a single constant."""


def broadcast(operands: Operands) -> Shapes:
    """All inputs, of one type, broadcast to one shape."""
    tensors = [operands.tensor(i) for i in range(len(operands.inputs))]
    types = sorted({tensor.dtype for tensor in tensors})
    if len(types) > 1:
        raise FormatError(f"its operands differ in type: {', '.join(types)}")
    return [broadcast_shapes([tensor.shape for tensor in tensors])]


@operator(*FLOATING, shapes=same_shape)
def floating(call: OperatorCall) -> list[Node]:
    """Of floating-point numbers."""
    x = call.floating(0)
    return [Elementwise([x], [call.output], FLOATING[call.operator.name])]


@operator(*UNARY, shapes=same_shape)
def unary(call: OperatorCall) -> list[Node]:
    """Of floating-point numbers, integers or truth values."""
    return [Elementwise([call.input(0)], [call.output], UNARY[call.operator.name])]


@operator(*BINARY, shapes=broadcast, inputs=2)
@operator(*COMPARISONS, shapes=broadcast, inputs=2, gives="bool")
def binary(call: OperatorCall) -> list[Node]:
    """Two operands, which broadcast; integers and truth values too."""
    function = (BINARY | COMPARISONS)[call.operator.name]
    return [Elementwise([call.input(0), call.input(1)], [call.output], function)]


@operator("ADD", shapes=broadcast, inputs=2, options="AddOptions")
@operator("MUL", shapes=broadcast, inputs=2, options="MulOptions")
@operator("SUB", shapes=broadcast, inputs=2, options="SubOptions")
def arithmetic(call: OperatorCall) -> list[Node]:
    """Two operands, which broadcast, then an activation; integers too."""
    function = call.operator.name.lower()
    node = Elementwise([call.input(0), call.input(1)], [call.output], function)
    return call.activated([node], call.options.FusedActivationFunction())


@operator("DIV", shapes=broadcast, inputs=2, options="DivOptions")
def div(call: OperatorCall) -> list[Node]:
    """Two operands, which broadcast, then an activation."""
    node = Elementwise([call.floating(0), call.floating(1)], [call.output], "div")
    return call.activated([node], call.options.FusedActivationFunction())


@operator(*CLAMPS, shapes=broadcast, inputs=2)
def extreme(call: OperatorCall) -> list[Node]:
    """Two operands; torch clamps where one of them is a single number."""
    inputs = [call.input(0), call.input(1)]
    function = call.operator.name.lower()
    numbers = [v for v in inputs if v.data is not None and v.data.size == 1]
    if numbers:
        (computed,) = (v for v in inputs if v is not numbers[0])
        inputs, function = [computed, numbers[0]], CLAMPS[call.operator.name]
    return [Elementwise(inputs, [call.output], function)]


def select_shape(operands: Operands) -> Shapes:
    """A condition, and two operands of one shape; the condition may have one axis."""
    condition, shape = operands.shape(0), operands.shape(1)
    if operands.shape(2) != shape or condition not in (shape, (), shape[:1]):
        raise FormatError(f"it cannot choose by {list(condition)} from {list(shape)}")
    return [shape]


def select_v2_shape(operands: Operands) -> Shapes:
    """A condition and two operands broadcast to one shape."""
    return [broadcast_shapes([operands.shape(i) for i in range(3)])]


@operator("SELECT", shapes=select_shape, inputs=3, gives=1)
@operator("SELECT_V2", shapes=select_v2_shape, inputs=3, gives=1)
def select(call: OperatorCall) -> list[Node]:
    """A condition and two operands, which broadcast."""
    inputs = [call.input(i) for i in range(3)]
    if call.operator.name == "SELECT" and inputs[0].rank < inputs[1].rank:
        # SELECT's condition of one axis picks whole rows, where SELECT_V2 broadcasts.
        raise NotSupportedError("its condition has fewer axes than what it selects")
    return [Elementwise(inputs, [call.output], "where")]


@operator("GELU", shapes=same_shape, options="GeluOptions")
def gelu(call: OperatorCall) -> list[Node]:
    """Exact, or by tanh where the options say so."""
    function = "gelu_tanh" if call.options.Approximate() else "gelu"
    return [Elementwise([call.floating(0)], [call.output], function)]


@operator("LEAKY_RELU", shapes=same_shape, options="LeakyReluOptions")
def leaky_relu(call: OperatorCall) -> list[Node]:
    """An option holds the slope."""
    slope = shortest(call.options.Alpha())
    return [LeakyRelu([call.floating(0)], [call.output], slope)]


@operator("CAST", shapes=same_shape, gives=None)
def cast(call: OperatorCall) -> list[Node]:
    """Between float32, float16, bool and integers; a fraction is cut off."""
    known = ("bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64")
    for value in (call.input(0), call.output):
        if value.dtype not in (*known, "uint8"):
            raise NotSupportedError(f"it casts {value.dtype}")
    return [Cast([call.input(0)], [call.output])]


def prelu_shape(operands: Operands) -> Shapes:
    """The slopes broadcast to the input's shape."""
    if broadcast_shapes([operands.shape(0), operands.shape(1)]) != operands.shape(0):
        raise FormatError(f"its slopes {list(operands.shape(1))} do not fit its input")
    return [operands.shape(0)]


@operator("PRELU", shapes=prelu_shape, inputs=2)
def prelu(call: OperatorCall) -> list[Node]:
    """The slope is 1x1xC: one for each channel, or one for all."""
    x, slope = call.input(0), call.weight(1)
    channels = slope.shape[-1] if slope.shape else 1
    if slope.shape[:-1] != (1,) * (slope.rank - 1) or x.rank != 4:
        raise NotSupportedError(
            f"a slope of shape {list(slope.shape)} for {list(x.shape)}"
        )
    weight = slope.reshaped((channels,))
    return [PRelu([x], [call.output], parameters={"weight": weight})]
