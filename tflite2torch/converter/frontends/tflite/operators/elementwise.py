"""Operators that work element by element, with broadcasting."""

from __future__ import annotations

from tflite2torch.converter.frontends.tflite.operators.registry import (
    NotSupportedError,
    OperatorCall,
    operator,
    shortest,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.elementwise import (
    TEMPLATES,
    Cast,
    Elementwise,
    LeakyRelu,
    PRelu,
)
from tflite2torch.converter.graph.value import Value

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
"""Operators on floating-point numbers, without options."""

ANY_NUMBER = {
    "ABS": "abs",
    "EQUAL": "equal",
    "FLOOR_DIV": "floor_div",
    "FLOOR_MOD": "floor_mod",
    "GREATER": "greater",
    "GREATER_EQUAL": "greater_equal",
    "LESS": "less",
    "LESS_EQUAL": "less_equal",
    "LOGICAL_AND": "logical_and",
    "LOGICAL_NOT": "logical_not",
    "LOGICAL_OR": "logical_or",
    "NEG": "neg",
    "NOT_EQUAL": "not_equal",
    "POW": "pow",
    "SIGN": "sign",
    "SQUARE": "square",
    "SQUARED_DIFFERENCE": "squared_difference",
}
"""Operators on integers too, or on truth values, without options."""

FUSING = {"ADD": "add", "DIV": "div", "MUL": "mul", "SUB": "sub"}
"""Operators whose options hold a fused activation."""

EXTREMES = {"MAXIMUM": "clamp_min", "MINIMUM": "clamp_max"}
"""What they are called where one operand is a single constant."""


@operator(*FLOATING)
def floating(call: OperatorCall) -> list[Node]:
    """Of floating-point numbers."""
    x = call.floating(0)
    return [Elementwise([x], [call.output], FLOATING[call.operator.name])]


@operator(*ANY_NUMBER)
def any_number(call: OperatorCall) -> list[Node]:
    """One operand or two, which broadcast; integers and truth values too."""
    name = ANY_NUMBER[call.operator.name]
    arity = 2 if "x1" in TEMPLATES[name] else 1
    inputs = [call.input(i) for i in range(arity)]
    return [Elementwise(inputs, [call.output], name)]


@operator("SELECT", "SELECT_V2")
def select(call: OperatorCall) -> list[Node]:
    """A condition and two operands, which broadcast."""
    inputs = [call.input(i) for i in range(3)]
    if call.operator.name == "SELECT" and inputs[0].rank < inputs[1].rank:
        # SELECT's condition of one axis picks whole rows, where SELECT_V2 broadcasts.
        raise NotSupportedError("its condition has fewer axes than what it selects")
    return [Elementwise(inputs, [call.output], "where")]


@operator(*FUSING)
def arithmetic(call: OperatorCall) -> list[Node]:
    """Two operands, then an activation; integers too, but for DIV."""
    name = FUSING[call.operator.name]
    inputs = [call.input(0), call.input(1)]
    if name == "div":
        inputs = [call.floating(0), call.floating(1)]
    activation = call.activation(call.options.FusedActivationFunction())
    return [Elementwise(inputs, [call.output], name, activation=activation)]


@operator(*EXTREMES)
def extreme(call: OperatorCall) -> list[Node]:
    """Two operands; torch clamps where one of them is a single number."""
    inputs = [call.input(0), call.input(1)]
    name = call.operator.name.lower()
    constants = [v for v in inputs if v.data is not None and v.data.size == 1]
    if constants:
        (computed,) = (v for v in inputs if v is not constants[0])
        inputs, name = [computed, constants[0]], EXTREMES[call.operator.name]
    return [Elementwise(inputs, [call.output], name)]


@operator("GELU")
def gelu(call: OperatorCall) -> list[Node]:
    """Exact, or by tanh where the options say so."""
    name = "gelu_tanh" if call.options.Approximate() else "gelu"
    return [Elementwise([call.floating(0)], [call.output], name)]


@operator("LEAKY_RELU")
def leaky_relu(call: OperatorCall) -> list[Node]:
    """An option holds the slope."""
    slope = shortest(call.options.Alpha())
    return [LeakyRelu([call.floating(0)], [call.output], slope)]


@operator("CAST")
def cast(call: OperatorCall) -> list[Node]:
    """Between float32, float16, bool and integers; a fraction is cut off."""
    known = ("bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64")
    for value in (call.input(0), call.output):
        if value.dtype not in (*known, "uint8"):
            raise NotSupportedError(f"it casts {value.dtype}")
    return [Cast([call.input(0)], [call.output])]


@operator("PRELU")
def prelu(call: OperatorCall) -> list[Node]:
    """The slope is 1x1xC: one for each channel, or one for all."""
    x, slope = call.input(0), call.weight(1)
    channels = slope.shape[-1] if slope.shape else 1
    if slope.shape[:-1] != (1,) * (slope.rank - 1) or x.rank != 4:
        raise NotSupportedError(
            f"a slope of shape {list(slope.shape)} for {list(x.shape)}"
        )
    if channels not in (1, x.shape[-1]):
        raise NotSupportedError(f"{channels} slopes for {x.shape[-1]} channels")
    weight = Value(slope.name, (channels,), slope.dtype, slope.tensor, slope.order)
    weight.data = slope.data.reshape(channels) if slope.data is not None else None
    return [PRelu([x], [call.output], parameters={"weight": weight})]
