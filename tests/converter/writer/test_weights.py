"""Both formats, read back by the libraries that read them in the wild."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from tflite2torch.converter.errors import OutputError
from tflite2torch.converter.graph.value import Array
from tflite2torch.converter.writer.weights import WeightsFormat, serialize_weights

FORMATS: list[WeightsFormat] = ["safetensors", "pth"]
FLOATS = ["float16", "float32", "float64"]
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "bool"]
Read = Callable[[bytes, WeightsFormat], dict[str, torch.Tensor]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a weights file as a user would."""

    def _read(data: bytes, format: WeightsFormat) -> dict[str, torch.Tensor]:
        path = tmp_path / f"weights.{format}"
        path.write_bytes(data)
        if format == "safetensors":
            return safetensors.torch.load_file(path)
        mapped = torch.load(path, weights_only=True, mmap=True)
        loaded = torch.load(path, weights_only=True)
        assert list(mapped) == list(loaded)
        for key in loaded:
            np.testing.assert_array_equal(mapped[key].numpy(), loaded[key].numpy())
        return dict(loaded)

    return _read


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3), (4, 1, 3, 2), (2, 0, 3)])
def test_values_shapes_and_types_come_back(
    read: Read, format: WeightsFormat, dtype: str, shape: tuple[int, ...]
) -> None:
    values = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    written = serialize_weights({"a.b": values}, format, dtype="float32")
    expected = torch.from_numpy(values)
    tensor = read(written, format)["a.b"]
    assert tensor.dtype == (torch.float32 if dtype == "float16" else expected.dtype)
    assert tensor.shape == expected.shape
    assert tensor.is_contiguous()
    assert torch.equal(tensor, expected.to(tensor.dtype))


@pytest.mark.parametrize("format", FORMATS)
def test_every_float16_widens_exactly_and_returns(read: Read, format: WeightsFormat) -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    wide = read(serialize_weights({"w": every}, format), format)["w"]
    np.testing.assert_array_equal(wide.numpy(), every.astype(np.float32))
    narrow = serialize_weights({"w": wide.numpy()}, format, dtype="float16")
    direct = serialize_weights({"w": every}, format, dtype="float16")
    finite = np.isfinite(every)
    stored = [read(data, format)["w"].numpy() for data in (narrow, direct)]
    for values in stored:
        assert values.dtype == np.float16
        np.testing.assert_array_equal(values[finite].view(np.uint16), every[finite].view(np.uint16))


def test_float16_rounds_what_it_cannot_hold_to_the_nearest(read: Read) -> None:
    written = serialize_weights({"w": np.float32([0.1, 65519])}, "pth", "float16")
    assert read(written, "pth")["w"].tolist() == [0.0999755859375, 65504.0]


@pytest.mark.parametrize("format", FORMATS)
def test_float16_overflow_is_an_error_that_names_tensor_and_value(
    format: WeightsFormat,
) -> None:
    tensors = {"fits": np.float32([np.inf, 1]), "head.bias": np.float32([[1, 65520.0]])}
    with pytest.raises(OutputError, match=r"^head\.bias: 65520\.0 .*--dtype float32$"):
        serialize_weights(tensors, format, "float16")


@pytest.mark.parametrize("format", FORMATS)
def test_views_are_written_as_they_are_seen(read: Read, format: WeightsFormat) -> None:
    base = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    tensors = {
        "transposed": base.transpose(2, 0, 1),
        "strided": base[:, ::-2, 1:],
        "broadcast": np.broadcast_to(np.float32(7), (3, 2)),
        "big_endian": base.astype(">f4"),
        "big_endian_int": np.arange(3, dtype=">i8"),
    }
    loaded = read(serialize_weights(tensors, format), format)
    for key, array in tensors.items():
        np.testing.assert_array_equal(loaded[key].numpy(), array)


@pytest.mark.parametrize("format", FORMATS)
def test_one_array_under_two_keys_is_two_tensors(read: Read, format: WeightsFormat) -> None:
    shared = np.ones(3, np.float32)
    loaded = read(serialize_weights({"a": shared, "b": shared}, format), format)
    loaded["a"] += 1
    assert loaded["b"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("format", FORMATS)
def test_a_module_loads_them_strictly(read: Read, format: WeightsFormat) -> None:
    torch.manual_seed(0)
    source, target = (
        torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3)) for _ in range(2)
    )
    tensors = {key: value.numpy() for key, value in source.state_dict().items()}
    target.load_state_dict(read(serialize_weights(tensors, format), format))
    assert all(map(torch.equal, source.parameters(), target.parameters()))


@pytest.mark.parametrize("format", FORMATS)
def test_bytes_do_not_depend_on_the_clock(
    format: WeightsFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors: dict[str, Array] = {"b": np.ones((2, 2), np.float32), "a": np.arange(3)}
    first = serialize_weights(tensors, format)
    later = time.time() + 1e6
    monkeypatch.setattr(time, "time", lambda: later)
    assert serialize_weights(tensors, format) == first


def test_pth_keeps_the_order_and_reads_no_other_type(read: Read) -> None:
    tensors: dict[str, Array] = {"b": np.ones(1, np.int64), "a": np.ones(1, np.float32)}
    assert list(read(serialize_weights(tensors, "pth"), "pth")) == ["b", "a"]
    with pytest.raises(OutputError, match=r"^c: .*complex64; use --format safetensors"):
        serialize_weights({"c": np.ones(1, np.complex64)}, "pth")


def test_pth_records_are_stored_at_multiples_of_64_bytes() -> None:
    tensors: dict[str, Array] = {f"k{i}": np.full(i, i, np.uint8) for i in range(99)}
    data = serialize_weights(tensors, "pth")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
    for entry in entries:
        name_size, extra_size = np.frombuffer(data, "<u2", 2, entry.header_offset + 26)
        start = entry.header_offset + 30 + int(name_size) + int(extra_size)
        assert entry.compress_type == zipfile.ZIP_STORED
        assert start % 64 == 0
    assert data[start:].startswith(b"3\n")
