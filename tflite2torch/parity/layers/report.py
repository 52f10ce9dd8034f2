"""The results of a comparison. Needs neither torch nor the interpreter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from tflite2torch.converter.errors import NotComparableError, ReferenceFailedError
from tflite2torch.converter.frontends.file import module_name
from tflite2torch.parity.align.coverage import Coverage
from tflite2torch.parity.distances import share
from tflite2torch.parity.inputs.given import Given
from tflite2torch.parity.layers.answers import Answers
from tflite2torch.parity.layers.constants import Constant
from tflite2torch.parity.layers.verdict import Finding, Forced, Isolated

NO_ANSWER = "TFLite's own answer is NaN or infinite there"
"""Why an input is left out: TFLite gives no finite number for one of the outputs."""

OTHER_KEYS = "constants were not compared with the file's by name: the module has other keys"
"""The note on a module from elsewhere."""


@dataclass(frozen=True)
class Identity:
    """Which value of a module a comparison is about.

    Attributes:
        name: the operation that computes it: ``stage2.0.depthwise``, ``stage2.0: relu``.
        kind: type of the layer, or the function; ``output`` for an output.
        tensor: index of the TFLite tensor.
        tensor_name: TFLite's name of it, which is untrusted text; for an output what the
            module calls it.
        shape: of one sample, in the module's order of axes.
        permutation: axis ``i`` of the module's value is this axis of the TFLite tensor; -1
            is a batch axis that the tensor lacks.
        inside: for a tensor that the module does not compute, the layer that it was folded
            into: it is computed from the module's values by the unfused graph. Else empty.
        inputs: names of the compared layers that it is computed from.
        steps: operations between those and this one that TFLite has no tensor for.
    """

    name: str
    kind: str
    tensor: int
    tensor_name: str
    shape: tuple[int, ...]
    permutation: tuple[int, ...]
    inside: str
    inputs: tuple[str, ...]
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Totals:
    """What holds over all inputs.

    Attributes:
        compared: how many elements were finite on both sides.
        unfinite: how many were NaN or infinite on both sides.
        compared_on: on how many inputs there was such an element; none is a failure.
        error: the largest free-running error.
        needed: the smallest limit at which all inputs pass; infinite where none does.
        xnnpack_error: the largest distance from XNNPACK; None where it was not measured.
        equal: of places of maxima, the smallest share that is equal on an input; None for others.
    """

    compared: int
    unfinite: int
    compared_on: int
    error: float
    needed: float
    xnnpack_error: float | None
    equal: float | None


@dataclass(frozen=True)
class LayerReport:
    """How one value of a module compares with the TFLite tensor that it stands for.

    Attributes:
        identity: which value it is.
        worst: the free-running comparison on the input that goes furthest of its limit.
        forced: the teacher-forced comparison on the input that goes furthest of its limit so;
            None where none could be run.
        isolated: the layer run by itself on random numbers; None without weights.
        totals: what holds over all inputs.
        failures: why it fails running freely, a line each; empty where it passes.
        forced_failures: why it fails teacher-forced.
    """

    identity: Identity
    worst: Finding
    forced: Forced | None
    isolated: Isolated | None
    totals: Totals
    failures: tuple[str, ...]
    forced_failures: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name in reports."""
        return self.identity.name

    @property
    def isolated_failures(self) -> tuple[str, ...]:
        """Why it fails by itself on random numbers."""
        return tuple(self.isolated.failures()) if self.isolated else ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it fails, a line each; empty where it passes."""
        return (*self.failures, *self.forced_failures, *self.isolated_failures)

    @property
    def passed(self) -> bool:
        """Whether it passes free-running, teacher-forced, and by itself on random numbers."""
        return not self.reasons

    @property
    def severity(self) -> float:
        """The error as a share of the limit: the largest of the three comparisons."""
        others = [x.severity for x in (self.forced, self.isolated) if x is not None]
        return max(self.worst.severity, *others, 0.0)

    @property
    def ratio(self) -> float:
        """Error in noise floors; 0 without an error, infinite with one above no floor."""
        return share(self.worst.error, self.worst.floor)

    @property
    def span(self) -> str:
        """Where a fault may lie: the steps without a tensor before the layer, and the layer."""
        # An activation bears the name of the layer that it completes, which is in ``steps``.
        steps = [s for s in self.identity.steps if not self.name.startswith(f"{s}: ")]
        return " → ".join((*steps, self.name))


@dataclass(frozen=True)
class Other:
    """The model whose module was compared in place of that of the model that TFLite ran.

    Attributes:
        name: its name.
        source: how messages name its file, or the class of a module that was not converted.
        sha256: of the file; empty for such a module.
    """

    name: str
    source: str
    sha256: str


@dataclass(frozen=True)
class Exercise:
    """How much of a constant was exercised: multiplied by something other than 0 on an input.

    Attributes:
        key: in the module's state_dict.
        exercised: how many of its elements were.
        total: how many it has.
    """

    key: str
    exercised: int
    total: int


@dataclass(frozen=True)
class ParityReport:
    """How a module compares with a TFLite model.

    Attributes:
        name: the model's name.
        label: how messages name its file.
        sha256: of the file.
        other: the model whose module was compared, where that is another one.
        samples: names of the inputs that both sides were compared on.
        left_out: names of the inputs that they were not compared on, for ``NO_ANSWER``.
        given: a summary of the inputs that were compared.
        batches: sizes of the batches that the module ran in.
        seed: of random inputs and nudges.
        tolerances: the limits that were given for values of this model, by name.
        dtype: the floating type that the module computed in.
        form: what the module was made into: ``compiled``, ``exported``, ``onnx``, or nothing.
        device: what it ran on.
        outputs_only: whether its outputs alone were compared, and nothing inside it.
        reference: what ran the model: ``litert``, ``tensorflow`` or ``mediapipe``.
        runtime: its name and version.
        kernels: the kernel sets that it ran with.
        delegated: whether XNNPACK ran a part of the model; some have no operator for it.
        layers: a report for each value that was compared, in the order of computation; the
            outputs come last.
        coverage: which tensors of the model are compared.
        constants: how each constant compares with the file's; empty where they were not compared.
        exercised: how much of each floating-point constant was exercised; empty where only
            outputs were compared.
        failures: what went wrong with the module as a whole, a line each.
        notes: remarks, a line each.
        sources: names of the layers where errors arise, the first one first: those that
            fail while their inputs pass, and those that fail teacher-forced, or by themselves
            on random numbers. A tensor that was folded into a layer is never one; empty where
            only outputs were compared.
        seconds: how long the comparison took.
        answers: inputs and outputs, where they were asked for.
    """

    name: str
    label: str
    sha256: str
    other: Other | None
    samples: tuple[str, ...]
    left_out: tuple[str, ...]
    given: tuple[Given, ...]
    batches: tuple[int, ...]
    seed: int
    tolerances: Mapping[str, float]
    dtype: str
    form: str
    device: str
    outputs_only: bool
    reference: str
    runtime: str
    kernels: tuple[str, ...]
    delegated: bool
    layers: tuple[LayerReport, ...]
    coverage: Coverage
    constants: tuple[Constant, ...]
    exercised: tuple[Exercise, ...]
    failures: tuple[str, ...]
    notes: tuple[str, ...]
    sources: tuple[str, ...]
    seconds: float = 0.0
    answers: Answers | None = None

    @property
    def batch(self) -> int:
        """How many samples ran together, in the last of the batches."""
        return self.batches[-1]

    @property
    def passed(self) -> bool:
        """Whether something was compared, and all of it passed."""
        compared = bool(self.layers and self.samples)
        return compared and not self.failures and all(layer.passed for layer in self.layers)

    @property
    def title(self) -> str:
        """Its name in reports: the file, and the model's name if that differs."""
        named = module_name(PurePath(self.label).stem) == self.name
        title = self.label if named else f"{self.label} ({self.name})"
        return title if self.other is None else f"{title} and {self.other.source}"

    @property
    def files(self) -> tuple[str, ...]:
        """Which files were run, a line each."""
        if self.other is None:
            return (f"sha256 {self.sha256}",)
        return (
            f"TFLite runs {self.label}, sha256 {self.sha256}",
            f"PyTorch runs {self.other.source}"
            + (f", sha256 {self.other.sha256}" if self.other.sha256 else ""),
        )

    @property
    def worst_first(self) -> list[LayerReport]:
        """The layers, those first whose errors go furthest of their limits."""
        return sorted(self.layers, key=lambda layer: layer.severity, reverse=True)

    @property
    def weights(self) -> tuple[int, int]:
        """How many weights were exercised, and how many there are."""
        return sum(x.exercised for x in self.exercised), sum(x.total for x in self.exercised)

    @property
    def unexercised(self) -> list[Exercise]:
        """The constants of which a part was not exercised, those with most such elements first."""
        partly = [x for x in self.exercised if x.exercised < x.total]
        return sorted(partly, key=lambda x: x.exercised - x.total)

    @property
    def verdict(self) -> str:
        """One line: passed, or where the fault lies."""
        if self.passed:
            count = len(self.samples)
            inputs = "1 input" if count == 1 else f"{count} inputs"
            exercised, total = self.weights
            weights = [f"{exercised:,} of {total:,} weights exercised"] if total else []
            return "; ".join(
                [
                    f"passed: {len(self.layers)} values on {inputs}",
                    *weights,
                    *self._reservations(),
                ]
            )
        reasons = list(self.failures)
        failing = [layer for layer in self.layers if not layer.passed]
        source = next((x for x in failing if x.name in self.sources[:1]), None)
        if source is not None:
            reasons.append(f"the source is {source.span}: {source.reasons[0]}")
        elif failing:  # without a source: folded tensors, or outputs alone
            folded = ", which was folded away" if failing[0].identity.inside else ""
            reasons.append(f"{failing[0].name}{folded}: {failing[0].reasons[0]}")
        return "failed: " + "; ".join(reasons or ["nothing was compared"])

    def _reservations(self) -> Iterator[str]:
        """Yield what a verdict has to say besides that all passes."""
        if self.form or self.device != "cpu":
            yield f"{self.form or 'run'} on {self.device}"
        if self.outputs_only:
            yield "outputs alone"
        if self.tolerances:
            yield f"with tolerances that were given: {listed(self.tolerances)}"
        unfinite = sum(layer.totals.unfinite for layer in self.layers)
        if unfinite:
            yield f"{unfinite} elements are NaN or infinite on both sides"


