"""A ``forward`` keeps what is needed later, asks each condition once, and says why."""

from __future__ import annotations

from dataclasses import replace

from tests.support.nodes import (
    block,
    constant,
    conv,
    depthwise,
    image,
    narrowed,
    pool,
    prelu,
    result,
    same_padded,
    step,
    widened,
)
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.shape import Expand
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.planning.constructor import NEW_CHANNELS, Constructor, Slot
from tflite2torch.converter.planning.derivation import RESIDUAL
from tflite2torch.converter.planning.expression import Formula, Name
from tflite2torch.converter.planning.scope import Part, Scope
from tflite2torch.converter.writer.forward import Forward


def scope(nodes: list[Node], inputs: list[Value], *outputs: Value) -> Scope:
    layers = [node for node in nodes if node.parameters]
    attributes: dict[Part, str] = {n: f"layer{i}" for i, n in enumerate(layers, 1)}
    ends = list(outputs) or list(nodes[-1].outputs)
    return Scope("Block", nodes, inputs, ends, Constructor(), attributes)


def lines(whole: Scope, *names: str) -> list[str]:
    return Forward(replace(whole, input_names=names or ("x",))).lines()


def test_what_enters_is_kept_for_the_sum_at_the_end() -> None:
    x = image()
    first = prelu(x)
    second, third = conv(result(first), 4), step("relu", result(first))
    product = step("mul", result(second), result(third))
    total = step("add", result(product), x)
    assert lines(scope([first, second, third, product, total], [x])) == [
        "shortcut = x",
        "x = self.layer1(x)",
        "return self.layer2(x) * F.relu(x) + shortcut",
    ]


def test_it_needs_no_name_where_one_line_does_it_all() -> None:
    x = image()
    first = depthwise(x)
    second = conv(result(first), 4, 1)
    total = step("add", result(second), x)
    assert lines(scope([first, second, total], [x])) == ["return self.layer2(self.layer1(x)) + x"]


def blaze(stride: bool = True, widen: bool = True) -> Scope:
    x = image()
    skip, main = pool(x), same_padded(x)
    more = widened(result(skip), 2)
    deep = depthwise(result(main), 3, 2)
    wide = conv(result(deep), 6, 1)
    total = step("add", result(wide), result(more))
    nodes: list[Node] = [skip, more, main, deep, wide, total]
    nodes.append(step("relu", result(total)))
    whole = scope(nodes, [x])
    if stride:
        for place in (0, 2):
            whole.constructor.conditions[place] = Formula("==", (Name("stride"), 2))
    if widen:
        whole.constructor.conditions[1] = NEW_CHANNELS
        whole.constructor.expressions[Slot((1,), "padding", (5,))] = NEW_CHANNELS
    return whole


def test_a_condition_is_asked_once_for_all_its_steps() -> None:
    assert lines(blaze()) == [
        "shortcut = x",
        "if self.stride == 2:",
        "    shortcut = F.max_pool2d(x, 2)",
        "    x = F.pad(x, (0, 1, 0, 1))  # TFLite SAME: one more right and bottom",
        "if self.new_channels:",
        "    shortcut = F.pad(shortcut, (0, 0, 0, 0, 0, self.new_channels))",
        "return F.relu(self.layer2(self.layer1(x)) + shortcut)",
    ]


def test_steps_without_a_condition_are_plain_statements() -> None:
    assert lines(blaze(stride=False, widen=False)) == [
        "shortcut = F.pad(F.max_pool2d(x, 2), (0, 0, 0, 0, 0, 2))",
        "x = F.pad(x, (0, 1, 0, 1))  # TFLite SAME: one more right and bottom",
        "return F.relu(self.layer2(self.layer1(x)) + shortcut)",
    ]


def test_a_last_step_that_may_be_lacking() -> None:
    x = image()
    main = conv(x, 4)
    total = step("add", result(main), x)
    whole = scope([main, total], [x])
    whole.constructor.conditions[1] = RESIDUAL
    assert lines(whole) == [
        "shortcut = x",
        "x = self.layer1(x)",
        "return x + shortcut if self.residual else x",
    ]


