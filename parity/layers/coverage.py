"""Which TFLite tensors a comparison covers, and where the others have gone."""

from __future__ import annotations

from converter.reader.model import TfliteModel
from parity.layers.report import OUTPUT, Coverage, Uncompared
from parity.layers.trace import Layer, Trace


def coverage(model: TfliteModel, trace: Trace) -> Coverage:
    """Return which tensors of a model the layers of a trace stand for."""
    givers: dict[int, Layer] = {}
    for layer in trace.layers:
        if layer.kind != OUTPUT:
            givers |= {
                v.tensor: layer for v in layer.compared.values() if v.tensor is not None
            }
    computed = _computed(model)
    missing = tuple(
        Uncompared(
            tensor,
            model.tensors[tensor].name,
            operator,
            _reason(model, tensor, givers),
        )
        for tensor, operator in computed.items()
        if tensor not in givers
    )
    return Coverage(len(computed) - len(missing), len(computed), missing)


def _computed(model: TfliteModel) -> dict[int, str]:
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
    if not layers:
        return ""
    parts = sorted(f"{name} ({layer.kind})" for name, layer in layers.items())
    return f"folded into {', '.join(parts)}"
