"""Elementwise operators, their broadcasting, and PRELU, against the reference kernels."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import Array, ModelBuilder, Tensor, one_operator_model
from tests.support.operators import (
    ACTIVATIONS,
    Sampler,
    assert_same,
    convert_bytes,
    normal,
    positive,
    weights,
    wide,
)
from tests.support.reference import Kernels
from tflite2torch.converter.errors import UnsupportedOpError

H, W, C = 4, 5, 3


def halves(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw multiples of a half, 0 among them: where rounding and signs have their edges."""
    return generator.integers(-6, 7, shape).astype(np.float32) / 2


def whole(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw integers."""
    return generator.integers(-3, 4, shape).astype(np.float32)


# A correctly rounded function is within half an ulp of the exact answer; the libraries'
# approximations of transcendental ones stay within two.
EXACT, ROUNDED = 0, 4
FUNCTIONS: dict[str, tuple[Sampler, float]] = {
    "ABS": (wide, EXACT),
    "CEIL": (wide, EXACT),
    "COS": (wide, ROUNDED),
    "ELU": (wide, ROUNDED),
    "EXP": (normal, ROUNDED),
    "FLOOR": (wide, EXACT),
    "HARD_SWISH": (wide, ROUNDED),
    "LOG": (positive, ROUNDED),
    "LOGISTIC": (wide, ROUNDED),
    "NEG": (wide, EXACT),
    "RELU": (wide, EXACT),
    "RELU6": (wide, EXACT),
    "RELU_N1_TO_1": (wide, EXACT),
    "ROUND": (halves, EXACT),
    "RSQRT": (positive, ROUNDED),
    "SIGN": (halves, EXACT),
    "SIN": (wide, ROUNDED),
    "SQRT": (positive, ROUNDED),
    "SQUARE": (wide, EXACT),
    "TANH": (normal, ROUNDED),
}
WITHOUT_REFERENCE = ["CEIL", "ELU", "ROUND"]
"""Operators that have no reference kernel."""

ARITHMETIC = {
    "ADD": schema.AddOptionsT,
    "DIV": schema.DivOptionsT,
    "MUL": schema.MulOptionsT,
    "SUB": schema.SubOptionsT,
}
PAIRWISE = ["ADD", "DIV", "MUL", "SUB", "SQUARED_DIFFERENCE"]


def arithmetic_model(name: str, a: Tensor | Array, b: Tensor | Array) -> bytes:
    options = ARITHMETIC[name]() if name in ARITHMETIC else None
    return one_operator_model(name, [a, b], options=options)


@pytest.mark.parametrize("shape", [(1, H, W, C), (1, 7), (1, W, C), (1, 1, 1, 1), (H, W)])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str, shape: tuple[int, ...]) -> None:
    sample, ulps = FUNCTIONS[name]
    kernels: Kernels = "builtin" if name in WITHOUT_REFERENCE else "reference"
    model = one_operator_model(name, [Tensor(shape)], [Tensor(shape)])
    assert_same(model, ulps, sample, kernels=kernels)


CONSTANTS = [
    (),
    (1,),
    (C,),
    (1, C),
    (W, C),
    (W, 1),
    (H, 1, 1),
    (H, W, C),
    (1, 1, 1, C),
    (1, H, 1, C),
    (1, 1, W, 1),
    (1, H, W, C),
]


@pytest.mark.parametrize("shape", CONSTANTS, ids=str)
@pytest.mark.parametrize("name", PAIRWISE)
def test_a_constant_broadcasts_over_an_image(name: str, shape: tuple[int, ...]) -> None:
    constant = positive(np.random.default_rng(1), shape)
    image = Tensor((1, H, W, C))
    assert_same(arithmetic_model(name, image, constant), 1, wide)
    assert_same(arithmetic_model(name, constant, image), 1, positive)


@pytest.mark.parametrize("shape", [(1, C), (1, W, C), (1, 1, 1, C), (1, H, W, 1), (1, 1)])
@pytest.mark.parametrize("name", PAIRWISE)
def test_a_computed_operand_broadcasts_over_an_image(name: str, shape: tuple[int, ...]) -> None:
    other, image = Tensor(shape), Tensor((1, H, W, C))
    assert_same(arithmetic_model(name, image, other), 1, positive)
    assert_same(arithmetic_model(name, other, image), 1, positive)


def test_an_image_broadcasts_over_a_constant() -> None:
    pixel = Tensor((1, 1, 1, C))
    assert_same(arithmetic_model("SUB", pixel, weights(1, H, W, C)), 1)
    assert_same(arithmetic_model("SUB", Tensor((1, C)), weights(1, W, C)), 1)


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
@pytest.mark.parametrize("name", ARITHMETIC)
def test_fused_activations(name: str, activation: int) -> None:
    options = ARITHMETIC[name](fusedActivationFunction=activation)
    operands = [Tensor((1, H, W, C)), positive(np.random.default_rng(1), (C,))]
    assert_same(one_operator_model(name, operands, options=options), 1, wide)


@pytest.mark.parametrize("name", PAIRWISE)
def test_both_operands_are_the_same(name: str) -> None:
    builder = ModelBuilder()
    x = builder.input((1, H, C))
    options = ARITHMETIC[name]() if name in ARITHMETIC else None
    results = builder.operator(name, [x, x], options=options)
    assert_same(builder.build(results), 1, positive)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("name", ["ADD", "SUB", "MUL"])
def test_integers(name: str, dtype: str) -> None:
    def x() -> Tensor:
        return Tensor((1, H, C), dtype)

    constant = np.arange(-1, C - 1, dtype=dtype)
    for operands in ([x(), x()], [x(), constant], [x(), constant[:1]]):
        assert_same(one_operator_model(name, operands, [dtype], ARITHMETIC[name]()))


def test_a_quotient_of_integers_is_not_supported() -> None:
    operands = [Tensor((1, C), "int32"), Tensor((1, C), "int32")]
    model = one_operator_model("DIV", operands, ["int32"], schema.DivOptionsT())
    with pytest.raises(UnsupportedOpError, match=r"DIV.*int32"):
        convert_bytes(model)


def test_samples_that_meet_another_axis_are_not_supported() -> None:
    model = arithmetic_model("ADD", Tensor((1, C)), weights(7, C))
    with pytest.raises(UnsupportedOpError, match=r"operator 0 .*sizes N, 7 do not"):
        convert_bytes(model)


@pytest.mark.parametrize("name", ["LOGISTIC", "RELU", "TANH"])
def test_integer_arithmetic_is_not_supported(name: str) -> None:
    def quantized() -> Tensor:
        return Tensor((1, 4), "int8", scale=(1 / 256,), zero_point=(-128,))

    model = one_operator_model(name, [quantized()], [quantized()])
    with pytest.raises(UnsupportedOpError, match=f"{name}.*int8"):
        convert_bytes(model)


def test_a_layer_with_one_scalar_and_one_slope_share_names() -> None:
    builder = ModelBuilder()
    [doubled] = builder.operator(
        "MUL",
        [Tensor((1, H, W, C)), np.float32(0.1)],
        options=schema.MulOptionsT(),
    )
    results = builder.operator("ADD", [doubled, weights(C)], options=schema.AddOptionsT())
    conversion = assert_same(builder.build(results), 2)
    assert "* 0.1" in conversion.source  # the shortest digits that are this float32
    assert [value.shape for value in conversion.state.values()] == [(C, 1, 1)]


@pytest.mark.parametrize("slope", [(1, 1, C), (C,), (1, 1, 1), (1,)], ids=str)
def test_prelu(slope: tuple[int, ...]) -> None:
    model = one_operator_model("PRELU", [Tensor((1, H, W, C)), weights(*slope)])
    conversion = assert_same(model, EXACT, wide)
    assert "nn.PReLU" in conversion.source


@pytest.mark.parametrize("slope", [(1, W, C), (H, W, C), (H, 1, 1)], ids=str)
def test_a_slope_for_each_pixel_is_not_supported(slope: tuple[int, ...]) -> None:
    model = one_operator_model("PRELU", [Tensor((1, H, W, C)), weights(*slope)])
    with pytest.raises(UnsupportedOpError, match="a slope of shape"):
        convert_bytes(model)


COMPARISONS = ["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"]


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons(name: str, dtype: str) -> None:
    def x() -> Tensor:
        return Tensor((1, H, W, C), dtype)

    constant = np.array([-1, 0, 1], dtype)
    for operands in ([x(), x()], [x(), constant], [constant[2], x()]):
        assert_same(one_operator_model(name, operands, ["bool"]), EXACT, halves)


@pytest.mark.parametrize("name", ["LOGICAL_AND", "LOGICAL_OR"])
def test_logic(name: str) -> None:
    operands = [Tensor((1, H, W, C), "bool"), Tensor((1, 1, 1, C), "bool")]
    assert_same(one_operator_model(name, operands, ["bool"]))


def test_logical_not() -> None:
    assert_same(one_operator_model("LOGICAL_NOT", [Tensor((1, 9), "bool")], ["bool"]))


@pytest.mark.parametrize("name", ["MAXIMUM", "MINIMUM"])
@pytest.mark.parametrize("shape", [(), (1,), (C,), (H, W, C), (1, 1, 1, 1)], ids=str)
def test_extremes_with_a_constant(name: str, shape: tuple[int, ...]) -> None:
    constant, image = weights(*shape), Tensor((1, H, W, C))
    assert_same(one_operator_model(name, [image, constant]))
    assert_same(one_operator_model(name, [constant, image]))


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("name", ["MAXIMUM", "MINIMUM"])
def test_extremes(name: str, dtype: str) -> None:
    operands = [Tensor((1, H, W, C), dtype), Tensor((1, 1, W, 1), dtype)]
    assert_same(one_operator_model(name, operands, [dtype]))


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("name", ["FLOOR_DIV", "FLOOR_MOD"])
def test_quotients_round_towards_minus_infinity(name: str, dtype: str) -> None:
    operands = [Tensor((1, H, W, C), dtype), Tensor((1, H, W, C), dtype)]
    assert_same(one_operator_model(name, operands, [dtype]), EXACT, wide)


def test_powers() -> None:
    image = Tensor((1, H, W, C))
    assert_same(one_operator_model("POW", [image, Tensor((1, H, W, C))]), 64, positive)
    assert_same(one_operator_model("POW", [image, np.float32(2)]), ROUNDED, wide)
    assert_same(one_operator_model("POW", [np.float32(2), image]), ROUNDED, wide)
    # A whole exponent, for a negative base has no other powers.
    assert_same(one_operator_model("POW", [np.float32(-2), image]), ROUNDED, whole)


@pytest.mark.parametrize("name", ["ABS", "NEG", "SIGN", "SQUARED_DIFFERENCE"])
def test_functions_of_integers(name: str) -> None:
    operands = [Tensor((1, H, C), "int32")]
    if name == "SQUARED_DIFFERENCE":
        operands.append(Tensor((1, H, C), "int32"))
    assert_same(one_operator_model(name, operands, ["int32"]))


@pytest.mark.parametrize("name", ["SELECT", "SELECT_V2"])
def test_selection(name: str) -> None:
    shape = (1, H, W, C)
    operands = [Tensor(shape, "bool"), Tensor(shape), Tensor(shape)]
    assert_same(one_operator_model(name, operands))
    operands = [Tensor(shape, "bool"), Tensor(shape), weights(*shape)]
    assert_same(one_operator_model(name, operands))


@pytest.mark.parametrize(
    ("condition", "otherwise"),
    [((1, C), (1, H, W, C)), ((1, H, W, 1), (C,)), ((1, H, W, C), ())],
)
def test_selection_broadcasts(condition: tuple[int, ...], otherwise: tuple[int, ...]) -> None:
    operands = [Tensor(condition, "bool"), Tensor((1, H, W, C)), weights(*otherwise)]
    assert_same(one_operator_model("SELECT_V2", operands))


@pytest.mark.parametrize("approximate", [True, False])
def test_gelu(approximate: bool) -> None:
    options = schema.GeluOptionsT(approximate=approximate)
    model = one_operator_model("GELU", [Tensor((1, H, W, C))], options=options)
    assert_same(model, ROUNDED, wide)


@pytest.mark.parametrize("slope", [0.01, 0.1, 0.3])
def test_leaky_relu(slope: float) -> None:
    options = schema.LeakyReluOptionsT(alpha=slope)
    model = one_operator_model("LEAKY_RELU", [Tensor((1, H, W, C))], options=options)
    assert_same(model, EXACT, wide)


@pytest.mark.parametrize("before", ["float32", "int32", "bool"])
@pytest.mark.parametrize("after", ["float32", "int32", "int64", "bool"])
def test_cast(before: str, after: str) -> None:
    image = Tensor((1, H, W, C), before)
    assert_same(one_operator_model("CAST", [image], [after]), EXACT, wide)