def test_steps_in_a_row_on_two_conditions() -> None:
    """Each leaves what the one before gives, or left."""
    x = image(8)
    more, fewer = widened(x, 2), narrowed(x, 4)
    fewer.inputs = list(more.outputs)
    main = conv(x, 4)
    total = step("add", result(main), result(fewer))
    whole = scope([more, fewer, main, total], [x])
    whole.constructor.conditions = {0: Name("widen"), 1: Name("narrow")}
    assert lines(whole) == [
        "shortcut = x",
        "if self.widen:",
        "    shortcut = F.pad(x, (0, 0, 0, 0, 0, 2))",
        "if self.narrow:",
        "    shortcut = shortcut[:, :4]",
        "return self.layer1(x) + shortcut",
    ]


def test_a_value_that_a_conditional_step_replaces_is_kept_if_it_is_needed() -> None:
    x = image()
    main = conv(x, 4)
    pad = same_padded(result(main))
    deep = depthwise(result(pad))
    product = step("mul", result(deep), result(main))
    whole = scope([main, pad, deep, product], [x])
    whole.constructor.conditions[1] = Name("pad")
    assert lines(whole) == [
        "x = self.layer1(x)",
        "features = x",
        "if self.pad:",
        "    features = F.pad(x, (0, 1, 0, 1))  # TFLite SAME: one more right and bottom",
        "return self.layer2(features) * x",
    ]


def test_a_comment_that_does_not_fit_stands_above() -> None:
    x = image()
    nodes: list[Node] = [prelu(x)]
    for _ in range(2):
        nodes.append(prelu(result(*nodes)))
    pad = same_padded(result(*nodes))
    last = conv(result(pad), 4, 3, 2)
    found = lines(scope([*nodes, pad, last], [x]))
    assert found == [
        "# TFLite SAME: one more right and bottom",
        "x = F.pad(self.layer3(self.layer2(self.layer1(x))), (0, 1, 0, 1))",
        "return self.layer4(x)",
    ]


def test_several_results_are_given_in_their_order() -> None:
    x = image()
    first, second = conv(x, 4), conv(x, 2)
    whole = scope([first, second], [x], result(second), result(first), x)
    whole.output_names = ["right", "left", "middle"]
    found = Forward(whole).lines()
    assert found == [
        "left = self.layer1(x)",
        "right = self.layer2(x)",
        "return right, left, x",
    ]


def test_a_model_that_gives_back_what_it_is_given() -> None:
    x = image()
    whole = Scope("Model", [], [x], [x, x], output_names=["a", "b"])
    assert Forward(whole).lines() == ["return x, x"]


def test_operations_are_told_in_the_order_of_their_evaluation() -> None:
    """None stands for what gives no node's result."""
    whole = blaze()
    skip, more, main, deep, wide, total, relu = whole.nodes
    assert Forward(whole).operations == [
        skip,
        main,
        more,
        deep,
        wide,
        total,
        relu,
    ]


def test_a_helper_s_call_is_one_operation_and_a_shape_is_another() -> None:
    x = image()
    token = constant(4, 8, 8)
    repeated = Expand.of(token, x)
    total = step("add", x, result(repeated))
    whole = scope([repeated, total], [x])
    whole.attributes[token] = "token"
    assert Forward(whole).operations == [None, None, repeated, total]


def test_the_names_of_several_inputs() -> None:
    x, skip = image(), image()
    main = conv(x, 4)
    total = step("add", result(main), skip)
    whole = scope([main, total], [x, skip])
    assert lines(whole, "x", "skip") == ["return self.layer1(x) + skip"]
    whole = Scope("Model", [block([main, total])], [x, skip], [result(total)])
    whole.attributes = {whole.nodes[0]: "merge"}
    whole.output_names = ["y"]
    assert lines(whole, "coarse", "fine") == ["return self.merge(coarse, fine)"]
