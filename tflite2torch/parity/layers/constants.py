"""Compares the constants of a module with those of the file, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tflite2torch.converter.graph.value import Array, Value

EQUAL, HALF, DIFFERENT = "equal", "equal after rounding to float16", "different"
"""How a constant compares. The second is for files of which one stores half precision."""


@dataclass(frozen=True)
class Constant:
    """How one constant compares with the file's.

    Attributes:
        key: in the module's state_dict.
        size: how many elements it has.
        verdict: ``EQUAL``, ``HALF`` or ``DIFFERENT``.
        different: how many elements differ.
        unexercised: how many of these nothing exercised.
        largest: the largest difference; infinite where NaN or infinity is involved.
        where: its index, in the module's order of axes.
        problem: another shape, or a key that only one side has; else empty.
    """

    key: str
    size: int
    verdict: str = DIFFERENT
    different: int = 0
    unexercised: int = 0
    largest: float = 0.0
    where: tuple[int, ...] = ()
    problem: str = ""

    def failures(self) -> Iterator[str]:
        """Yield why it fails by itself, whatever the outputs are; a line each."""
        if self.problem:
            yield f"{self.key} {self.problem}"
        elif self.verdict == DIFFERENT and self.unexercised:
            yield (
                f"{self.key} differs from the file's in {self.different} of {self.size} numbers, "
                f"by {self.largest:.3g} at {list(self.where)}; nothing exercised "
                f"{self.unexercised} of these, so that no output tells"
            )


def compare_constants(
    file: Mapping[str, Value], module: Mapping[str, Array], exercised: Mapping[str, Array]
) -> list[Constant]:
    """Compare every constant of a module, or of the file, with that of the same key.

    Args:
        file: the constants of the file, with their axes in the module's order.
        module: the module's state_dict.
        exercised: for each floating-point constant, which of its elements were exercised.
            Others, such as indices, count as exercised.
    """
    found = [
        _compared(key, value.array.astype(value.dtype), module[key], exercised.get(key))
        if key in module
        else Constant(key, value.array.size, problem="of the file is missing in the module")
        for key, value in file.items()
    ]
    extra = (Constant(k, x.size, problem="is not in the file") for k, x in module.items())
    return [*found, *(constant for constant in extra if constant.key not in file)]


def _compared(key: str, theirs: Array, ours: Array, exercised: Array | None) -> Constant:
    if (ours.dtype, ours.shape) != (theirs.dtype, theirs.shape):
        sides = [f"{x.dtype} {list(x.shape)}" for x in (ours, theirs)]
        return Constant(key, theirs.size, problem=f"is {sides[0]}, not {sides[1]}")
    differs = _bits(ours) != _bits(theirs)
    count = int(differs.sum())
    if not count:
        return Constant(key, theirs.size, EQUAL)
    with np.errstate(over="ignore", invalid="ignore"):
        distances = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
    distances[np.isnan(distances)] = np.inf
    place = int(np.where(differs, distances, -1).argmax())
    return Constant(
        key,
        theirs.size,
        HALF if _half(ours, theirs) or _half(theirs, ours) else DIFFERENT,
        count,
        0 if exercised is None else int((differs & ~exercised).sum()),
        float(distances.reshape(-1)[place]),
        tuple(int(axis) for axis in np.unravel_index(place, theirs.shape)),
    )


def _bits(array: Array) -> Array:
    """Return the bits of each element as a number: NaN equals NaN, and -0 is not 0."""
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")


def _half(one: Array, other: Array) -> bool:
    """Return whether ``one`` is ``other`` rounded to float16."""
    if one.dtype != np.float32:
        return False
    with np.errstate(over="ignore"):
        rounded = other.astype(np.float16).astype(np.float32)
    return bool((_bits(one) == _bits(rounded)).all())
