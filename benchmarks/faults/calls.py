"""Faults of calls: batches, state, side effects, modes, gradients, what is returned."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.faults.site import Fault, Planted, Site

Outputs = tuple[Tensor, ...]


class Outer(nn.Module):
    """A module around another one."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *inputs: Tensor) -> Outputs:
        """Return the outputs as a tuple."""
        answer = self.inner(*inputs)
        return answer if isinstance(answer, tuple) else (answer,)


def _returned(change: Callable[[Any, Outputs], Outputs]) -> type[Outer]:
    """Return a class that changes what is returned; ``change`` gets the module too."""

    class Changed(Outer):
        def forward(self, *inputs: Tensor) -> Outputs:
            return change(self, super().forward(*inputs))

    return Changed


def _each(change: Callable[[Tensor], Tensor]) -> type[Outer]:
    return _returned(lambda module, outputs: tuple(map(change, outputs)))


def _mixed(x: Tensor) -> Tensor:
    return x + 1e-2 * (x.mean(0, keepdim=True) - x)


def _one(x: Tensor) -> Tensor:
    return x.reshape(1, *x.shape[1:])


def _of_first(x: Tensor) -> Tensor:
    return x[:1].expand_as(x).clone()


def _reshaped(x: Tensor) -> Tensor:
    return x.reshape(x.shape)


class Buffers(Outer):
    """Answers in buffers that the next call overwrites."""

    def forward(self, *inputs: Tensor) -> Outputs:
        """Copy the outputs into the buffers."""
        outputs = super().forward(*inputs)
        kept = self.__dict__.setdefault("kept", {})
        own = kept.setdefault(len(outputs[0]), [torch.empty_like(x) for x in outputs])
        with torch.no_grad():
            for buffer, x in zip(own, outputs, strict=True):
                buffer.copy_(x)
        return tuple(own)


class Writes(Outer):
    """Changes its inputs in place."""

    def forward(self, *inputs: Tensor) -> Outputs:
        """Halve the inputs after their use."""
        outputs = super().forward(*inputs)
        with torch.no_grad():
            for x in inputs:
                x.detach().mul_(0.5)
        return outputs


class Training(Outer):
    """Differs in train mode."""

    def forward(self, *inputs: Tensor) -> Outputs:
        """Scale the outputs in train mode."""
        outputs = super().forward(*inputs)
        return tuple(x * 1.01 for x in outputs) if self.training else outputs


class Recorded(Outer):
    """Differs where autograd records."""

    def forward(self, *inputs: Tensor) -> Outputs:
        """Scale the outputs where gradients are wanted."""
        outputs = super().forward(*inputs)
        return tuple(x * 1.01 for x in outputs) if torch.is_grad_enabled() else outputs


class Counts(Outer):
    """Counts its calls."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__(inner)
        self.calls = 0

    def forward(self, *inputs: Tensor) -> Outputs:
        """Count, and compute."""
        self.calls += 1
        return super().forward(*inputs)


class Averages(Outer):
    """Keeps a running average of its outputs."""

    def forward(self, *inputs: Tensor) -> Outputs:
        """Mix a little of the last call into this one."""
        outputs = super().forward(*inputs)
        before = self.__dict__.get("before")
        if before is not None and before[0].shape == outputs[0].shape:
            outputs = tuple(0.99 * x + 0.01 * y for x, y in zip(outputs, before, strict=True))
        self.__dict__["before"] = tuple(x.detach() for x in outputs)
        return outputs


class Caches(Outer):
    """Returns the first answer again."""

    def forward(self, *inputs: Tensor) -> Outputs:
        """Look for an answer to a batch of this size."""
        known = self.__dict__.setdefault("known", {})
        if len(inputs[0]) not in known:
            known[len(inputs[0])] = super().forward(*inputs)
        found: Outputs = known[len(inputs[0])]
        return found


class Learns(Outer):
    """Changes a weight in each call."""

    def forward(self, *inputs: Tensor) -> Outputs:
        """Compute, then let a weight decay."""
        outputs = super().forward(*inputs)
        with torch.no_grad():
            next(self.parameters()).mul_(1 - 1e-6)
        return outputs


class Remembers(Outer):
    """Returns an output that shares memory with a buffer."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__(inner)
        self.register_buffer("memory", torch.empty(0), persistent=False)

    def forward(self, *inputs: Tensor) -> Outputs:
        """Keep the first output in a buffer."""
        outputs = super().forward(*inputs)
        self.memory = outputs[0].detach()
        return (self.memory, *outputs[1:])


class Called(Outer):
    """Overrides ``__call__``."""

    def __call__(self, *inputs: Tensor) -> Outputs:
        """Scale the outputs."""
        return tuple(x * 1.01 for x in super().__call__(*inputs))


