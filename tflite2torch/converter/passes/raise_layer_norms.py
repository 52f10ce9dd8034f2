"""Arithmetic that spells out a LayerNorm becomes ``nn.LayerNorm``.

Before (as Keras' LayerNormalization is lowered, with or without a shift)::

    m = mean(x, -1)               s = rsqrt(mean((x - m)², -1) + epsilon) * scale
    y = x * s + (-m) * s          or  y = x * s + (shift - m * s)

After::

    y = LayerNorm(x; epsilon, scale, shift)

Over the channels of an NCHW image, between the two permutes that make them the last axis.

The result differs from the arithmetic's by rounding, and is nearer to the exact answer:
torch subtracts the mean before it scales, which cancels fewer digits than
``x * s - m * s``.
"""

from __future__ import annotations

from dataclasses import replace

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.normalization import LayerNorm
from tflite2torch.converter.graph.nodes.shape import Permute
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.graph.value import TO_NCHW, TO_NHWC, Value
from tflite2torch.converter.passes.pattern import Bindings, Matcher, Pattern, of

X = Pattern()
SCALE, SHIFT, EPSILON = (Pattern(constant=True) for _ in range(3))
MEAN = of("channel_mean", X)
VARIANCE = of("channel_mean", of("squared_difference", X, MEAN))
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
    nodes: list[Node] = []
    for node in graph.nodes:
        found = _match(matcher, node)
        if isinstance(found, dict):
            nodes += _layer_norm(node, found)
            raised.count += 1
        else:
            nodes.append(node)
            if found is not None:
                raised.near_misses.append(f"{node.outputs[0].name!a}: {found}")
    graph.nodes = nodes
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
    x = found[X]
    # Constants that broadcast over an NCHW image have axes of one element after the channel
    # axis. A constant of any other shape does not scale channels.
    width = x.shape[x.channel_axis]
    behind = x.rank - 1 - x.channel_axis
    wanted = (width, *(1,) * behind) if width > 1 else (1,)
    for pattern in (SCALE, SHIFT):
        if pattern in found and found[pattern].shape != wanted:
            return (
                f"its parameters are {list(found[pattern].shape)}, not {list(wanted)}"
            )
    if found[EPSILON].array.size != 1:
        return "its epsilon is not one number"
    return ""


def _layer_norm(node: Node, found: Bindings) -> list[Node]:
    """Return the LayerNorm that replaces a node; for an image, between two permutes."""
    epsilon = float(found[EPSILON].array.reshape(()))
    parameters = {"weight": _row(found[SCALE])}
    if SHIFT in found:
        parameters["bias"] = _row(found[SHIFT])
    (x, y), operator = (found[X], node.outputs[0]), node.operator
    if x.channel_axis == x.rank - 1:  # nn.LayerNorm normalizes last axes only
        return [LayerNorm([x], [y], epsilon, operator=operator, parameters=parameters)]
    first = Permute.of(x, TO_NHWC)
    inner = y.permuted(TO_NHWC)
    layer = LayerNorm(first.outputs, [inner], epsilon, parameters=parameters)
    nodes: list[Node] = [first, layer, Permute([inner], [y], TO_NCHW)]
    for each in nodes:
        each.operator = operator
    return nodes


def _row(parameter: Value) -> Value:
    """Return a parameter without the axes of one element that line it up with an image."""
    return replace(
        parameter, shape=(parameter.array.size,), data=parameter.array.reshape(-1)
    )
