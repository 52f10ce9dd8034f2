"""Parts are called by their role, by TFLite's name, or by their kind; never by number."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.layers import Layers
from tests.support.nodes import (
    block,
    constant,
    conv,
    graph,
    image,
    prelu,
    result,
    step,
)
from tests.support.operators import convert_bytes
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.resize import Resize
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.motifs import motifs_of
from tflite2torch.converter.naming.roles import (
    block_roles,
    constants,
    is_generic,
    layer_name,
    model_roles,
    operand_names,
    prefixed,
)
from tflite2torch.converter.structure.structure import (
    Block,
    Stage,
    uses_of_classes,
)


def residual(x: Value) -> Block:
    main = conv(x, x.shape[1])
    return block([main, step("add", result(main), x)])


def stage(x: Value, count: int = 2) -> Stage:
    blocks: list[Block] = []
    for _ in range(count):
        blocks.append(residual(result(*blocks) if blocks else x))
    return Stage([x], blocks[-1].outputs, blocks)


def roles(whole: Graph) -> list[str]:
    found = model_roles(whole, motifs_of(uses_of_classes(whole.nodes)), {})
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


def test_layers_between_two_stages_are_the_neck() -> None:
    """What is called ``pointwise`` in a block alone says nothing in a whole model."""
    x = image()
    first = stage(x)
    between = conv(result(first), 6, 1)
    bent = prelu(result(between))
    second = stage(result(bent))
    assert roles(graph([x], [first, between, bent, second])) == [
        "stage",
        "neck_pointwise",
        "neck_activation",
        "stage",
    ]


def test_a_model_without_stages_has_neither_stem_nor_neck_nor_head() -> None:
    x = image()
    first = conv(x, 4, 1)
    bent = prelu(result(first))
    assert roles(graph([x], [first, bent])) == ["pointwise", "activation"]


def test_a_side_alone_is_no_name(converted: Callable[[str], Conversion]) -> None:
    """What the left eye and the left iris share is called after the eye."""
    conversion = converted("wheel/face_landmark_with_attention")
    parts = {key.partition(".")[0] for key in conversion.state}
    encoders = {part for part in parts if "encoder" in part}
    assert encoders == {"lips_encoder", "left_eye_encoder", "right_eye_encoder"}


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
    assert layer_name(layer) is None
    layer.parameters["weight"].name = "model/regressor_8/Conv2D"
    assert layer_name(layer) == "regressor_8"
    layer.outputs[0].name = "model_1/classifier/BiasAdd"
    assert layer_name(layer) == "classifier"
    layer.outputs[0].name = "model_1/conv2d_81/BiasAdd"
    assert layer_name(layer) == "regressor_8"


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
def test_what_says_where_a_part_stands_not_what_it_gives(role: str, generic: bool) -> None:
    assert is_generic(role) == generic


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
