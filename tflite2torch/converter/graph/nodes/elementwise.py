"""Elementwise functions with broadcasting."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import BatchError, Code, Literal, Node
from tflite2torch.converter.graph.nodes.same_shape import SameShape
from tflite2torch.converter.graph.nodes.shape import Reshape
from tflite2torch.converter.graph.value import N, Shape, Value

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


@dataclass(eq=False, repr=False)
class Elementwise(Node):
    """An elementwise function, a key of ``TEMPLATES``; the inputs broadcast."""

    function: str

    layout = "any"

    def infer(self) -> list[Shape]:
        return [broadcast([value.shape for value in self.inputs])]

    def follow_batch(self) -> list[Node]:
        """Insert axes of size one behind the batch axis of inputs of lower rank."""
        # Broadcasting aligns the last axes; the first one has to be the batch in all inputs.
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
    """Return whether an input is a constant scalar, to be printed as a number."""
    constant = value.data is not None and value.data.size == 1
    return constant and isinstance(node, Elementwise)


def broadcast(shapes: list[Shape]) -> Shape:
    """Return the shape that all shapes broadcast to.

    Raises BatchError if they do not, or if a batch axis meets another axis.
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


@dataclass(eq=False, repr=False)
class LeakyRelu(SameShape):
    """``x`` where positive, otherwise ``slope * x``, with one slope for all elements."""

    slope: float

    def code(self) -> Code:
        return Code("F.leaky_relu(x0, slope)", {"slope": self.slope}, {"slope": 0.01})


@dataclass(eq=False, repr=False)
class Cast(SameShape):
    """Converts the input to the output's dtype."""

    def code(self) -> Code:
        return Code(f"x0.to(torch.{self.outputs[0].dtype})")


@dataclass(eq=False, repr=False)
class PRelu(SameShape):
    """``x`` where positive, otherwise ``slope * x``, with one slope for each channel."""

    layout = "nchw"

    def layer(self) -> Code | None:
        size: Literal = self.parameters["weight"].shape[0]
        return Code("nn.PReLU(num_parameters)", {"num_parameters": size})
