"""What a comparison layer by layer found. Needs neither torch nor the interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from tflite2torch.converter.frontends.sources import module_name
from tflite2torch.parity.distances import share
from tflite2torch.parity.inputs.given import Given
from tflite2torch.parity.layers.picture import Picture

NO_ANSWER = "TFLite's own answer is NaN or infinite there"
"""Why an input is left out: of one output, TFLite gives no finite number for it."""

OUTPUT = "output"
"""The kind of layer that an output of a module is."""

MAX_FAILURES = 5
"""How many reasons a report gives for one layer, the worst first."""


@dataclass(frozen=True)
class Uncompared:
    """A TFLite tensor that no value of the module stands for.

    Attributes:
        tensor: its index.
        name: TFLite's name of it; untrusted text.
        operator: the TFLite operator that gives it.
        reason: what it was folded into; empty where that is not known.
    """

    tensor: int
    name: str
    operator: str
    reason: str


@dataclass(frozen=True)
class Coverage:
    """How many of a model's tensors that are computed from its inputs are compared.

    Attributes:
        compared: how many; of each, an element was finite on both sides on some input.
        folded: how many of these are not in the module, and were computed again from what
            it gives: see ``LayerReport.inside``.
        total: how many there are.
        uncompared: those that are not compared.
    """

    compared: int
    folded: int
    total: int
    uncompared: tuple[Uncompared, ...]

    @property
    def percent(self) -> float:
        """The share that is compared; 100 where there is none."""
        return 100 * self.compared / self.total if self.total else 100.0

    @property
    def unexplained(self) -> int:
        """How many are not compared for no known reason."""
        return sum(not tensor.reason for tensor in self.uncompared)


@dataclass(frozen=True)
class LayerReport:
    """How one value of a module compares with the TFLite tensor that it stands for.

    Distances are absolute. ``sample`` names the input that goes furthest of what is
    tolerated, and ``forced_sample`` the one that does when the layer gets the reference's
    own inputs. Measures are those on the former, ``forced_…`` those on the latter, and
    ``largest_error``, ``needed``, ``compared`` and ``compared_on`` are over all inputs.

    Attributes:
        name: the operation that gives it: ``stage2.0.depthwise``, ``stage2.0: relu``.
        kind: type of the layer, or the function.
        tensor: index of the TFLite tensor.
        tensor_name: TFLite's name of it; untrusted text.
        shape: of one sample, in the module's order of axes.
        permutation: axis ``i`` of the module's value is this axis of the TFLite tensor; -1
            is a batch axis that the tensor lacks.
        inside: of a tensor that the module lacks, the layer that it was folded into. It was
            computed from what the module gives, by TFLite's own operators in torch. Empty
            for what the module gives itself.
        inputs: names of the compared layers that it is computed from.
        steps: operations between those and this one that TFLite has no tensor for.
        sample: the input, and its place in a batch.
        compared: how many elements were finite on both sides, over all inputs.
        compared_on: on how many inputs there was such an element; none is a failure.
        error: largest distance from the reference kernels; infinite where one side alone
            is NaN or infinite, or where shapes or types differ.
        mean_error: mean distance.
        largest_error: the largest error on any input.
        where: index of the largest, without the batch.
        floor: TFLite's noise floor.
        limit: the largest error that passes.
        forced_sample: the input that is worst on the reference's own inputs; empty where
            that could not be run, and then the next three are None.
        forced_error: largest distance there.
        forced_limit: the largest error that passes there.
        forced_severity: how far that error goes of this limit.
        from_exact: largest distance from the module in float64; None without such.
        reference_from_exact: the same of the reference kernels.
        magnitude: largest absolute value of the reference.
        ulps: error in ulps of the magnitude, of the type that the module computes in.
        cosine: of the angle between both.
        snr: signal-to-noise ratio in decibel.
        severity: how far the error goes of the limit, where 1 is all of it.
        needed: the smallest tolerance at which it passes on all inputs; infinite where
            none does.
        failures: why it fails running freely, a line each; none where it passes.
        forced_failures: why it fails on the reference's own inputs.
        picture: what both sides look like on the worst input, where it was asked for.
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
    sample: str
    compared: int
    compared_on: int
    error: float
    mean_error: float
    largest_error: float
    where: tuple[int, ...]
    floor: float
    limit: float
    forced_sample: str
    forced_error: float | None
    forced_limit: float | None
    forced_severity: float | None
    from_exact: float | None
    reference_from_exact: float | None
    magnitude: float
    ulps: float
    cosine: float
    snr: float
    severity: float
    needed: float
    failures: tuple[str, ...]
    forced_failures: tuple[str, ...]
    picture: Picture | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.failures and not self.forced_failures

    @property
    def worst(self) -> float:
        """How far it goes of what is tolerated, freely or on the reference's own inputs."""
        return max(self.severity, self.forced_severity or 0.0)

    @property
    def ratio(self) -> float:
        """Error in noise floors; 0 without an error, infinite with one above no floor."""
        return share(self.error, self.floor)

    @property
    def span(self) -> str:
        """What a fault here may lie in: the steps without a tensor, and the layer."""
        # What completes a layer bears its name, which is told once.
        steps = [s for s in self.steps if not self.name.startswith(f"{s}: ")]
        return " → ".join((*steps, self.name))


