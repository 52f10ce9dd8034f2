"""Custom operators are distinguished from builtin ones, and by version."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Tensor, one_operator_model
from tests.support.operators import convert_bytes
from tflite2torch.converter.errors import UnsupportedOpError
from tflite2torch.converter.frontends.tflite.model import Operator
from tflite2torch.converter.frontends.tflite.operators.contract import same_shape
from tflite2torch.converter.frontends.tflite.operators.registry import (
    CUSTOM_OPERATORS,
    NotSupportedError,
    custom_operator,
    find_builder,
    operator,
)
from tflite2torch.parity.reference.editing import packed_model

CUSTOM = schema.BuiltinOperator.CUSTOM


def called(name: str, version: int, custom: bool = True) -> Operator:
    return Operator(0, name, custom, version, (), (), None, b"")


def test_a_custom_operator_with_the_name_of_a_builtin_one() -> None:
    model = one_operator_model(
        "ADD", [Tensor((1, 2)), np.float32([1, 2])], options=schema.AddOptionsT()
    )
    assert convert_bytes(model).operators == 1
    changed = schema.ModelT.InitFromPackedBuf(model)
    [code] = changed.operatorCodes
    code.builtinCode = code.deprecatedBuiltinCode = CUSTOM
    code.customCode = "ADD"
    message = r"operator 0 \('ADD'\), tensor .*: no such custom operator is known"
    with pytest.raises(UnsupportedOpError, match=message):
        convert_bytes(packed_model(changed))


def test_names_of_custom_operators_are_not_those_of_builtin_ones() -> None:
    for name, versions in CUSTOM_OPERATORS.items():
        for version, builder in versions.items():
            assert find_builder(called(name, version)) is builder
        with pytest.raises(NotSupportedError, match="no such operator"):
            find_builder(called(name, min(versions), custom=False))


def test_a_version_is_registered_once() -> None:
    again = custom_operator("TransformLandmarks", 2)
    with pytest.raises(ValueError, match="TransformLandmarks, 2 is registered twice"):
        again(lambda call: [])


def test_other_versions_are_not_supported() -> None:
    with pytest.raises(NotSupportedError, match="its version is 3; known is 1, 2"):
        find_builder(called("TransformLandmarks", 3))
    with pytest.raises(NotSupportedError, match="its version is 0; known is 1"):
        find_builder(called("MaxUnpooling2D", 0))


def test_registering_a_builtin_operator_leaves_custom_ones_alone() -> None:
    with pytest.raises(ValueError, match="ADD is registered twice"):
        operator("ADD", shapes=same_shape)(lambda call: [])
    assert "ADD" not in CUSTOM_OPERATORS
