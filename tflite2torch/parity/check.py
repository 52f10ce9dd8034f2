"""Runs a module and the TFLite model it came from, and compares their outputs."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from tflite2torch.parity.inputs.generated import Sample, make_samples
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.judge import Target, Verdict, farthest, judge_batch, summarize
from tflite2torch.parity.reference.backends import start_references
from tflite2torch.parity.reference.interpreter import Reference
from tflite2torch.parity.reference.noise import Noise
from tflite2torch.parity.reference.wire import Array
from tflite2torch.parity.report import ModelReport, OutputReport

RAISED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a module that does not compute what it should may raise."""


def check_outputs(
    model: bytes,
    module: nn.Module,
    interface: Interface,
    *,
    batches: Sequence[int] = (1, 2, 7),
    random_inputs: int = 10,
    seed: int = 0,
    label: str = "model",
) -> ModelReport:
    """Compare a module's outputs with those of the TFLite model it came from.

    Args:
        model: bytes of the ``.tflite`` file.
        module: the module with its weights, in eval mode, on the CPU; left as it is.
        interface: how its inputs and outputs line up with the model's.
        batches: sizes of batches to run, besides one by one, which is always done. Each
            sample of a batch is compared with its own run of the reference, whose batch
            is one, and with what the module gives for it alone.
        random_inputs: how many random inputs; a face comes on top where one fits.
        seed: of the random inputs and of the nudges.
        label: how messages name the model.

    Raises:
        ReferenceFailedError: where TFLite is missing, refuses the model, crashes or hangs.
        MissingDependencyError: where what the photo of a face needs is not installed.
    """
    samples = make_samples(interface.inputs, random_inputs, seed)
    names = tuple(sample.name for sample in samples)
    with ExitStack() as stack:
        references = start_references(stack, model, label)
        xnnpack = references["xnnpack"].delegated
        failures = _misfits(interface, references["reference"])
        if not samples:
            failures += ("there is no input to compare on",)
        if failures:
            return ModelReport((), names, (), xnnpack, failures)
        targets = []
        for number, sample in enumerate(samples):
            generator = np.random.default_rng([seed, number])
            found = Noise(references, sample.arrays, generator, ("xnnpack",))
            targets.append([Target(port, found) for port in interface.outputs])
        check = _Check(module, interface, samples, targets)
        stack.enter_context(one_thread())
        ran, failures = check.run(sorted({1, *batches}))
        outputs = check.reports() if ran else ()
    return ModelReport(outputs, names, ran, xnnpack, failures)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread, as TFLite runs: sums are then the same on every machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _misfits(interface: Interface, reference: Reference) -> tuple[str, ...]:
    """Return how the interface differs from what TFLite declares, a line each."""
    sides = (
        ("inputs", interface.inputs, reference.inputs),
        ("outputs", interface.outputs, reference.outputs),
    )
    failures = []
    for kind, ports, tensors in sides:
        ours = [
            f"{p.dtype} {list(p.tflite_shape)} for tensor {p.tensor}" for p in ports
        ]
        theirs = [str(tensor) for tensor in tensors]
        if ours != theirs:
            failures.append(
                f"the module stands for {kind} {', '.join(ours) or 'none'}; "
                f"TFLite has {', '.join(theirs) or 'none'}"
            )
    return tuple(failures)


class ModuleError(Exception):
    """The module raised, or gave something else than the tensors it declares."""


class _Check:
    """Runs a module on samples and collects verdicts on its outputs."""

    def __init__(
        self,
        module: nn.Module,
        interface: Interface,
        samples: Sequence[Sample],
        targets: Sequence[Sequence[Target]],
    ) -> None:
        self.module = module
        self.interface = interface
        self.samples = samples
        self.targets = targets
        self.alone: list[list[Array]] = []
        self.verdicts: list[list[Verdict]] = [[] for _ in interface.outputs]

    def run(self, sizes: Sequence[int]) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Run batches of these sizes, one first; return which ran and what went wrong."""
        ran: list[int] = []
        for size in sizes:
            try:
                for chosen in chunks(len(self.samples), size):
                    answers = self._run_module(self.module, chosen)
                    self._judge(chosen, answers)
                    if size == 1:
                        self.alone.append(answers)
            except ModuleError as error:
                return tuple(ran), (f"the module, on a batch of {size}, {error}",)
            ran.append(size)
        return tuple(ran), ()

    def reports(self) -> tuple[OutputReport, ...]:
        """Return what was found of each output, its distance from exact included."""
        exact = self._exact()
        reports = []
        for index, port in enumerate(self.interface.outputs):
            answers = [sample[index] for sample in self.alone]
            expected = [sample[index].expected for sample in self.targets]
            truth = [sample[index] for sample in exact]
            reports.append(
                summarize(
                    port.name,
                    self.verdicts[index],
                    from_exact=farthest(answers, truth),
                    reference_from_exact=farthest(expected, truth),
                )
            )
        return tuple(reports)

    def _judge(self, chosen: Sequence[int], answers: Sequence[Array]) -> None:
        batch = f", sample {{}} of a batch of {len(chosen)}" if len(chosen) > 1 else ""
        places = [
            self.samples[sample].name + batch.format(place)
            for place, sample in enumerate(chosen)
        ]
        for index, answer in enumerate(answers):
            targets = [self.targets[sample][index] for sample in chosen]
            alone = [self.alone[sample][index] for sample in chosen if batch]
            self.verdicts[index] += judge_batch(answer, places, targets, alone)

    def _exact(self) -> list[list[Array]]:
        """Return the module's answers in float64, or none where it has no such."""
        double = copy.deepcopy(self.module).double()
        samples = range(len(self.samples))
        try:
            return [self._run_module(double, [i], torch.float64) for i in samples]
        except ModuleError:
            return []

    def _run_module(
        self,
        module: nn.Module,
        chosen: Sequence[int],
        floating: torch.dtype | None = None,
    ) -> list[Array]:
        """Return the outputs for the chosen samples as one batch.

        ``floating`` is what floating-point inputs are converted to.
        """
        stacks = []
        for index, port in enumerate(self.interface.inputs):
            arrays = [port.to_module(self.samples[i].arrays[index]) for i in chosen]
            stack = torch.from_numpy(np.concatenate(arrays))
            stacks.append(stack.to(floating) if stack.is_floating_point() else stack)
        outputs = call(module, stacks, len(self.interface.outputs))
        return [output.numpy() for output in outputs]


def call(module: nn.Module, inputs: Sequence[Tensor], count: int) -> list[Tensor]:
    """Return the module's ``count`` outputs; raise ModuleError where it has no such."""
    try:
        with torch.inference_mode():
            answer = module(*inputs)
    except RAISED as error:
        text = " ".join(str(error).split())
        raise ModuleError(f"raises {type(error).__name__}: {text}") from error
    outputs = answer if isinstance(answer, (tuple, list)) else (answer,)
    if not all(isinstance(output, Tensor) for output in outputs):
        kinds = ", ".join(type(output).__name__ for output in outputs)
        raise ModuleError(f"gives {kinds}, not tensors")
    if len(outputs) != count:
        raise ModuleError(f"gives {len(outputs)} outputs where TFLite gives {count}")
    return list(outputs)


def chunks(count: int, size: int) -> Iterator[list[int]]:
    """Yield the numbers below ``count``, ``size`` at a time; the last may begin again."""
    for start in range(0, count, size):
        yield [(start + place) % count for place in range(size)]
