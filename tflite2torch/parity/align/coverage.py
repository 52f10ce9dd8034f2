"""Coverage: which TFLite tensors are compared, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tflite2torch.converter.frontends.tflite.model import TfliteModel

if TYPE_CHECKING:  # reports need the types here, and no torch
    from tflite2torch.parity.align.trace import Layer, Trace


@dataclass(frozen=True)
class Uncompared:
    """A TFLite tensor that was not compared.

    Attributes:
        tensor: its index.
        name: TFLite's name of it; untrusted text.
        operator: the TFLite operator that computes it.
        reason: why not, such as what it was folded into; empty where that is not known.
    """

    tensor: int
    name: str
    operator: str
    reason: str


@dataclass(frozen=True)
class Coverage:
    """How many of the tensors that depend on a model's inputs are compared.

    Attributes:
        compared: how many; of each, an element was finite on both sides on some input.
        folded: how many of these the module does not compute, so that they were computed
            from its values by the unfused graph: see ``Identity.inside``.
        total: how many there are.
        uncompared: those that are not compared.
    """

    compared: int
    folded: int
    total: int
    uncompared: tuple[Uncompared, ...]

    @property
    def percent(self) -> float:
        """The share that is compared; 100 where there is none."""
        return 100 * self.compared / self.total if self.total else 100.0

    @property
    def unexplained(self) -> tuple[str, ...]:
        """The tensors that are not compared for an unknown reason: index and operator of each."""
        return tuple(f"{x.tensor} ({x.operator})" for x in self.uncompared if not x.reason)


def coverage(
    model: TfliteModel, trace: Trace, compared: Mapping[int, Layer], *, whole: bool
) -> Coverage:
    """Return which tensors of a model were compared.

    Args:
        model: the model.
        trace: the module's operations.
        compared: the layer that gave each tensor that was compared.
        whole: whether only outputs were to be compared.
    """
    computed = operators_of(model)
    givers = {tensor: layer for tensor, (layer, _) in trace.givers().items()}
    missing = [tensor for tensor in computed if tensor not in compared]
    return Coverage(
        compared=len(computed) - len(missing),
        folded=sum(t in compared and bool(compared[t].inside) for t in computed),
        total=len(computed),
        uncompared=tuple(
            Uncompared(
                tensor,
                model.tensors[tensor].name,
                computed[tensor],
                "only outputs are compared" if whole else _reason(model, tensor, givers),
            )
            for tensor in missing
        ),
    )


def operators_of(model: TfliteModel) -> dict[int, str]:
    """Map the tensors that depend on the model's inputs to the operators that give them."""
    known = set(model.inputs)
    computed: dict[int, str] = {}
    for operator in model.operators:
        if known.intersection(operator.inputs):
            known.update(operator.outputs)
            computed |= dict.fromkeys(operator.outputs, operator.name)
    return computed


def _reason(model: TfliteModel, tensor: int, givers: Mapping[int, Layer]) -> str:
    """Return why a tensor is not compared; empty if unknown."""
    layers: dict[str, Layer] = {}
    waiting, seen = [tensor], {tensor}
    # Follow the operators that read it, on each path up to the first tensor that the module
    # computes: the layer that computes that one does the work of all operators between.
    while waiting:
        current = waiting.pop()
        for operator in model.operators:
            if current not in operator.inputs:
                continue
            for output in operator.outputs:
                if output in givers:
                    layers[givers[output].name] = givers[output]
                elif output not in seen:
                    seen.add(output)
                    waiting.append(output)
    if tensor in givers:
        return f"{givers[tensor].name} gave nothing that could be compared"
    if not layers:
        return "no output depends on it" if seen.isdisjoint(model.outputs) else ""
    parts = sorted(f"{name} ({layer.kind})" for name, layer in layers.items())
    return f"folded into {', '.join(parts)}"
