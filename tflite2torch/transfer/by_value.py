"""Finds out which constant of a model each tensor of a port is, and how its axes lie, by value.

A port's file holds the numbers of the model that it was made of. Tensors of one size whose sorted
values are equal, in the port's type, are the same numbers; in which order, the values tell.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import torch
from torch import Tensor

from tflite2torch.transfer.mapping import Entry

Arrangement = tuple[tuple[int, ...], tuple[int, ...]]
"""The shape that a constant is viewed in, and the order of its axes."""

PROBES = 64
"""Places that are compared before all are."""


@dataclass(frozen=True)
class Found:
    """What is known of a port's keys.

    Attributes:
        entries: how each tensor is made, of the keys for which that is known, in the port's order.
        strangers: keys whose values no constant of the model has.
        ties: keys that may be several constants, with these.
        unused: constants of the model that no key is.
        settled: keys that several constants have the values of, and that the names or the order of
            their neighbours in the file tell apart.
    """

    entries: Mapping[str, Entry]
    strangers: tuple[str, ...]
    ties: Mapping[str, tuple[str, ...]]
    unused: tuple[str, ...]
    settled: tuple[str, ...]


def match_values(port: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> Found:
    """Match the tensors of a port with the constants of the emitted module of its model.

    Args:
        port: what the port's file holds.
        state: the emitted state_dict.
    """
    candidates = {key: dict(_candidates(tensor, state)) for key, tensor in port.items()}
    strangers = tuple(key for key, some in candidates.items() if not some)
    sure = {key: next(iter(some)) for key, some in candidates.items() if len(some) == 1}
    open_keys = {key: list(some) for key, some in candidates.items() if len(some) > 1}
    settled = _settle(list(port), list(state), sure, open_keys)
    chosen = {**sure, **settled}
    usual = Counter(
        axes
        for key, name in chosen.items()
        for _, axes in candidates[key][name]
        if len(candidates[key][name]) == 1
    )
    entries = {}
    for key in port:
        if key in chosen:
            shape, some = tuple(port[key].shape), candidates[key][chosen[key]]
            # Where values repeat, the shape tells the order of axes, or else that of other layers.
            fitting = [x for x in some if _sizes(x) == [n for n in shape if n > 1]] or some
            view, axes = max(fitting, key=lambda x: usual[x[1]])
            dtype = str(port[key].dtype).removeprefix("torch.")
            entries[key] = Entry(chosen[key], view, axes, shape, dtype)
    ties = {key: tuple(names) for key, names in open_keys.items() if key not in settled}
    used = set(chosen.values()) | {name for names in ties.values() for name in names}
    unused = tuple(name for name in state if name not in used)
    return Found(entries, strangers, ties, unused, tuple(settled))


def agreement(port: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> int:
    """Return how many tensors of a port have the values of some constant of a model."""
    known: dict[torch.dtype, set[str]] = {}
    count = 0
    for tensor in port.values():
        if tensor.dtype not in known:
            known[tensor.dtype] = {_digest(x, tensor.dtype) for x in state.values()}
        count += _digest(tensor, tensor.dtype) in known[tensor.dtype]
    return count


def _candidates(
    tensor: Tensor, state: Mapping[str, Tensor]
) -> Iterator[tuple[str, list[Arrangement]]]:
    """Yield the constants that a tensor may be, and how it may lie in each."""
    own = _digest(tensor, tensor.dtype)
    for key, constant in state.items():
        if constant.numel() == tensor.numel() and _digest(constant, tensor.dtype) == own:
            arranged = arrangements(constant.to(tensor.dtype), tensor)
            if arranged:
                yield key, arranged


def _digest(tensor: Tensor, dtype: torch.dtype) -> str:
    """Return what tensors of equal values, in any order, have in common."""
    flat = tensor.detach().to(dtype).reshape(-1)
    if dtype == torch.bfloat16:  # which numpy lacks
        flat = flat.float()
    return hashlib.sha256(np.sort(flat.numpy()).tobytes()).hexdigest()


def arrangements(constant: Tensor, tensor: Tensor) -> list[Arrangement]:
    """Return how a tensor may lie in a constant of the same values; none if no order of axes does.

    Tried are all orders of the constant's own axes, then of those that its last one splits into:
    the columns of a dense layer behind a feature map may be in the order (H, W, C) or (C, H, W).
    Values that repeat, as zeros do, leave several.
    """
    sizes, flat = tuple(constant.shape), tensor.reshape(-1)
    own = [(sizes, axes) for axes in _orders(sizes) if _lies(constant, sizes, axes, flat)]
    if own:
        return own
    for view in _splits(sizes):
        for axes in _orders(view):
            if _lies(constant, view, axes, flat):
                return [(view, axes)]
    return []


def _sizes(arrangement: Arrangement) -> list[int]:
    view, axes = arrangement
    return [view[axis] for axis in axes if view[axis] > 1]


def _lies(constant: Tensor, view: Sequence[int], axes: Sequence[int], flat: Tensor) -> bool:
    """Return whether a constant has given values when it is viewed and permuted."""
    permuted = constant.reshape(tuple(view)).permute(tuple(axes))
    # A few places first: there are many views, and each takes a copy of the whole.
    some = torch.arange(0, flat.numel(), max(1, flat.numel() // PROBES))
    at = torch.unravel_index(some, permuted.shape)
    return torch.equal(permuted[at], flat[some]) and torch.equal(permuted.reshape(-1), flat)


def _orders(view: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield the orders of axes, the given one first; axes of one element stay where they are."""
    long = [axis for axis, size in enumerate(view) if size > 1]
    for order in permutations(long):
        moved = iter(order)
        yield tuple(next(moved) if size > 1 else axis for axis, size in enumerate(view))


