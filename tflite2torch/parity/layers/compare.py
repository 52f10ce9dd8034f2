"""Runs a module beside the TFLite model it came from, and compares every layer."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle, islice

import numpy as np
import torch
from torch import Tensor, nn

from tflite2torch.converter.convert import Conversion, literal_graph
from tflite2torch.converter.files import manifest_entry
from tflite2torch.converter.frontends.tflite.lowering.layout import TO_NCHW
from tflite2torch.converter.frontends.tflite.model import read_model
from tflite2torch.converter.graph.value import Value
from tflite2torch.parity.align.called import Called
from tflite2torch.parity.align.coverage import coverage, operators_of
from tflite2torch.parity.align.folded import Folded, find_folded, relabelled
from tflite2torch.parity.align.follow import Follower
from tflite2torch.parity.align.lockstep import (
    Step,
    in_double,
    in_type,
    run_in_lockstep,
)
from tflite2torch.parity.align.trace import (
    Trace,
    TraceError,
    expected,
    trace_conversion,
    trace_like,
)
from tflite2torch.parity.check import one_thread
from tflite2torch.parity.inputs.generated import Sample
from tflite2torch.parity.inputs.given import describe
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.judge import FLOOR_FACTOR
from tflite2torch.parity.layers.measures import Measures, measure, tolerance
from tflite2torch.parity.layers.report import (
    NO_ANSWER,
    OUTPUT,
    Other,
    ParityReport,
    find_notes,
    find_sources,
)
from tflite2torch.parity.layers.rows import Finding, make_rows, row_name, sample_name
from tflite2torch.parity.reference.backends import (
    References,
    choose_reference,
    start_references,
)
from tflite2torch.parity.reference.editing import with_outputs
from tflite2torch.parity.reference.noise import Noise
from tflite2torch.parity.reference.wire import Array


@dataclass(frozen=True)
class Options:
    """How a comparison is made.

    Attributes:
        batch: how many samples run together; each is compared with its own run of TFLite.
        seed: of the nudges that noise floors are measured with.
        tolerances: largest errors that pass, by the name of a layer or of a TFLite tensor,
            in place of what follows from the noise floor.
        pictures: whether histograms and heat maps are made.
        reference: what runs the model, a key of ``parity.references.BACKENDS``; by default
            what suits it.
        dtype: the floating type that the module computes in: ``float32``, ``float16`` or
            ``bfloat16``. Floors and limits are then in ulps of that type.
    """

    batch: int = 1
    seed: int = 0
    tolerances: Mapping[str, float] = field(default_factory=dict)
    pictures: bool = False
    reference: str | None = None
    dtype: str = "float32"


def compare_layers(
    conversion: Conversion,
    emitted: nn.Module,
    samples: Sequence[Sample],
    options: Options | None = None,
    module: nn.Module | None = None,
    other: Conversion | None = None,
) -> ParityReport:
    """Compare every value of a module with the TFLite tensor that it stands for.

    One copy of the model's activations is held, the reference's answer; of all others, only
    what is still needed.

    Args:
        conversion: the model, and which operation of its module gives which tensor.
        emitted: its module with its weights, in eval mode.
        samples: what both sides run on.
        options: how.
        module: what is compared, when that is not ``emitted``: a module that should do the
            same. It is left as it is.
        other: the model that this module came from, if it is an emitted one.

    Raises:
        ReferenceFailedError: where TFLite is missing, refuses the model, crashes or hangs.
        TraceError: the converter does not know what its own module does.
    """
    options = options or Options()
    trace = told = trace_conversion(emitted, conversion)
    failures: tuple[str, ...] = ()
    if module is not None:
        try:
            trace = trace_like(module, told)
        except TraceError as error:
            trace, failures = Trace(told.graph, ()), (*failures, str(error))
    model = read_model(conversion.file)
    literal = literal_graph(conversion.file)
    graph = relabelled(literal, literal_graph(other.file)) if other else literal
    folded = find_folded(graph, told, trace, operators_of(model)) if graph else []
    check = _Check(conversion, module or emitted, trace, folded, samples, options)
    if trace.layers:
        check.run()
        failures += () if check.kept else ("there is no input to compare on",)
    rows = [row for row in check.rows.values() if row.findings]
    layers = tuple(row.report(options.dtype) for row in rows)
    left_out = tuple(sample.name for sample in check.left_out)
    return ParityReport(
        name=conversion.name,
        label=conversion.file.label,
        sha256=conversion.file.sha256,
        other=Other(other.name, other.file.label, other.file.sha256) if other else None,
        samples=tuple(sample.name for sample in check.kept),
        left_out=left_out,
        given=describe(check.kept, check.ports, pictured=options.pictures),
        batch=options.batch,
        seed=options.seed,
        dtype=options.dtype,
        reference=check.reference,
        runtime=check.runtime,
        kernels=check.kernels,
        layers=layers,
        coverage=coverage(model, trace, rows),
        failures=(
            *failures,
            *trace.differences,
            *check.failures,
            *check.called_otherwise,
            *check.raised.values(),
        ),
        notes=find_notes(layers, len(check.kept), left_out),
        sources=find_sources(layers) or tuple(check.raised),
    )


class _Check:
    """Runs a module and its reference on samples, and collects what is found."""

    def __init__(
        self,
        conversion: Conversion,
        module: nn.Module,
        trace: Trace,
        folded: Sequence[Folded],
        samples: Sequence[Sample],
        options: Options,
    ) -> None:
        self.rows = make_rows(trace, folded)
        data, label = conversion.file.data, conversion.file.label
        self.reference = options.reference or choose_reference(data, label)
        self.runtime = ""
        self.kernels: tuple[str, ...] = ()
        self.kept: list[Sample] = []
        self.left_out: list[Sample] = []
        self.failures: list[str] = []
        self.raised: dict[str, str] = {}
        self.called_otherwise: list[str] = []
        self._file = conversion.file
        self._outputs = {entry["tensor"] for entry in conversion.outputs}
        self._names = [entry["identifier"] for entry in conversion.outputs]
        self.ports = Interface.from_manifest(manifest_entry(conversion)).inputs
        self._dtype: torch.dtype = getattr(torch, options.dtype)
        self._double = in_double(module)
        narrow = options.dtype != "float32"
        self._module = copy.deepcopy(module).to(self._dtype) if narrow else module
        self._trace = trace
        self._folded = folded
        self._samples = samples
        self._options = options
        self._lined_up = {
            name: row.layer.port(row.place) for name, row in self.rows.items()
        }

    def run(self) -> None:
        """Run both sides on all samples."""
        tensors = sorted({port.tensor for port in self._lined_up.values()})
        model = with_outputs(self._file.data, tensors)
        with ExitStack() as stack:
            references = start_references(
                stack, model, self._file.label, self.reference
            )
            self.kernels = tuple(references)
            runtime = references["reference"]
            self.runtime = f"{runtime.runtime} {runtime.version}"
            stack.enter_context(one_thread())
            self._run_batches(references)

    def _run_batches(self, references: References) -> None:
        """Run batches of the samples that TFLite has an answer to; the last begins again."""
        size = self._options.batch
        kept: list[int] = []
        batch: list[tuple[int, Noise]] = []
        for number, sample in enumerate(self._samples):
            noise = self._noise(references, number)
            if self._answered(noise):
                kept.append(number)
                batch.append((number, noise))
            else:
                self._leave_out(sample)
            del noise  # as the batch: before the next one is measured
            if len(batch) == size:
                self._run_batch(batch)
                batch.clear()
        if batch:
            rest = islice(cycle(kept), size - len(batch))
            batch += [(number, self._noise(references, number)) for number in rest]
            self._run_batch(batch)
        self.kept = [self._samples[number] for number in kept]

    def _noise(self, references: References, number: int) -> Noise:
        return Noise(
            references,
            self._samples[number].arrays,
            np.random.default_rng([self._options.seed, number]),
            dtype=self._options.dtype,
        )

    def _answered(self, noise: Noise) -> bool:
        """Return whether each of TFLite's outputs holds a finite number."""
        outputs = self._outputs & noise.answer.keys()
        return all(np.isfinite(noise.answer[tensor]).any() for tensor in outputs)

    def _leave_out(self, sample: Sample) -> None:
        self.left_out.append(sample)
        if sample.wanted:
            self.failures.append(f"nothing to compare on {sample.name}: {NO_ANSWER}")

    def _run_batch(self, batch: Sequence[tuple[int, Noise]]) -> None:
        chosen = [number for number, _ in batch]
        noises = [noise for _, noise in batch]
        found: list[dict[str, Measures]] = [{} for _ in chosen]
        inputs = self._inputs(chosen)
        own = [in_type(x, self._dtype) for x in inputs]
        called = Called(self._module, own, self._names)
        for step in self._steps(chosen, noises, inputs):
            if step.raised:
                name = step.layer.name
                self.raised.setdefault(name, f"{name} {step.raised}")
                break
            if step.layer.kind == OUTPUT:
                self._check_called(called, step.free)
            self._measure(step, chosen, noises, found)
        for number, measures, noise in zip(chosen, found, noises, strict=True):
            self._judge(self._samples[number].name, measures, noise)

    def _check_called(self, called: Called, traced: Sequence[Tensor]) -> None:
        """Note how a call differs from what is traced, where a batch first shows it."""
        if not self.called_otherwise:
            self.called_otherwise += called.differences(traced)

    def _steps(
        self, chosen: Sequence[int], noises: Sequence[Noise], inputs: Sequence[Tensor]
    ) -> Iterator[Step]:
        """Yield what the module gives, and what was folded as soon as it follows."""
        ports = self.ports
        given = [self._samples[number].arrays for number in chosen]
        answers = [
            noise.answer | {p.tensor: a for p, a in zip(ports, arrays, strict=True)}
            for noise, arrays in zip(noises, given, strict=True)
        ]

        def reference(value: Value) -> Tensor:
            return torch.from_numpy(expected(value, answers))

        follower = Follower(self._folded, reference, self._dtype)
        yield from follower.begin(ports, inputs)
        for step in run_in_lockstep(
            self._module, self._double, self._trace, inputs, reference, self._dtype
        ):
            yield step
            yield from follower.after(step)

    def _inputs(self, chosen: Sequence[int]) -> list[Tensor]:
        stacks = []
        for index, port in enumerate(self.ports):
            arrays = [port.to_module(self._samples[i].arrays[index]) for i in chosen]
            stacks.append(torch.from_numpy(np.concatenate(arrays)))
        return stacks

    def _measure(
        self,
        step: Step,
        chosen: Sequence[int],
        noises: Sequence[Noise],
        found: list[dict[str, Measures]],
    ) -> None:
        for place, value in step.layer.compared.items():
            name = row_name(step.layer, place)
            sides = [
                _array(side, place) for side in (step.free, step.forced, step.exact)
            ]
            dtypes = (_dtype(step.free, place), self._wanted(value.dtype))
            for position, number in enumerate(chosen):
                found[position][name] = measure(
                    sample_name(self._samples[number], position, len(chosen)),
                    expected(value, [noises[position].answer]),
                    *(_sample(side, position, len(chosen)) for side in sides),
                    dtypes=dtypes,
                    pictured=self._options.pictures,
                    image=_is_image(value),
                )

    def _judge(self, sample: str, found: Mapping[str, Measures], noise: Noise) -> None:
        """Set limits; where an error is above one, first look whether the floor is."""
        wanted = {
            self._lined_up[name].tensor: measures.needed / FLOOR_FACTOR
            for name, measures in found.items()
            if measures.needed > self._limit(name, measures, noise)
        }
        noise.look_deeper(wanted)
        for name, measures in found.items():
            height = noise.floor[self._lined_up[name].tensor]
            limit = self._limit(name, measures, noise)
            self.rows[name].findings.append(Finding(sample, measures, height, limit))

    def _limit(self, name: str, measures: Measures, noise: Noise) -> float:
        port = self._lined_up[name]
        for called in (name, self.rows[name].value.name):
            if called in self._options.tolerances:
                return self._options.tolerances[called]
        dtype = self._wanted(port.dtype)
        return tolerance(measures.magnitude, noise.floor[port.tensor], dtype)

    def _wanted(self, dtype: str) -> str:
        """Return the type that the module should give for one of TFLite's."""
        return self._options.dtype if dtype == "float32" else dtype


def _is_image(value: Value) -> bool:
    """Return whether a value is NCHW where TFLite has NHWC, and more than one pixel."""
    return value.order == TO_NCHW and value.shape[2] * value.shape[3] > 1


def _array(values: Sequence[Tensor], place: int) -> Array | None:
    """Return one of some values; numpy lacks types that are narrower than float32."""
    if place >= len(values):
        return None
    narrow = values[place].dtype in (torch.float16, torch.bfloat16)
    return (values[place].float() if narrow else values[place]).numpy()


def _dtype(values: Sequence[Tensor], place: int) -> str:
    return str(values[place].dtype).partition(".")[2] if place < len(values) else ""


def _sample(array: Array | None, position: int, batch: int) -> Array | None:
    """Return one sample of a batch; what is no such batch, as a sample of no such shape."""
    if array is None:
        return None
    if array.ndim == 0 or len(array) != batch:
        return array[np.newaxis]
    return array[position : position + 1]
