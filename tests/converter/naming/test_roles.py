"""Parts are called by their role, by TFLite's name, or by their kind; never by number."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.layers import Layers
from tests.support.nodes import (
    block,
    constant,
    conv,
    depthwise,
    graph,
    image,
    narrowed,
    pool,
    prelu,
    result,
    step,
    widened,
)
from tests.support.official import FACTS
from tests.support.operators import convert_bytes
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.resize import Resize
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.motifs.idioms import idioms_of
from tflite2torch.converter.naming.roles import (
    block_description,
    block_roles,
    constants,
    is_generic,
    model_roles,
    operand_names,
    prefixed,
    reached_outputs,
    tflite_role,
)
from tflite2torch.converter.structure.structure import (
    Block,
    Skipped,
    Stage,
    uses_of_classes,
)
from tflite2torch.converter.structure.variants import align_variants


def residual(x: Value) -> Block:
    main = conv(x, x.shape[1])
    return block([main, step("add", result(main), x)])


def stage(x: Value, count: int = 2) -> Stage:
    blocks: list[Block] = []
    for _ in range(count):
        blocks.append(residual(result(*blocks) if blocks else x))
    return Stage([x], blocks[-1].outputs, blocks)


def roles(whole: Graph) -> list[str]:
    found = model_roles(whole, idioms_of(uses_of_classes(whole.nodes)))
    return [found[node] for node in whole.nodes if node in found]


def test_the_usual_places_of_a_network() -> None:
    x = image()
    stem = conv(x, 4)
    bent = prelu(result(stem))
    first = stage(result(bent))
    second = residual(result(first))
    head = conv(result(second), 2, 1)
    whole = graph([x], [stem, bent, first, second, head])
    assert roles(whole) == [
        "stem",
        "stem_activation",
        "stage",
        "stage",
        "head_pointwise",
    ]


def test_heads_are_called_after_their_outputs() -> None:
    x = image()
    trunk = stage(x)
    left = conv(result(trunk), 2, 1)
    right = conv(result(trunk), 3, 1)
    shared = conv(result(trunk), 4)
    boxes = step("mul", result(left), result(shared))
    scores = step("mul", result(right), result(shared))
    whole = graph([x], [trunk, left, right, shared, boxes, scores])
    whole.outputs = [result(boxes), result(scores)]
    whole.output_names = ["boxes", "scores"]
    assert roles(whole) == ["stage", "boxes", "scores", "head_conv"]


def test_heads_of_outputs_without_a_name_are_numbered() -> None:
    x = image()
    trunk = stage(x)
    ends = [conv(result(trunk), n, 1) for n in (2, 3)]
    whole = graph([x], [trunk, *ends], *map(result, ends))
    assert roles(whole) == ["stage", "head1", "head2"]


def test_parts_that_some_outputs_share_have_what_their_names_share() -> None:
    assert prefixed(["eye_left", "eye_right"], "stage") == "eye_stage"
    assert prefixed(["eye_left"], "stage") == "eye_left_stage"
    assert prefixed(["mesh", "eye_left"], "stage") == "stage"
    assert prefixed([], "stage") == "stage"


def test_tflite_s_own_name_where_it_means_something() -> None:
    layer = conv(image(), 4)
    assert tflite_role(layer) is None
    layer.parameters["weight"].name = "model/regressor_8/Conv2D"
    assert tflite_role(layer) == "regressor_8"
    layer.outputs[0].name = "model_1/classifier/BiasAdd"
    assert tflite_role(layer) == "classifier"
    layer.outputs[0].name = "model_1/conv2d_81/BiasAdd"
    assert tflite_role(layer) == "regressor_8"


def test_gates_are_called_so() -> None:
    x = image()
    layer = conv(x, 4, 1)
    factor = step("sigmoid", result(layer))
    scaled = step("mul", x, result(factor))
    assert roles(graph([x], [layer, factor, scaled])) == ["gate"]
    other = step("mul", result(layer), x)
    assert roles(graph([x], [layer, other])) == ["pointwise"]


def test_constants_are_called_by_what_is_done_with_them() -> None:
    x = image()
    scale, offset = constant(4, 1, 1), constant(4, 1, 1)
    nodes: list[Node] = [step("mul", x, scale)]
    nodes.append(step("sub", result(*nodes), offset))
    found = block_roles([block(nodes)], nodes, {})
    assert (found[scale], found[offset]) == ("scale", "offset")
    offset.name = "anchors"
    assert block_roles([block(nodes)], nodes, {})[offset] == "anchors"


def test_a_constant_is_a_token_among_tokens_only() -> None:
    for shape, name in (((1, 4, 3), "token"), ((1, 4, 5, 3), "constant")):
        b = Layers(seed=1)
        operands = [b.input(shape), b.drawn(1, 1, *shape[2:])]
        options = schema.ConcatenationOptionsT(axis=1)
        joined = b.operator("CONCATENATION", operands, options=options)
        assert f"self.{name} = " in convert_bytes(b.build(joined)).source


def test_single_numbers_are_no_parts() -> None:
    """But for those of layers: a slope of one element is a parameter."""
    x = image()
    assert constants(prelu(x, 1)) == []
    number, vector = constant(1, 1, value=2), constant(4, 1, 1)
    assert constants(step("mul", x, number)) == []
    assert constants(step("mul", x, vector)) == [vector]


@pytest.mark.parametrize(
    ("role", "generic"),
    [
        ("stage3", True),
        ("head_pointwise", True),
        ("stem_activation", True),
        ("depthwise2", True),
        ("regressor_8", False),
        ("blendweights", False),
    ],
)
def test_what_says_where_a_part_stands_not_what_it_gives(
    role: str, generic: bool
) -> None:
    assert is_generic(role) == generic


def test_what_depends_on_what() -> None:
    x = image()
    trunk = conv(x, 4)
    left, right = step("exp", result(trunk)), step("abs", result(trunk))
    idle = step("neg", x)
    reached = reached_outputs([trunk, left, right, idle], [result(left), result(right)])
    assert reached[trunk] == {result(left), result(right)}
    assert reached[left] == {result(left)}
    assert reached[idle] == set()


def test_what_a_block_calls_what_it_reads() -> None:
    x, y, z = image(), image(), image()
    total = step("add", x, y)
    assert operand_names([total], [x]) == ["x"]
    first, second = operand_names([total], [x, y])
    assert first == "x" != second
    whole = step("add", result(total), z)
    assert operand_names([total, whole], [x, y, z]) == ["x1", "x2", "x3"]
    up = Resize([x], [image()], "bilinear", "half_pixel", (8, 8))
    assert operand_names([up, step("add", result(up), y)], [x, y]) == ["x", "skip"]


def described(*uses: Block, width: int = 78) -> list[str]:
    align_variants(graph([], list(uses)))
    return block_description(uses, width, idioms_of(uses_of_classes(uses)))


def blaze(
    channels: int = 4, filters: int = 4, stride: int = 1, kernel: int = 3
) -> Block:
    x = image(channels)
    nodes: list[Node] = []
    skip = x
    if stride == 2:
        nodes.append(pool(skip))
        skip = result(*nodes)
    if filters > channels:
        nodes.append(widened(skip, filters - channels))
        skip = result(*nodes)
    if filters < channels:
        nodes.append(narrowed(skip, filters))
        skip = result(*nodes)
    deep = conv(x, channels, kernel, stride, groups=channels, padding=kernel // 2)
    nodes += [deep, conv(result(deep), filters, 1)]
    return block([*nodes, step("add", result(*nodes), skip)])


def test_blocks_say_what_is_in_them() -> None:
    x = image()
    main = conv(x, 4, 5)
    chain = block([main, depthwise(result(main))])
    assert described(chain) == ["Conv 5x5 and depthwise 3x3."]
    assert described(block([conv(image(), 4, 1)])) == ["Pointwise."]


def test_shortcuts_are_told_with_what_is_done_to_them() -> None:
    assert described(blaze()) == ["Depthwise 3x3 and pointwise, plus a shortcut."]
    assert described(blaze(4, 6, 2)) == [
        "Depthwise 3x3 and pointwise, plus a shortcut, pooled and widened."
    ]
    assert described(blaze(), blaze(4, 4, 2)) == [
        "Depthwise 3x3 and pointwise, plus a shortcut, pooled where needed."
    ]
    assert described(blaze(), blaze(kernel=5)) == [
        "Depthwise and pointwise, plus a shortcut."
    ]


def test_long_descriptions_are_two_sentences() -> None:
    uses = [blaze(), blaze(4, 6, 2)]
    assert described(*uses, width=60) == [
        "Depthwise 3x3 and pointwise, plus a shortcut.",
        "The shortcut is pooled and widened where needed.",
    ]


def test_a_list_of_three_keeps_its_comma() -> None:
    uses = [blaze(), blaze(4, 6, 2), blaze(6, 4)]
    assert described(*uses, width=60) == [
        "Depthwise 3x3 and pointwise, plus a shortcut.",
        "The shortcut is pooled, widened and narrowed where needed.",
    ]


def test_a_long_description_of_a_plain_shortcut_is_one_sentence() -> None:
    assert described(blaze(), width=30) == [
        "Depthwise 3x3 and pointwise, plus a shortcut."
    ]


def inverted(filters: int) -> Block:
    x = image()
    wide = conv(x, 12, 1)
    deep = depthwise(result(wide))
    narrow = conv(result(deep), filters, 1)
    total = [step("add", result(narrow), x)] if filters == 4 else []
    return block([wide, deep, narrow, *total])


def test_a_shortcut_that_some_uses_lack() -> None:
    assert described(inverted(4), inverted(6)) == [
        "Expand, depthwise 3x3 and project, plus a shortcut where the shape stays."
    ]
    uses = [inverted(4), inverted(6)]
    *_, last = described(*uses, width=50)
    assert last != "The shortcut is where the shape stays.", "that is no English"
    assert any(isinstance(node, Skipped) for node in uses[1].body)


def test_a_block_without_layers_is_told_too() -> None:
    x = image()
    bent = prelu(x)
    (sentence,) = described(block([bent, step("add", result(bent), x)]))
    assert sentence.endswith(".")
    assert sentence[0].isupper()


@pytest.mark.parametrize("name", FACTS)
def test_official_sentences(converted: Callable[[str], Conversion], name: str) -> None:
    """No word twice in a row, no list without its commas, no sentence without a verb."""
    for line in converted(name).source.splitlines():
        text = line.strip()
        assert "pooled widened" not in text
        assert not re.match(r"The shortcut is( where the shape stays)?\.", text)
        words = text.split() if text.startswith('"""') else []
        assert all(a != b for a, b in itertools.pairwise(words))
