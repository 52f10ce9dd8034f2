"""Calls a module as its users do, and tells where that gives something else than its trace.

What is compared layer by layer are the operations that ``torch.fx`` has traced. Hooks, a
``forward`` of the module's own and an overridden ``__call__`` are not among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from tflite2torch.parity.check import ModuleError, call

CALLED = "called as users do,"


class Called:
    """What a module gives when it is called as a whole.

    Args:
        module: in eval mode.
        inputs: its inputs; it gets copies.
        names: of the outputs that it should have.
    """

    def __init__(
        self, module: nn.Module, inputs: Sequence[Tensor], names: Sequence[str]
    ) -> None:
        self._names = names
        self._outputs: list[Tensor] = []
        self._problem = ""
        try:
            self._outputs = call(module, [x.clone() for x in inputs], len(names))
        except ModuleError as error:
            self._problem = f"{CALLED} the module {error}"

    def differences(self, traced: Sequence[Tensor]) -> Iterator[str]:
        """Tell how what the module gave differs from the outputs of its operations."""
        if self._problem:
            yield self._problem
            return
        if len(traced) != len(self._outputs):
            yield (
                f"{CALLED} the module gives {len(self._outputs)} outputs, its operations "
                f"{len(traced)}"
            )
            return
        for name, ours, theirs in zip(self._names, self._outputs, traced, strict=True):
            if reason := _difference(ours, theirs):
                yield f"{CALLED} the module gives another {name} than its operations: {reason}"


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
