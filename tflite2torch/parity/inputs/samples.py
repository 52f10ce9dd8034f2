"""The inputs that both sides run on unless others are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tflite2torch.converter.graph.value import Array
from tflite2torch.parity.inputs.face import PICTURES, picture_values
from tflite2torch.parity.inputs.interface import Port

SIGNED = "uniform -1 to 1"
"""The pattern for image inputs whose range nothing declares."""

PATTERNS = ("uniform", "normal", "ramp", "extremes", "zeros", "ones", SIGNED, "large", *PICTURES)
"""Uniform over the input's range, normal around its middle, a ramp from its lower end to its
upper end, its extremes at random, zeros, ones, and:

- ``uniform -1 to 1``: for images whose range nothing declares. ``uniform`` takes them for 0 to 1,
  while MediaPipe feeds several of its models -1 to 1;
- ``large``: normal with a standard deviation of the range's width, not clipped, for floating-point
  numbers: most lie outside of the range, some by 4 widths. What is clamped on large values alone
  shows there;
- the pictures of ``parity.inputs.face``."""

DRAWN = ("uniform", "normal", "extremes", SIGNED, "large")
"""The patterns that are random."""

UNLIMITED = (-1.0, 1.0)
"""The range of patterns for inputs without limits, which are floating-point numbers."""

NORMAL_WIDTH = 0.25
"""Standard deviation of normal values, in widths of the range; values outside are clipped."""

LARGE_WIDTH = 1.0
"""The same of large values, which are not clipped. At twice as much, TFLite's noise floor no longer
covers float32: right layers of iris_landmark err by up to 1.3 limits even on TFLite's own inputs;
here by 0.7."""


@dataclass(frozen=True)
class Sample:
    """One set of inputs, batch of one.

    Attributes:
        name: how reports call it.
        arrays: one for each input of the model, in TFLite's order and shape.
        wanted: whether it was asked for by name, so that not comparing it is a failure.
    """

    name: str
    arrays: tuple[Array, ...]
    wanted: bool = False


def make_samples(
    ports: Sequence[Port], seed: int, patterns: Sequence[str] = PATTERNS, draws: int = 1
) -> list[Sample]:
    """Return a sample for each pattern that at least one of the inputs takes.

    Inputs that do not take it, such as those beside a picture, are random. The same arguments
    give the same samples on every machine.

    Args:
        ports: the model's inputs.
        seed: of random numbers.
        patterns: of ``PATTERNS``.
        draws: how many samples there are of each random pattern: ``uniform``, ``uniform 2``.

    Raises:
        MissingDependencyError: what reads the photo of the face is not installed.
    """
    # One generator for all: the order in which values are drawn is part of the result.
    generator = np.random.default_rng(seed)
    samples = []
    again = [(name, f" {n}") for n in range(2, draws + 1) for name in patterns if name in DRAWN]
    for name, number in (*((name, "") for name in patterns), *again):
        found = [_pattern(name, port, generator) for port in ports]
        if any(values is not None for values in found):
            arrays = (
                random_values(port, generator) if values is None else values
                for port, values in zip(ports, found, strict=True)
            )
            samples.append(Sample(f"{name}{number}", tuple(arrays)))
    return samples


def random_values(port: Port, generator: np.random.Generator) -> Array:
    """Return uniform values over the input's range, or normal ones where it has none."""
    if port.limits is None:
        return generator.standard_normal(port.tflite_shape).astype(port.dtype)
    return _typed(generator.uniform(*port.limits, port.tflite_shape), port)


def _pattern(name: str, port: Port, generator: np.random.Generator) -> Array | None:
    """Return an input's values; None where it does not take the pattern."""
    if name in PICTURES:
        return picture_values(name, port)
    if name == "uniform":
        return random_values(port, generator)
    low, high = port.limits or UNLIMITED
    middle, width, shape = (low + high) / 2, high - low, port.tflite_shape
    floating = np.dtype(port.dtype).kind == "f"
    if name == SIGNED:
        if not (floating and port.is_image and port.value_range is None):
            return None
        values = generator.uniform(-1, 1, shape)
    elif name == "large":
        if not floating:
            return None
        values = generator.normal(middle, LARGE_WIDTH * width, shape)
    elif name == "normal":
        values = generator.normal(middle, NORMAL_WIDTH * width, shape).clip(low, high)
    elif name == "ramp":
        values = np.linspace(low, high, int(np.prod(shape))).reshape(shape)
    elif name == "extremes":
        values = generator.choice([low, high], shape)
    else:
        values = np.full(shape, float(name == "ones"))
    return _typed(values, port)


def _typed(values: Array, port: Port) -> Array:
    """Return values in the input's type, rounded where it holds whole numbers."""
    whole = np.dtype(port.dtype).kind != "f"
    return (values.round() if whole else values).astype(port.dtype)
