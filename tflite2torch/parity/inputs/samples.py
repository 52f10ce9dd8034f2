"""The inputs that both sides run on unless others are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tflite2torch.converter.graph.value import Array
from tflite2torch.parity.inputs.face import face_values
from tflite2torch.parity.inputs.interface import Port

PATTERNS = ("uniform", "normal", "ramp", "extremes", "zeros", "ones")
"""Uniform over the input's range, normal around its middle, a ramp from its lower end to its
upper end, its extremes at random, zeros, and ones."""

UNLIMITED = (-1.0, 1.0)
"""The range of patterns for inputs without limits, which are floating-point numbers."""

NORMAL_WIDTH = 0.25
"""Standard deviation of normal values, in widths of the range; values outside are clipped."""


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
    ports: Sequence[Port], seed: int, patterns: Sequence[str] = PATTERNS
) -> list[Sample]:
    """Return a sample for each pattern, and a face where an input can show one.

    Beside a face, other inputs are random. The same arguments give the same samples on every
    machine.

    Raises:
        MissingDependencyError: what reads the photo of the face is not installed.
    """
    # One generator for all: the order in which values are drawn is part of the result.
    generator = np.random.default_rng(seed)
    samples = [
        Sample(name, tuple(_pattern(name, port, generator) for port in ports)) for name in patterns
    ]
    faces = [face_values(port) for port in ports]
    if any(face is not None for face in faces):
        arrays = tuple(
            random_values(port, generator) if face is None else face
            for port, face in zip(ports, faces, strict=True)
        )
        samples.append(Sample("face", arrays))
    return samples


def random_values(port: Port, generator: np.random.Generator) -> Array:
    """Return uniform values over the input's range, or normal ones where it has none."""
    if port.limits is None:
        return generator.standard_normal(port.tflite_shape).astype(port.dtype)
    return _typed(generator.uniform(*port.limits, port.tflite_shape), port)


def _pattern(name: str, port: Port, generator: np.random.Generator) -> Array:
    if name == "uniform":
        return random_values(port, generator)
    low, high = port.limits or UNLIMITED
    shape = port.tflite_shape
    if name == "normal":
        width = NORMAL_WIDTH * (high - low)
        values = generator.normal((low + high) / 2, width, shape).clip(low, high)
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
