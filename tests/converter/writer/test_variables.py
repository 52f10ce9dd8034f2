"""Local variables say what they hold, and there are few of them."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.layers import RELU, Image, Layers
from tests.support.models import Ref, Tensor
from tests.support.operators import assert_same, convert_bytes
from tests.support.tracing import assert_layers_same

ULPS = 500


class Pyramid(Layers):
    """Writes a backbone of blocks at strides 2, 4 and 8, and what reads its levels."""

    def __init__(self, crop: int = 0) -> None:
        super().__init__(seed=4)
        x = self.convolve(self.image(32, 32, 3), 4, 3, 2, activation=RELU)
        x = self.sliced(x, 4, crop) if crop else x
        self.levels = [self.stage(x)]
        for _ in range(2):
            x = self.pool(self.levels[-1])
            self.levels.append(self.stage(self.convolve(x, 4, 3)))

    def stage(self, x: Image) -> Image:
        for _ in range(2):
            x = self.sum(self.convolve(self.depthwise(x), x.channels), x)
        return x

    def named(self, x: Image, name: str, filters: int = 3) -> Ref:
        """Return a head that TFLite has a name for."""
        weight = Tensor(data=self.drawn(filters, 1, 1, x.channels), name=f"{name}/w")
        bias = self.drawn(filters)
        options = schema.Conv2DOptionsT(strideH=1, strideW=1)
        results = [Tensor(name=f"model/{name}/BiasAdd")]
        return self.operator("CONV_2D", [x.ref, weight, bias], results, options)[0]


def forward(source: str) -> str:
    """Return the last ``forward``, the model's own."""
    return source.split("def forward(")[-1].split("\n\n\n")[0]


def assigned(source: str) -> list[str]:
    """Return the names that the model's ``forward`` gives to values, each once."""
    whole = f"def forward({forward(source)}"
    names = [
        node.id
        for node in ast.walk(ast.parse(re.sub(r"\n {4}", "\n", whole)))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    return list(dict.fromkeys(names))


def source_of(model: bytes) -> str:
    conversion = assert_same(model, ULPS)
    assert_layers_same(conversion, model, ULPS)
    return conversion.source


def test_one_value_at_a_time_is_x() -> None:
    b = Pyramid()
    source = source_of(b.build([b.levels[-1].ref]))
    assert assigned(source) == ["x"]


def test_maps_that_are_needed_later_are_called_by_their_stride() -> None:
    b = Pyramid()
    names = ("fine", "middle", "coarse")
    heads = [b.named(x, name) for name, x in zip(names, b.levels, strict=True)]
    source = source_of(b.build(heads[::-1]))
    assert {"x2", "x4", *names} <= set(assigned(source))
    assert "x16" not in source


def test_what_is_read_before_the_next_one_is_there_needs_no_name() -> None:
    b = Pyramid()
    names = ("fine", "middle", "coarse")
    heads = [b.named(x, name) for name, x in zip(names, b.levels, strict=True)]
    assert not {"x2", "x4"} & set(assigned(source_of(b.build(heads))))


def test_strides_are_told_by_height_and_width() -> None:
    """Of an image without its edges no pixel stands for a square of others."""
    b = Pyramid(crop=1)
    names = ("fine", "middle", "coarse")
    heads = [b.named(x, name) for name, x in zip(names, b.levels, strict=True)]
    source = source_of(b.build(heads[::-1]))
    assert not {"x2", "x4", "x8"} & set(assigned(source))


def test_results_have_the_names_of_outputs() -> None:
    b = Pyramid()
    boxes = b.named(b.levels[-1], "boxes")
    scores = b.named(b.levels[-1], "scores")
    source = source_of(b.build([scores, boxes]))
    assert "return ModelOutput(scores, boxes)" in source
    assert assigned(source)[-2:] == ["scores", "boxes"]


def test_an_output_s_name_is_kept_for_it() -> None:
    """What is not an output never has it, even where TFLite calls it so."""
    b = Pyramid()
    inner = Tensor(name="model/scores/BiasAdd")
    first = b.named(b.levels[0], "scores")
    (doubled,) = b.operator("EXP", [first], [Tensor(name="scores")])
    (other,) = b.operator("NEG", [first], [inner])
    source_of(b.build([doubled, other]))


@pytest.mark.parametrize("name", ["x", "x2", "x4", "shortcut", "gate", "features"])
def test_an_output_may_be_called_like_a_variable(name: str) -> None:
    b = Pyramid()
    heads = [b.named(x, f"{name}") for x in b.levels]
    source_of(b.build(heads))


def test_gates_of_a_block() -> None:
    b = Layers(seed=4)
    x = b.convolve(b.image(8, 8, 3), 4, 3)
    for _ in range(2):
        x = b.excited(b.convolve(x, 4, 3))
    source = source_of(b.build([x.ref]))
    assert "gate = " in source


def test_what_leads_to_no_factor_is_no_gate() -> None:
    """A class may have a sigmoid somewhere; what it does not follow from has another name."""
    b = Layers(seed=4)

    def function(name: str, x: Image) -> Image:
        return b.like(x, b.function(name, x.ref))

    x = b.convolve(b.image(8, 8, 3), 4, 3)
    for _ in range(2):
        main = b.convolve(function("COS", b.convolve(function("SIN", x), 4, 3)), 4, 3)
        main = b.convolve(function("ABS", main), 4)
        x = b.sum(main, b.convolve(function("LOGISTIC", b.convolve(x, 4, 3)), 4))
    assert "gate = " not in source_of(b.build([x.ref]))


def test_what_is_given_twice_has_its_first_name() -> None:
    b = Pyramid()
    boxes, other = b.named(b.levels[0], "boxes"), b.named(b.levels[1], "other")
    source = source_of(b.build([boxes, other, boxes]))
    assert "return ModelOutput(boxes1, other, boxes1)" in source


def test_shortcuts_of_a_block_are_called_so() -> None:
    b = Layers(seed=4)
    x = b.convolve(b.image(16, 16, 3), 4, 3)
    for stride in (1, 2):
        y = b.convolve(b.depthwise(x, 3, stride), 4)
        x = b.sum(y, b.pool(x) if stride == 2 else x)
    source = source_of(b.build([x.ref]))
    assert "shortcut = x" in source
    assert "shortcut = F.max_pool2d(x, 2)" in source


def test_more_values_at_a_time_than_there_are_names() -> None:
    """Seven of them, none of which means anything."""
    b = Layers(seed=4)
    x = b.image(8, 8, 3)
    values = [b.like(x, b.function(n, x.ref)) for n in ("EXP", "ABS", "NEG", "SIN")]
    values += [b.like(x, b.function("SQUARE", v.ref)) for v in values]
    total = values[0]
    for value in (*values[1:], *values):
        total = b.like(x, b.sub(total.ref, value.ref))
    source = source_of(b.build([total.ref]))
    names = assigned(source)
    assert len(names) == len(set(names)) <= 12
    assert all(re.fullmatch(r"[a-z]+\d?", name) for name in names)


def test_points_and_lengths() -> None:
    """Steps on other things than images: no name says more than x."""
    b = Layers(seed=4)
    x = b.input((1, 6, 2))
    mean = b.mean(x, 1)
    x = b.sub(x, mean)
    model = b.build([b.mul(x, np.array(0.5, np.float32))])
    assert assigned(convert_bytes(model).source) in ([], ["x"])
