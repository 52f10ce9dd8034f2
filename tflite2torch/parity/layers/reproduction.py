"""The smallest reproduction of a difference: a part of the network, its inputs, both outputs."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.graph.value import Array, Value
from tflite2torch.parity.align.lockstep import run_in_lockstep
from tflite2torch.parity.align.trace import Layer, Trace
from tflite2torch.parity.align.values import expected, tensor_of
from tflite2torch.parity.distances import distance
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import Sample
from tflite2torch.parity.layers.report import LayerReport, ParityReport
from tflite2torch.parity.layers.rows import row_name, sample_name
from tflite2torch.parity.layers.subject import find_subject
from tflite2torch.parity.options import Options
from tflite2torch.parity.reference import schema
from tflite2torch.parity.reference.backends import INTERPRETERS, start_references
from tflite2torch.parity.reference.editing import packed_model, with_outputs, without_hybrid

INTERPRETER = '''"""{title}"""
import numpy as np
from {module} import Interpreter, OpResolverType

inputs, found = np.load("inputs.npz"), np.load("outputs.npz")["pytorch"]
layer = Interpreter("layer.tflite", experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
layer.allocate_tensors()
for index, detail in enumerate(layer.get_input_details()):
    layer.set_tensor(detail["index"], inputs[str(index)])
layer.invoke()
expected = layer.get_tensor(layer.get_output_details()[0]["index"])
print(expected.shape, found.shape, "largest difference", np.abs(expected - found).max())
'''

SAVED = '''"""{title}

