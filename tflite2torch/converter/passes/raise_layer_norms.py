"""Arithmetic that spells out a LayerNorm becomes ``nn.LayerNorm``.

Before (as Keras' LayerNormalization is lowered, with or without a shift)::

    m = mean(x, -1)               s = rsqrt(mean((x - m)², -1) + epsilon) * scale
    y = x * s + (-m) * s          or  y = x * s + (shift - m * s)

After::

    y = LayerNorm(x; epsilon, scale, shift)

The result differs from the arithmetic's by rounding, and is nearer to the exact answer:
torch subtracts the mean before it scales, which cancels fewer digits than
``x * s - m * s``.
"""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.normalization import LayerNorm
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.passes.pattern import Bindings, Matcher, Pattern, of

X = Pattern()
SCALE, SHIFT, EPSILON = (Pattern(constant=True) for _ in range(3))
MEAN = of("last_axis_mean", X)
VARIANCE = of("last_axis_mean", of("squared_difference", X, MEAN))
# tf.nn.batch_normalization, which Keras calls, multiplies the scale into 1 / sqrt(…) first, so
# that this factor is read twice, and no value is the normalized ``x``.
FACTOR = of("mul", of("rsqrt", of("add", VARIANCE, EPSILON)), SCALE)
SCALED = of("mul", X, FACTOR)
# Without a shift it computes ``-mean * factor``, in which Python negates the mean first.
SPELLINGS = [
    of("add", SCALED, of("mul", of("neg", MEAN), FACTOR)),
    of("add", SCALED, of("sub", SHIFT, of("mul", MEAN, FACTOR))),
]


def raise_layer_norms(graph: Graph) -> Rewrites:
    """Replace arithmetic that is a LayerNorm, if its inner values are read nowhere else; count.

    Dead code elimination then drops the arithmetic.
    """
    raised = Rewrites()
    matcher = Matcher(graph)
    for place, node in enumerate(graph.nodes):
        found = _match(matcher, node)
        if isinstance(found, dict):
            graph.nodes[place] = _layer_norm(node, found)
            raised.count += 1
        elif found is not None:
            raised.near_misses.append(f"{node.outputs[0].name!a}: {found}")
    return raised


def _match(matcher: Matcher, node: Node) -> Bindings | str | None:
    """Return the operands and parameters of a LayerNorm that ends at a node.

    None if the arithmetic is another one; a reason if it matches, but cannot be replaced.
    """
    for spelling in SPELLINGS:
        found = matcher.match(spelling, node)
        if isinstance(found, dict):
            return _wrong_parameters(found) or found
        # A reason: the arithmetic matched, so that no other spelling will.
        if found is not None:
            return found
    return None


def _wrong_parameters(found: Bindings) -> str:
    """Return why a LayerNorm cannot have these parameters; empty if it can."""
    width = found[X].shape[-1]
    for pattern in (SCALE, SHIFT):
        if pattern in found and found[pattern].shape != (width,):
            return f"its parameters are {list(found[pattern].shape)}, not [{width}]"
    if found[EPSILON].array.size != 1:
        return "its epsilon is not one number"
    return ""


def _layer_norm(node: Node, found: Bindings) -> LayerNorm:
    """Return the LayerNorm that replaces a node."""
    epsilon = float(found[EPSILON].array.reshape(()))
    parameters = {"weight": found[SCALE]}
    if SHIFT in found:
        parameters["bias"] = found[SHIFT]
    layer = LayerNorm([found[X]], node.outputs, epsilon, parameters=parameters)
    layer.operator = node.operator
    return layer
