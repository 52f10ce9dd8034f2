"""Runs each layer with weights by itself, on random numbers none of which is 0.

What a network's activations leave out shows here: weights that meet zeros only, and what a layer
does to negative or large numbers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from tflite2torch.parity.align.called import RAISED
from tflite2torch.parity.align.lockstep import Step, in_type
from tflite2torch.parity.align.operation import computed_operands, run_operation, weights_of
from tflite2torch.parity.distances import ulp
from tflite2torch.parity.layers.verdict import Isolated

ROUNDING = 4.0
"""The limit in ulps of the largest output of a channel, times the square root of the number of
terms that an output is the sum of. The rounding errors of a sum of n terms add up like a random
walk: as sqrt(n), with a small factor in front (Higham and Mary, "A New Approach to Probabilistic
Rounding Error Analysis", SIAM J. Sci. Comput. 41, 2019, A2815). Measured on all layers of the
official models, at five seeds, the factor is at most 1.6."""

EXPONENTS = (-2.0, 7.0)
"""The random numbers are 2 to a power between these, of either sign: from 0.25 to 128."""

SAMPLES = 8
"""How many samples run. One output of a channel may be near 0, as its terms cancel out; not all."""

STEPS = 1
"""How many steps of its stride a convolution makes along each axis: few, for time. A PReLU gets one
pixel."""


class Isolation:
    """Runs the layers of a module by themselves, beside those of the file.

    Args:
        module: the module that is compared, in its own type.
        exact: the module with the file's constants, in float64.
        seed: of the random numbers.
        dtype: name of the floating type that ``module`` computes in.

    Attributes:
        found: the results so far, by the name of the layer.
    """

    def __init__(self, module: nn.Module, exact: nn.Module, seed: int, dtype: str) -> None:
        self._module = module
        self._exact = exact
        self._seed = seed
        self._dtype = dtype
        self.found: dict[str, Isolated] = {}

    def run(self, step: Step) -> None:
        """Run the layer of a step, if it has weights and has not been run yet."""
        layer, node = step.layer, step.layer.node
        if layer.name in self.found or node is None or layer.counterpart is None:
            return
        if node.op == "output" or step.raised or not weights_of(self._module, node):
            return
        theirs = computed_operands(layer.counterpart)
        generator = np.random.default_rng([self._seed, len(self.found)])
        given = [self._random(node, x, generator) for x in step.operands.values()]
        doubles = [in_type(x, torch.float64) if isinstance(x, Tensor) else x for x in given]
        if len(theirs) != len(given):
            return
        try:
            with torch.inference_mode():
                own = run_operation(
                    self._module, node, dict(zip(step.operands, given, strict=True))
                )
                exact = run_operation(
                    self._exact, layer.counterpart, dict(zip(theirs, doubles, strict=True))
                )
        except RAISED:
            return  # which the module as a whole does as well, and is told of there
        # Another shape fails on the samples; here are no elements to compare.
        if own.shape == exact.shape:
            self.found[layer.name] = self._judged(
                own.detach().double(), exact.detach(), _terms(self._module, node, exact)
            )

    def _random(self, node: fx.Node, value: Any, generator: np.random.Generator) -> Any:
        """Return random numbers in place of an operand; what holds no numbers stays as it is."""
        if not isinstance(value, Tensor) or not value.is_floating_point() or not value.dim():
            return value
        shape = _shape(_layer(self._module, node), value)
        numbers = 2 ** generator.uniform(*EXPONENTS, shape) * generator.choice([-1, 1], shape)
        return torch.from_numpy(numbers).to(value.dtype)

    def _judged(self, own: Tensor, exact: Tensor, terms: float) -> Isolated:
        axis = 1 if exact.dim() == 4 else exact.dim() - 1
        other = [i for i in range(exact.dim()) if i != axis]
        sizes = exact.abs().nan_to_num(0, 0, 0).amax(other)
        limits = [ROUNDING * math.sqrt(terms) * ulp(float(size), self._dtype) for size in sizes]
        errors = (own - exact).abs()
        errors[(own == exact) | ~exact.isfinite()] = 0
        errors[errors.isnan()] = math.inf
        shape = [-1 if i == axis else 1 for i in range(exact.dim())]
        shares = errors / torch.tensor(limits, dtype=torch.float64).reshape(shape)
        place = np.unravel_index(int(shares.argmax()), shares.shape)
        return Isolated(float(errors[place]), limits[place[axis]], tuple(map(int, place[1:])))


def _shape(layer: nn.Module | None, value: Tensor) -> tuple[int, ...]:
    """Return the shape of the random numbers in place of a value."""
    _, *sizes = value.shape
    if value.dim() == 4 and isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        spans = zip(layer.kernel_size, layer.stride, layer.dilation, strict=True)
        sizes[1:] = map(min, sizes[1:], (d * (k - 1) + 1 + STEPS * s for k, s, d in spans))
    elif value.dim() == 4 and isinstance(layer, nn.PReLU):
        sizes[1:] = 1, 1
    return (SAMPLES, *sizes)


def _layer(module: nn.Module, node: fx.Node) -> nn.Module | None:
    return module.get_submodule(str(node.target)) if node.op == "call_module" else None


def _terms(module: nn.Module, node: fx.Node, result: Tensor) -> float:
    """Return how many terms each number of a result is at most the sum of."""
    layer = _layer(module, node)
    if isinstance(layer, nn.LayerNorm):
        return math.prod(layer.normalized_shape)
    channels = result.shape[1 if result.dim() == 4 else -1]
    largest = max(weight.numel() for weight in weights_of(module, node).values())
    return max(largest / channels, 1.0)
