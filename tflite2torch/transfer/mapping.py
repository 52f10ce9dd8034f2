"""How the tensors of a port are made of a model's constants: a mapping, and its file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tflite2torch.converter.errors import SourceError

if TYPE_CHECKING:
    from torch import Tensor

SCHEMA = 1

MOST_KEYS = 100_000
MOST_AXES = 8
MOST_ELEMENTS = 1 << 30
"""Of a map: most keys, axes of a tensor, and elements of all tensors that it fixes."""


@dataclass(frozen=True)
class Entry:
    """How a tensor of a port is made of a constant of the emitted module.

    The constant is viewed in a shape, its axes are permuted, and the result is reshaped to that of
    the port.

    Attributes:
        key: of the constant in the emitted state_dict.
        view: the shape that it is viewed in; the product of its sizes is that of the constant's.
        permutation: axis ``i`` of the result is axis ``permutation[i]`` of the view.
        shape: of the port's tensor.
        dtype: of the port's tensor, such as ``float32``.
    """

    key: str
    view: tuple[int, ...]
    permutation: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: str

    def made_of(self, constant: Tensor) -> Tensor:
        """Return the port's tensor."""
        import torch

        permuted = constant.reshape(self.view).permute(self.permutation)
        return permuted.reshape(self.shape).to(getattr(torch, self.dtype)).contiguous()

    def undone(self, tensor: Tensor, constant: Tensor) -> Tensor:
        """Return the constant of the emitted module that a port's tensor is made of.

        Args:
            tensor: the port's.
            constant: the model's own, for shape and type.
        """
        sizes = [self.view[axis] for axis in self.permutation]
        inverse = sorted(range(len(self.permutation)), key=self.permutation.__getitem__)
        return tensor.reshape(sizes).permute(inverse).reshape(constant.shape).to(constant.dtype)


@dataclass(frozen=True)
class Fixed:
    """A tensor of a port that every element of is one number, whatever the model's weights are.

    Batch normalization behind a convolution has such: mean 0, variance 1 - eps, weight 1.
    """

    value: float
    shape: tuple[int, ...]
    dtype: str

    def tensor(self) -> Tensor:
        """Return it."""
        import torch

        return torch.full(self.shape, self.value, dtype=getattr(torch, self.dtype))


def named(entry: Entry | Fixed, names: Mapping[str, str]) -> Entry | Fixed:
    """Return an entry with its constant's key in another model of the architecture.

    Raises SourceError for a constant that the model has not.
    """
    if isinstance(entry, Fixed):
        return entry
    if entry.key not in names:
        raise SourceError(f'the map names {entry.key!a}, which is none of its "constants"')
    return replace(entry, key=names[entry.key])