@dataclass(frozen=True)
class Other:
    """The model that a module came from which stands for another one's.

    Attributes:
        name: its name.
        source: how messages name its file.
        sha256: of the file.
    """

    name: str
    source: str
    sha256: str


@dataclass(frozen=True)
class ParityReport:
    """How a module compares with a TFLite model, layer by layer.

    Attributes:
        name: the model's name.
        label: how messages name its file.
        sha256: of the file.
        other: the model whose module was compared, where that is another one.
        samples: names of the inputs that both sides were compared on.
        left_out: names of those that they were not, for ``NO_ANSWER``.
        given: what those that were compared on hold.
        batch: how many samples ran together.
        seed: of random inputs and nudges.
        dtype: the floating type that the module computed in.
        reference: what ran the model: ``litert``, ``tensorflow`` or ``mediapipe``.
        runtime: its name and version.
        kernels: the kernel sets that it ran with.
        layers: a report for each value that was compared, in the order of computation; what
            the module returns comes last.
        coverage: which tensors of the model are compared.
        failures: what went wrong with the module as a whole, a line each.
        notes: what else is to be known, a line each.
        sources: names of the layers where errors arise, the first one first: those that
            fail while their inputs pass, and those that fail on the reference's own inputs.
            What was folded into a layer is never one: the layer is.
    """

    name: str
    label: str
    sha256: str
    other: Other | None
    samples: tuple[str, ...]
    left_out: tuple[str, ...]
    given: tuple[Given, ...]
    batch: int
    seed: int
    dtype: str
    reference: str
    runtime: str
    kernels: tuple[str, ...]
    layers: tuple[LayerReport, ...]
    coverage: Coverage
    failures: tuple[str, ...]
    notes: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether all layers and outputs were compared, and passed."""
        compared = bool(self.layers and self.samples)
        return (
            compared
            and not self.failures
            and all(layer.passed for layer in self.layers)
        )

    @property
    def title(self) -> str:
        """What reports call it: its file; its name too, where the file has another."""
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
            f"PyTorch runs {self.other.source}, sha256 {self.other.sha256}",
        )

    @property
    def worst_first(self) -> list[LayerReport]:
        """The layers, those first that go furthest of what is tolerated."""
        return sorted(self.layers, key=lambda layer: layer.worst, reverse=True)

    @property
    def verdict(self) -> str:
        """One line: passed, or where the fault lies."""
        if self.passed:
            count = len(self.samples)
            inputs = "1 input" if count == 1 else f"{count} inputs"
            return f"passed: {len(self.layers)} values on {inputs}"
        reasons = list(self.failures)
        failing = [layer for layer in self.layers if not layer.passed]
        source = next((x for x in failing if x.name in self.sources[:1]), None)
        if source is not None:
            reason = (source.failures or source.forced_failures)[0]
            reasons.append(f"the source is {source.span}: {reason}")
        elif failing:  # all layers pass
            reason = (failing[0].failures or failing[0].forced_failures)[0]
            reasons.append(f"{failing[0].name}, which was folded away: {reason}")
        return "failed: " + "; ".join(reasons or ["nothing was compared"])


def find_notes(
    layers: tuple[LayerReport, ...], samples: int, left_out: Sequence[str]
) -> tuple[str, ...]:
    """Return what is to be said of inputs on which not all was compared.

    Args:
        layers: those of a report.
        samples: how many inputs were compared.
        left_out: names of those that were not.
    """
    notes = []
    if left_out:
        notes.append(f"left out: {', '.join(left_out)}: {NO_ANSWER}")
    partly = [
        f"{layer.name} (on {layer.compared_on} of {samples} inputs)"
        for layer in layers
        if 0 < layer.compared_on < samples
    ]
    if partly:
        notes.append(f"NaN or infinite on both sides elsewhere: {', '.join(partly)}")
    return tuple(notes)


def find_sources(layers: tuple[LayerReport, ...]) -> tuple[str, ...]:
    """Return the layers where errors arise; see ``ParityReport.sources``."""
    failing = {layer.name for layer in layers if layer.failures}
    return tuple(
        layer.name
        for layer in layers
        if not layer.inside
        and (
            layer.forced_failures
            or (layer.failures and failing.isdisjoint(layer.inputs))
        )
    )
