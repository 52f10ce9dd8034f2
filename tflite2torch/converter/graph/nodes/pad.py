"""PAD and its relatives."""

from __future__ import annotations

from dataclasses import dataclass

from tflite2torch.converter.graph.node import BatchError, Code, Literal, Node
from tflite2torch.converter.graph.value import N, Shape, Value


@dataclass(eq=False, repr=False)
class Pad(Node):
    """Constant elements around a tensor: (before, after) for each axis.

    ``same`` says whether it is what TFLite's SAME pads, not a step of the file's own.
    """

    padding: tuple[tuple[int, int], ...]
    value: float = 0.0
    same: bool = False

    @classmethod
    def of(
        cls, x: Value, padding: tuple[tuple[int, int], ...], value: float = 0
    ) -> Pad:
        """Return a pad of ``x`` with a new output value."""
        shape = tuple(n + sum(p) for n, p in zip(x.shape, padding, strict=True))
        shape = tuple(N if a is N else b for a, b in zip(x.shape, shape, strict=True))
        return cls([x], [Value(x.name, shape, x.dtype, image=x.image)], padding, value)

    @property
    def layout(self) -> str:
        return "any"

    def infer(self) -> list[Shape]:
        shape = self.inputs[0].shape
        return [
            tuple(
                n + sum(p) if sum(p) else n
                for n, p in zip(shape, self.padding, strict=True)
            )
        ]

    def follow_batch(self) -> list[Node]:
        if self.inputs[0].batched and self.padding[0] != (0, 0):
            raise BatchError("it pads the batch axis")
        return []

    def reorder(self, order: tuple[int, ...]) -> None:
        self.padding = tuple((0, 0) if i < 0 else self.padding[i] for i in order)

    def code(self) -> Code:
        """F.pad counts axes from the last, and may leave out the first ones."""
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
    """What lies next to the edges, mirrored; ``edge`` says whether the edge is repeated."""

    edge: bool = False

    def code(self) -> Code:
        return Code(
            "mirror_pad(x0, padding, edge)",
            {"padding": self.padding, "edge": self.edge},
            helper="mirror_pad",
        )
