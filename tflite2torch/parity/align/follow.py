"""Carries folded nodes out while a module runs, on the values that it gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tflite2torch.converter.graph.value import Value
from tflite2torch.parity.align.folded import Folded, operands
from tflite2torch.parity.align.lockstep import Step, in_type
from tflite2torch.parity.align.unfused import Carried
from tflite2torch.parity.check import RAISED
from tflite2torch.parity.inputs.interface import Port


@dataclass(frozen=True)
class _Held:
    """A value as the module gives it, as TFLite does, and exactly; None where it is not."""

    free: Tensor | None
    forced: Tensor | None
    exact: Tensor | None


class Follower:
    """Carries nodes out as soon as a module has given what they take.

    It holds only what nodes are still waiting for.

    Args:
        folded: the nodes, in an order in which they can run.
        expected: gives what TFLite says of a value that stands for one of its tensors.
        dtype: the floating type that the module computes in.
    """

    def __init__(
        self,
        folded: Sequence[Folded],
        expected: Callable[[Value], Tensor],
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._waiting = list(folded)
        self._reference = expected
        self._dtype = dtype
        self._held: dict[Value, _Held] = {}
        self._reads = Counter(v for f in folded for v in operands(f.node))
        made = {value for f in folded for value in f.node.outputs}
        self._wanted: dict[int, list[Value]] = {}
        for value in self._reads:
            if value not in made and value.tensor is not None:
                self._wanted.setdefault(value.tensor, []).append(value)

    def begin(self, ports: Sequence[Port], inputs: Sequence[Tensor]) -> Iterator[Step]:
        """Yield what follows from the module's inputs alone."""
        for port, x in zip(ports, inputs, strict=True):
            own, wide = in_type(x, self._dtype), in_type(x, torch.float64)
            self._take(port.tensor, port.permutation, own, wide)
        yield from self._carry_out()

    def after(self, step: Step) -> Iterator[Step]:
        """Yield what follows now that an operation has given its values."""
        for place, value in step.layer.compared.items():
            if value.tensor is not None and place < len(step.free):
                exact = step.exact[place] if place < len(step.exact) else None
                self._take(value.tensor, value.order, step.free[place], exact)
        yield from self._carry_out()

    def _expected(self, value: Value) -> Tensor:
        return in_type(self._reference(value), self._dtype)

    def _take(
        self, tensor: int, order: tuple[int, ...], free: Tensor, exact: Tensor | None
    ) -> None:
        """Hold a tensor for those who wait for it, in their order of axes."""
        for value in self._wanted.pop(tensor, ()):
            if sorted(order) == sorted(value.order):
                axes = [order.index(axis) for axis in value.order]
                self._held[value] = _Held(
                    _permuted(free, axes), self._expected(value), _permuted(exact, axes)
                )

    def _carry_out(self) -> Iterator[Step]:
        for folded in list(self._waiting):
            if self._held.keys() >= set(operands(folded.node)):
                self._waiting.remove(folded)
                yield from self._step(folded)

    def _step(self, folded: Folded) -> Iterator[Step]:
        """Carry a node out; hold what it gives where others take it."""
        taken = operands(folded.node)
        held = [self._held[value] for value in taken]
        self._reads.subtract(taken)
        for value in set(taken):
            if not self._reads[value]:
                del self._held[value]
        free = _run(folded.carried, [operand.free for operand in held])
        forced = _run(folded.carried, [operand.forced for operand in held])
        exact = _run(folded.carried, [operand.exact for operand in held])
        for place, value in enumerate(folded.node.outputs):
            if self._reads[value]:
                own = forced[place] if place < len(forced) else None
                self._held[value] = _Held(
                    free[place] if place < len(free) else None,
                    own if value.tensor is None else self._expected(value),
                    exact[place] if place < len(exact) else None,
                )
        if folded.layer is not None:
            yield Step(folded.layer, free, forced, exact, "")


def _permuted(x: Tensor | None, axes: list[int]) -> Tensor | None:
    """Return a tensor with its axes in another order; None if it has not so many.

    It is a copy: what gets the tensor next may change it in place.
    """
    return x.permute(axes).clone() if x is not None and x.dim() == len(axes) else None


def _run(carried: Carried, operands: Sequence[Tensor | None]) -> tuple[Tensor, ...]:
    """Return what a node gives; nothing where an operand is missing, or it raises."""
    known = [operand for operand in operands if operand is not None]
    if len(known) < len(operands):
        return ()
    try:
        with torch.inference_mode():
            return carried(known)
    except RAISED:
        return ()
