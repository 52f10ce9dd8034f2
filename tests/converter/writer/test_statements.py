"""Steps become statements that fit a line, in an order in which Python can run them."""

from __future__ import annotations

import ast
from dataclasses import replace

import numpy as np
import pytest

from tests.support.nodes import (
    block,
    constant,
    conv,
    image,
    pool,
    prelu,
    result,
    same_padded,
    step,
    widened,
)
from tflite2torch.converter.graph.node import Literal, Node
from tflite2torch.converter.graph.nodes.concat import Concat
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.planning.constructor import Constructor, Slot
from tflite2torch.converter.planning.derivation import SAME_CHANNELS
from tflite2torch.converter.planning.expression import Formula, Name
from tflite2torch.converter.planning.scope import Part, Scope
from tflite2torch.converter.structure.structure import Block, Stage
from tflite2torch.converter.writer.statements import WIDTH, Statements, Step


def scope(nodes: list[Node], *outputs: Value) -> Scope:
    """Return a class of steps; layers and constants are called by a letter each."""
    parts: list[Part] = []
    for node in nodes:
        parts += [v for v in node.inputs if v.data is not None and v.data.size > 1]
        parts += [node] if node.parameters or isinstance(node, Block | Stage) else []
    names = {part: "abcdefghijkl"[i] for i, part in enumerate(dict.fromkeys(parts))}
    ends = list(outputs) or nodes[-1].outputs
    return Scope("Block", nodes, nodes[0].inputs[:1], ends, Constructor(), names)


def shown(whole: Scope, *, of_model: bool = False) -> list[str]:
    """Return the statements; values are called by the place of what gives them."""
    outputs = ["y"] if of_model else []
    statements = Statements(replace(whole, output_names=outputs))
    names = dict.fromkeys(whole.inputs, "x")
    lines = []
    for index, each in enumerate(statements.steps()):
        names |= dict.fromkeys(each.node.outputs, f"v{index}")
        text = ast.unparse(statements.expression(each, names.__getitem__))
        if each.condition is not None:
            text += f" if {statements.condition(each.condition)}"
        lines.append(text)
    return lines


def chain(length: int, x: Value | None = None) -> list[Node]:
    nodes: list[Node] = [conv(x or image(), 4)]
    while len(nodes) < length:
        nodes.append(conv(result(*nodes), 4))
    return nodes


def test_what_is_read_once_is_written_in_place() -> None:
    x = image()
    first = conv(x, 4)
    second = step("relu", result(first))
    total = step("add", result(second), x)
    assert shown(scope([first, second, total])) == ["F.relu(self.a(x)) + x"]


def test_what_is_read_twice_has_a_statement() -> None:
    x = image()
    first = conv(x, 4)
    twice = step("mul", result(first), result(first))
    assert shown(scope([first, twice])) == ["self.a(x)", "v0 * v0"]


def test_what_is_given_has_a_statement_though_it_is_read_once() -> None:
    first, second = chain(2)
    whole = scope([first, second], result(first), result(second))
    assert shown(whole) == ["self.a(x)", "self.b(v0)"]


def test_long_statements_are_split() -> None:
    nodes = chain(12)
    lines = shown(scope(nodes))
    assert len(lines) == 2
    assert max(map(len, lines)) <= WIDTH + len("v0")
    assert lines[1].count("self.") + lines[0].count("self.") == 12


def test_the_longest_operand_is_taken_out_first() -> None:
    x = image()
    left, right = chain(8, x), chain(1, x)
    total = step("sub", result(*right), result(*left))
    lines = shown(scope([*left, *right, total]))
    assert lines[0].count("self.") == 8
    assert lines[1] == "self.i(x) - v0"


def test_what_is_joined_looks_alike() -> None:
    """Either all parts stand in place, or none does."""
    x = image()
    short, long = chain(1, x), chain(8, x)
    joined = Concat([result(*short), result(*long)], [image(8)], 1)
    lines = shown(scope([*short, *long, joined]))
    assert lines[-1] == "torch.cat([v0, v1], dim=1)"
    ends = [chain(1, x) for _ in range(2)]
    joined = Concat([result(*nodes) for nodes in ends], [image(8)], 1)
    lines = shown(scope([*ends[0], *ends[1], joined]))
    assert lines == ["torch.cat([self.a(x), self.b(x)], dim=1)"]


def test_a_chain_of_sums_is_split_too() -> None:
    """All of them add the same value, which has a name."""
    x = image()
    nodes: list[Node] = [step("add", x, x)]
    while len(nodes) < 60:
        nodes.append(step("add", result(*nodes), x))
    lines = shown(scope(nodes))
    assert len(lines) > 3
    assert max(map(len, lines)) <= WIDTH
    assert sum(line.count(" + ") for line in lines) == 60


def test_a_step_that_has_a_comment_stands_alone() -> None:
    x = image()
    pad = same_padded(x)
    assert shown(scope([pad, conv(result(pad), 4, 3, 2)])) == [
        "F.pad(x, (0, 1, 0, 1))",
        "self.a(v0)",
    ]


