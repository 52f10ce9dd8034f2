"""Operators that work element by element, with broadcasting."""

from __future__ import annotations

from dataclasses import dataclass

from converter.graph import BatchError, Code, Literal, N, Node, Shape, Value
from converter.ops.registry import NotSupportedError, OperatorCall, operator
from converter.ops.shape import Reshape

TEMPLATES = {
    "abs": "x0.abs()",
    "add": "x0 + x1",
    "cos": "torch.cos(x0)",
    "div": "x0 / x1",
    "exp": "torch.exp(x0)",
    "floor": "torch.floor(x0)",
    "log": "torch.log(x0)",
    "mul": "x0 * x1",
    "neg": "-x0",
    "relu": "F.relu(x0)",
    "relu6": "F.relu6(x0)",
    "relu_n1_to_1": "x0.clamp(-1, 1)",
    "rsqrt": "torch.rsqrt(x0)",
    "sigmoid": "torch.sigmoid(x0)",
    "sin": "torch.sin(x0)",
    "sqrt": "torch.sqrt(x0)",
    "square": "x0.square()",
    "squared_difference": "(x0 - x1).square()",
    "sub": "x0 - x1",
    "tanh": "torch.tanh(x0)",
}
MODULES = {
    "relu": "nn.ReLU()",
    "relu6": "nn.ReLU6()",
    "sigmoid": "nn.Sigmoid()",
    "tanh": "nn.Tanh()",
}
TFLITE_NAMES = {
    "ABS": "abs",
    "COS": "cos",
    "EXP": "exp",
    "FLOOR": "floor",
    "LOG": "log",
    "LOGISTIC": "sigmoid",
    "NEG": "neg",
    "RELU": "relu",
    "RELU6": "relu6",
    "RELU_N1_TO_1": "relu_n1_to_1",
    "RSQRT": "rsqrt",
    "SIN": "sin",
    "SQRT": "sqrt",
    "SQUARE": "square",
    "SQUARED_DIFFERENCE": "squared_difference",
    "TANH": "tanh",
}
FUSING_NAMES = {"ADD": "add", "DIV": "div", "MUL": "mul", "SUB": "sub"}
"""Operators whose options hold a fused activation."""


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


@operator(*TFLITE_NAMES)
def elementwise(call: OperatorCall) -> list[Node]:
    """Operators without options."""
    name = TFLITE_NAMES[call.operator.name]
    inputs = [call.input(i) for i in range(2 if "x1" in TEMPLATES[name] else 1)]
    return [Elementwise(inputs, [call.output], name)]


@operator(*FUSING_NAMES)
def arithmetic(call: OperatorCall) -> list[Node]:
    """Two operands, then an activation."""
    inputs = [call.input(0), call.input(1)]
    if any(value.dtype not in ("float32", "int32", "int64") for value in inputs):
        raise NotSupportedError(
            f"its operands are {inputs[0].dtype} and {inputs[1].dtype}"
        )
    activation = call.activation(call.options.FusedActivationFunction())
    name = FUSING_NAMES[call.operator.name]
    return [Elementwise(inputs, [call.output], name, activation=activation)]


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
