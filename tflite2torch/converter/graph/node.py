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
        arguments: values of the names. Those that differ between the uses of a class become
            arguments of its constructor.
        defaults: keyword arguments that are omitted at these values.
        helper: name of a file in ``writer/helpers`` whose functions the template calls.
        same: keyword arguments that are omitted where they equal another argument.
    """

    template: str
    arguments: dict[str, Literal] = field(default_factory=dict)
    defaults: dict[str, Literal] = field(default_factory=dict)
    helper: str | None = None
    same: dict[str, str] = field(default_factory=dict)


class BatchError(Exception):
    """A node that cannot run on a batch, since it mixes samples; the message says how."""


@dataclass(eq=False)
class Node:
    """One step of the computation. Its subclasses are defined in ``converter.graph.nodes``.

    Attributes:
        inputs: operands; constants among them are read as they are.
        outputs: results.
        operator: index of the operator in the source file that it came from.
        parameters: constants that a ``torch.nn`` layer holds, by their name in it.
        comment: printed beside the statement: why the step is there.
    """

    inputs: list[Value]
    outputs: list[Value]
    operator: int = field(default=-1, kw_only=True)
    parameters: dict[str, Value] = field(default_factory=dict, kw_only=True)
    comment: str | None = field(default=None, kw_only=True)

    @property
    def layout(self) -> str:
        """The axis order that the node needs of rank-4 values.

        ``nchw``: images; ``any``: whatever order, which ``reorder`` follows; ``fixed``: that
        of the source file, because the order of elements shows in the result.
        """
        return "fixed"

    @property
    def variant(self) -> str:
        """The kind of layer within its type, such as ``depthwise``; empty for most types."""
        return ""

    @property
    def inner(self) -> Sequence[Node]:
        """The nodes that a compound node consists of; empty for all others."""
        return ()

    def read_instead(self, others: Mapping[Value, Value]) -> None:
        """Replace operands, also those of inner nodes."""
        self.inputs = [others.get(value, value) for value in self.inputs]
        for node in self.inner:
            node.read_instead(others)

    def infer(self) -> list[Shape]:
        """Return the shapes of the outputs, inferred from those of the inputs.

        Raises BatchError where the inputs do not fit each other.
        """
        raise NotImplementedError(type(self).__name__)

    def follow_batch(self) -> list[Node]:
        """Replace a batch of one that the node bakes in by the free batch ``N``.

        Called with inputs whose shapes have ``N`` already. Returns nodes to insert before
        this one. Raises BatchError where samples would mix.
        """
        return []

    def reorder(self, order: tuple[int, ...]) -> None:
        """Permute the axes that the node refers to.

        Axis ``i`` of the operands is now the former axis ``order[i]``; a leading -1 is a new
        batch axis.
        """

    def layer(self) -> Code | None:
        """Return the constructor call of a node that is a ``torch.nn`` layer, else None."""
        return None

    def code(self) -> Code:
        """Return the expression that computes the outputs from the operands."""
        raise NotImplementedError(type(self).__name__)

    def __repr__(self) -> str:
        known = {"inputs", "outputs", "operator", "parameters", "comment"}
        own = [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if f.name not in known
        ]
        return f"{self.outputs} = {type(self).__name__}({', '.join(own)}) {self.inputs}"