def conditional(*, first: bool = True) -> Scope:
    """Pool and pad at stride 2, with an unconditional step between."""
    x = image()
    skip, main = pool(x), same_padded(x)
    more = widened(result(skip), 2)
    layer = conv(result(main), 6, 3, 2)
    nodes: list[Node] = [skip, more, main, layer]
    nodes.append(step("add", result(layer), result(more)))
    whole = scope(nodes)
    for place in (0, 2):
        whole.constructor.conditions[place] = Formula("==", (Name("stride"), 2))
    whole.constructor.expressions[Slot((3,), "stride")] = Name("stride")
    if not first:
        whole.constructor.conditions[1] = Name("widen")
    return whole


def test_steps_on_one_condition_stand_together() -> None:
    """So that ``forward`` asks once; what stands between waits."""
    assert shown(conditional()) == [
        "F.max_pool2d(x, 2) if self.stride == 2",
        "F.pad(x, (0, 1, 0, 1)) if self.stride == 2",
        "self.a(v1) + F.pad(v0, (0, 0, 0, 0, 0, 2))",
    ]


def test_other_conditions_keep_their_order() -> None:
    lines = shown(conditional(first=False))
    assert [line.rpartition(" if ")[2] for line in lines[:3]] == [
        "self.stride == 2",
        "self.stride == 2",
        "self.widen",
    ]


def test_a_step_waits_for_what_it_reads() -> None:
    """The second one on the condition reads what comes between: they stay apart."""
    x = image()
    first = pool(x)
    between = step("exp", result(first))
    second = pool(result(between))
    end = step("abs", result(second))
    whole = scope([first, between, second, end])
    for place in (0, 2):
        whole.constructor.conditions[place] = Name("deep")
    lines = shown(whole)
    assert [("if" in line) for line in lines] == [True, False, True, False]


def test_what_a_conditional_step_reads_is_computed_in_any_case() -> None:
    x = image()
    main = conv(x, 4)
    total = step("add", result(main), x)
    whole = scope([main, total])
    whole.constructor.conditions[1] = SAME_CHANNELS
    assert shown(whole) == ["self.a(x)", "v0 + x if self.residual"]


def stages(count: int) -> list[Node]:
    nodes: list[Node] = []
    x = image()
    for _ in range(count):
        blocks = [block([conv(x, 4)])]
        nodes.append(Stage([x], blocks[0].outputs, blocks))
        x = result(*nodes)
    return nodes


def test_a_model_s_stages_stand_in_lines_of_their_own() -> None:
    assert shown(scope(stages(3)), of_model=True) == [
        "self.a(x)",
        "self.b(v0)",
        "self.c(v1)",
    ]


def test_a_block_s_may_stand_in_one() -> None:
    assert shown(scope(stages(5))) == ["self.e(self.d(self.c(self.b(self.a(x)))))"]


def test_the_layers_before_a_stage_stand_in_its_line() -> None:
    x = image()
    stem = conv(x, 4)
    bent = prelu(result(stem))
    inner = block([conv(result(bent), 4)])
    lines = shown(scope([stem, bent, inner]), of_model=True)
    assert lines == ["self.c(self.b(self.a(x)))"]


def test_the_layers_after_it_do_not() -> None:
    (stage,) = stages(1)
    head = conv(result(stage), 2, 1)
    lines = shown(scope([stage, head]), of_model=True)
    assert lines == ["self.a(x)", "self.b(v0)"]


def test_constants_are_attributes_and_single_numbers_are_written_out() -> None:
    x = image()
    scaled = step("mul", x, constant(4, 1, 1))
    shifted = step("add", result(scaled), constant(1, 1, value=0.5))
    assert shown(scope([scaled, shifted])) == ["x * self.a + 0.5"]


@pytest.mark.parametrize(
    ("data", "written"),
    [
        (np.float32(0.1), 0.1),
        (np.array([[1e-3]], np.float32), 1e-3),
        (np.float32(1 / 3), 0.33333334),
        (np.float32(-0.0), -0.0),
        (np.float16(0.1), 0.099975586),
        (np.int32(-7), -7),
        (np.bool_(True), True),
        (np.float32(np.inf), float("inf")),
    ],
)
def test_numbers_have_the_fewest_digits_that_say_them(data: np.generic, written: Literal) -> None:
    array = np.asarray(data)
    found = Value("n", array.shape, array.dtype.name, data=array).number
    assert (type(found), str(found)) == (type(written), str(written))
    if isinstance(found, float):
        assert np.float32(found).tobytes() == np.float32(data).tobytes()


def test_a_statement_knows_what_it_reads_and_in_what_order_it_computes() -> None:
    x, y = image(), image()
    first, second = step("exp", x), step("add", y, constant(4, 1, 1))
    product = step("mul", result(first), result(second))
    inner = [Step(first, [x]), Step(second, list(second.inputs))]
    whole = Step(product, [*inner])
    assert list(whole.leaves()) == [x, y]
    assert list(whole.nodes()) == [first, second, product]
