"""Puts a state_dict back into a copy of the model file that the module came from.

Only the bytes of constants change, in place: graph, metadata, names and storage types stay. How an
entry lies in the file follows from the conversion: its tensor, and the order of its axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.frontends.tflite.model import Tensor
from tflite2torch.converter.frontends.tflite.operators.constant import dense_array
from tflite2torch.converter.graph.value import Array, Value


@dataclass(frozen=True)
class Rounded:
    """How far storage moves an entry.

    Attributes:
        key: of the entry.
        stored: the type that the file stores it in.
        error: the largest distance from what was given.
        magnitude: the largest absolute value.
    """

    key: str
    stored: str
    error: float
    magnitude: float


@dataclass(frozen=True)
class WrittenBack:
    """What came of it.

    Attributes:
        data: the new file; empty while there is a problem.
        changed: the entries that differ from the file's, in the state_dict's order.
        rounded: those of them that storage rounds.
        problems: why it cannot be done, a line each.
    """

    data: bytes
    changed: tuple[str, ...]
    rounded: tuple[Rounded, ...]
    problems: tuple[str, ...] = ()


def check_keys(conversion: Conversion, state: Mapping[str, Array]) -> list[str]:
    """Return the keys that are unknown, missing or misshapen, a line each."""
    own = conversion.state
    problems = [f"{key}: the model has no such key" for key in state if key not in own]
    problems += [f"{key}: it is missing" for key in own if key not in state]
    for key, value in own.items():
        sizes = [int(n) for n in value.shape]
        if key in state and list(state[key].shape) != sizes:
            problems.append(f"{key}: it is {list(state[key].shape)}, the model's {sizes}")
    return problems


def with_weights(
    conversion: Conversion, state: Mapping[str, Array], densify: bool = False
) -> WrittenBack:
    """Return the model's file with other constants.

    Args:
        conversion: of the file.
        state: the new state_dict, with the keys and shapes of the conversion's.
        densify: whether sparse constants become dense where new values do not fit their pattern.
    """
    writer = _Writer(conversion, state, densify)
    for key in conversion.state:
        writer.write(key)
    return writer.result()


class _Writer:
    def __init__(self, conversion: Conversion, state: Mapping[str, Array], densify: bool) -> None:
        self._conversion = conversion
        self._state = state
        self._densify = densify
        self._file = np.frombuffer(conversion.file.data, np.uint8)
        self._data = bytearray(conversion.file.data)
        self._writes: dict[int, tuple[int, str, bytes]] = {}
        self._dense: dict[int, Array] = {}
        self._changed: list[str] = []
        self._rounded: list[Rounded] = []
        self._problems: list[str] = []

    def write(self, key: str) -> None:
        """Note what an entry makes of the bytes of its constant."""
        value = self._conversion.state[key]
        given = self._state[key]
        own = value.array.astype(value.dtype)
        tensor = (
            None if value.origin is None else self._conversion.model.tensors[value.origin.index]
        )
        same = np.array_equal(given.astype(own.dtype), own, equal_nan=own.dtype.kind == "f")
        if not same:
            self._changed.append(key)
        if tensor is None or tensor.data is None:
            if not same:
                self._problems.append(
                    f"{key}: it is computed from several constants of the file, and has to stay"
                )
            return
        numbers = _numbers(tensor)
        places = _places(value, numbers)
        if places is None:
            if not same:
                self._problems.append(f"{key}: it was folded from other constants, and has to stay")
            return
        if same:
            self._keep(key, tensor)
            return
        if not np.isfinite(given[np.isfinite(own)]).all():
            self._problems.append(f"{key}: it holds NaN or infinity where the file does not")
            return
        new = numbers.astype(np.float64 if given.dtype.kind == "f" else given.dtype).reshape(-1)
        new[places.reshape(-1)] = given.reshape(-1)
        self._put(key, tensor, new.reshape(numbers.shape))

    def _keep(self, key: str, tensor: Tensor) -> None:
        self._claim(key, tensor, np.ascontiguousarray(tensor.data).tobytes())

    def _put(self, key: str, tensor: Tensor, new: Array) -> None:
        assert tensor.data is not None
        stored = _stored(tensor, new)
        if stored is None:
            self._problems.append(f"{key}: values beyond what {tensor.dtype} stores")
            return
        if tensor.sparsity is not None:
            kept, fits = _sparse(tensor, stored)
            if not fits and not self._densify:
                self._problems.append(
                    f"{key}: its constant is sparse, and new values are where it stores none; "
                    "--densify stores all"
                )
                return
            if not fits:
                self._dense[tensor.index] = stored
            else:
                self._claim(key, tensor, kept.tobytes())
        else:
            self._claim(key, tensor, stored.tobytes())
        self._tell_rounding(key, tensor, new, stored)

    def _tell_rounding(self, key: str, tensor: Tensor, new: Array, stored: Array) -> None:
        quantized = tensor.quantization is not None and stored.dtype.kind in "iu"
        found = tensor.quantization.numbers(stored) if quantized and tensor.quantization else stored
        error = float(np.abs(found.astype(np.float64) - new).max(initial=0))
        if error:
            size = float(np.abs(new).max(initial=0))
            self._rounded.append(Rounded(key, tensor.dtype, error, size))

    def _claim(self, key: str, tensor: Tensor, content: bytes) -> None:
        """Note the bytes of a constant; entries that share it have to agree."""
        assert tensor.data is not None
        start = self._offset(tensor.data)
        before = self._writes.get(start)
        if before is not None and before[2] != content:
            self._problems.append(
                f"{before[1]} and {key} share a constant of the file, and now differ"
            )
        self._writes[start] = (len(content), key, content)

    def _offset(self, data: Array) -> int:
        """Return where a constant is in the file, of which it is a view."""
        start: int = data.__array_interface__["data"][0]
        return start - int(self._file.__array_interface__["data"][0])

    def result(self) -> WrittenBack:
        """Write all bytes, unless something else in the file reads what would change."""
        for start, (size, key, content) in self._writes.items():
            if self._data[start : start + size] != content:
                self._check_others(key, start, size)
        if self._problems:
            return WrittenBack(b"", tuple(self._changed), (), tuple(self._problems))
        for start, (size, _, content) in self._writes.items():
            self._data[start : start + size] = content
        data = bytes(self._data)
        if self._dense:
            data = _densified(data, self._conversion, self._dense)
        return WrittenBack(data, tuple(self._changed), tuple(self._rounded))

    def _check_others(self, key: str, start: int, size: int) -> None:
        """Refuse to change a constant that something besides the state_dict reads."""
        origins = (value.origin for value in self._conversion.state.values())
        known = {origin.index for origin in origins if origin is not None}
        for tensor in self._conversion.model.tensors:
            if tensor.data is None or tensor.index in known or not tensor.data.nbytes:
                continue
            at = self._offset(tensor.data)
            if at < start + size and start < at + tensor.data.nbytes:
                self._problems.append(
                    f"{key} and {tensor.place} share a constant of the file, and the latter has to "
                    "stay"
                )


def _numbers(tensor: Tensor) -> Array:
    """Return what a stored constant means, of the tensor's shape."""
    stored = tensor.data
    assert stored is not None
    if tensor.sparsity is not None:
        return dense_array(stored.reshape(-1), tensor.sparsity, tensor.shape)
    if tensor.quantization is not None and stored.dtype.kind in "iu":
        return tensor.quantization.numbers(stored)
    return stored