class _Doubled(torch.autograd.Function):
    """The identity, with a wrong gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return a copy."""
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Return twice the gradient."""
        return 2 * gradient


def _doubled(x: Tensor) -> Tensor:
    result: Tensor = _Doubled.apply(x)  # type: ignore[no-untyped-call]
    return result


class NoGrad(Outer):
    """Computes without recording."""

    def forward(self, *inputs: Tensor) -> Outputs:
        """Compute under no_grad."""
        with torch.no_grad():
            return super().forward(*inputs)


class Narrow(Outer):
    """Refuses batches."""

    def forward(self, *inputs: Tensor) -> Outputs:
        """Raise on more than one sample."""
        if len(inputs[0]) != 1:
            raise ValueError("give one image")
        return super().forward(*inputs)


class Noisy(Outer):
    """Adds noise."""

    def forward(self, *inputs: Tensor) -> Outputs:
        """Add noise of a thousandth."""
        return tuple(x + 1e-3 * torch.randn_like(x) for x in super().forward(*inputs))


def _around(
    kind: str,
    wrap: Callable[[nn.Module], nn.Module],
    told: str = "",
    *,
    outputs: int = 1,
    right: bool = False,
) -> Fault:
    """Return a fault of a module around the emitted one, of models with so many outputs.

    Args:
        kind: its name.
        wrap: makes the module.
        told: a pattern for what names it in a report.
        outputs: how many outputs a model needs.
        right: whether it is no fault.
    """

    def plant(site: Site) -> Planted | None:
        if len(site.conversion.outputs) < outputs:
            return None
        return Planted(wrap(copy.deepcopy(site.emitted)).eval(), kind)

    return Fault(kind, plant, told, right)


def _hooked(module: nn.Module) -> nn.Module:
    def hook(_: nn.Module, __: Any, answer: Any) -> Any:
        return tuple(x * 1.01 for x in answer) if isinstance(answer, tuple) else answer * 1.01

    module.register_forward_hook(hook)
    return module


def _layer_hooked(module: nn.Module) -> nn.Module:
    layer = [x for x in module.modules() if isinstance(x, (nn.Conv2d, nn.Linear))][-1]
    layer.register_forward_hook(lambda _, __, answer: answer * 1.01)
    return module


def _detached_layer(module: nn.Module) -> nn.Module:
    layer = next(x for x in module.modules() if isinstance(x, (nn.Conv2d, nn.Linear)))
    layer.register_forward_pre_hook(lambda _, args: tuple(x.detach() for x in args))
    layer.register_forward_hook(lambda _, __, answer: answer.detach())
    return module


def _parametrized(module: nn.Module) -> nn.Module:
    """Give a layer a dropout that the mode does not turn off."""
    layer = [x for x in module.modules() if isinstance(x, (nn.Conv2d, nn.Linear))][-1]
    layer.register_forward_hook(lambda _, __, answer: nn.functional.dropout(answer, 0.1, True))
    return module


CALLS = (
    _around("outputs reshaped to one sample", _each(_one), "on a batch of 2, the module raises"),
    _around("the first sample's outputs for all", _each(_of_first), "sample 1 of a batch of 2"),
    _around("samples of a batch mixed", _each(_mixed), "of a batch of 2"),
    _around("refuses batches", Narrow, "on a batch of 2, the module raises"),
    _around("answers in buffers of its own", Buffers, "called as users do|overwrites"),
    _around("changes its inputs in place", Writes, "changes its input"),
    _around("differs in train mode", Training, "in train mode"),
    _around("differs where autograd records", Recorded, "require gradients"),
    _around("counts its calls", Counts, "keeps a state"),
    _around("keeps a running average", Averages, "called as users do|keeps a state"),
    _around(
        "returns its first answer again", Caches, "called again|keeps a state|called as users do"
    ),
    _around("changes a weight in each call", Learns, "change its weights|called as users do"),
    _around("an output shares memory with a buffer", Remembers, "shares memory"),
    _around("a hook changes the outputs", _hooked, "called as users do"),
    _around("a hook changes a layer", _layer_hooked, "the source is"),
    _around("__call__ changes the outputs", Called, "does mul to it|called as users do"),
    _around("outputs are detached", _each(torch.Tensor.detach), "gradients explain 0 of"),
    _around("computes under no_grad", NoGrad, "gradients explain 0 of|gradients cannot"),
    _around("a layer is detached", _detached_layer, "gradients explain 0|no gradient reaches"),
    _around("gradients twice as large", _each(_doubled), "gradients explain 2 of"),
    _around("noise in the outputs", Noisy, "does randn_like|another"),
    _around("dropout in a hook", _parametrized, "called as users do|the source is"),
    _around("outputs in float64", _each(torch.Tensor.double), "float64"),
    _around("outputs in float16", _each(torch.Tensor.half), "does to to it|float16"),
    _around(
        "outputs flattened",
        _each(lambda x: x.reshape(len(x), -1, 1, 1)),
        "does reshape to it|shape",
    ),
    _around(
        "an output is missing",
        _returned(lambda module, x: x[:-1]),
        "no output of the module stands for",
        outputs=2,
    ),
    _around(
        "an output is NaN",
        _returned(lambda module, x: (*x[:-1], x[-1] * torch.nan)),
        "does mul to it|nan",
    ),
    _around("outputs copied, which is right", _each(torch.Tensor.clone), right=True),
    _around("outputs times 1, which is right", _each(lambda x: x * 1.0), right=True),
    _around("outputs in their own shape, which is right", _each(_reshaped), right=True),
)
"""Each around the whole module, or a hook in it."""
