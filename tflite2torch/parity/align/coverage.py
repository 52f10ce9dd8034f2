"""Which TFLite tensors a comparison covers, and where the others have gone."""

from __future__ import annotations

from collections.abc import Iterable

from tflite2torch.converter.frontends.tflite.model import TfliteModel
from tflite2torch.parity.align.folded import givers
from tflite2torch.parity.align.trace import Layer, Trace
from tflite2torch.parity.layers.report import Coverage, Uncompared
from tflite2torch.parity.layers.rows import Row


def coverage(model: TfliteModel, trace: Trace, rows: Iterable[Row]) -> Coverage:
    """Return which tensors of a model were compared, and what became of the others.

    Args:
        model: the model.
        trace: what the module does.
        rows: what was compared. One on which nothing could be does not count.
    """
    found = {row.value.tensor: row for row in rows if row.compared_on}
    computed = operators_of(model)
    inside = [t for t in computed if t in found and found[t].layer.inside]
    layers = {tensor: layer for tensor, (layer, _) in givers(trace).items()}
    missing = tuple(
        Uncompared(
            tensor,
            model.tensors[tensor].name,
            operator,
            _reason(model, tensor, layers),
        )
        for tensor, operator in computed.items()
        if tensor not in found
    )
    return Coverage(len(computed) - len(missing), len(inside), len(computed), missing)


def operators_of(model: TfliteModel) -> dict[int, str]:
    """Map what follows from the model's inputs to the operators that give it."""
    known = set(model.inputs)
    computed: dict[int, str] = {}
    for operator in model.operators:
        if known.intersection(operator.inputs):
            known.update(operator.outputs)
            computed |= dict.fromkeys(operator.outputs, operator.name)
    return computed


def _reason(model: TfliteModel, tensor: int, givers: dict[int, Layer]) -> str:
    """Say which layers compute what a tensor is for."""
    layers: dict[str, Layer] = {}
    waiting, seen = [tensor], {tensor}
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
