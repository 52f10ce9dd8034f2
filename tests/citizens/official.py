"""An official model as these tests see it: module, samples, and how it may round."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export
from torch.func import functional_call

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import make_samples

SAMPLES = 3
"""A face and two samples of noise, or noise only where a model takes no face."""

TRACED = 2
"""The batch that is traced: not 1, which torch takes for a constant."""

DRAWS = 8
"""How often weights and inputs are nudged, to see what rounding them may change."""

ALLOWANCE = {torch.float32: 32, torch.float16: 4, torch.bfloat16: 4}
"""How many times that change passes.

Each layer's result is rounded as well, which adds as much again a few times over. Sums are
made in float32 in any case: only there their own rounding counts too, which grows with the
root of their length, and 32² products is about what the largest convolutions add up.
Measured, the largest ratios are 8 in float32 and 1.5 in the others, after DRAWS draws: the
maximum over two draws alone gave landmark models 2.9, and 4.01 on another CPU.
"""


@dataclass(frozen=True, eq=False)
class Official:
    """An official model.

    Attributes:
        conversion: what the converter makes of it.
        module: in float32 and ``eval`` mode; tests leave it as it is.
        samples: for each input the values of all samples, batch first.
    """

    conversion: Conversion
    module: nn.Module
    samples: tuple[Tensor, ...]
    _limits: dict[torch.dtype, list[float]] = field(default_factory=dict)

    @classmethod
    def load(cls, conversion: Conversion) -> Official:
        """Load what was converted, and draw the samples."""
        ports = Interface.of(conversion).inputs
        drawn = make_samples(ports, 0, ("uniform",) * SAMPLES)[-SAMPLES:]
        samples = (
            np.concatenate([port.to_module(s.arrays[i]) for s in reversed(drawn)])
            for i, port in enumerate(ports)
        )
        module = load_module(conversion)
        return cls(conversion, module, tuple(map(torch.from_numpy, samples)))

    def batch(self, size: int) -> tuple[Tensor, ...]:
        """Return that many samples, from the first again after the last."""
        rows = torch.arange(size) % SAMPLES
        return tuple(values[rows] for values in self.samples)

    @cached_property
    def exported(self) -> ExportedProgram:
        """The module exported with a batch of any size."""
        batch = Dim("batch")
        inputs = self.batch(TRACED)
        shapes = tuple({0: batch} for _ in inputs)
        return export(self.module, inputs, dynamic_shapes=shapes)

    @cached_property
    def exact(self) -> list[Tensor]:
        """The outputs for all samples, in float64; each ran alone."""
        return _alone(self._double, [values.double() for values in self.samples])

    def assert_near(self, results: list[Tensor], dtype: torch.dtype = torch.float32) -> None:
        """Assert that outputs for the first samples are exact but for a type's rounding."""
        limits = self._limits.get(dtype) or self._rounding(dtype)
        self._limits[dtype] = limits
        for index, (result, limit) in enumerate(zip(results, limits, strict=True)):
            assert result.dtype == dtype
            assert result.isfinite().all(), f"output {index} is not finite"
            exact = self.exact[index][: len(result)]
            assert result.shape == exact.shape
            error = float((result.double() - exact).abs().max())
            assert error <= limit, f"output {index} is off by {error}, {limit} passes"

    @cached_property
    def _double(self) -> nn.Module:
        return copy.deepcopy(self.module).double()

    def _rounding(self, dtype: torch.dtype) -> list[float]:
        """Return how far each output may be from the exact one in a type.

        Rounding moves a number by up to half an ulp. What an output can tell of that is
        how it changes, in float64, when all weights and inputs are moved at random by as
        much; and it is rounded itself, where it comes from a sigmoid to an ulp of 1.
        """
        half_ulp = torch.finfo(dtype).eps / 2
        generator = torch.Generator().manual_seed(0)
        limits = [half_ulp * max(1.0, float(e.abs().max())) for e in self.exact]
        changes = [0.0 for _ in limits]
        state = self._double.state_dict()
        for _ in range(DRAWS):
            moved = {k: _nudged(v, half_ulp, generator) for k, v in state.items()}
            inputs = [_nudged(v.double(), half_ulp, generator) for v in self.samples]
            call = partial(_call, self._double, moved)
            for index, output in enumerate(_alone(call, inputs)):
                change = float((output - self.exact[index]).abs().max())
                changes[index] = max(changes[index], change)
        return [
            ALLOWANCE[dtype] * (limit + change)
            for limit, change in zip(limits, changes, strict=True)
        ]


def run(module: Callable[..., Any], inputs: Iterable[Tensor]) -> list[Tensor]:
    """Return a module's outputs, as a list also where it has one only; no gradients."""
    with torch.no_grad():
        outputs = module(*inputs)
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def assert_identical(results: list[Tensor], expected: list[Tensor]) -> None:
    """Assert that tensors are the same to the last bit."""
    for result, other in zip(results, expected, strict=True):
        torch.testing.assert_close(result, other, rtol=0, atol=0)


def assert_named(result: Any, official: Official) -> None:
    """Assert that a result has the names of a model's outputs; of a single one, none."""
    names = tuple(entry["identifier"] for entry in official.conversion.outputs)
    if len(names) == 1:
        assert isinstance(result, Tensor)
        return
    assert isinstance(result, tuple)
    assert result._fields == names
    assert type(result).__name__ == f"{official.conversion.class_name}Output"
    *others, last = result
    assert last is getattr(result, names[-1])
    assert [id(other) for other in others] == [id(getattr(result, name)) for name in names[:-1]]


def _alone(module: Callable[..., Any], inputs: list[Tensor]) -> list[Tensor]:
    """Return a module's outputs for samples that never meet in a batch."""
    rows = [slice(index, index + 1) for index in range(SAMPLES)]
    outputs = [run(module, [values[row] for values in inputs]) for row in rows]
    return [torch.cat(parts) for parts in zip(*outputs, strict=True)]


def _call(module: nn.Module, state: dict[str, Tensor], *inputs: Tensor) -> Any:
    return functional_call(module, state, inputs)


def _nudged(values: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """Return values moved by up to ``most`` of themselves; integers stay."""
    if not values.is_floating_point():
        return values
    draw = torch.rand(values.shape, generator=generator, dtype=values.dtype)
    return values * (1 + most * (2 * draw - 1))
