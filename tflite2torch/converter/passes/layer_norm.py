"""Arithmetic that spells out a LayerNorm becomes ``nn.LayerNorm``.

Before (as Keras' LayerNormalization is lowered, with or without a shift)::

    m = mean(x, -1)               s = rsqrt(mean((x - m)², -1) + epsilon) * scale
    y = x * s + (-m) * s          or  y = x * s + (shift - m * s)

After::

    y = LayerNorm(x; epsilon, scale, shift)

The result differs from TFLite's by rounding, and is nearer to the exact answer: torch
subtracts the mean before it scales, which cancels fewer digits than ``x * s - m * s``.
"""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.normalization import LayerNorm
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.passes.pattern import Bindings, Matcher, Pattern, of

X = Pattern()
SCALE, SHIFT, EPSILON = (Pattern(constant=True) for _ in range(3))
MEAN = of("last_axis_mean", X)
VARIANCE = of("last_axis_mean", of("squared_difference", X, MEAN))
FACTOR = of("mul", of("rsqrt", of("add", VARIANCE, EPSILON)), SCALE)
SCALED = of("mul", X, FACTOR)
SPELLINGS = [
    of("add", SCALED, of("mul", of("neg", MEAN), FACTOR)),
    of("add", SCALED, of("sub", SHIFT, of("mul", MEAN, FACTOR))),
]


def raise_layer_norms(graph: Graph) -> None:
    """Replace every LayerNorm over the last axis whose inner values nobody else reads."""
    matcher = Matcher(graph)
    for position, node in enumerate(graph.nodes):
        found = match_layer_norm(matcher, node)
        if not isinstance(found, str):
            graph.nodes[position] = _layer_norm(node, found)
    # What spelled it out is read by nobody now; tidy, the next pass, removes it.


def match_layer_norm(matcher: Matcher, node: Node) -> Bindings | str:
    """Return what the parts of a LayerNorm that ends here are, or why it is none."""
    if len(node.outputs) != 1:
        return "it has several results"
    for spelling in SPELLINGS:
        found = matcher.match(spelling, node)
        if not isinstance(found, str):
            return _wrong_parameters(found) or found
    return found


def _wrong_parameters(found: Bindings) -> str:
    width = found[X].shape[-1]
    for pattern in (SCALE, SHIFT):
        if pattern in found and found[pattern].shape != (width,):
            return f"its parameters are {list(found[pattern].shape)}, not [{width}]"
    epsilon = found[EPSILON].data
    if epsilon is None or epsilon.size != 1:
        return "its epsilon is not one number"
    return ""


def _layer_norm(node: Node, found: Bindings) -> LayerNorm:
    epsilon = found[EPSILON].data
    assert epsilon is not None  # _wrong_parameters has seen to it
    parameters: dict[str, Value] = {"weight": found[SCALE]}
    if SHIFT in found:
        parameters["bias"] = found[SHIFT]
    return LayerNorm(
        [found[X]],
        node.outputs,
        float(epsilon.reshape(())),
        operator=node.operator,
        parameters=parameters,
    )