@dataclass(frozen=True)
class PortMap:
    """The mapping of a port.

    Attributes:
        architecture: fingerprint of the models that it is for.
        constants: the keys of the emitted state_dict, in its order. Another model of the
            architecture has its constants in this order too, perhaps of other names.
        entries: for each key of the port, in its order, how its tensor is made.
        keep: keys whose tensors are no model's and stay as they are.
    """

    architecture: str
    constants: tuple[str, ...]
    entries: Mapping[str, Entry | Fixed]
    keep: tuple[str, ...] = ()

    def names(self, state: Mapping[str, Tensor]) -> dict[str, str]:
        """Return for each constant of the map its key in the state_dict of a model.

        Raises SourceError where the map lists more or fewer constants than the model has.
        """
        if len(self.constants) != len(state):
            raise SourceError(
                f'the map lists {len(self.constants)} "constants", the model has {len(state)}'
            )
        return dict(zip(self.constants, state, strict=True))

    def untaken(self, state: Mapping[str, Tensor]) -> list[str]:
        """Return the constants of a model that no key is made of, and that it does not lack.

        It lacks no bias that is 0, and no constant that equals one which a key is made of: where
        two layers of the model are alike, a port may share one.
        """
        import torch

        names = self.names(state)
        entries = [entry for entry in self.entries.values() if isinstance(entry, Entry)]
        taken = {names.get(entry.key) for entry in entries}
        used = [x for key, x in state.items() if key in taken]
        left = {key: x for key, x in state.items() if key not in taken and bool(x.any())}
        return [key for key, x in left.items() if not any(torch.equal(x, one) for one in used)]

    def apply(self, state: Mapping[str, Tensor], kept: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the port's state_dict.

        Args:
            state: that of the emitted module of a model of the architecture.
            kept: where the tensors of ``keep`` come from.

        Raises:
            SourceError: a tensor is missing, or has another size.
        """
        names = self.names(state)
        found: dict[str, Tensor] = {}
        for key, entry in self.entries.items():
            if isinstance(entry, Fixed):
                found[key] = entry.tensor()
                continue
            constant = state.get(names.get(entry.key, ""))
            if constant is None or constant.numel() != math.prod(entry.view):
                raise SourceError(f"{key}: the model has no {entry.key} of {math.prod(entry.view)}")
            found[key] = entry.made_of(constant)
        for key in self.keep:
            if key not in kept:
                raise SourceError(f"{key}: nothing to keep; --like has no such key")
            found[key] = kept[key]
        return found

    def undo(self, port: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the emitted state_dict that a port's weights are made of.

        Args:
            port: the port's weights.
            state: the model's own, for names, shapes and types.

        Raises:
            SourceError: a key is unknown, missing or misshapen, holds another number than the
                mapping fixes, or keys contradict each other.
        """
        import torch

        names = self.names(state)
        unknown = [k for k in port if k not in self.entries and k not in self.keep]
        missing = [key for key in self.entries if key not in port]
        if unknown or missing:
            raise SourceError(f"the map has no {unknown or 'other keys'}; missing: {missing}")
        found: dict[str, Tensor] = {}
        for key, entry in self.entries.items():
            x = port[key]
            if x.numel() != math.prod(entry.shape):
                raise SourceError(f"{key}: it is {list(x.shape)}, the map's {list(entry.shape)}")
            if isinstance(entry, Fixed):
                if not torch.equal(x.reshape(entry.shape), entry.tensor()):
                    raise SourceError(f"{key}: it has to be {entry.value}: the model has no such")
                continue
            name = names[entry.key]
            made = entry.undone(x, state[name])
            if name in found and not torch.equal(found[name], made):
                raise SourceError(f"{key}: another key holds other values of {name}")
            found[name] = made
        return found

    def text(self) -> str:
        """Return it as JSON, an entry a line."""
        head = {
            "schema": SCHEMA,
            "architecture": self.architecture,
            "keep": self.keep,
            "constants": self.constants,
        }
        lines = [f"{json.dumps(key)}: {json.dumps(_plain(x))}" for key, x in self.entries.items()]
        inner = ",\n  ".join(lines)
        top = ",\n".join(f" {json.dumps(key)}: {json.dumps(x)}" for key, x in head.items())
        return f'{{\n{top},\n "keys": {{\n  {inner}\n }}\n}}\n'


def _plain(entry: Entry | Fixed) -> dict[str, Any]:
    if isinstance(entry, Fixed):
        return {"value": entry.value, "shape": entry.shape, "dtype": entry.dtype}
    found: dict[str, Any] = {"from": entry.key, "shape": entry.shape, "dtype": entry.dtype}
    if entry.permutation != tuple(range(len(entry.permutation))):
        found["permute"] = entry.permutation
        found["view"] = entry.view
    return found


def read_map(path: Path) -> PortMap:
    """Read a mapping.

    Raises:
        SourceError: it cannot be read, or is none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{path}: cannot be read as a map: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise SourceError(f"{path}: no map of schema {SCHEMA}; write one with --save-map")
    keys, keep, constants = (document.get(name, []) for name in ("keys", "keep", "constants"))
    architecture = document.get("architecture")
    if not isinstance(keys, dict) or len(keys) > MOST_KEYS or not isinstance(architecture, str):
        raise SourceError(f'{path}: a map has "architecture" and "keys"')
    for name, texts in (("keep", keep), ("constants", constants)):
        if not isinstance(texts, list) or not all(isinstance(key, str) for key in texts):
            raise SourceError(f'{path}: "{name}" is no list of keys')
    entries = {key: _entry(path, key, value) for key, value in keys.items()}
    fixed = sum(math.prod(x.shape) for x in entries.values() if isinstance(x, Fixed))
    if fixed > MOST_ELEMENTS:
        raise SourceError(f"{path}: it fixes {fixed} elements; at most {MOST_ELEMENTS} are made")
    return PortMap(architecture, tuple(constants), entries, tuple(keep))


def _entry(path: Path, key: str, value: Any) -> Entry | Fixed:
    problem = SourceError(
        f'{path}: {key!a}: give {{"from": KEY, "shape": […], "dtype": "float32"}}, with "view" and '
        '"permute" if axes move, or "value" in place of "from"'
    )
    if not isinstance(value, dict):
        raise problem
    shape, dtype = _sizes(value.get("shape")), value.get("dtype")
    if shape is None or dtype not in (
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "int64",
        "int32",
    ):
        raise problem
    if isinstance(value.get("value"), (int, float)):
        return Fixed(float(value["value"]), shape, dtype)
    view = _sizes(value.get("view", list(shape)))
    if view is None or not isinstance(value.get("from"), str):
        raise problem
    axes = _sizes(value.get("permute", list(range(len(view)))))
    if (
        axes is None
        or sorted(axes) != list(range(len(view)))
        or math.prod(view) != math.prod(shape)
    ):
        raise problem
    return Entry(value["from"], view, axes, shape, dtype)


def _sizes(value: Any) -> tuple[int, ...] | None:
    whole = isinstance(value, list) and all(type(n) is int and 0 <= n < 1 << 31 for n in value)
    return tuple(value) if whole and len(value) <= MOST_AXES else None
