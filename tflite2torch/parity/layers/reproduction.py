"""The smallest reproduction of a difference: one layer, its inputs, and both outputs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.graph.value import Array, Value
from tflite2torch.parity.align.lockstep import in_double, run_in_lockstep
from tflite2torch.parity.align.trace import Layer, Trace, trace_conversion, trace_like
from tflite2torch.parity.align.values import expected, tensor_of
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import Sample
from tflite2torch.parity.layers.report import Identity, LayerReport, ParityReport
from tflite2torch.parity.layers.rows import row_name, sample_name
from tflite2torch.parity.reference import schema
from tflite2torch.parity.reference.backends import INTERPRETERS, start_references
from tflite2torch.parity.reference.editing import packed_model, with_outputs

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
) -> dict[str, bytes | str]:
    """Return files that show the difference at a report's source, or at its worst layer.

    They show its teacher-forced error on the input where that is worst.

    Args:
        conversion: as it was compared.
        emitted: its module.
        samples: what both sides were to run on.
        report: what was found.
        module: what was compared, if not ``emitted``.

    Returns:
        ``layer.tflite``, a model of the operators that one layer stands for; its
        ``inputs.npz``, TFLite's own, by their number; ``outputs.npz`` with the answers of
        ``tflite`` and ``pytorch``, in TFLite's order of axes; and ``show.py``. The layer ran
        in a batch as in the report. Empty where no layer was compared, or where the source
        gave no value.

    Raises:
        ReferenceFailedError: where the reference fails.
    """
    row = _shown(report)
    if row is None or row.forced is None:
        return {}
    identity, worst = row.identity, row.forced.sample
    listed = trace_conversion(emitted, conversion)
    trace = listed if module is None else trace_like(module, listed)
    given = [_find(trace, name)[0].port(_find(trace, name)[1]) for name in identity.inputs]
    cut, inputs = cut_out(conversion.file.data, [port.tensor for port in given], identity.tensor)
    batch = [samples[number] for number in row.forced.together]
    names = [sample_name(sample, place, len(batch)) for place, sample in enumerate(batch)]
    position = names.index(worst)
    answers = _answers(conversion, batch, [identity.tensor, *inputs], report.reference)
    forced = _forced(conversion, module or emitted, trace, batch, identity, answers)
    layer, place = _find(trace, row.name)
    found = layer.port(place).to_tflite(forced[position : position + 1])
    answer = answers[position]
    verdict = "passes" if row.passed else "fails"
    title = f"{row.name} of {conversion.name} on {worst}: {verdict}"
    return {
        "layer.tflite": cut,
        "inputs.npz": _npz({str(i): answer[t] for i, t in enumerate(inputs)}),
        "outputs.npz": _npz({"tflite": answer[identity.tensor], "pytorch": found}),
        "show.py": _script(title, report),
    }


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
    data = with_outputs(conversion.file.data, wanted)
    with ExitStack() as stack:
        references = start_references(stack, model, data, reference)
        return [
            dict(zip(own, sample.arrays, strict=True)) | references["reference"].run(sample.arrays)
            for sample in samples
        ]


def _forced(
    conversion: Conversion,
    module: nn.Module,
    trace: Trace,
    samples: Sequence[Sample],
    identity: Identity,
    answers: Sequence[dict[int, Array]],
) -> Array:
    """Return the teacher-forced output of a layer, for a batch."""

    def reference(value: Value) -> Tensor | None:
        if tensor_of(value) not in answers[0].keys() - {identity.tensor}:
            return None
        return torch.from_numpy(expected(value, answers))

    arrays = Interface.of(conversion).stack([sample.arrays for sample in samples])
    inputs = [torch.from_numpy(array) for array in arrays]
    wanted, place = _find(trace, identity.name)
    steps = run_in_lockstep(module, in_double(module), trace, inputs, reference)
    return next(step for step in steps if step.layer is wanted).forced[place].numpy()


def _npz(arrays: dict[str, Array]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
