"""The smallest thing that shows a difference: one layer, its inputs, and both outputs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from converter.convert import Conversion
from converter.files import manifest_entry
from converter.graph import Value
from parity import schema
from parity.edit import packed_model, with_outputs
from parity.inputs import Sample
from parity.interface import Interface
from parity.layers.lockstep import in_double, run_in_lockstep
from parity.layers.report import LayerReport, ParityReport
from parity.layers.rows import row_name
from parity.layers.trace import (
    Layer,
    Trace,
    expected,
    trace_conversion,
    trace_like,
)
from parity.references import start_references
from parity.wire import Array

SCRIPT = '''"""{title}"""
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

inputs, found = np.load("inputs.npz"), np.load("outputs.npz")["pytorch"]
layer = Interpreter("layer.tflite", experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
layer.allocate_tensors()
for index, detail in enumerate(layer.get_input_details()):
    layer.set_tensor(detail["index"], inputs[str(index)])
layer.invoke()
expected = layer.get_tensor(layer.get_output_details()[0]["index"])
print("largest difference", np.abs(expected - found).max())
'''


def reproduction(
    conversion: Conversion,
    emitted: nn.Module,
    samples: Sequence[Sample],
    report: ParityReport,
    module: nn.Module | None = None,
) -> dict[str, bytes | str]:
    """Return files that show the difference at a report's source, or at its worst layer.

    Args:
        conversion: as it was compared.
        emitted: its module.
        samples: what both sides were run on.
        report: what was found; it has at least one layer.
        module: what was compared, when that is not ``emitted``.

    Returns:
        ``layer.tflite``, a model of the operators that one layer stands for; its
        ``inputs.npz``, TFLite's own, by their number; ``outputs.npz`` with what ``tflite``
        and ``pytorch`` give for these, in TFLite's order of axes; and ``show.py``.
    """
    told = trace_conversion(emitted, conversion)
    trace = told if module is None else trace_like(module, told)
    row = next(
        (found for found in report.layers if found.name in report.sources[:1]),
        next(found for found in report.worst_first if not found.inside),
    )
    sample = next(s for s in samples if row.sample.split(", sample ")[0] == s.name)
    tensors = [
        layer.port(place).tensor
        for layer, place in (_find(trace, name) for name in row.inputs)
    ]
    cut, inputs = cut_out(conversion.file.data, tensors, row.tensor)
    answer = _answer(conversion, sample, [row.tensor, *inputs], report.reference)
    found = _forced(conversion, module or emitted, trace, sample, row, answer)
    outputs = {"tflite": answer[row.tensor], "pytorch": found}
    title = f"{row.name} of {conversion.name} on {row.sample}"
    return {
        "layer.tflite": cut,
        "inputs.npz": _npz({str(i): answer[t] for i, t in enumerate(inputs)}),
        "outputs.npz": _npz(outputs),
        "show.py": SCRIPT.format(title=ascii(title)[1:-1].replace("\\", "/")),
    }


def cut_out(
    model: bytes, inputs: Sequence[int], output: int
) -> tuple[bytes, list[int]]:
    """Return a model of the operators between some tensors and one that depends on them.

    Args:
        model: a verified model.
        inputs: tensors that are given.
        output: the tensor that is computed.

    Returns:
        The file, and its inputs: those tensors, and the model's own that are needed.
    """
    copy: Any = schema.ModelT.InitFromPackedBuf(model)
    graph = copy.subgraphs[0]
    given = list(dict.fromkeys(inputs))
    operators, needed = [], {output}
    for operator in reversed(graph.operators):
        if needed.intersection(operator.outputs) - set(given):
            operators.append(operator)
            needed.update(int(tensor) for tensor in operator.inputs)
    given += [int(t) for t in graph.inputs if t in needed and t not in given]
    graph.operators = operators[::-1]
    graph.inputs, graph.outputs = given, [output]
    used = {graph.tensors[tensor].buffer for tensor in needed if tensor >= 0}
    for index, buffer in enumerate(copy.buffers):
        if index not in used:
            buffer.data = None
    copy.metadata, copy.signatureDefs = None, None
    return packed_model(copy), given


def _find(trace: Trace, name: str) -> tuple[Layer, int]:
    """Return the layer and the place of a value."""
    return next(
        (layer, place)
        for layer in trace.layers
        for place in layer.compared
        if row_name(layer, place) == name
    )


def _answer(
    conversion: Conversion, sample: Sample, tensors: Sequence[int], reference: str
) -> dict[int, Array]:
    """Return the reference's tensors on a sample, in TFLite's order of axes."""
    read: Any = schema.ModelT.InitFromPackedBuf(conversion.file.data).subgraphs[0]
    own = dict(zip((int(t) for t in read.inputs), sample.arrays, strict=True))
    wanted = [tensor for tensor in dict.fromkeys(tensors) if tensor not in own]
    model = with_outputs(conversion.file.data, wanted)
    with ExitStack() as stack:
        references = start_references(stack, model, conversion.file.label, reference)
        return own | references["reference"].run(sample.arrays)


def _forced(
    conversion: Conversion,
    module: nn.Module,
    trace: Trace,
    sample: Sample,
    row: LayerReport,
    answer: dict[int, Array],
) -> Array:
    """Return what a layer gives for the reference's own inputs, as TFLite orders it."""

    def reference(value: Value) -> Tensor | None:
        if value.tensor not in answer.keys() - {row.tensor}:
            return None
        return torch.from_numpy(expected(value, [answer]))

    ports = Interface.from_manifest(manifest_entry(conversion)).inputs
    arrays = [p.to_module(a) for p, a in zip(ports, sample.arrays, strict=True)]
    inputs = [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]
    wanted, place = _find(trace, row.name)
    steps = run_in_lockstep(module, in_double(module), trace, inputs, reference)
    found = next(step for step in steps if step.layer is wanted).forced[place].numpy()
    return wanted.port(place).to_tflite(found)


def _npz(arrays: dict[str, Array]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
