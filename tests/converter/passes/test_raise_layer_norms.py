"""Arithmetic that spells out a LayerNorm is found; what is only like one is left alone."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.support.models import Array, Ref
from tests.support.networks import Network
from tests.support.operators import (
    assert_same,
    count,
    graph_after,
    graph_of,
    rewritten,
    weights,
)
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.normalization import LayerNorm
from tflite2torch.converter.graph.rewriting import Rewrites
from tflite2torch.converter.passes.raise_layer_norms import raise_layer_norms

T, C = 5, 8
EPSILON = np.float32(1e-3)
# Both sides sum C terms for the mean and C for the variance, and scale the outcome by up
# to 1 / sqrt(EPSILON), which the inputs' spread of about 1 keeps far away.
ULPS = 4 * C


def layer_norm(
    shift: bool = False,
    commuted: bool = False,
    axis: int = -1,
    epsilon: Array = EPSILON,
    scale: Array | None = None,
    computed_scale: bool = False,
    other_mean: bool = False,
    inner_activation: int = 0,
    also: str = "",
) -> bytes:
    """A LayerNorm as Keras' is lowered, or something very like one."""
    b = Network()
    x = b.input((1, T, C))
    factors: Ref | Array = weights(C) if scale is None else scale
    if computed_scale:
        factors = b.input((1, 1, C))
    mean = b.mean(x, axis)
    compared = b.mean(b.mul(x, np.float32(2)), axis) if other_mean else mean
    difference = b.function("SQUARED_DIFFERENCE", *((mean, x) if commuted else (x, compared)))
    variance = b.mean(difference, axis)
    root = b.function("RSQRT", b.add(variance, epsilon, inner_activation))
    factor = b.mul(factors, root) if commuted else b.mul(root, factors)
    scaled = b.mul(factor, x) if commuted else b.mul(x, factor)
    if shift:
        rest = b.sub(weights(C, seed=3), b.mul(mean, factor))
    else:
        rest = b.mul(b.function("NEG", mean), factor)
    y = b.add(rest, scaled) if commuted else b.add(scaled, rest)
    read_outside = {"mean": mean, "factor": factor}
    return b.build([y, read_outside[also]] if also else [y])


def raised(model: bytes) -> Graph:
    return graph_after(graph_of(model), raise_layer_norms)


@pytest.mark.parametrize("commuted", [False, True])
@pytest.mark.parametrize("shift", [False, True])
def test_both_spellings(shift: bool, commuted: bool) -> None:
    model = layer_norm(shift, commuted)
    assert count(raised(model), LayerNorm) == 1
    conversion = assert_same(model, ULPS)
    assert conversion.source.count("nn.LayerNorm(8, eps=0.001") == 1
    assert ("bias=False" in conversion.source) == (not shift)
    kinds = [key.rpartition(".")[2] for key in conversion.state]
    assert kinds == ["weight", "bias"][: 1 + shift]
    assert "rsqrt" not in conversion.source


NEAR_MISSES = {
    "another reads the mean": {"also": "mean"},
    "another reads the factor": {"also": "factor"},
    "another axis": {"axis": 1},
    "an epsilon for each token": {"epsilon": np.full((T, 1), EPSILON)},
    "one scale for all": {"scale": np.float32([1.5])},
    "a scale for each token": {"scale": weights(T, C)},
    "a computed scale": {"computed_scale": True},
    "another mean in the variance": {"other_mean": True},
    "a relu inside": {"inner_activation": 1},
}


@pytest.mark.parametrize("variation", NEAR_MISSES.values(), ids=NEAR_MISSES)
@pytest.mark.parametrize("shift", [False, True])
def test_near_misses_are_left_alone_and_right(shift: bool, variation: dict[str, object]) -> None:
    model = layer_norm(shift, **variation)  # type: ignore[arg-type]
    assert count(raised(model), LayerNorm) == 0
    assert_same(model, ULPS)


@pytest.mark.parametrize(
    ("variation", "reason"),
    [
        ({"also": "mean", "shift": True}, "is read by others too"),
        ({"epsilon": np.full((T, 1), EPSILON)}, "its epsilon is not one number"),
        ({"scale": np.float32([1.5])}, r"its parameters are \[1\], not \[8\]"),
    ],
)
def test_it_says_why_it_did_not_match(variation: dict[str, object], reason: str) -> None:
    done = rewritten(graph_of(layer_norm(**variation)), raise_layer_norms)  # type: ignore[arg-type]
    assert done.count == 0
    (near_miss,) = done.near_misses
    assert re.search(reason, near_miss)


@pytest.mark.parametrize("variation", ["axis", "other_mean", "inner_activation"])
def test_other_arithmetic_is_no_near_miss(variation: str) -> None:
    graph = graph_of(layer_norm(**{variation: 1}))  # type: ignore[arg-type]
    assert rewritten(graph, raise_layer_norms) == Rewrites()


def test_what_follows_it_in_an_image_keeps_channels_last() -> None:
    """It is raised before layouts are chosen: loose arithmetic would ask for none."""
    b = Network()
    x = b.conv(b.input((1, 6, 5, 3)), 3, C)
    mean = b.mean(x, -1)
    variance = b.mean(b.function("SQUARED_DIFFERENCE", x, mean), -1)
    factor = b.mul(b.function("RSQRT", b.add(variance, EPSILON)), weights(C))
    shift = b.sub(weights(C, seed=3), b.mul(mean, factor))
    x = b.function("RELU", b.add(b.mul(x, factor), shift))
    conversion = assert_same(b.build([b.reshape(x, 1, 6 * 5 * C)]), 40 * ULPS)
    assert conversion.source.count("permute") == 1


def test_two_in_a_row_on_one_mean_of_their_own() -> None:
    b = Network()
    x = b.input((1, T, C))
    for _ in range(2):
        mean = b.mean(x, -1)
        variance = b.mean(b.function("SQUARED_DIFFERENCE", x, mean), -1)
        root = b.function("RSQRT", b.add(variance, EPSILON))
        factor = b.mul(root, weights(C))
        x = b.add(b.mul(x, factor), b.mul(b.function("NEG", mean), factor))
    model = b.build([x])
    assert count(raised(model), LayerNorm) == 2
    assert_same(model, 4 * ULPS)
