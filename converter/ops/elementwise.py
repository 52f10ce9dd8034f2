"""Operators that work element by element, with broadcasting."""

from __future__ import annotations

from dataclasses import dataclass

from converter.graph import BatchError, Code, Literal, N, Node, Shape, Value
from converter.ops.pointwise import SameShape
from converter.ops.registry import (
    NotSupportedError,
    OperatorCall,
    operator,
    shortest,
)
from converter.ops.shape import Reshape

TEMPLATES = {
    "abs": "x0.abs()",
    "add": "x0 + x1",
    "ceil": "torch.ceil(x0)",
    "clamp_max": "x0.clamp(max=x1)",
    "clamp_min": "x0.clamp(min=x1)",
    "cos": "torch.cos(x0)",
    "div": "x0 / x1",
    "elu": "F.elu(x0)",
    "equal": "x0 == x1",
    "exp": "torch.exp(x0)",
    "floor": "torch.floor(x0)",
    "floor_div": "x0 // x1",
    "floor_mod": "x0 % x1",
    "gelu": "F.gelu(x0)",
    "gelu_tanh": 'F.gelu(x0, approximate="tanh")',
    "greater": "x0 > x1",
    "greater_equal": "x0 >= x1",
    "hard_swish": "F.hardswish(x0)",
    "less": "x0 < x1",
    "less_equal": "x0 <= x1",
    "log": "torch.log(x0)",
    "logical_and": "x0 & x1",
    "logical_not": "~x0",
    "logical_or": "x0 | x1",
    "maximum": "torch.maximum(x0, x1)",
    "minimum": "torch.minimum(x0, x1)",
    "mul": "x0 * x1",
    "neg": "-x0",
    "not_equal": "x0 != x1",
    "pow": "torch.pow(x0, x1)",  # -2.0**x is -(2.0**x) to Python
    "relu": "F.relu(x0)",
    "relu6": "F.relu6(x0)",
    "relu_n1_to_1": "x0.clamp(-1, 1)",
    "round": "torch.round(x0)",
    "rsqrt": "torch.rsqrt(x0)",
    "sigmoid": "torch.sigmoid(x0)",
    "sign": "torch.sign(x0)",
    "sin": "torch.sin(x0)",
    "sqrt": "torch.sqrt(x0)",
    "square": "x0.square()",
    "squared_difference": "(x0 - x1).square()",
    "sub": "x0 - x1",
    "tanh": "torch.tanh(x0)",
    "where": "torch.where(x0, x1, x2)",
}
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


@dataclass(eq=False, repr=False)
class Elementwise(Node):
    """A function of elements, named as in ``TEMPLATES``; operands broadcast."""

    function: str

    @property
    def layout(self) -> str:
        return "any"

    def infer(self) -> list[Shape]:
        return [broadcast([value.shape for value in self.inputs])]

    def follow_batch(self) -> list[Node]:
        """Line the batch axes of operands of lower rank up with the leading one."""
        rank = max(value.rank for value in self.inputs)
        added: list[Node] = []
        for position, value in enumerate(self.inputs):
            if value.batched and value.rank < rank:
                ones = (1,) * (rank - value.rank)
                node = Reshape.of(value, (N, *ones, *value.shape[1:]))
                self.inputs[position] = node.outputs[0]
                added.append(node)
        return added

    def code(self) -> Code:
        return Code(TEMPLATES[self.function])


def is_number(node: Node, value: Value) -> bool:
    """Whether a node's operand is a single number, of which only the value counts."""
    constant = value.data is not None and value.data.size == 1
    return constant and isinstance(node, Elementwise)


def broadcast(shapes: list[Shape]) -> Shape:
    """Return the shape that operands of these shapes have together.

    Raises BatchError where they do not fit, or where a batch meets another axis.
    """
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(_common(sizes) for sizes in zip(*padded, strict=True))


def _common(sizes: tuple[int, ...]) -> int:
    wide = {size for size in sizes if size != 1}
    batch = any(size is N for size in sizes)
    if len(wide) > 1 or (wide and batch):
        raise BatchError(f"sizes {', '.join(map(str, sizes))} do not broadcast")
    return N if batch else wide.pop() if wide else 1


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


@dataclass(eq=False, repr=False)
class LeakyRelu(SameShape):
    """``x`` where it is positive, ``slope * x`` elsewhere; one slope for all."""

    slope: float

    def code(self) -> Code:
        return Code("F.leaky_relu(x0, slope)", {"slope": self.slope}, {"slope": 0.01})


@operator("LEAKY_RELU")
def leaky_relu(call: OperatorCall) -> list[Node]:
    """An option holds the slope."""
    slope = shortest(call.options.Alpha())
    return [LeakyRelu([call.floating(0)], [call.output], slope)]


@dataclass(eq=False, repr=False)
class Cast(SameShape):
    """The same numbers as another type."""

    def code(self) -> Code:
        return Code(f"x0.to(torch.{self.outputs[0].dtype})")


@operator("CAST")
def cast(call: OperatorCall) -> list[Node]:
    """Between float32, float16, bool and integers; a fraction is cut off."""
    known = ("bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64")
    for value in (call.input(0), call.output):
        if value.dtype not in (*known, "uint8"):
            raise NotSupportedError(f"it casts {value.dtype}")
    return [Cast([call.input(0)], [call.output])]


@dataclass(eq=False, repr=False)
class PRelu(Node):
    """``x`` where it is positive, ``slope * x`` elsewhere; one slope for each channel."""

    @property
    def layout(self) -> str:
        return "nchw"

    def infer(self) -> list[Shape]:
        return [self.inputs[0].shape]

    def layer(self) -> Code | None:
        size: Literal = self.parameters["weight"].shape[0]
        return Code("nn.PReLU(num_parameters)", {"num_parameters": size})


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