def _places(value: Value, numbers: Array) -> Array | None:
    """Return of each element of an entry its place in the constant; None if it was computed."""
    own = [axis for axis in value.permutation if axis != -1]
    missing = tuple(axis for axis in range(numbers.ndim) if axis not in own)
    kept = sorted(own)
    if any(numbers.shape[axis] != 1 for axis in missing) or numbers.size != value.array.size:
        return None
    places = np.arange(numbers.size).reshape(numbers.shape).squeeze(missing)
    places = places.transpose([kept.index(axis) for axis in own]).reshape(value.array.shape)
    same = np.array_equal(
        numbers.reshape(-1)[places].astype(np.float64), value.array, equal_nan=True
    )
    return places if same else None


def _stored(tensor: Tensor, new: Array) -> Array | None:
    """Return numbers as the file stores them; None if they are too large for that."""
    assert tensor.data is not None
    dtype = tensor.data.dtype
    if tensor.quantization is not None and dtype.kind in "iu":
        shape = [1] * new.ndim
        if tensor.quantization.scale.size > 1:
            shape[tensor.quantization.axis] = -1
        scale = tensor.quantization.scale.reshape(shape).astype(np.float64)
        whole = np.rint(new / scale) + tensor.quantization.zero_point.reshape(shape)
        limits = np.iinfo(dtype)
        if whole.min() < limits.min or whole.max() > limits.max:
            return None
        return whole.astype(dtype)
    with np.errstate(over="ignore"):
        stored = new.astype(dtype)
    if not np.isfinite(stored[np.isfinite(new)]).all():
        return None
    return stored


def _sparse(tensor: Tensor, dense: Array) -> tuple[Array, bool]:
    """Return the values that a sparse constant stores, and whether these are all."""
    assert tensor.sparsity is not None
    assert tensor.data is not None
    count = tensor.data.size
    numbers = dense_array(np.arange(1, count + 1), tensor.sparsity, tensor.shape)
    values = np.zeros(count, dense.dtype)
    places = numbers.reshape(-1)
    values[places[places > 0] - 1] = dense.reshape(-1)[places > 0]
    return values, not dense.reshape(-1)[places == 0].any()


def _densified(data: bytes, conversion: Conversion, dense: Mapping[int, Array]) -> bytes:
    """Return a model in which sparse constants are dense, and need no DENSIFY."""
    from tflite2torch.parity.reference import schema
    from tflite2torch.parity.reference.editing import packed_model

    model = schema.ModelT.InitFromPackedBuf(data)
    graph = model.subgraphs[0]
    unpacked: dict[int, int] = {}
    for operator in conversion.model.operators:
        if operator.name == "DENSIFY" and operator.inputs[0] in dense:
            unpacked[operator.index] = operator.inputs[0]
            target = graph.tensors[operator.outputs[0]]
            target.buffer = len(model.buffers)
            model.buffers.append(schema.BufferT(data=dense[operator.inputs[0]].tobytes()))
    graph.operators = [o for i, o in enumerate(graph.operators) if i not in unpacked]
    return packed_model(model)


def fitting_models(
    conversions: Sequence[Conversion], state: Mapping[str, Array]
) -> list[Conversion]:
    """Return the models of a bundle whose keys and shapes a state_dict has."""
    return [model for model in conversions if not check_keys(model, state)]
