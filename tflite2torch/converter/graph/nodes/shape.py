"""Reshape, permute and other nodes that rearrange or repeat elements."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import takewhile

from tflite2torch.converter.graph.node import BatchError, Code, Literal, Node
from tflite2torch.converter.graph.nodes.same_shape import SameShape
from tflite2torch.converter.graph.value import N, Shape, Value


@dataclass(eq=False, repr=False)
class Reshape(Node):
    """Changes the shape and keeps the order of elements."""

    shape: Shape

    @classmethod
    def of(cls, x: Value, shape: Shape) -> Reshape:
        """Return a reshape of ``x`` with a new output value."""
        return cls([x], [Value(x.name, shape, x.dtype)], shape)

    def infer(self) -> list[Shape]:
        return [self.shape]

    def follow_batch(self) -> list[Node]:
        """Put the batch axis first, also if the file's shape drops it."""
        x = self.inputs[0]
        if any(size is N for size in x.shape[1:]):
            raise BatchError("it flattens a batch axis that is not the first")
        if x.batched:
            drops = not self.shape or self.shape[0] != 1
            self.shape = (N, *self.shape) if drops else (N, *self.shape[1:])
        return []

    def code(self) -> Code:
        """Return the expression, which never lets torch infer the batch.

        ``reshape(-1, 146, 2)`` takes an input of twice the size for two samples; merging and
        splitting axes behind the first one does not.
        """
        x, shape = self.inputs[0], self.shape
        if not (x.batched and shape and shape[0] is N):
            return Code("x0.reshape(*shape)", {"shape": shape}) if shape else Code("x0.reshape(())")
        start, merged, split = _changed(x.shape, shape)
        if not merged and split == (1,):
            return Code("x0.unsqueeze(dim)", {"dim": start})
        if merged == (1,) and not split:
            return Code("x0.squeeze(dim)", {"dim": start})
        if not (merged and split):
            start, merged, split = _changed(x.shape, shape, least=1)
        template, arguments = "x0", dict[str, Literal](start=start)
        if start + len(merged) == x.rank and len(merged) > 1:
            template += ".flatten(start)"
        elif len(merged) > 1:
            template += ".flatten(start, end)"
            arguments["end"] = start + len(merged) - 1
        if len(split) == 2 and split[1] in (2, 3):  # (x, y) or (x, y, z)
            template += ".unflatten(start, (points, width))"
            arguments |= {"points": split[0], "width": split[1]}
        elif len(split) > 1:
            template += ".unflatten(start, sizes)"
            arguments["sizes"] = split
        return Code(template, arguments)


def _changed(old: Shape, new: Shape, least: int = 0) -> tuple[int, Shape, Shape]:
    """Return the first axis that a reshape changes, and the sizes that it turns into which.

    On both sides at least so many: with 1, where only axes of one element come or go, the axis
    behind them, or else the one before, is among them.
    """
    longest = min(len(old), len(new)) - least
    start = _common(old, new, longest)
    end = _common(old[::-1], new[::-1], longest - start)
    merged, split = (tuple(map(int, s[start : len(s) - end])) for s in (old, new))
    return start, merged, split


