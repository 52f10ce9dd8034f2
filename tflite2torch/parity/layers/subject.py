"""What is compared: a module, its operations, and the tensors that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import torch
from torch import nn

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.errors import NotComparableError
from tflite2torch.parity.align.architecture import first_difference
from tflite2torch.parity.align.foreign.lining import line_up
from tflite2torch.parity.align.operation import weights_of
from tflite2torch.parity.align.trace import (
    Trace,
    TraceError,
    outputs_only,
    trace_conversion,
    trace_like,
)
from tflite2torch.parity.align.values import OUTPUT
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import Sample
from tflite2torch.parity.options import Options


@dataclass(frozen=True)
class Subject:
    """What is compared with TFLite.

    Attributes:
        module: the module.
        listed: the operations of the emitted module, with the tensors that they stand for.
        trace: the operations of ``module``, with these.
        options: how it is compared.
        failures: why it cannot be, a line each.
    """

    module: nn.Module
    listed: Trace
    trace: Trace
    options: Options
    failures: tuple[str, ...] = ()


def find_subject(
    conversion: Conversion,
    emitted: nn.Module,
    samples: Sequence[Sample],
    options: Options,
    module: nn.Module | None = None,
    other: Conversion | None = None,
) -> Subject:
    """Trace what is compared and line it up; arguments are those of ``compare_model``.

    Raises:
        NotComparableError: the models are of two architectures.
        TraceError: the emitted module has other operations than the conversion lists.
    """
    if options.elsewhere:
        if module is not None and other is None and samples:
            # Its outputs may come in another order, and its inputs have another layout.
            listed = trace_conversion(emitted, conversion)
            module = _own(conversion, emitted, listed, samples[0], options, module).module
        options = replace(options, outputs_only=True)
    if options.outputs_only:
        trace = outputs_only(conversion)
        return Subject(module or emitted, trace, trace, options)
    listed = trace_conversion(emitted, conversion)
    if module is None:
        return Subject(emitted, listed, listed, options)
    if other is None and samples:
        return _own(conversion, emitted, listed, samples[0], options, module)
    try:
        trace = trace_like(module, listed)
    except TraceError as error:
        return Subject(module, listed, Trace(listed.graph, ()), options, (str(error),))
    if other is not None:
        _check_architecture(conversion, other, (listed, trace))
    return Subject(module, listed, trace, options)


def _own(
    conversion: Conversion,
    emitted: nn.Module,
    listed: Trace,
    sample: Sample,
    options: Options,
    module: nn.Module,
) -> Subject:
    """Line a module that was written elsewhere up.

    One that has the same operations and layers in the same order is traced as the emitted one is.
    What cannot be captured is compared by its outputs alone.
    """
    trace = None
    with suppress(TraceError):
        trace = trace_like(module, listed)
        sides = (module, trace), (emitted, listed)
        if not trace.differences and _same_layers(*sides) and not _exchanged(*sides):
            return Subject(module, listed, trace, options)
    inputs = [torch.from_numpy(x) for x in Interface.of(conversion).stack([sample.arrays])]
    try:
        lined = line_up(module, emitted, listed, inputs)
    except TraceError as error:
        if trace is not None:
            return Subject(module, listed, trace, options)
        note = f"outputs alone were compared: {error}"
        trace = replace(outputs_only(conversion), notes=(note,), foreign=True)
        return Subject(module, trace, trace, replace(options, outputs_only=True))
    return Subject(lined.module, listed, lined.trace, options)


def _same_layers(*sides: tuple[nn.Module, Trace]) -> bool:
    """Return whether two modules have weights of the same shapes in the same order."""
    shapes, results = [], []
    for module, trace in sides:
        nodes = [layer.node for layer in trace.layers if layer.node is not None]
        weights = (weights_of(module, node).values() for node in nodes if node.op != OUTPUT)
        shapes.append([[tuple(x.shape) for x in found] for found in weights])
        [result] = nodes[-1].args
        results.append(len(result) if isinstance(result, (tuple, list)) else 1)
    return shapes[0] == shapes[1] and results[0] == results[1]


def _exchanged(*sides: tuple[nn.Module, Trace]) -> bool:
    """Return whether two modules have the same kernels, in another order: no mere order tells."""
    kernels = []
    for module, trace in sides:
        nodes = [layer.node for layer in trace.layers if layer.node is not None]
        found = [weights_of(module, node).values() for node in nodes if node.op != OUTPUT]
        kernels.append([hash(x.double().numpy(force=True).tobytes()) for y in found for x in y])
    return kernels[0] != kernels[1] and sorted(kernels[0]) == sorted(kernels[1])


def _check_architecture(first: Conversion, second: Conversion, traces: tuple[Trace, Trace]) -> None:
    if difference := first_difference(first, second, traces):
        counts = " and ".join(str(len(trace.layers) - 1) for trace in traces)  # less the output
        raise NotComparableError(
            f"{first.file.label} and {second.file.label} are of two architectures, of {counts} "
            f"operations: {difference}; compare two models of one"
        )
