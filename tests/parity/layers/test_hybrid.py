"""Models whose weights are stored as integers, and that TFLite runs with hybrid kernels."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder, Tensor
from tests.support.operators import convert_bytes
from tests.support.reference import run_reference
from tflite2torch.comparison import OF_CONVERT, compare_conversion
from tflite2torch.parity.options import Options
from tflite2torch.parity.reference.editing import hybrid_weights, without_hybrid

SIZE, COUNT = 64, 48


def hybrid() -> bytes:
    """Return a dense layer with int8 weights, with a scale for each output, and a tanh."""
    stored = np.random.default_rng(0).integers(-127, 128, (COUNT, SIZE)).astype(np.int8)
    scale = tuple(np.linspace(0.001, 0.01, COUNT).tolist())
    weight = Tensor(data=stored, scale=scale, zero_point=(0,) * COUNT, axis=0)
    builder = ModelBuilder()
    [dense] = builder.operator(
        "FULLY_CONNECTED",
        [Tensor((1, SIZE)), weight, None],
        [Tensor((1, COUNT))],
        schema.FullyConnectedOptionsT(),
    )
    return builder.build(builder.operator("TANH", [dense]))


def test_the_reference_computes_in_float32_and_the_cost_of_integers_is_told() -> None:
    conversion = convert_bytes(hybrid())
    for options in (Options(), OF_CONVERT):
        report = compare_conversion(conversion, options)
        assert report.passed, report.verdict
        assert max(layer.worst.error for layer in report.layers) < 1e-5
        [note] = [note for note in report.notes if "stored as integers" in note]
        moved, size = (float(word) for word in note.split()[-3::2])
        assert 1e-3 < moved < size


def test_a_wrong_scale_is_found() -> None:
    conversion = convert_bytes(hybrid())
    other = convert_bytes(hybrid())
    [value] = other.state.values()
    value.data = value.array * np.float32(1 + 1e-4)
    report = compare_conversion(conversion, Options(), other)
    assert not report.passed
    assert "structure" in report.verdict


def test_the_copy_has_the_numbers_that_the_module_has() -> None:
    data = hybrid()
    conversion = convert_bytes(data)
    [numbers] = hybrid_weights(conversion.model).values()
    [value] = conversion.state.values()
    np.testing.assert_array_equal(numbers, value.array)
    x = np.random.default_rng(1).standard_normal((1, SIZE)).astype(np.float32)
    [answer] = run_reference(without_hybrid(conversion.model, data), [x])
    np.testing.assert_allclose(answer, np.tanh(x @ numbers.T), atol=1e-5)
    [rounded] = run_reference(data, [x])
    assert np.abs(rounded - answer).max() > 1e-3


def test_a_model_without_such_weights_is_left_as_it_is() -> None:
    builder = ModelBuilder()
    data = builder.build(builder.operator("TANH", [Tensor((1, 3))]))
    assert without_hybrid(convert_bytes(data).model, data) is data
