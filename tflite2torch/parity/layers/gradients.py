"""Whether a module's gradients follow from its values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from tflite2torch.parity.align.called import RAISED

STEPS = (1e-9, 1e-10, 1e-8, 1e-6, 1e-4)
"""Lengths of the finite differences that are tried, each in another direction, in units of a
tensor's root mean square. A short one crosses few kinks of ReLUs, of which a large model has
millions, and float64 still resolves it; the long ones are for parts that compute in float32."""

TOLERANCE = 1e-3
"""How far the share of a change that gradients explain may be from 1."""


class NoGradientsError(Exception):
    """A module that cannot be checked; the message says why."""


def faults_of_gradients(
    double: nn.Module, inputs: Sequence[Tensor], names: Sequence[str]
) -> Iterator[str]:
    """Yield how autograd and the values of a module in float64 contradict each other.

    All inputs and weights move along a random direction, each by a step in proportion to its
    size, and gradients have to explain how the outputs change. A wrong gradient fails in every
    direction: one that agrees is enough. An output that does not change, as that of an argmax,
    or that does not turn round with the direction, as at a kink, has no say.

    Args:
        double: in float64, in eval mode; left as it is.
        inputs: real ones, batch first; in float64 where they are floating.
        names: of the outputs.

    Raises:
        NoGradientsError: the module does not compute in float64.
    """
    moving: dict[str, Tensor] = dict(double.named_parameters())
    moving |= {f"input {i}": x.clone() for i, x in enumerate(inputs) if x.is_floating_point()}
    given = [moving.get(f"input {i}", x) for i, x in enumerate(inputs)]
    required = {name: x.requires_grad for name, x in moving.items()}
    for x in moving.values():
        x.requires_grad_()
    try:
        yield from _Check(double, given, moving, names).faults()
    finally:
        for name, x in moving.items():
            x.requires_grad_(required[name])


class _Check:
    """The outputs of a module at one point, and how they change around it."""

    def __init__(
        self,
        double: nn.Module,
        inputs: Sequence[Tensor],
        moving: dict[str, Tensor],
        names: Sequence[str],
    ) -> None:
        self._double, self._inputs, self._moving = double, inputs, moving
        self._names = names
        self._reached: set[str] = set()
        self._generator = torch.Generator().manual_seed(0)

    def faults(self) -> Iterator[str]:
        """Yield a line for each output whose gradient is wrong, or for tensors without one."""
        try:
            self._outputs = self._run()
            explained = self._explained()
        except RAISED as error:
            self._raise_unless_it_runs()
            text = " ".join(str(error).split())[:300]
            yield f"gradients cannot be computed: {type(error).__name__}: {text}"
            return
        for place, share in explained.items():
            yield f"gradients explain {share:.3g} of how {self._names[place]} changes, not 1"
        if not explained and (lost := self._lost()):
            yield f"no gradient reaches {', '.join(lost)}, which outputs depend on"

    def _run(self) -> list[Tensor]:
        answer = self._double(*self._inputs)
        outputs = list(answer) if isinstance(answer, (tuple, list)) else [answer]
        if any(x.dtype == torch.float32 for x in outputs):
            raise NoGradientsError("the module in float64 gives float32")
        return outputs

    def _raise_unless_it_runs(self) -> None:
        try:
            with torch.no_grad():
                self._run()
        except RAISED as error:
            name = type(error).__name__
            raise NoGradientsError(f"the module in float64 raises {name}") from error

    def _explained(self) -> dict[int, float]:
        """Return the explained share of each output that disagrees, by its place."""
        found: dict[int, float] = {}
        for step in STEPS:
            ways = {name: self._way(x, step) for name, x in self._moving.items()}
            changes = self._changes(ways)
            if not changes or abs(self._share(changes, ways) - 1) <= TOLERANCE:
                return {}
            smooth = self._smooth(ways, changes)
            shares = {place: self._share({place: change}, ways) for place, change in smooth.items()}
            wrong = {p: share for p, share in shares.items() if not abs(share - 1) <= TOLERANCE}
            if shares and not wrong:
                return {}
            found = wrong or found
        return found

    def _way(self, x: Tensor, step: float) -> Tensor:
        """Return a random change of a tensor."""
        size = float(x.detach().square().mean().sqrt()) if x.numel() else 0.0
        random = torch.randn(x.shape, generator=self._generator, dtype=x.dtype)
        return random * step * (size or 1.0)

    def _changes(self, ways: dict[str, Tensor], length: float = 1.0) -> dict[int, Tensor]:
        """Return how those outputs change that do, where tensors move some way."""
        # Through .data, of which autograd takes no note: all is as before when it runs.
        before = {name: self._moving[name].detach().clone() for name in ways}
        with torch.no_grad():
            for name, way in ways.items():
                self._moving[name].data.add_(way, alpha=length)
            moved = self._run()
            for name, x in before.items():
                self._moving[name].data.copy_(x)
        found = {}
        for place, (x, now) in enumerate(zip(self._outputs, moved, strict=True)):
            if x.is_floating_point():
                change = torch.nan_to_num(now - x.detach(), 0.0, 0.0, 0.0)
                if change.any():
                    found[place] = change
        return found

    def _smooth(self, ways: dict[str, Tensor], changes: dict[int, Tensor]) -> dict[int, Tensor]:
        """Return the changes that turn round where tensors move the other way."""
        back = self._changes(ways, -1.0)
        return {
            place: change
            for place, change in changes.items()
            if place in back
            and float((back[place] + change).norm()) <= TOLERANCE * float(change.norm())
        }

    def _share(self, changes: dict[int, Tensor], ways: dict[str, Tensor]) -> float:
        """Return which share of the outputs' changes, along these changes, gradients explain."""
        known = [p for p in changes if self._outputs[p].requires_grad]
        if not known:
            return 0.0
        gradients = torch.autograd.grad(
            [self._outputs[place] for place in known],
            list(self._moving.values()),
            [changes[place] / changes[place].square().sum() for place in known],
            retain_graph=True,
            allow_unused=True,
        )
        told = 0.0
        for gradient, name in zip(gradients, self._moving, strict=True):
            if gradient is not None:
                self._reached.add(name)
                # What gave NaN has no part in the changes.
                told += float(torch.nan_to_num(gradient * ways[name], 0.0, 0.0, 0.0).sum())
        return told / len(changes)

    def _lost(self) -> list[str]:
        """Return the tensors that no gradient reaches, if outputs change smoothly with them."""
        lost = {n: x for n, x in self._moving.items() if n not in self._reached}
        ways = {name: self._way(x, STEPS[0]) for name, x in lost.items()}
        return list(ways) if ways and self._smooth(ways, self._changes(ways)) else []
