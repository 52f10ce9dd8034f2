"""The engine of every comparison: runs a module and TFLite, and compares their values.

``parity``, ``compare`` and ``convert`` compare every layer; ``Options.outputs_only`` compares the
outputs alone, of a module that cannot be traced. Limits and noise floors are the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import cycle, islice
from threading import Lock

import numpy as np
import torch
from torch import nn

from tflite2torch.converter.convert import Conversion, unfused_graph
from tflite2torch.converter.graph.graph import Graph
from tflite2torch.converter.graph.value import Array
from tflite2torch.parity.align.coverage import coverage, operators_of
from tflite2torch.parity.align.folded import Folded, find_folded, relabelled
from tflite2torch.parity.align.lockstep import Step, in_double, in_type
from tflite2torch.parity.align.places import behind, places_in
from tflite2torch.parity.align.runner import Runner
from tflite2torch.parity.align.trace import (
    Trace,
    trace_conversion,
)
from tflite2torch.parity.align.values import OUTPUT, expected, port_of
from tflite2torch.parity.distances import distance, magnitude
from tflite2torch.parity.inputs.given import describe
from tflite2torch.parity.inputs.interface import Interface, Port
from tflite2torch.parity.inputs.samples import Sample
from tflite2torch.parity.layers.answers import Pair, collected
from tflite2torch.parity.layers.batches import array_of, dtype_of, is_batch, sample_of
from tflite2torch.parity.layers.behaviour import faults_of_calls
from tflite2torch.parity.layers.constants import Constant, compare_constants
from tflite2torch.parity.layers.exercised import Exercised
from tflite2torch.parity.layers.gradients import NoGradientsError, faults_of_gradients
from tflite2torch.parity.layers.isolated import Isolation
from tflite2torch.parity.layers.judge import Judge, look_again
from tflite2torch.parity.layers.measures import Exact, Measures, measure
from tflite2torch.parity.layers.report import (
    NO_ANSWER,
    OTHER_KEYS,
    Exercise,
    LayerReport,
    Other,
    ParityReport,
    find_notes,
    find_sources,
)
from tflite2torch.parity.layers.rows import (
    add_isolated,
    first_failures,
    make_rows,
    row_name,
    sample_name,
)
from tflite2torch.parity.layers.statistics import limits_for, split_name
from tflite2torch.parity.layers.subject import find_subject
from tflite2torch.parity.options import Options
from tflite2torch.parity.reference.backends import (
    References,
    choose_backend,
    start_references,
)
from tflite2torch.parity.reference.editing import with_outputs, without_hybrid
from tflite2torch.parity.reference.noise import Noise
from tflite2torch.parity.reference.process import Limits

Progress = Callable[[int, int], None]

Batch = Sequence[tuple[int, Noise]]
"""The samples that run together, by number, each with TFLite's answers to it."""


def compare_model(
    conversion: Conversion,
    emitted: nn.Module,
    samples: Sequence[Sample],
    options: Options | None = None,
    module: nn.Module | None = None,
    other: Conversion | None = None,
    progress: Progress | None = None,
) -> ParityReport:
    """Compare the values of a module with the TFLite tensors that they stand for.

    Args:
        conversion: the model, and which operation of its module computes which tensor.
        emitted: its module with its weights, in eval mode.
        samples: the inputs of both sides.
        options: how to compare; ``samples`` have been made from those on inputs.
        module: the module to compare in place of ``emitted``; it should compute the same, and
            is left as it is.
        other: the model that ``module`` was converted from, if it was.
        progress: told how many samples are done, and how many there are.

    Raises:
        ReferenceFailedError: TFLite is missing, refuses the model, crashes or hangs.
        NotComparableError: the models are of two architectures.
        TraceError: the emitted module has other operations than the conversion lists.
    """
    subject = find_subject(conversion, emitted, samples, options or Options(), module, other)
    failures = [*_misfits(conversion), *subject.failures]
    folded: list[Folded] = []
    if not subject.options.outputs_only:
        graph: Graph | None = unfused_graph(conversion.model, conversion.name)
        if graph is not None and other is not None:
            graph = relabelled(graph, unfused_graph(other.model, other.name))
        if graph is not None:
            operators = operators_of(conversion.model)
            folded = find_folded(graph, subject.listed, subject.trace, operators)
    own = None if module is None else subject.module
    comparison = _Comparison(
        conversion, emitted, own, subject.trace, folded, samples, subject.options
    )
    if not failures:
        comparison.run(progress or (lambda done, total: None))
    return comparison.report(failures, other or _other(module))


