"""One step of the computation, and the expression that the writer prints for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from tflite2torch.converter.graph.value import Shape, Value

Literal = bool | int | float | str | None | slice | tuple["Literal", ...]


@dataclass
class Code:
    """A Python expression that the writer prints.

    Attributes:
        template: an expression over the operands ``x0``, ``x1``, … and over the names of the
            arguments, such as ``F.pad(x0, padding)``.
        arguments: what the names stand for. Where a class is used several times, those that
            differ between its uses become arguments of its constructor.
        defaults: keyword arguments of the template that are left out at these values.
        helper: name of a file in ``writer/helpers`` whose functions the template calls.
        same: keyword arguments that are left out where they are what another one is.
    """

    template: str
    arguments: dict[str, Literal] = field(default_factory=dict)
    defaults: dict[str, Literal] = field(default_factory=dict)
    helper: str | None = None
    same: dict[str, str] = field(default_factory=dict)


class BatchError(Exception):
    """A node that would mix the samples of a batch; the message says how."""


@dataclass(eq=False)
class Node:
    """One step of the computation. Its subclasses are defined in ``converter.graph.nodes``.

    Attributes:
        inputs: operands; constants among them are read as they are.
        outputs: results.
        operator: index of the TFLite operator that it came from.
        parameters: constants that a ``torch.nn`` layer holds, by their name in it.
        comment: why the step is there, where that is not obvious.
    """

    inputs: list[Value]
    outputs: list[Value]
    operator: int = field(default=-1, kw_only=True)
    parameters: dict[str, Value] = field(default_factory=dict, kw_only=True)
    comment: str | None = field(default=None, kw_only=True)

    @property
    def layout(self) -> str:
        """What the node asks of rank-4 values: ``nchw``, ``any``, or ``tflite`` (NHWC)."""
        return "tflite"

    @property
    def variant(self) -> str:
        """What kind of its type it is, where that makes another thing of it."""
        return ""

    @property
    def inner(self) -> Sequence[Node]:
        """The nodes that it consists of, if it stands for several."""
        return ()

    def read_instead(self, others: Mapping[Value, Value]) -> None:
        """Read other values in the place of some, also inside."""
        self.inputs = [others.get(value, value) for value in self.inputs]
        for node in self.inner:
            node.read_instead(others)

    def infer(self) -> list[Shape]:
        """Return the outputs' shapes as they follow from the inputs', in TFLite's order."""
        raise NotImplementedError(type(self).__name__)

    def follow_batch(self) -> list[Node]:
        """Rewrite what bakes in a batch of one; return nodes that have to go before.

        Raises BatchError where samples would mix.
        """
        return []

    def reorder(self, order: tuple[int, ...]) -> None:
        """Rewrite axes: axis ``i`` of the operands is now what was axis ``order[i]``.

        An order may begin with -1: a leading batch axis that was not there before.
        """

    def layer(self) -> Code | None:
        """Return the constructor of the ``torch.nn`` layer that it is, if it is one."""
        return None

    def code(self) -> Code:
        """Return the expression that computes it from its operands."""
        raise NotImplementedError(type(self).__name__)

    def __repr__(self) -> str:
        known = {"inputs", "outputs", "operator", "parameters", "comment"}
        own = [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if f.name not in known
        ]
        return f"{self.outputs} = {type(self).__name__}({', '.join(own)}) {self.inputs}"
