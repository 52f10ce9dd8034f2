"""The helpers that other tests stand on write what TFLite reads as it was meant."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder, Tensor, one_operator_model, packed_model
from tests.support.reference import Kernels, run_reference


@pytest.mark.parametrize("kernels", ["reference", "builtin", "xnnpack"])
def test_operands_arrive_in_order_and_shapes_are_worked_out(kernels: Kernels) -> None:
    model = one_operator_model(
        "SPLIT",
        [np.int32(2), Tensor((1, 2, 6))],
        outputs=["float32"] * 3,
        options=schema.SplitOptionsT(numSplits=3),
    )
    values = np.arange(12).reshape(1, 2, 6)
    parts = run_reference(model, [values], kernels)
    np.testing.assert_array_equal(parts, np.split(values, 3, axis=2))


def test_operators_in_a_row_absent_operands_and_options() -> None:
    builder = ModelBuilder()
    x = builder.input((1, 2))
    weights = np.float32([[1, 2], [3, -4]])
    relu = schema.FullyConnectedOptionsT(fusedActivationFunction=schema.ActivationFunctionType.RELU)
    [hidden] = builder.operator("FULLY_CONNECTED", [x, weights, None], options=relu)
    [result] = builder.operator("SUB", [hidden, x], options=schema.SubOptionsT())
    [answer] = run_reference(builder.build([result]), [[[1, 2]]])
    assert answer.tolist() == [[5 - 1, 0 - 2]]


def test_quantized_constants_dequantize_by_channel() -> None:
    constant = Tensor(data=np.int8([[1, 2, 3]]), scale=(0.5, 0.25, 2), zero_point=(0, 0, 0), axis=1)
    [answer] = run_reference(one_operator_model("DEQUANTIZE", [constant]), [])
    assert answer.tolist() == [[0.5, 0.5, 6]]


def test_a_model_survives_being_read_and_written_again() -> None:
    constant = np.arange(3, dtype=np.float32)
    model = one_operator_model(
        "ADD", [Tensor((1, 3), name="x"), constant], options=schema.AddOptionsT()
    )
    again = packed_model(schema.ModelT.InitFromPackedBuf(model))
    for file in (model, again):
        assert file.index(constant.tobytes()) % 16 == 0
        assert run_reference(file, [[[1, 1, 1]]])[0].tolist() == [[1, 2, 3]]


def test_an_unknown_name_is_a_custom_operator_with_its_options() -> None:
    model = one_operator_model(
        "Blink", [Tensor((1, 2))], [Tensor((1, 3))], custom_options=b"\1\xff"
    )
    read = schema.ModelT.InitFromPackedBuf(model)
    [operator] = read.subgraphs[0].operators
    [code] = read.operatorCodes
    assert (code.builtinCode, code.customCode) == (32, b"Blink")
    assert bytes(operator.customOptions) == b"\1\xff"
    with pytest.raises(RuntimeError, match="Blink"):
        run_reference(model, [[[1, 2]]])