def listed(tolerances: Mapping[str, float]) -> str:
    """Return tolerances as text."""
    return ", ".join(f"{name}={value:g}" for name, value in tolerances.items())


Outcome = ParityReport | ReferenceFailedError | NotComparableError
"""The result of comparing one model: a report, or why there is none."""


def find_notes(
    layers: tuple[LayerReport, ...],
    samples: int,
    left_out: Sequence[str],
    tolerances: Mapping[str, float],
) -> tuple[str, ...]:
    """Return notes on limits that are not the usual ones, and on what was not compared.

    Args:
        layers: those of a report.
        samples: how many inputs were compared.
        left_out: names of those that were not.
        tolerances: the limits that were given.
    """
    notes = []
    if tolerances:
        notes.append(f"tolerances given: {listed(tolerances)}")
    deeper = [f"{x.name} ({x.worst.draws})" for x in layers if x.passed and x.worst.draws]
    if deeper:
        notes.append(f"within the limit only after more draws: {', '.join(deeper)}")
    if left_out:
        notes.append(f"left out: {', '.join(left_out)}: {NO_ANSWER}")
    partly = [
        f"{layer.name} ({layer.totals.unfinite} elements, compared on "
        f"{layer.totals.compared_on} of {samples} inputs)"
        for layer in layers
        if layer.totals.unfinite
    ]
    if partly:
        notes.append(f"NaN or infinite on both sides: {', '.join(partly)}")
    return tuple(notes)


def _errs(layer: LayerReport) -> bool:
    """Return whether a layer gives another value than TFLite on TFLite's own inputs, too."""
    return layer.forced is None or layer.forced.error > 0


def find_sources(layers: tuple[LayerReport, ...]) -> tuple[str, ...]:
    """Return the layers where errors arise; see ``ParityReport.sources``."""
    failing = {layer.name for layer in layers if layer.failures}
    return tuple(
        layer.name
        for layer in layers
        if not layer.identity.inside
        and (
            layer.forced_failures
            or layer.isolated_failures
            or (layer.failures and failing.isdisjoint(layer.identity.inputs) and _errs(layer))
        )
    )
