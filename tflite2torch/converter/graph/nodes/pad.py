"""Padding with a constant, and by mirroring."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import BatchError, Code, Literal, Node
from tflite2torch.converter.graph.value import Shape, Value


@dataclass(eq=False, repr=False)
class Pad(Node):
    """Pads each axis by (before, after) elements of a constant value.

    ``of_window`` marks the padding of the layer that reads it, which torch's layer cannot do
    itself because the two sides differ; all other pads are operators of the file.
    """

    padding: tuple[tuple[int, int], ...]
    value: float = 0.0
    of_window: bool = False

    layout = "any"

    @classmethod
    def of(cls, x: Value, padding: tuple[tuple[int, int], ...], value: float = 0) -> Pad:
        """Return a pad of ``x`` with a new output value."""
        node = cls([x], [], padding, value)
        node.outputs = [Value(x.name, node.infer()[0], x.dtype, image=x.image)]
        return node

    def infer(self) -> list[Shape]:
        pairs = zip(self.inputs[0].shape, self.padding, strict=True)
        # Adding 0 would turn N into a plain 1.
        return [tuple(n + sum(p) if sum(p) else n for n, p in pairs)]

    def follow_batch(self) -> list[Node]:
        if self.inputs[0].batched and self.padding[0] != (0, 0):
            raise BatchError("it pads the batch axis")
        return []

    def reorder(self, order: tuple[int, ...]) -> None:
        self.padding = tuple((0, 0) if i < 0 else self.padding[i] for i in order)

    def code(self) -> Code:
        # F.pad lists axes from the last to the first, and needs none beyond those it pads.
        axes = list(self.padding)
        while axes[0] == (0, 0) and len(axes) > 1:
            axes.pop(0)
        amounts: Literal = tuple(n for pair in reversed(axes) for n in pair)
        return Code(
            "F.pad(x0, padding, value=value)",
            {"padding": amounts, "value": self.value},
            {"value": 0.0},
        )


@dataclass(eq=False, repr=False)
class MirrorPad(Pad):
    """Pads by mirroring the elements next to the edge; ``edge``: including the edge itself."""

    edge: bool = False

    def code(self) -> Code:
        return Code(
            "mirror_pad(x0, padding, edge)",
            {"padding": self.padding, "edge": self.edge},
            helper="mirror_pad",
        )
