"""New weights go into the file's own constants, and nothing else changes."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.networks import Network
from tests.support.operators import convert_bytes, weights
from tflite2torch.converter.convert import Conversion, convert_all, convert_model
from tflite2torch.converter.errors import OutputError
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.graph.value import Array
from tflite2torch.converter.sources import read_sources
from tflite2torch.transfer.bundle import with_entry
from tflite2torch.transfer.write_back import WrittenBack, check_keys, with_weights


def state_of(conversion: Conversion) -> dict[str, Array]:
    return {key: value.array.astype(value.dtype) for key, value in conversion.state.items()}


def again(conversion: Conversion, result: WrittenBack) -> Conversion:
    return convert_model(ModelFile(conversion.name, conversion.file.label, result.data))


def scaled(state: dict[str, Array], factor: float = 1.01) -> dict[str, Array]:
    """Return other weights: zeros stay, so that sparse constants keep their pattern."""
    return {k: x * np.float32(factor) if x.dtype.kind == "f" else x for k, x in state.items()}


def test_official_models(models: Callable[[str], Path], wheel: Path) -> None:
    """Their own weights give the file itself, others come out of it as they went in."""
    conversions = convert_all(read_sources([models("face_landmarker.task").parent, wheel]))
    assert len(conversions) >= 22
    for conversion in conversions:
        state = state_of(conversion)
        same = with_weights(conversion, state)
        assert (same.data == conversion.file.data, same.changed) == (True, ()), conversion.name
        new = scaled(state)
        result = with_weights(conversion, new)
        assert not result.problems
        assert len(result.data) == len(conversion.file.data)
        half = {key for key, x in conversion.state.items() if x.array.dtype == np.float16}
        for key, x in state_of(again(conversion, result)).items():
            expected = new[key].astype(np.float16).astype(np.float32) if key in half else new[key]
            np.testing.assert_array_equal(x, expected, err_msg=f"{conversion.name} {key}")
        assert set(result.changed) == {
            k for k, x in state.items() if x.any() and x.dtype.kind == "f"
        }
        assert {one.key for one in result.rounded} <= half


def dense(*, half: bool = False, shared: bool = False) -> Conversion:
    """Two dense layers, of which the second may have the bias of the first."""
    b = Network()
    x, options = b.input((1, 8)), schema.FullyConnectedOptionsT()

    def constant(*shape: int) -> object:
        data = weights(*shape)
        return b.function("DEQUANTIZE", data.astype(np.float16)) if half else data

    bias = constant(8)
    for _ in range(2):
        kernel = constant(8, 8)
        [x] = b.operator("FULLY_CONNECTED", [x, kernel, bias], options=options)  # type: ignore[list-item]
        x = b.function("TANH", x)
        bias = bias if shared else constant(8)
    return convert_bytes(b.build([x]))


def test_only_what_changed_is_written() -> None:
    conversion = dense()
    state = state_of(conversion)
    key = next(iter(state))
    state[key] = state[key].copy()
    state[key].reshape(-1)[3] += 1
    result = with_weights(conversion, state)
    assert result.changed == (key,)
    sides = (np.frombuffer(x, np.uint8) for x in (conversion.file.data, result.data))
    before, after = sides
    assert 0 < (before != after).sum() <= 4  # one number


def test_half_precision_rounds_and_refuses_what_is_too_large() -> None:
    conversion = dense(half=True)
    state = scaled(state_of(conversion), 1.1)
    result = with_weights(conversion, state)
    assert {one.key for one in result.rounded} == set(state)
    worst = max(one.error / one.magnitude for one in result.rounded)
    assert 0 < worst <= 2**-11
    key = next(iter(state))
    state[key] = np.full_like(state[key], 1e6)
    result = with_weights(conversion, state)
    assert result.problems == (f"{key}: values beyond what float16 stores",)
    assert not result.data


def test_a_shared_constant_has_to_stay_one() -> None:
    conversion = dense(half=True, shared=True)
    state = state_of(conversion)
    biases = [key for key in state if key.endswith("bias")]
    assert len(biases) == 2
    other = {**state, biases[1]: state[biases[1]] + 1}
    result = with_weights(conversion, other)
    assert result.problems == (
        f"{biases[0]} and {biases[1]} share a constant of the file, and now differ",
    )
    other[biases[0]] = state[biases[0]] + 1
    result = with_weights(conversion, other)
    for key in biases:
        found = state_of(again(conversion, result))[key]
        np.testing.assert_array_equal(found, other[key].astype(np.float16))


def test_nan_is_refused() -> None:
    conversion = dense()
    state = state_of(conversion)
    key = next(iter(state))
    state[key] = np.full_like(state[key], np.nan)
    [problem] = with_weights(conversion, state).problems
    assert problem == f"{key}: it holds NaN or infinity where the file does not"


def test_keys_and_shapes() -> None:
    conversion = dense()
    state = state_of(conversion)
    first, second, *_ = state
    state["extra"] = state.pop(first)
    state[second] = state[second][:1]
    assert check_keys(conversion, state) == [
        "extra: the model has no such key",
        f"{first}: it is missing",
        f"{second}: it is [1], the model's [8]",
    ]


def test_sparse_constants(wheel: Path) -> None:
    [conversion] = [
        x for x in convert_all(read_sources([wheel])) if x.name.endswith("range_sparse")
    ]
    tensors = conversion.model.tensors
    sparse = [
        key
        for key, value in conversion.state.items()
        if value.origin is not None and tensors[value.origin.index].sparsity is not None
    ]
    state = state_of(conversion)
    state[sparse[0]] = np.full_like(state[sparse[0]], 0.25)
    [problem] = with_weights(conversion, state).problems
    assert problem.startswith(f"{sparse[0]}: its constant is sparse")
    result = with_weights(conversion, state, densify=True)
    new = again(conversion, result)
    for key, x in state_of(new).items():
        np.testing.assert_array_equal(x, state[key], err_msg=key)
    assert new.source.split('"""')[2] == conversion.source.split('"""')[2]


def test_a_bundle_keeps_all_else() -> None:
    first, second = b"TFL3" * 5, b"model two" * 7
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.tflite", first)
        archive.writestr("b.tflite", second)
    old = stream.getvalue()
    same_size = with_entry(old, first, first[::-1], "x.task")
    assert sum(a != b for a, b in zip(old, same_size, strict=True)) <= len(first) + 8
    longer = with_entry(old, first, first + b"tail.", "x.task")
    for data, content in ((same_size, first[::-1]), (longer, first + b"tail." + bytes(3))):
        with zipfile.ZipFile(BytesIO(data)) as archive:
            assert archive.testzip() is None
            assert archive.read("a.tflite") == content
            assert archive.read("b.tflite") == second
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("c.tflite", b"packed" * 50)
    with pytest.raises(OutputError, match="only bundles of stored models"):
        with_entry(stream.getvalue(), b"packed" * 50, b"other" * 60, "x.task")