def _splits(sizes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield views in which the columns of a matrix are those of a feature map."""
    if len([size for size in sizes if size > 1]) > 2 or not sizes:
        return
    rows, columns = math.prod(sizes[:1]), math.prod(sizes[1:])
    if len(sizes) == 1:
        rows, columns = 1, sizes[0]
    for first in _divisors(columns):
        rest = columns // first
        if first > 1 and rest > 1:
            yield (rows, first, rest)
        for second in _divisors(rest):
            if first > 1 and 1 < second < rest:
                yield (rows, first, second, rest // second)


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def _settle(
    keys: Sequence[str],
    constants: Sequence[str],
    sure: Mapping[str, str],
    open_keys: Mapping[str, Sequence[str]],
) -> dict[str, str]:
    """Choose among constants of equal values by the neighbours of a key.

    First a weight's own layer: the bias beside a weight that is known is the bias beside the
    constant that the weight is. Then the order: of keys between two that are known, each is a
    constant between those two. A key that remains is a tie.
    """
    settled: dict[str, str] = {}
    layers = {_layer(key): _layer(name) for key, name in sure.items()}
    for key, names in open_keys.items():
        own = [name for name in names if _layer(name) == layers.get(_layer(key))]
        if len(own) == 1:
            settled[key] = own[0]
    place = {name: i for i, name in enumerate(constants)}
    for order in (list(keys), sorted(keys, key=_natural)):
        known = {**sure, **settled}
        places = [place[known[key]] for key in order if key in known]
        if places == sorted(places):
            settled |= _between(order, place, known, open_keys)
            break
    return settled if _one_to_one(sure, settled) else {}


def _between(
    order: Sequence[str],
    place: Mapping[str, int],
    known: Mapping[str, str],
    open_keys: Mapping[str, Sequence[str]],
) -> dict[str, str]:
    """Return the keys that lie between two known ones, each with the only order that fits."""
    found: dict[str, str] = {}
    names = sorted(place, key=place.__getitem__)
    low, gap = -1, list[str]()
    for key in (*order, None):
        if key is not None and key not in known:
            gap.append(key)
            continue
        high = len(names) if key is None else place[known[key]]
        taken = set(known.values())
        inside = [name for name in names[low + 1 : high] if name not in taken]
        some = [k for k in gap if k in open_keys]
        free = [n for n in inside if any(n in open_keys[k] for k in some)]
        if len(some) == len(free) and all(
            n in open_keys[k] for k, n in zip(some, free, strict=True)
        ):
            found |= dict(zip(some, free, strict=True))
        low, gap = high, []
    return found


def _one_to_one(*parts: Mapping[str, str]) -> bool:
    """Return whether no constant was chosen for two keys of which one was open."""
    sure, settled = parts
    chosen = list(settled.values())
    return len(set(chosen)) == len(chosen) and not set(chosen) & set(sure.values())


def _layer(key: str) -> str:
    """Return the layer that a key is of: ``head.0`` of ``head.0.weight``."""
    return re.split(r"[./_](?=[^./_]+$)", key)[0]


def _natural(key: str) -> list[tuple[int, str]]:
    """Sort keys with numbers in them by these: 2 before 10."""
    return [(int(x), "") if x.isdigit() else (-1, x) for x in re.split(r"(\d+)", key)]
