"""A tensor's name tells its role, or nothing; whatever it is, the role is an identifier."""

from __future__ import annotations

import keyword
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflite2torch.converter.naming.tensor_names import role_in_name

HOSTILE = [
    "conv_lambda",
    "output_import",
    "conv_1st",
    "__class__",
    "a/" * 250,
    "ﬁ",
    "\uff21",
]


@given(st.sampled_from(HOSTILE) | st.text() | st.text("Aa1_/;:").map("model/conv_{}".format))
def test_a_role_is_an_identifier(name: str) -> None:
    role = role_in_name(name)
    if role is not None:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", role)
        assert not keyword.iskeyword(role)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("regressor_8", "regressor_8"),
        ("model/regressor_8/BiasAdd;model/regressor_8/Conv2D", "regressor_8"),
        ("serving_default_input_points:0", "input_points"),
        ("model_1/conv2d_81/Conv2D", None),
        ("StatefulPartitionedCall:1", None),
        ("", None),
        ("Identity_2", None),
        ("model_5/conv2d_152/BiasAdd/ReadVariableOp/resource_dequantize", None),
        ("StatefulPartitionedCall:0", None),
        ("Identity_1", None),
        ("conv2d_21", None),
        ("re_lu_7", None),
    ],
)
def test_only_names_of_roles_mean_something(name: str, role: str | None) -> None:
    assert role_in_name(name) == role
