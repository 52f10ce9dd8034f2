"""Evaluates folded nodes while a module runs, on the values that it computes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tflite2torch.converter.graph.value import Value
from tflite2torch.parity.align.called import RAISED
from tflite2torch.parity.align.folded import Folded, operands
from tflite2torch.parity.align.lockstep import Step, in_type
from tflite2torch.parity.align.unfused import Evaluated
from tflite2torch.parity.align.values import tensor_of
from tflite2torch.parity.inputs.interface import Port


@dataclass(frozen=True)
class _Held:
    """A value of the free, the forced and the float64 run; None where a run lacks it."""

    free: Tensor | None
    forced: Tensor | None
    exact: Tensor | None


class Follower:
    """Evaluates nodes as soon as the module has computed their operands.

    Args:
        folded: the nodes, in topological order.
        expected: returns TFLite's answer for a value that stands for one of its tensors.
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
        # Values are held until the last node that reads them is evaluated, no longer.
        self._held: dict[Value, _Held] = {}
        self._reads = Counter(v for f in folded for v in operands(f.node))
        made = {value for f in folded for value in f.node.outputs}
        self._wanted: dict[int, list[Value]] = {}
        for value in self._reads:
            tensor = tensor_of(value)
            if value not in made and tensor is not None:
                self._wanted.setdefault(tensor, []).append(value)

    def begin(self, ports: Sequence[Port], inputs: Sequence[Tensor]) -> Iterator[Step]:
        """Yield the results that depend on nothing but the module's inputs."""
        for port, x in zip(ports, inputs, strict=True):
            own, wide = in_type(x, self._dtype), in_type(x, torch.float64)
            self._take(port.tensor, port.permutation, own, wide)
        yield from self._evaluate()

    def after(self, step: Step) -> Iterator[Step]:
        """Yield the results that can be computed now that an operation has run."""
        for place in step.layer.compared:
            if place < len(step.free):
                port = step.layer.port(place)
                exact = step.exact[place] if place < len(step.exact) else None
                self._take(port.tensor, port.permutation, step.free[place], exact)
        yield from self._evaluate()

    def _expected(self, value: Value) -> Tensor:
        return in_type(self._reference(value), self._dtype)

    def _take(
        self, tensor: int, order: tuple[int, ...], free: Tensor, exact: Tensor | None
    ) -> None:
        """Hold a tensor for the nodes that read it, in their order of axes."""
        for value in self._wanted.pop(tensor, ()):
            if sorted(order) == sorted(value.permutation):
                axes = [order.index(axis) for axis in value.permutation]
                self._held[value] = _Held(
                    _permuted(free, axes), self._expected(value), _permuted(exact, axes)
                )

    def _evaluate(self) -> Iterator[Step]:
        for folded in list(self._waiting):
            if self._held.keys() >= set(operands(folded.node)):
                self._waiting.remove(folded)
                yield from self._step(folded)

    def _step(self, folded: Folded) -> Iterator[Step]:
        """Evaluate a node in all three runs; hold its results where other nodes read them."""
        taken = operands(folded.node)
        held = [self._held[value] for value in taken]
        self._reads.subtract(taken)
        for value in set(taken):
            if not self._reads[value]:
                del self._held[value]
        free, forced, exact = (
            _run(folded.evaluated, [getattr(operand, run) for operand in held])
            for run in ("free", "forced", "exact")
        )
        for place, value in enumerate(folded.node.outputs):
            if self._reads[value]:
                # Teacher-forced: the next node reads TFLite's tensor, if there is one.
                own = forced[place] if place < len(forced) else None
                self._held[value] = _Held(
                    free[place] if place < len(free) else None,
                    own if tensor_of(value) is None else self._expected(value),
                    exact[place] if place < len(exact) else None,
                )
        if folded.layer is not None:
            yield Step(folded.layer, free, forced, exact, "")


def _permuted(x: Tensor | None, axes: list[int]) -> Tensor | None:
    """Return a copy with its axes in another order; None for another number of axes."""
    # A copy, because the module's next operation may change the tensor in place.
    return x.permute(axes).clone() if x is not None and x.dim() == len(axes) else None


def _run(evaluated: Evaluated, operands: Sequence[Tensor | None]) -> tuple[Tensor, ...]:
    """Return a node's results; empty where an operand is missing, or it raises."""
    known = [operand for operand in operands if operand is not None]
    if len(known) < len(operands):
        return ()
    try:
        with torch.inference_mode():
            return evaluated(known)
    except RAISED:
        return ()
