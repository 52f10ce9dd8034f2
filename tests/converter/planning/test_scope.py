"""What a class stores of its constructor's arguments, and where it writes them."""

from __future__ import annotations

import ast

from tests.support.nodes import constant, conv, image, pool, result, step
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.nodes.shape import Reshape
from tflite2torch.converter.graph.nodes.slicing import FULL, Slice
from tflite2torch.converter.graph.value import N, Value
from tflite2torch.converter.planning.constructor import NEW_CHANNELS, Constructor, Slot
from tflite2torch.converter.planning.expression import Expression, Formula, Name
from tflite2torch.converter.planning.scope import Part, Scope
from tflite2torch.converter.writer.expressions import spelled

HALF = Formula("//", (Name("kernel_size"), 2))


def scope(
    nodes: list[Node],
    attributes: dict[Part, str] | None = None,
    expressions: dict[Slot, Expression] | None = None,
    conditions: dict[int, Expression] | None = None,
) -> Scope:
    constructor = Constructor(expressions=expressions or {}, conditions=conditions or {})
    inputs, outputs = nodes[0].inputs[:1], nodes[-1].outputs
    return Scope("Block", nodes, inputs, outputs, constructor, attributes or {})


def stored(scope: Scope) -> dict[str, str]:
    """Return what ``forward`` reads of the constructor's arguments, as Python."""
    return {ast.unparse(spelled(e, {})): name for e, name in scope.stored.items()}


def written(scope: Scope, part: Part, argument: str) -> str | None:
    """Return an argument of a step as ``forward`` writes it."""
    assert isinstance(part, Node)
    names = {expression: f"self.{name}" for expression, name in scope.stored.items()}
    found = scope.argument(part, argument, part.code().arguments[argument])
    return None if found is None else ast.unparse(spelled(found, names))


def test_what_a_step_without_weights_needs_is_stored() -> None:
    x = image()
    nodes = [pool(x)]
    whole = scope(nodes, expressions={Slot((0,), "kernel_size"): Name("stride")})
    assert stored(whole) == {"stride": "stride"}
    assert written(whole, nodes[0], "kernel_size") == "self.stride"
    assert written(whole, nodes[0], "padding") is None


def test_what_a_layer_needs_is_not() -> None:
    layer = conv(image(), 8)
    found = {Slot((0,), "stride"): Name("stride")}
    whole = scope([layer], {layer: "conv"}, found)
    assert whole.stored == {}
    assert whole.argument(layer, "stride", 1) == Name("stride")


def test_conditions_are_stored_under_what_they_mean() -> None:
    x = image()
    steps = [pool(x), step("relu", x), step("exp", x), step("abs", x)]
    stays = Formula("==", (Name("in_channels"), Name("out_channels")))
    whole = scope(
        steps,
        conditions={
            0: Formula("==", (Name("stride"), 2)),
            1: Formula(">", (NEW_CHANNELS, 0)),
            2: Formula("and", (Formula("==", (Name("stride"), 1)), stays)),
            3: stays,
        },
    )
    assert stored(whole) == {
        "stride": "stride",
        "out_channels - in_channels": "new_channels",
        "stride == 1 and in_channels == out_channels": "residual",
        "in_channels == out_channels": "residual2",
    }


def test_stored_names_are_no_parts_of_modules_nor_of_this_one() -> None:
    x = image()
    layer = conv(x, 8)
    reshape = Reshape(list(layer.outputs), [image()], (N, 8, 32, 2))
    nodes, attributes = [layer, reshape], {layer: "points"}
    found = {Slot((1,), "points"): Name("points")}
    assert stored(scope(nodes, attributes, found)) == {"points": "points2"}
    whole = scope(nodes, attributes, found, {1: Name("half")})
    assert stored(whole) == {"half": "half2", "points": "points2"}


def padded(x: Value) -> Pad:
    return Pad.of(x, ((0, 0), (0, 3), (1, 2), (1, 2)))


def test_one_number_of_a_tuple() -> None:
    pad = padded(image())
    whole = scope([pad], expressions={Slot((0,), "padding", (5,)): NEW_CHANNELS})
    assert whole.stored == {NEW_CHANNELS: "new_channels"}
    assert written(whole, pad, "padding") == "(1, 2, 1, 2, 0, self.new_channels)"


def test_the_same_number_in_several_places() -> None:
    pad = padded(image())
    found = {Slot((0,), "padding", (place,)): HALF for place in (1, 3)}
    whole = scope([pad], expressions=dict(found))
    assert stored(whole) == {"kernel_size // 2": "padding"}
    assert written(whole, pad, "padding") == ("(1, self.padding, 1, self.padding, 0, 3)")


def test_several_numbers_of_a_tuple_are_stored_as_a_whole() -> None:
    pad = Pad.of(image(), ((0, 0), (0, 0), (1, 2), (1, 2)))
    halves = [Formula("-", (HALF, 1)), HALF]
    found = {Slot((0,), "padding", (i,)): halves[i % 2] for i in range(4)}
    whole = scope([pad], expressions=dict(found))
    twice = "(kernel_size // 2 - 1, kernel_size // 2) * 2"
    assert stored(whole) == {twice: "padding"}
    assert written(whole, pad, "padding") == "self.padding"


def test_a_whole_of_two_different_halves() -> None:
    pad = Pad.of(image(), ((0, 0), (0, 0), (1, 2), (3, 4)))
    names = enumerate(("left", "right", "top"))
    found = {Slot((0,), "padding", (place,)): Name(name) for place, name in names}
    whole = scope([pad], expressions=dict(found))
    assert list(stored(whole)) == ["(left, right, top, 2)"]


def test_the_ends_of_slices() -> None:
    """Colons are Python only within an index, not where a constructor stores them."""
    x = image()
    index = (FULL, FULL, slice(1, 7, None), slice(1, 5, None))
    cut = Slice([x], [image(4, 6, 4)], index)
    whole = scope(
        [cut],
        expressions={
            Slot((0,), "index", (2, 1)): Name("rows"),
            Slot((0,), "index", (3, 1)): Name("columns"),
        },
    )
    assert stored(whole) == {"rows": "rows", "columns": "columns"}


def test_the_end_of_one_slice() -> None:
    x = image()
    cut = Slice([x], [image(2)], (FULL, slice(None, 2, None), FULL, FULL))
    found = {Slot((0,), "index", (1, 1)): Name("out_channels")}
    whole = scope([cut], expressions=dict(found))
    assert stored(whole) == {"out_channels": "out_channels"}
    assert written(whole, cut, "index") == "(:, :self.out_channels)"


def test_where_parts_stand() -> None:
    """A constant has the place of what reads it first, and its own among those."""
    x = image()
    first, second = constant(4, 1, 1), constant(4, 1, 1)
    scaled = step("mul", x, first)
    shifted = step("where", result(scaled), first, second)
    whole = scope([scaled, shifted])
    assert whole.place(scaled) == (0,)
    assert whole.place(shifted) == (1,)
    assert whole.place(first) == (0, 0)
    assert whole.place(second) == (1, 1)
