"""The inputs and outputs of an emitted model, in code: sizes, value range, and result type."""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.nodes.conv import Conv2d
from tflite2torch.converter.graph.nodes.pad import Pad
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.planning.scope import Scope
from tflite2torch.converter.planning.sizes import Sizes
from tflite2torch.converter.writer.docstring import shown_input

LONGEST = 80
"""The most characters of a statement in ``forward``, with its comment."""

PROXY = "  # no fx.Proxy"


def result_class(scope: Scope) -> str:
    """Return the ``NamedTuple`` that a model with several outputs returns; else nothing."""
    if not scope.result:
        return ""
    fields = [f"    {name}: Tensor" for name in scope.output_names]
    return "\n".join([f"class {scope.result}(NamedTuple):", *fields])


def class_attributes(graph: Graph, sizes: Sizes) -> list[str]:
    """Return what a model's class says of its only input, and of a detector's anchors."""
    if len(graph.inputs) != 1:
        return []
    (x,) = graph.inputs
    size = x.shape[2:] if x.image else x.shape[1:] if x.batched else x.shape
    lines = [] if x.free_axes else [f"input_size = {tuple(map(int, size))}"]
    known = graph.metadata.inputs[0].value_range if graph.metadata.inputs else None
    if known is not None:
        lines.append(f"input_range = ({float(known[0])!r}, {float(known[1])!r})")
    if sizes.anchor_grid is not None:
        lines.append(f"anchor_grid = {sizes.anchor_grid}  # stride, anchors in each cell")
    return lines


def size_checks(graph: Graph, scope: Scope, sizes: Sizes) -> list[str]:
    """Return the statements of ``forward`` that raise ValueError for inputs of a wrong size.

    Layers accept many sizes for which the results mean something else. ``torch.fx`` traces with
    a ``Proxy``, which has no size yet: it is no Tensor, and passes.
    """
    lines = []
    batched = [n for v, n in zip(graph.inputs, scope.input_names, strict=True) if v.batched]
    pairs = zip(graph.inputs, scope.input_names, strict=True)
    for number, (value, name) in enumerate(pairs, 1):
        wrong = _wrong(graph, value, name, sizes.multiple)
        right = shown_input(value, sizes.multiple)
        place = f"{name}: " if len(graph.inputs) > 1 else ""
        test = f"if isinstance({name}, Tensor) and {wrong}:"
        told = f'f"{place}takes {right}, not {{{name}.shape}}"'
        if len(told) > LONGEST:  # the name alone may be as long as a line
            told = f'"input {number} takes {right}"'
        lines += [
            test + PROXY if len(test + PROXY) <= LONGEST else test,
            f"    raise ValueError({told})",
        ]
    for other in batched[1:]:
        lines += [
            f"if isinstance({other}, Tensor) and len({other}) != len({batched[0]}):",
            '    raise ValueError("the inputs have batches of several sizes")',
        ]
    return lines


def _wrong(graph: Graph, value: Value, name: str, multiple: int | None) -> str:
    """Return a condition that holds for wrong sizes of an input."""
    if multiple is None and not value.free_axes:
        right = ", ".join(str(int(size)) for size in value.shape[value.batched :])
        return f"list({name}.shape{'[1:]' if value.batched else ''}) != [{right}]"
    fixed = [i for i in range(value.batched, value.rank) if i not in value.free_axes]
    fixed = [1] if multiple is not None else fixed
    tests = [
        f"{name}.ndim != {value.rank}",
        *(f"{name}.shape[{i}] != {value.shape[i]}" for i in fixed),
    ]
    if all(
        isinstance(node, Conv2d) or (isinstance(node, Pad) and node.of_window)
        for node in graph.users()[value]
    ):
        tests = [f"{name}.ndim < {value.rank}"]  # a convolution checks the rest itself
    if multiple is not None and multiple > 1:
        tests += [f"{name}.shape[{axis}] % {multiple}" for axis in (2, 3)]
    return f"({' or '.join(tests)})" if len(tests) > 1 else tests[0]
