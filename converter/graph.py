"""The graph that travels from the reader through the passes to the writer."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


class _Batch(int):
    """The batch dimension: prints as N, and counts as 1 wherever sizes are multiplied.

    TFLite bakes a batch of one into every shape, so the size of one sample's share of a value
    is what ``math.prod(shape)`` gives either way.
    """

    def __repr__(self) -> str:
        return "N"

    __str__ = __repr__


N = _Batch(1)

Shape = tuple[int, ...]


@dataclass(eq=False)
class Value:
    """A tensor of the graph, and which TFLite tensor it stands for (its provenance).

    Attributes:
        name: TFLite's name of the tensor; untrusted text.
        shape: sizes, ``N`` where the axis is the batch.
        dtype: ``float32``, ``int32``, …; what computation sees. Constants may be *stored*
            narrower (float16 weights) and widen exactly when they are written.
        tensor: index of the TFLite tensor, or None for a value that TFLite does not have.
        order: axis ``i`` of this value is axis ``order[i]`` of the TFLite tensor; -1 is a
            batch axis that the TFLite tensor lacks. Some constants (slopes, matrices) then
            go without axes of one element.
        data: what a constant holds, in this value's axis order; None for all others.
    """

    name: str
    shape: Shape
    dtype: str
    tensor: int | None = None
    order: tuple[int, ...] = ()
    data: Array | None = None

    def __post_init__(self) -> None:
        if not self.order:
            self.order = tuple(range(len(self.shape)))

    @property
    def rank(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def batched(self) -> bool:
        """Whether the leading axis is the batch."""
        return bool(self.shape) and self.shape[0] is N

    @property
    def array(self) -> Array:
        """What a constant holds; AttributeError for a value that is computed."""
        if self.data is None:
            raise AttributeError(f"{self!r} is computed")
        return self.data

    def permuted(self, axes: tuple[int, ...]) -> Value:
        """Return the value with its axes in another order, a constant's elements too."""
        return Value(
            self.name,
            tuple(self.shape[axis] for axis in axes),
            self.dtype,
            self.tensor,
            tuple(self.order[axis] for axis in axes),
            None if self.data is None else self.data.transpose(axes),
        )

    def __repr__(self) -> str:
        const = "const " if self.data is not None else ""
        where = "" if self.tensor is None else f"#{self.tensor}"
        return f"{const}{self.dtype}{list(self.shape)}{where}"


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
    """One step of the computation. Its subclasses are defined in ``converter.ops``.

    Attributes:
        inputs: operands; constants among them are read as they are.
        outputs: results.
        operator: index of the TFLite operator that it came from.
        parameters: constants that a ``torch.nn`` layer holds, by their name in it.
        activation: TFLite's fused activation, until the pass makes it a node.
        comment: why the step is there, where that is not obvious.
    """

    inputs: list[Value]
    outputs: list[Value]
    operator: int = field(default=-1, kw_only=True)
    parameters: dict[str, Value] = field(default_factory=dict, kw_only=True)
    activation: str | None = field(default=None, kw_only=True)
    comment: str | None = field(default=None, kw_only=True)

    @property
    def layout(self) -> str:
        """What the node asks of rank-4 values: ``nchw``, ``any``, or ``tflite`` (NHWC)."""
        return "tflite"

    @property
    def variant(self) -> str:
        """What kind of its type it is, where that makes another thing of it."""
        return ""

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
        known = {"inputs", "outputs", "operator", "parameters", "activation", "comment"}
        own = [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if f.name not in known
        ]
        return f"{self.outputs} = {type(self).__name__}({', '.join(own)}) {self.inputs}"


@dataclass(eq=False)
class Graph:
    """A model: nodes in an order in which they can run.

    Attributes:
        name: lowercase identifier of the model.
        label: how messages name the file that it came from.
        inputs: what the caller gives, in the file's order.
        outputs: what the caller gets, in the file's order.
        nodes: the steps.
        input_names: what the inputs are called in source and documentation.
        output_names: likewise.
    """

    name: str
    label: str
    inputs: list[Value]
    outputs: list[Value]
    nodes: list[Node]
    input_names: list[str] = field(default_factory=list)
    output_names: list[str] = field(default_factory=list)

    def producers(self) -> dict[Value, Node]:
        """Map every computed value to the node that computes it."""
        return {value: node for node in self.nodes for value in node.outputs}

    def users(self) -> dict[Value, list[Node]]:
        """Map every value to the nodes that read it, once for each time they do."""
        users: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in node.inputs:
                users.setdefault(value, []).append(node)
        return users

    def replace(self, old: Value, new: Value) -> None:
        """Make everything that reads ``old``, the graph's outputs included, read ``new``."""
        for node in self.nodes:
            node.inputs = [new if value is old else value for value in node.inputs]
        self.outputs = [new if value is old else value for value in self.outputs]

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.inputs} -> {self.outputs}"]
        return "\n".join(lines + [f"  {node!r}" for node in self.nodes])
