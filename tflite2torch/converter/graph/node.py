"""The base class of nodes, and the expressions that the writer prints for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from tflite2torch.converter.graph.value import Shape, Value

Literal = bool | int | float | str | None | slice | tuple["Literal", ...]


@dataclass
class Code:
    """A Python expression that the writer prints.

    Attributes:
        template: an expression in the inputs ``x0``, ``x1``, … and the names of arguments,
            such as ``F.pad(x0, padding)``.
        arguments: values of the arguments. Those that differ between the instances of an
            emitted class become parameters of its constructor.
        defaults: default values; a keyword argument that has its default is omitted.
        helper: name of the file in ``writer/helpers`` with the function that is called.
        same: keyword arguments that default to the value of another argument.
        comment: why an argument of a layer has its value, where a reader would ask.
    """

    template: str
    arguments: dict[str, Literal] = field(default_factory=dict)
    defaults: dict[str, Literal] = field(default_factory=dict)
    helper: str | None = None
    same: dict[str, str] = field(default_factory=dict)
    comment: str | None = None


class BatchError(Exception):
    """A node mixes the samples of a batch; the message says how."""


@dataclass(eq=False)
class Node:
    """An operation of a graph. The subclasses are in ``converter.graph.nodes``.

    Attributes:
        inputs: values that the node reads, constants included.
        outputs: values that the node computes.
        operator: index of the source file's operator that the node implements.
        parameters: constants that are parameters of a ``torch.nn`` layer, by name.
        comment: comment to print beside the statement, which says why it is there.
    """

    inputs: list[Value]
    outputs: list[Value]
    operator: int = field(default=-1, kw_only=True)
    parameters: dict[str, Value] = field(default_factory=dict, kw_only=True)
    comment: str | None = field(default=None, kw_only=True)

    @property
    def layout(self) -> str:
        """The axis order that the node requires of rank-4 values.

        ``nchw``: that of images; ``any``: any order, ``reorder`` adapts the node; ``fixed``:
        that of the source file, because the result depends on the order of elements.
        """
        return "fixed"

    @property
    def variant(self) -> str:
        """A subtype, such as ``depthwise`` of convolutions; empty for most types."""
        return ""

    @property
    def inner(self) -> Sequence[Node]:
        """The nodes that a compound node consists of; empty for other nodes."""
        return ()

    def read_instead(self, others: Mapping[Value, Value]) -> None:
        """Replace inputs by the values that they map to, also those of inner nodes."""
        self.inputs = [others.get(value, value) for value in self.inputs]
        for node in self.inner:
            node.read_instead(others)

    def infer(self) -> list[Shape]:
        """Return the output shapes, inferred from the input shapes.

        Raises BatchError if the inputs do not broadcast.
        """
        raise NotImplementedError(type(self).__name__)

    def follow_batch(self) -> list[Node]:
        """Replace a batch size of one in the node's attributes by the free batch ``N``.

        The inputs' shapes have ``N`` already. Returns nodes to insert before this one.
        Raises BatchError if the node would mix samples.
        """
        return []

    def reorder(self, order: tuple[int, ...]) -> None:
        """Adapt the node's attributes to inputs and outputs with permuted axes.

        Axis ``i`` is the former axis ``order[i]``; a leading -1 is a new batch axis.
        """

    def layer(self) -> Code | None:
        """Return the constructor call if the node is a ``torch.nn`` layer, otherwise None."""
        return None

    def code(self) -> Code:
        """Return the expression that computes the outputs from the inputs."""
        raise NotImplementedError(type(self).__name__)

    def __repr__(self) -> str:
        known = {"inputs", "outputs", "operator", "parameters", "comment"}
        own = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.name not in known]
        return f"{self.outputs} = {type(self).__name__}({', '.join(own)}) {self.inputs}"
