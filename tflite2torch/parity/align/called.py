"""Calls a module as its users do.

What is compared layer by layer are the operations that ``torch.fx`` traces. Hooks, a ``forward``
set on the instance and an overridden ``__call__`` are not among them; only a call shows these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

RAISED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""Exceptions that a faulty module may raise."""


class Called:
    """A call of a module as a whole.

    Args:
        module: in eval mode.
        inputs: its inputs, batch first; the module gets copies.
        names: of the outputs that it should have.
        grad: whether autograd records the call, with inputs that require gradients.

    Attributes:
        inputs: the copies that the module got.
        outputs: what it gave; empty where there is a problem.
        problem: how it failed to give such outputs; empty where it did.
    """

    def __init__(
        self,
        module: nn.Module,
        inputs: Sequence[Tensor],
        names: Sequence[str],
        *,
        grad: bool = False,
    ) -> None:
        self._names = names
        self._grad = grad
        self.inputs = [x.clone().requires_grad_(grad and x.is_floating_point()) for x in inputs]
        self.outputs: tuple[Tensor, ...] = ()
        self.problem = ""
        if problem := self._call(module):
            batch = len(inputs[0]) if inputs and inputs[0].dim() else 1
            place = f"on a batch of {batch}, " if batch > 1 else ""
            self.problem = f"called as users do, {place}the module {problem}"

    def _call(self, module: nn.Module) -> str:
        try:
            with torch.inference_mode(not self._grad):
                answer = module(*self.inputs)
        except RAISED as error:
            return f"raises {type(error).__name__}: {' '.join(str(error).split())}"
        outputs = answer if isinstance(answer, (tuple, list)) else (answer,)
        if not all(isinstance(output, Tensor) for output in outputs):
            kinds = ", ".join(type(output).__name__ for output in outputs)
            return f"gives {kinds}, not tensors"
        if len(outputs) != len(self._names):
            wanted = len(self._names)
            return f"gives {len(outputs)} outputs where TFLite gives {wanted}"
        self.outputs = tuple(outputs)
        return ""

    def differences(self, traced: Sequence[Tensor]) -> Iterator[str]:
        """Tell how the outputs differ from those of the traced operations, bit for bit."""
        if self.problem:
            yield self.problem
            return
        if len(traced) != len(self.outputs):
            yield (
                f"called as users do, the module gives {len(self.outputs)} outputs, its "
                f"operations {len(traced)}"
            )
            return
        for name, ours, theirs in zip(self._names, self.outputs, traced, strict=True):
            if reason := _difference(ours, theirs):
                yield (
                    f"called as users do, the module gives another {name} than its "
                    f"operations: {reason}"
                )


def _difference(called: Tensor, traced: Tensor) -> str:
    sides = [f"{_dtype(x)} {list(x.shape)}" for x in (called, traced)]
    if sides[0] != sides[1]:
        return f"{sides[0]}, not {sides[1]}"
    same = (called == traced) | (called.isnan() & traced.isnan())
    if same.all():
        return ""
    where = (~same).nonzero()[0].tolist()
    place = tuple(where)
    return f"{called[place].item():.9g}, not {traced[place].item():.9g}, at {where}"


def _dtype(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")
