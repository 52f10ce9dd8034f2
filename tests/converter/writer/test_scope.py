"""What a class stores of its constructor's arguments, and where it writes them."""

from __future__ import annotations

import ast

from tests.support.nodes import constant, conv, image, pool, result, step
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.nodes.shape import Reshape
from tflite2torch.converter.graph.nodes.slicing import FULL, Slice
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.writer.scope import Part, Scope
from tflite2torch.converter.writer.symbols import Condition, Slot, Symbols


def scope(nodes: list[Node], attributes: dict[Part, str] | None = None) -> Scope:
    symbols = Symbols()
    inputs, outputs = nodes[0].inputs[:1], nodes[-1].outputs
    return Scope("Block", nodes, inputs, outputs, symbols, attributes or {})


def written(scope: Scope, part: Part, argument: str) -> str | None:
    """Return an argument of a step as ``forward`` writes it."""
    assert isinstance(part, Node)
    stored = {text: f"self.{name}" for text, name in scope.stored.items()}
    value = part.code().arguments[argument]
    expression = scope.substituted(part, argument, value, stored)
    return None if expression is None else ast.unparse(expression)


def test_what_a_step_without_weights_needs_is_stored() -> None:
    x = image()
    nodes = [pool(x)]
    whole = scope(nodes)
    whole.symbols.expressions[Slot((0,), "kernel_size")] = "stride"
    assert whole.stored == {"stride": "stride"}
    assert written(whole, nodes[0], "kernel_size") == "self.stride"
    assert written(whole, nodes[0], "padding") is None


def test_what_a_layer_needs_is_not() -> None:
    layer = conv(image(), 8)
    whole = scope([layer], {layer: "conv"})
    whole.symbols.expressions[Slot((0,), "stride")] = "stride"
    assert whole.stored == {}
    names = {"stride": "stride"}
    assert ast.unparse(whole.substituted(layer, "stride", 1, names)) == "stride"  # type: ignore[arg-type]


def test_conditions_are_stored_under_what_they_mean() -> None:
    x = image()
    whole = scope([pool(x), step("relu", x), step("exp", x), step("abs", x)])
    residual = "stride == 1 and in_channels == out_channels"
    whole.symbols.conditions = {
        0: Condition("stride", " == 2"),
        1: Condition("out_channels - in_channels", " > 0"),
        2: Condition(residual),
        3: Condition("in_channels == out_channels"),
    }
    assert whole.stored == {
        "stride": "stride",
        "out_channels - in_channels": "new_channels",
        residual: "residual",
        "in_channels == out_channels": "residual2",
    }


def test_stored_names_are_no_parts_of_modules_nor_of_this_one() -> None:
    x = image()
    layer, reshape = conv(x, 8), Reshape([x], [image()], (1, 4, 64))
    reshape.inputs = list(layer.outputs)
    whole = scope([layer, reshape], {layer: "rows"})
    whole.symbols.expressions[Slot((1,), "rows")] = "rows"
    assert whole.stored == {"rows": "rows2"}
    whole.symbols.conditions = {1: Condition("half")}
    assert whole.stored == {"half": "half2", "rows": "rows2"}


def padded(x: Value) -> Pad:
    return Pad.of(x, ((0, 0), (0, 3), (1, 2), (1, 2)))


def test_one_number_of_a_tuple() -> None:
    pad = padded(image())
    whole = scope([pad])
    new = "out_channels - in_channels"
    whole.symbols.expressions[Slot((0,), "padding", (5,))] = new
    assert whole.stored == {new: "new_channels"}
    assert written(whole, pad, "padding") == "(1, 2, 1, 2, 0, self.new_channels)"


def test_the_same_number_in_several_places() -> None:
    pad = padded(image())
    whole = scope([pad])
    for place in (1, 3):
        whole.symbols.expressions[Slot((0,), "padding", (place,))] = "kernel_size // 2"
    assert whole.stored == {"kernel_size // 2": "padding"}
    assert written(whole, pad, "padding") == (
        "(1, self.padding, 1, self.padding, 0, 3)"
    )


def test_several_numbers_of_a_tuple_are_stored_as_a_whole() -> None:
    pad = Pad.of(image(), ((0, 0), (0, 0), (1, 2), (1, 2)))
    whole = scope([pad])
    texts = {0: "kernel_size // 2 - 1", 1: "kernel_size // 2"}
    for place in range(4):
        slot = Slot((0,), "padding", (place,))
        whole.symbols.expressions[slot] = texts[place % 2]
    twice = "(kernel_size // 2 - 1, kernel_size // 2) * 2"
    assert whole.stored == {twice: "padding"}
    assert written(whole, pad, "padding") == "self.padding"


def test_a_whole_of_two_different_halves() -> None:
    pad = Pad.of(image(), ((0, 0), (0, 0), (1, 2), (3, 4)))
    whole = scope([pad])
    for place, text in enumerate(("left", "right", "top")):
        whole.symbols.expressions[Slot((0,), "padding", (place,))] = text
    assert list(whole.stored) == ["(left, right, top, 2)"]


def test_the_ends_of_slices() -> None:
    """Colons are Python only within an index, not where a constructor stores them."""
    x = image()
    index = (FULL, FULL, slice(1, 7, None), slice(1, 5, None))
    cut = Slice([x], [image(4, 6, 4)], index)
    whole = scope([cut])
    whole.symbols.expressions[Slot((0,), "index", (2, 1))] = "rows"
    whole.symbols.expressions[Slot((0,), "index", (3, 1))] = "columns"
    assert whole.stored
    for text in whole.stored:
        ast.parse(text)


def test_the_end_of_one_slice() -> None:
    x = image()
    cut = Slice([x], [image(2)], (FULL, slice(None, 2, None), FULL, FULL))
    whole = scope([cut])
    whole.symbols.expressions[Slot((0,), "index", (1, 1))] = "out_channels"
    assert whole.stored == {"out_channels": "out_channels"}
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