def _common(first: Shape, second: Shape, most: int) -> int:
    """Return how many leading sizes two shapes share."""
    pairs = zip(first[:most], second, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


@dataclass(eq=False, repr=False)
class Permute(Node):
    """Permutes axes: axis ``i`` of the output is axis ``axes[i]`` of the input."""

    axes: tuple[int, ...]

    @classmethod
    def of(cls, x: Value, axes: tuple[int, ...]) -> Permute:
        """Return a permutation of ``x`` with a new output value of the same origin."""
        return cls([x], [x.permuted(axes)], axes)

    def infer(self) -> list[Shape]:
        return [tuple(self.inputs[0].shape[axis] for axis in self.axes)]

    def reorder(self, order: tuple[int, ...]) -> None:
        if order[0] == -1:  # the new batch axis stays first
            self.axes = (0, *(axis + 1 for axis in self.axes))

    def code(self) -> Code:
        moved = [axis for axis, source in enumerate(self.axes) if axis != source]
        if len(moved) == 2:
            first, second = moved
            return Code("x0.transpose(a, b)", {"a": first, "b": second})
        return Code("x0.permute(*axes)", {"axes": self.axes})


@dataclass(eq=False, repr=False)
class Rows(Node):
    """Concatenates images (N, C, H, W), read in NHWC order, as rows: (N, rows, width)."""

    width: int

    def infer(self) -> list[Shape]:
        elements = sum(math.prod(image.shape[1:]) for image in self.inputs)
        return [(self.inputs[0].shape[0], elements // self.width, self.width)]

    def code(self) -> Code:
        if len(self.inputs) == 1 and self.inputs[0].shape[1] == self.width:
            return Code("x0.permute(0, 2, 3, 1).flatten(1, 2)")
        images = ", ".join(f"x{i}" for i in range(len(self.inputs)))
        return Code(f"rows([{images}], width)", {"width": self.width}, helper="rows")


@dataclass(eq=False, repr=False)
class Flip(SameShape):
    """Reverses the order of elements along axes."""

    axes: tuple[int, ...]

    def follow_batch(self) -> list[Node]:
        """Do not reverse the batch axis: over a single sample that is the identity."""
        shape = self.inputs[0].shape
        self.axes = tuple(axis for axis in self.axes if shape[axis] is not N)
        return []

    def reorder(self, order: tuple[int, ...]) -> None:
        self.axes = tuple(sorted(order.index(axis) for axis in self.axes))

    def code(self) -> Code:
        return Code("x0.flip(dims)", {"dims": self.axes})


@dataclass(eq=False, repr=False)
class Tile(Node):
    """Repeats the input along each axis, ``multiples[i]`` times along axis ``i``."""

    multiples: tuple[int, ...]

    layout = "any"

    def infer(self) -> list[Shape]:
        pairs = zip(self.inputs[0].shape, self.multiples, strict=True)
        return [tuple(size if times == 1 else size * times for size, times in pairs)]

    def follow_batch(self) -> list[Node]:
        if self.inputs[0].batched and self.multiples[0] != 1:
            raise BatchError("it repeats samples")
        return []

    def reorder(self, order: tuple[int, ...]) -> None:
        self.multiples = tuple(1 if i < 0 else self.multiples[i] for i in order)

    def code(self) -> Code:
        return Code("x0.repeat(*multiples)", {"multiples": self.multiples})


@dataclass(eq=False, repr=False)
class BroadcastTo(Node):
    """Broadcasts the input to a shape."""

    shape: Shape

    def infer(self) -> list[Shape]:
        return [self.shape]

    def follow_batch(self) -> list[Node]:
        x = self.inputs[0]
        if not x.batched:
            return []
        if self.shape[0] != 1:
            raise BatchError("it repeats samples")
        self.shape = (N, *self.shape[1:])
        if x.rank == len(self.shape):
            return []
        ones = (1,) * (len(self.shape) - x.rank)
        reshape = Reshape.of(x, (N, *ones, *x.shape[1:]))
        self.inputs = list(reshape.outputs)
        return [reshape]

    def code(self) -> Code:
        sizes: Literal = tuple(-1 if size is N else int(size) for size in self.shape)
        return Code("x0.expand(*shape)", {"shape": sizes})


@dataclass(eq=False, repr=False)
class Expand(Node):
    """Expands a constant, input 0, to the batch size of input 1."""

    layout = "any"

    @classmethod
    def of(cls, constant: Value, batched: Value) -> Expand:
        """Return an expansion of a constant whose batch axis is missing or of size one."""
        node = cls([constant, batched], [])
        node.outputs = [Value(constant.name, node.infer()[0], constant.dtype)]
        return node

    def infer(self) -> list[Shape]:
        constant, batched = (value.shape for value in self.inputs)
        lifted = len(constant) < len(batched)
        return [(N, *(constant if lifted else constant[1:]))]

    def code(self) -> Code:
        rest: Literal = (-1,) * (self.outputs[0].rank - 1)
        return Code("x0.expand(x1.shape[0], *rest)", {"rest": rest})