TFLite's answer is what {runtime} gave: no interpreter has MediaPipe's operators.
"""
import numpy as np

outputs = np.load("outputs.npz")
expected, found = outputs["tflite"], outputs["pytorch"]
print(expected.shape, found.shape, "largest difference", np.abs(expected - found).max())
'''


def reproduction(
    conversion: Conversion,
    emitted: nn.Module,
    samples: Sequence[Sample],
    report: ParityReport,
    module: nn.Module | None = None,
    dtype: str = "float32",
    other: Conversion | None = None,
) -> dict[str, bytes | str]:
    """Return files that show the difference at a report's source, or at its worst layer.

    They show the smallest part of the network that still fails on TFLite's own values: a layer,
    on the input where its teacher-forced error is worst, or, if it passes so, it and as few of
    the layers before it as it takes.

    Args:
        conversion: as it was compared.
        emitted: its module.
        samples: what both sides were to run on.
        report: what was found.
        module: what was compared, if not ``emitted``.
        dtype: the floating type that it computed in.
        other: the model that it was converted from, if it was.

    Returns:
        ``layer.tflite``, a model of the operators that the part stands for; its ``inputs.npz``,
        TFLite's own, by their number; ``outputs.npz`` with the answers of ``tflite`` and
        ``pytorch``, in TFLite's order of axes; and ``show.py``. The part ran in a batch as in
        the report. Empty where no layer was compared, or where the source gave no value.

    Raises:
        ReferenceFailedError: where the reference fails.
    """
    row = _shown(report)
    if row is None or row.forced is None:
        return {}
    subject = find_subject(conversion, emitted, samples, Options(dtype=dtype), module, other)
    trace = subject.trace
    alone = row.passed or bool(row.forced_failures) or not row.failures
    worst = row.forced if alone else row.worst.measures
    batch = [samples[number] for number in worst.together]
    names = [sample_name(sample, place, len(batch)) for place, sample in enumerate(batch)]
    before = [] if alone else _before(report, row)
    tensors = {x.identity.tensor for x in (row, *before)} | _border(trace, [row, *before])
    answers = _answers(conversion, batch, sorted(tensors), report.reference)
    run = partial(
        _output,
        conversion,
        subject.module,
        trace,
        batch,
        answers,
        names.index(worst.sample),
        dtype,
    )
    answer = answers[names.index(worst.sample)]
    expected = answer[row.identity.tensor]
    part = _smallest([row, *before], lambda part: distance(run(part), expected) > row.worst.limit)
    data = without_hybrid(conversion.model, conversion.file.data)
    cut, inputs = cut_out(data, sorted(_border(trace, part)), row.identity.tensor)
    verdict = "passes" if row.passed else "fails"
    title = f"{row.name} of {conversion.name} on {worst.sample}: {verdict}"
    if len(part) > 1:
        title += f", with the {len(part) - 1} layers before it"
    return {
        "layer.tflite": cut,
        "inputs.npz": _npz({str(i): answer[t] for i, t in enumerate(inputs)}),
        "outputs.npz": _npz({"tflite": expected, "pytorch": run(part)}),
        "show.py": _script(title, report),
    }


def _before(report: ParityReport, row: LayerReport) -> list[LayerReport]:
    """Return the layers that a layer depends on, the nearest first."""
    needed = set(row.identity.inputs)
    found = []
    for layer in reversed(report.layers[: report.layers.index(row)]):
        if layer.name in needed:
            found.append(layer)
            needed.update(layer.identity.inputs)
    return found


def _border(trace: Trace, part: Sequence[LayerReport]) -> set[int]:
    """Return the tensors that a part of the network reads and does not compute."""
    inside = {layer.name for layer in part}
    read = {name for layer in part for name in layer.identity.inputs} - inside
    found = [_find(trace, name) for name in read]
    return {layer.port(place).tensor for layer, place in found}


def _smallest(
    layers: Sequence[LayerReport], fails: Callable[[Sequence[LayerReport]], bool]
) -> Sequence[LayerReport]:
    """Return the first layers, as few as it takes for them to fail; all where none do."""
    passing, size = 0, 1
    while size < len(layers) and not fails(layers[:size]):
        passing, size = size, 2 * size
    failing = min(size, len(layers))
    while failing - passing > 1:
        middle = (passing + failing) // 2
        if fails(layers[:middle]):
            failing = middle
        else:
            passing = middle
    return layers[:failing]


def _shown(report: ParityReport) -> LayerReport | None:
    """Return the layer to reproduce: the source, or the worst one teacher-forced."""
    if report.sources:
        return next((x for x in report.layers if x.name == report.sources[0]), None)
    return max(
        (x for x in report.layers if not x.identity.inside and x.forced is not None),
        key=lambda x: x.forced.severity if x.forced else 0.0,
        default=None,
    )


def _script(title: str, report: ParityReport) -> str:
    plain = ascii(title)[1:-1].replace("\\", "/")
    if report.reference in INTERPRETERS:
        module = INTERPRETERS[report.reference].module
        return INTERPRETER.format(title=plain, module=module)
    return SAVED.format(title=plain, runtime=report.runtime)


def cut_out(model: bytes, inputs: Sequence[int], output: int) -> tuple[bytes, list[int]]:
    """Return a model of the operators that compute one tensor from others.

    Args:
        model: a verified model.
        inputs: the tensors that are given.
        output: the tensor that is computed.

    Returns:
        The file, and its inputs: those tensors, and the model's own that are needed.
    """
    copy: Any = schema.ModelT.InitFromPackedBuf(model)
    graph = copy.subgraphs[0]
    # Backwards from the output: an operator stays if something needs what it computes and
    # is not given. Tensors keep their indices, and buffers that nothing reads are emptied.
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
    """Return the layer that gives a value, and its place there."""
    return next(
        (layer, place)
        for layer in trace.layers
        for place in layer.compared
        if row_name(layer, place) == name
    )


def _answers(
    conversion: Conversion,
    samples: Sequence[Sample],
    tensors: Sequence[int],
    reference: str,
) -> list[dict[int, Array]]:
    """Return the reference's tensors on each sample, in TFLite's order of axes."""
    own = conversion.model.inputs
    wanted = [tensor for tensor in dict.fromkeys(tensors) if tensor not in own]
    model = replace(conversion.model, outputs=tuple(wanted))
    data = with_outputs(without_hybrid(conversion.model, conversion.file.data), wanted)
    with ExitStack() as stack:
        references = start_references(stack, model, data, reference)
        return [
            dict(zip(own, sample.arrays, strict=True)) | references["reference"].run(sample.arrays)
            for sample in samples
        ]


def _output(
    conversion: Conversion,
    module: nn.Module,
    trace: Trace,
    samples: Sequence[Sample],
    answers: Sequence[dict[int, Array]],
    position: int,
    dtype: str,
    part: Sequence[LayerReport],
) -> Array:
    """Return what the first layer of a part gives on TFLite's values, in its order of axes.

    Args:
        conversion: the model.
        module: what is run, on a batch.
        trace: its operations.
        samples: the batch.
        answers: TFLite's tensors on each of them.
        position: the sample whose output is returned.
        dtype: the floating type that the module computes in.
        part: the layers that run freely; others give what TFLite gave.
    """
    free = {layer.identity.tensor for layer in part}

    def reference(value: Value) -> Tensor | None:
        if tensor_of(value) not in answers[0].keys() - free:
            return None
        return torch.from_numpy(expected(value, answers))

    arrays = Interface.of(conversion).stack([sample.arrays for sample in samples])
    inputs = [torch.from_numpy(array) for array in arrays]
    wanted, place = _find(trace, part[0].name)
    kind: torch.dtype = getattr(torch, dtype)
    runs = copy.deepcopy(module).to(kind) if kind != torch.float32 else module
    steps = run_in_lockstep(runs, None, trace, inputs, reference, kind)
    found = next(step for step in steps if step.layer is wanted).forced[place]
    narrow = found.dtype in (torch.float16, torch.bfloat16)
    array = (found.float() if narrow else found).numpy()
    return wanted.port(place).to_tflite(array[position : position + 1])


def _npz(arrays: dict[str, Array]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
