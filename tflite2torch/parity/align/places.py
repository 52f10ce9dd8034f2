"""Tensors that hold places of maxima, and what follows from them.

Where two numbers tie, the last bit of either decides which place is found, and what is computed
from it jumps: no magnitude tells a right value from a wrong one there.
"""

from __future__ import annotations

from collections.abc import Iterable

from tflite2torch.converter.frontends.tflite.model import TfliteModel

ARGMAX = {"ARG_MAX": 0, "ARG_MIN": 0, "MaxPoolingWithArgmax2D": 1}
"""Operators that give places, and which of their results that is."""


def places_in(model: TfliteModel) -> frozenset[int]:
    """Return the tensors of a model that hold places, by index."""
    return frozenset(o.outputs[ARGMAX[o.name]] for o in model.operators if o.name in ARGMAX)


def behind(model: TfliteModel, places: Iterable[int]) -> frozenset[int]:
    """Return tensors and all that is computed from them."""
    found = set(places)
    for operator in model.operators:  # in the order of computation
        if found.intersection(operator.inputs):
            found.update(operator.outputs)
    return frozenset(found)
