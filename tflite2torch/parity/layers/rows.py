"""What the comparisons of one value come to, over all inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tflite2torch.converter.graph.value import Value
from tflite2torch.parity.align.folded import Folded, givers, operands
from tflite2torch.parity.align.trace import Layer, Trace
from tflite2torch.parity.distances import share, ulp
from tflite2torch.parity.inputs.generated import Sample
from tflite2torch.parity.layers.measures import Measures
from tflite2torch.parity.layers.report import MAX_FAILURES, OUTPUT, LayerReport


@dataclass(frozen=True)
class Finding:
    """How one value compares on one sample, and what is tolerated there.

    ``sample`` is its name, without its place in a batch.
    """

    sample: str
    measures: Measures
    floor: float
    limit: float

    @property
    def severity(self) -> float:
        """How far its error goes of what is tolerated, where 1 is all of it."""
        return share(self.measures.error, self.limit)

    @property
    def forced_severity(self) -> float | None:
        """The same on the reference's own inputs; None where that could not be run."""
        error = self.measures.forced_error
        return None if error is None else share(error, self.limit)

    def failures(self) -> Iterator[str]:
        """Say why the value fails when the module runs freely."""
        found = self.measures
        yield from (f"{found.sample}: {problem}" for problem in found.problems)
        if not found.problems and not found.error <= self.limit:
            yield (
                f"{found.sample}: error {found.error:.3g} at {list(found.where)} is "
                f"above {self.limit:.3g} (noise floor {self.floor:.3g})"
            )

    def forced_failures(self) -> Iterator[str]:
        """Say why it fails on the reference's own inputs."""
        error = self.measures.forced_error
        if error is not None and not error <= self.limit:
            yield (
                f"{self.measures.sample}: error {error:.3g} on TFLite's own inputs is "
                f"above {self.limit:.3g}"
            )


@dataclass
class Row:
    """One value of a module, and how it compares on each sample.

    Attributes:
        layer: what gives it.
        place: where it stands among what that gives.
        inputs: names of the rows that it is computed from.
        steps: names of the operations between, which TFLite has no tensor for.
        findings: how it compares, one for each sample.
    """

    layer: Layer
    place: int
    inputs: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)

    @property
    def value(self) -> Value:
        """The value."""
        return self.layer.values[self.place]

    @property
    def name(self) -> str:
        """What reports call it."""
        return row_name(self.layer, self.place)

    @property
    def compared_on(self) -> int:
        """On how many samples an element was finite on both sides."""
        return len({f.sample for f in self.findings if f.measures.compared})

    def report(self, dtype: str) -> LayerReport:
        """Return what the findings come to; there is at least one.

        ``dtype`` is the floating type that the module computes in.
        """
        ranked = sorted(self.findings, key=lambda f: f.severity, reverse=True)
        worst, found = ranked[0], ranked[0].measures
        alone = sorted(
            (f for f in self.findings if f.forced_severity is not None),
            key=lambda f: f.forced_severity or 0.0,
            reverse=True,
        )
        measures = [finding.measures for finding in ranked]
        nothing = () if self.compared_on else ("no element is finite on both sides",)
        value = self.value
        return LayerReport(
            name=self.name,
            kind=self.layer.kind,
            tensor=-1 if value.tensor is None else value.tensor,
            tensor_name=value.name,
            shape=tuple(int(size) for size in value.shape[1:]),
            permutation=value.order,
            inside=self.layer.inside,
            inputs=self.inputs,
            steps=self.steps,
            sample=found.sample,
            compared=sum(m.compared for m in measures),
            compared_on=self.compared_on,
            error=found.error,
            mean_error=found.mean_error,
            largest_error=max(m.error for m in measures),
            where=found.where,
            floor=worst.floor,
            limit=worst.limit,
            forced_sample=alone[0].measures.sample if alone else "",
            forced_error=alone[0].measures.forced_error if alone else None,
            forced_limit=alone[0].limit if alone else None,
            forced_severity=alone[0].forced_severity if alone else None,
            from_exact=found.from_exact,
            reference_from_exact=found.reference_from_exact,
            magnitude=found.magnitude,
            ulps=found.error / ulp(found.magnitude, dtype),
            cosine=found.cosine,
            snr=found.snr,
            severity=worst.severity,
            needed=max(m.needed for m in measures),
            failures=_first(ranked, Finding.failures) or nothing,
            forced_failures=_first(alone, Finding.forced_failures),
            picture=found.picture,
        )


def make_rows(trace: Trace, folded: Sequence[Folded]) -> dict[str, Row]:
    """Return a row for each value that is to be compared, by its name.

    They stand in the order of computation; what was folded into a layer stands before it.
    """
    inside: dict[str, list[Row]] = {}
    given: dict[int | None, tuple[str, ...]] = {
        tensor: (row_name(layer, place),)
        for tensor, (layer, place) in givers(trace).items()
    }
    made: dict[Value, tuple[str, ...]] = {}
    for item in folded:
        takes = [made.get(v, given.get(v.tensor, ())) for v in operands(item.node)]
        inputs = tuple(dict.fromkeys(name for names in takes for name in names))
        for place, value in enumerate(item.node.outputs):
            made[value] = (row_name(item.layer, place),) if item.layer else inputs
        if item.layer is not None:
            for place in item.layer.compared:
                row = Row(item.layer, place, inputs)
                inside.setdefault(item.layer.inside, []).append(row)
    rows: list[Row] = []
    for layer in trace.layers:
        rows += inside.get(layer.name, ())
        sources, between = trace.inputs_of(layer)
        inputs = tuple(row_name(s, place) for s in sources for place in s.compared)
        steps = tuple(step.name for step in between)
        rows += [Row(layer, place, inputs, steps) for place in layer.compared]
    return {row.name: row for row in rows}


def row_name(layer: Layer, place: int) -> str:
    """Return what reports call one of a layer's values."""
    if layer.kind == OUTPUT:
        return f"{OUTPUT} {layer.values[place].name}"
    return layer.name if len(layer.values) == 1 else f"{layer.name} [{place}]"


def sample_name(sample: Sample, position: int, batch: int) -> str:
    """Return what reports call a sample at its place in a batch."""
    if batch == 1:
        return sample.name
    return f"{sample.name}, sample {position} of a batch of {batch}"


def _first(
    ranked: list[Finding], tell: Callable[[Finding], Iterator[str]]
) -> tuple[str, ...]:
    """Return what is to say of the worst, and how much more there is."""
    failures = [line for finding in ranked for line in tell(finding)]
    rest = len(failures) - MAX_FAILURES
    if rest > 0:
        failures[MAX_FAILURES:] = [f"and {rest} more such differences"]
    return tuple(failures)