def _other(module: nn.Module | None) -> Other | None:
    """Return how reports call a module that was not converted."""
    if module is None:
        return None
    kind = type(module)
    return Other(kind.__name__, f"{kind.__module__}.{kind.__qualname__}", "")


def names_in(conversion: Conversion, emitted: nn.Module) -> set[str]:
    """Return the names of the layers and tensors of a model that are compared.

    Raises TraceError as ``compare_model`` does.
    """
    trace = trace_conversion(emitted, conversion)
    graph = unfused_graph(conversion.model, conversion.name)
    folded = find_folded(graph, trace, trace, operators_of(conversion.model))
    rows = make_rows(trace, folded)
    return set(rows) | {port_of(row.value).name for row in rows.values()}


def _misfits(conversion: Conversion) -> list[str]:
    """Return the differences between the module's interface and the file's, a line each."""
    model, interface = conversion.model, Interface.of(conversion)
    failures = []
    for kind, ports, indices in (
        ("inputs", interface.inputs, model.inputs),
        ("outputs", interface.outputs, model.outputs),
    ):
        ours = [(port.dtype, port.tflite_shape, port.tensor) for port in ports]
        tensors = [model.tensors[index] for index in indices]
        theirs = [(tensor.dtype, tensor.shape, tensor.index) for tensor in tensors]
        if ours != theirs:
            sides = [
                ", ".join(f"{d} {list(s)} for tensor {t}" for d, s, t in side) or "none"
                for side in (ours, theirs)
            ]
            failures.append(f"the module stands for {kind} {sides[0]}; TFLite has {sides[1]}")
    return failures


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread, as TFLite runs: sums are then the same on every machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Comparison:
    """Runs a module and its references on samples, and collects the findings."""

    def __init__(
        self,
        conversion: Conversion,
        emitted: nn.Module,
        module: nn.Module | None,
        trace: Trace,
        folded: Sequence[Folded],
        samples: Sequence[Sample],
        options: Options,
    ) -> None:
        self._conversion = conversion
        self._trace = trace
        self._samples = samples
        self._options = options
        self._interface = Interface.of(conversion)
        self._emitted = emitted
        self._module = module or emitted
        self._runner = Runner(self._module, self._interface, trace, folded, options)
        self._exercised = Exercised(self._module)
        exact = self._runner.double if module is None else in_double(emitted)
        self._isolation = Isolation(self._runner.module, exact, options.seed, options.dtype)
        self._rows = make_rows(trace, folded)
        self._ports = {n: row.layer.port(row.place) for n, row in self._rows.items()}
        self._busy = Lock()
        self._backend = options.reference or choose_backend(conversion.model)
        self._runtime = ""
        self._kernels: tuple[str, ...] = ()
        self._delegated = False
        self._sizes = list(dict.fromkeys(options.batches))
        places = places_in(conversion.model)
        self._places = places & {port.tensor for port in self._ports.values()}
        self._behind = behind(conversion.model, self._places)
        self._kept: dict[int, Sample] = {}
        self._left_out: dict[int, Sample] = {}
        self._raised: dict[str, str] = {}
        self._called_otherwise: list[str] = []
        self._misbehaviour: list[str] = []
        self._unchecked: list[str] = []
        self._moved: dict[str, None] = {}
        self._unsteady: dict[str, None] = {}
        self._alone: dict[tuple[str, int], Array | None] = {}
        self._exact: dict[tuple[str, int], Exact] = {}
        self._outputs: dict[tuple[str, int], Pair] = {}

    def run(self, progress: Progress) -> None:
        """Run both sides on all samples, in batches of every size."""
        model, file = self._conversion.model, self._conversion.file.data
        data = whole = without_hybrid(model, file)
        if not self._options.outputs_only:
            # An interpreter keeps no tensors but outputs: in an edited copy, all are that.
            tensors = sorted({port.tensor for port in self._ports.values()})
            model = replace(model, outputs=tuple(tensors))
            data = with_outputs(whole, tensors)
        limits = Limits(seconds=self._options.time_limit)
        with ExitStack() as stack:
            references = start_references(stack, model, data, self._backend, limits)
            runtime = references["reference"]
            self._runtime = f"{runtime.runtime} {runtime.version}"
            self._kernels = tuple(references)
            self._delegated = references["xnnpack"].delegated
            stack.enter_context(one_thread())
            for batch in self._batches(references):
                self._run_batch(batch)
                del batch  # before the next sample is measured
                progress(len(self._kept) + len(self._left_out), len(self._samples))
            self._check_behaviour()
        if whole is not file:
            self._unchecked.append(self._cost_of_hybrid(whole, limits))

    def _cost_of_hybrid(self, data: bytes, limits: Limits) -> str:
        """Return a note on what the file's own kernels give in place of those of a copy."""
        model, moved, size = self._conversion.model, 0.0, 0.0
        with ExitStack() as stack:
            files = (data, self._conversion.file.data)
            copy, own = (
                start_references(stack, model, x, self._backend, limits)["reference"] for x in files
            )
            for sample in self._kept.values():
                for tensor, answer in copy.run(sample.arrays).items():
                    other = own.run(sample.arrays)[tensor]
                    moved = max(moved, distance(answer, other))
                    size = max(size, magnitude(answer))
        return (
            "weights are stored as integers: TFLite ran a copy with them in float32. On the file "
            "itself it rounds what they are multiplied by to 8 bits too, which moves the outputs "
            f"by up to {moved:.3g} of {size:.3g}"
        )

    def report(self, failures: Sequence[str], other: Conversion | Other | None) -> ParityReport:
        """Return the report; ``failures`` are those known before anything ran."""
        conversion, options = self._conversion, self._options
        rows = [row for row in self._rows.values() if row.findings]
        add_isolated(rows, self._isolation.found)
        layers = tuple(row.report() for row in rows)
        kept = list(self._kept.values())
        left_out = tuple(sample.name for sample in self._left_out.values())
        wanted = [sample.name for sample in self._left_out.values() if sample.wanted]
        nothing = [] if failures or kept else ["there is no input to compare on"]
        compared = {self._ports[row.name].tensor: row.layer for row in rows if row.compared_on}
        sources = () if options.outputs_only else find_sources(layers)
        # Where outputs alone are compared, nothing tells what they exercise: no mask has a weight.
        masks = self._exercised.masks if rows else {}
        constants = self._constants(masks, other) if rows else []
        masks = {} if options.outputs_only else masks
        names = {name for row in layers for name in (row.name, row.identity.tensor_name)}
        tolerances = {k: v for k, v in options.tolerances.items() if split_name(k)[0] in names}
        covered = coverage(conversion.model, self._trace, compared, whole=options.outputs_only)
        # Of a module that could not be run, or differs, something else is the failure.
        whole = layers and not (self._trace.differences or self._raised or self._trace.foreign)
        unexplained = covered.unexplained if whole else ()
        return ParityReport(
            name=conversion.name,
            label=conversion.file.label,
            sha256=conversion.file.sha256,
            other=Other(other.name, other.file.label, other.file.sha256)
            if isinstance(other, Conversion)
            else other,
            samples=tuple(sample.name for sample in kept),
            left_out=left_out,
            given=describe(kept, self._interface.inputs, pictured=options.pictures),
            batches=tuple(self._sizes),
            seed=options.seed,
            tolerances=tolerances,
            dtype=options.dtype,
            form=options.form,
            device=options.device,
            outputs_only=options.outputs_only,
            reference=self._backend,
            runtime=self._runtime,
            kernels=self._kernels,
            delegated=self._delegated,
            layers=layers,
            constants=tuple(constants),
            exercised=tuple(Exercise(k, int(x.sum()), x.size) for k, x in masks.items()),
            coverage=covered,
            failures=(
                *failures,
                *nothing,
                *(f"tensor {x} is not compared, for no known reason" for x in unexplained),
                *self._trace.differences,
                *self._trace.failures,
                *(f"nothing to compare on {name}: {NO_ANSWER}" for name in wanted),
                *self._called_otherwise,
                *self._misbehaviour,
                *self._raised.values(),
                *first_failures(line for constant in constants for line in constant.failures()),
            ),
            notes=(
                *find_notes(layers, len(kept), left_out, tolerances),
                *([OTHER_KEYS] if rows and self._other_keys and not constants else []),
                *self._argmax_notes(layers),
                *self._unchecked,
                *self._trace.notes,
            ),
            sources=sources or tuple(self._raised),
            answers=collected(self._interface, self._kept, self._outputs)
            if options.answers
            else None,
        )

    @property
    def _other_keys(self) -> bool:
        """Whether the module is from elsewhere, and its constants have other keys."""
        own, file = self._module.state_dict().keys(), self._conversion.state.keys()
        return self._module is not self._emitted and own != file

    def _constants(
        self, exercised: Mapping[str, Array], other: Conversion | Other | None
    ) -> list[Constant]:
        """Compare the module's constants with the file's.

        None are compared of a module from elsewhere that has other keys.
        """
        file = self._conversion.state
        own = {  # numpy lacks bfloat16, whose numbers float32 has
            key: (x.float() if x.dtype == torch.bfloat16 else x).numpy(force=True)
            for key, x in self._module.state_dict().items()
        }
        if isinstance(other, Conversion):
            # Layers may be called after tensors, and these otherwise in another file of the same
            # architecture: the constants are in one order.
            keys = dict(zip(other.state, file, strict=False))
            own = {keys.get(key, key): array for key, array in own.items()}
            exercised = {keys.get(key, key): mask for key, mask in exercised.items()}
        elif self._other_keys:
            return []
        return compare_constants(file, own, exercised)

    def _argmax_notes(self, layers: Sequence[LayerReport]) -> Iterator[str]:
        """Tell what could be compared behind places of maxima."""
        shares = [x.totals.equal for x in layers if x.totals.equal is not None]
        if not shares:
            return
        count = sum(x.identity.tensor in self._behind for x in layers)
        yield (
            f"{count} values lie behind an argmax: where numbers tie, rounding decides which place "
            "is found, and no magnitude tells a right value from a wrong one; places: at least "
            f"{100 * min(shares):.4g} % equal to TFLite's on each input"
        )
        if self._moved:
            yield (
                f"with other places on {', '.join(self._moved)}: what lies behind was compared "
                "there up to the jumps that TFLite makes itself, and sharply on TFLite's places"
            )
        if self._unsteady:
            yield (
                f"TFLite finds other places in each of its runs on {', '.join(self._unsteady)}: "
                "what lies behind was compared there up to the jumps that it makes itself"
            )

    def _check_behaviour(self) -> None:
        """Look at what the module does besides giving values, on the first input."""
        if not self._kept or self._raised or self._called_otherwise:
            return
        if self._options.elsewhere:
            self._unchecked.append("gradients, modes and side effects were not checked")
            return
        inputs = self._runner.inputs([next(iter(self._kept.values())).arrays])
        names = self._runner.names
        self._misbehaviour += faults_of_calls(
            self._runner.module, self._emitted, self._runner.own(inputs), names
        )
        if self._options.gradients:
            try:
                self._misbehaviour += faults_of_gradients(
                    self._runner.double, [in_type(x, torch.float64) for x in inputs], names
                )
            except NoGradientsError as error:
                self._unchecked.append(f"gradients were not checked: {error}")

    def _batches(self, references: References) -> Iterator[Batch]:
        """Yield batches of the samples that TFLite has an answer to.

        All run in batches of the first size, whose last one is filled up with the samples before
        it. What is wrong in another size is so whatever the samples are: the first and the last
        ones run in batches of the other sizes.
        """
        # TFLite's answers are all of a model's activations: those to the samples of the largest
        # batch are held, so that each sample is measured once for batches of all sizes.
        first, largest = self._sizes[0], max(self._sizes)
        held: list[tuple[int, Noise]] = []
        for number, (sample, noise) in enumerate(
            zip(self._samples, self._noises(references), strict=True)
        ):
            del held[: max(0, len(held) - largest + 1)]
            if not self._answered(noise):
                self._left_out[number] = sample
                continue
            self._kept[number] = sample
            held.append((number, noise))
            del noise
            count = len(self._kept)
            for size in self._sizes.copy():
                if count == size or (size == first and count % size == 0):
                    yield held[-size:]
        for size in self._sizes.copy():
            done = len(self._kept) % size == 0 if size == first else len(self._kept) == size
            if held and not done:
                yield list(islice(cycle(held[-size:]), size))

    def _noises(self, references: References) -> Iterator[Noise]:
        """Yield TFLite's answers to each sample.

        While the module runs on one, a thread has TFLite's processes compute the next.
        """
        with ThreadPoolExecutor(1) as pool:
            ahead: Future[Noise] | None = None
            for number in range(len(self._samples)):
                noise = ahead.result() if ahead else self._noise(references, number)
                if number + 1 < len(self._samples):
                    ahead = pool.submit(self._noise, references, number + 1)
                yield noise
                del noise

    def _noise(self, references: References, number: int) -> Noise:
        """Return TFLite's answers to a sample."""
        return Noise(
            references,
            self._samples[number].arrays,
            np.random.default_rng([self._options.seed, number]),
            [port.tensor for port in self._interface.outputs],
            self._options.dtype,
            self._places,
            self._busy,
        )

    def _answered(self, noise: Noise) -> bool:
        """Return whether each of TFLite's outputs holds a finite number."""
        outputs = noise.answer.keys() & {p.tensor for p in self._interface.outputs}
        return all(np.isfinite(noise.answer[tensor]).any() for tensor in outputs)

    def _run_batch(self, batch: Batch) -> None:
        """Compare a batch."""
        size = len(batch)
        # Every layer runs in float64 once, in batches of the first size.
        exact = size == self._options.batches[0] or self._options.outputs_only
        found: list[dict[str, Measures]] = [{} for _ in batch]
        arrays = [self._samples[number].arrays for number, _ in batch]
        inputs = self._runner.inputs(arrays)
        called = self._runner.call(inputs)
        layered = not self._options.outputs_only and self._trace.batch in (None, size)
        if layered:
            given = [port.tensor for port in self._interface.inputs]
            answers = [
                noise.answer | dict(zip(given, sample, strict=True))
                for (_, noise), sample in zip(batch, arrays, strict=True)
            ]
            steps = self._runner.steps(inputs, answers, exact=exact)
        elif called.problem:
            # Larger batches would fail alike. (With layers, the trace finds the one that raises.)
            self._called_otherwise.append(called.problem)
            self._sizes = [s for s in self._sizes if s < size]
            return
        else:
            steps = iter([self._runner.whole(called, inputs, exact=exact)])
        for step in steps:
            if exact and layered:  # every sample once
                self._exercised.record(step)
                self._isolation.run(step)
            if step.raised:
                name = step.layer.name
                self._raised.setdefault(name, f"{name} {step.raised}")
                break
            if step.layer.kind == OUTPUT and not self._called_otherwise:
                self._called_otherwise += called.differences(step.free)
            self._measure(step, batch, found)
        judges = [
            self._judge(self._samples[number].name, measures, noise, exact=exact)
            for (number, noise), measures in zip(batch, found, strict=True)
        ]
        if layered and any(judge.open for judge in judges):
            look_again(self._runner.thrice(inputs, answers), self._ports, judges)
        for judge in judges:
            for name, finding in judge.findings():
                self._rows[name].findings.append(finding)

    def _measure(self, step: Step, batch: Batch, found: Sequence[dict[str, Measures]]) -> None:
        size, together = len(batch), tuple(number for number, _ in batch)
        for place, value in step.layer.compared.items():
            name = row_name(step.layer, place)
            port = self._ports[name]
            sides = [array_of(x, place) for x in (step.free, step.forced, step.exact)]
            dtypes = (dtype_of(step.free, place), self._wanted(port.dtype))
            for position, (number, noise) in enumerate(batch):
                free, forced, exact = (sample_of(x, position, size) for x in sides)
                answer = expected(value, [noise.answer])
                if step.layer.kind == OUTPUT and self._options.answers:
                    self._outputs.setdefault((port.name, number), (answer, free))
                if step.layer.kind == OUTPUT and size == 1:
                    self._alone[name, number] = free
                xnnpack = noise.answers.get("xnnpack", {}).get(port.tensor)
                measures = measure(
                    sample_name(self._samples[number], position, size),
                    answer,
                    free,
                    forced,
                    exact,
                    together=together,
                    alone=self._alone.get((name, number)),
                    xnnpack=None if xnnpack is None else port.to_module(xnnpack),
                    dtypes=dtypes,
                    whole=sides[0] is not None and not is_batch(sides[0], size),
                    pictured=self._options.pictures,
                    image=_is_image(port),
                    places=port.tensor in self._places,
                    limits=limits_for(self._options.tolerances, (port.name, name)),
                )
                if sides[2] is not None:
                    self._exact[name, number] = measures.exact
                elif known := self._exact.get((name, number)):
                    measures = replace(measures, exact=known)
                found[position][name] = measures

    def _judge(
        self, sample: str, found: Mapping[str, Measures], noise: Noise, *, exact: bool
    ) -> Judge:
        if any(m.error for n, m in found.items() if self._ports[n].tensor in self._places):
            self._moved[sample] = None
        self._unsteady |= {} if noise.steady else {sample: None}
        # Larger batches are compared with the run of the sample alone, too.
        moved = sample in self._moved
        return Judge(sample, found, noise, self._ports, self._options, self._behind, moved, exact)

    def _wanted(self, dtype: str) -> str:
        """Return the type that the module should give for one of TFLite's."""
        return self._options.dtype if dtype == "float32" else dtype


def _is_image(port: Port) -> bool:
    """Return whether a value is C x H x W where TFLite has H x W x C, of several pixels."""
    nchw = port.permutation == (0, 3, 1, 2)
    return nchw and port.sample_shape[1] * port.sample_shape[2] > 1
