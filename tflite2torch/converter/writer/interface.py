"""The inputs and outputs of an emitted model, in code: sizes, value range, and result type."""

from __future__ import annotations

from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.value import Value
from tflite2torch.converter.planning.scope import Scope
from tflite2torch.converter.planning.sizes import Sizes
from tflite2torch.converter.writer.docstring import shown_shape

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
    lines = [f"input_size = {tuple(map(int, size))}"]
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
    pairs = zip(graph.inputs, scope.input_names, strict=True)
    for number, (value, name) in enumerate(pairs, 1):
        wrong, right = _sizes(value, name, sizes.multiple)
        place = f"{name}: " if len(graph.inputs) > 1 else ""
        test = f"if isinstance({name}, Tensor) and {wrong}:"
        told = f'f"{place}takes {right}, not {{list({name}.shape)}}"'
        if len(told) > LONGEST:  # the name alone may be as long as a line
            told = f'"input {number} takes {right}"'
        lines += [
            test + PROXY if len(test + PROXY) <= LONGEST else test,
            f"    raise ValueError({told})",
        ]
    return lines


def _sizes(value: Value, name: str, multiple: int | None) -> tuple[str, str]:
    """Return a condition for wrong sizes of an input, and words for the right ones."""
    if multiple is None:
        sizes = f"{name}.shape[1:]" if value.batched else f"{name}.shape"
        right = [int(size) for size in value.shape[value.batched :]]
        return f"list({sizes}) != {right}", shown_shape(value.shape)
    channels = value.shape[1]
    if multiple == 1:
        return f"{name}.ndim < 4", f"(N, {channels}, H, W)"
    sides = " or ".join(f"{name}.shape[{axis}] % {multiple}" for axis in (2, 3))
    return f"({name}.ndim < 4 or {sides})", f"(N, {channels}, H, W), multiples of {multiple}"
