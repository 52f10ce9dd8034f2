"""Collects the findings on each value of a module, over all inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tflite2torch.converter.graph.value import Value
from tflite2torch.parity.align.folded import Folded, operands
from tflite2torch.parity.align.trace import Layer, Trace
from tflite2torch.parity.align.values import OUTPUT, port_of, tensor_of
from tflite2torch.parity.inputs.samples import Sample
from tflite2torch.parity.layers.report import Identity, LayerReport, Totals
from tflite2torch.parity.layers.verdict import Finding, Isolated

MAX_FAILURES = 5
"""How many reasons a report gives for one layer, the worst first, or for constants."""


@dataclass
class Row:
    """One value of a module, and the findings on it.

    Attributes:
        layer: the layer that computes it.
        place: its place among the layer's values.
        inputs: names of the rows that it is computed from.
        steps: names of the uncompared operations between those and the layer.
        findings: one for each run of each sample.
        isolated: the layer, or one of the steps, run by itself on random numbers, the worst.
    """

    layer: Layer
    place: int
    inputs: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    isolated: Isolated | None = None

    @property
    def value(self) -> Value:
        """The value."""
        return self.layer.values[self.place]

    @property
    def name(self) -> str:
        """Its name in reports."""
        return row_name(self.layer, self.place)

    @property
    def compared_on(self) -> int:
        """On how many inputs an element was finite on both sides."""
        return len({f.sample for f in self.findings if f.measures.compared})

    def report(self) -> LayerReport:
        """Sum up the findings; there is at least one."""
        ranked = sorted(self.findings, key=lambda f: f.severity, reverse=True)
        forced = sorted(
            (f.forced for f in self.findings if f.forced is not None),
            key=lambda f: f.severity,
            reverse=True,
        )
        measures = [finding.measures for finding in ranked]
        xnnpack = [m.xnnpack_error for m in measures if m.xnnpack_error is not None]
        once = {f.sample: f.measures for f in self.findings}.values()
        equal = [m.equal for m in measures if m.equal is not None]
        nothing = () if self.compared_on else ("no element is finite on both sides",)
        port = port_of(self.value)
        return LayerReport(
            identity=Identity(
                name=self.name,
                kind=self.layer.kind,
                tensor=port.tensor,
                tensor_name=port.name,
                shape=tuple(int(size) for size in port.sample_shape),
                permutation=port.permutation,
                inside=self.layer.inside,
                inputs=self.inputs,
                steps=self.steps,
            ),
            worst=ranked[0],
            forced=forced[0] if forced else None,
            isolated=self.isolated,
            totals=Totals(
                compared=sum(m.compared for m in once),
                unfinite=sum(m.unfinite for m in once),
                compared_on=self.compared_on,
                error=max(m.error for m in measures),
                needed=max(m.needed for m in measures),
                xnnpack_error=max(xnnpack, default=None),
                equal=min(equal, default=None),
            ),
            failures=first_failures(x for f in ranked for x in f.failures()) or nothing,
            forced_failures=first_failures(x for f in forced for x in f.failures()),
        )


def make_rows(trace: Trace, folded: Sequence[Folded]) -> dict[str, Row]:
    """Return a row for each value that is to be compared, by its name.

    They are in the order of computation; what was folded into a layer comes before it.
    """
    inside: dict[str, list[Row]] = {}
    given: dict[int | None, tuple[str, ...]] = {
        tensor: (row_name(layer, place),) for tensor, (layer, place) in trace.givers().items()
    }
    made: dict[Value, tuple[str, ...]] = {}
    for item in folded:
        takes = [made.get(v, given.get(tensor_of(v), ())) for v in operands(item.node)]
        inputs = tuple(dict.fromkeys(name for names in takes for name in names))
        for place, value in enumerate(item.node.outputs):
            # A node that is not compared passes its own inputs on to those that read it.
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


def add_isolated(rows: Iterable[Row], found: Mapping[str, Isolated]) -> None:
    """Add the results of layers that ran by themselves, each to the first row that it is part of.

    TFLite has no tensor for a convolution before a fused activation: its row is that of the
    activation.
    """
    by_part: dict[str, Row] = {}
    for row in rows:
        for part in (row.layer.name, *row.steps):
            by_part.setdefault(part, row)
    for name, isolated in found.items():
        owner = by_part.get(name)
        if owner and (owner.isolated is None or owner.isolated.severity < isolated.severity):
            owner.isolated = isolated


def row_name(layer: Layer, place: int) -> str:
    """Return the name of one of a layer's values in reports."""
    if layer.kind == OUTPUT:
        return f"{OUTPUT} {layer.values[place].name}"
    return layer.name if len(layer.values) == 1 else f"{layer.name} [{place}]"


def sample_name(sample: Sample, position: int, batch: int) -> str:
    """Return the name of a sample in reports, with its position in a batch."""
    if batch == 1:
        return sample.name
    return f"{sample.name}, sample {position} of a batch of {batch}"


def first_failures(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the first ``MAX_FAILURES`` lines, and how many more there are."""
    failures = list(lines)
    rest = len(failures) - MAX_FAILURES
    if rest > 0:
        failures[MAX_FAILURES:] = [f"and {rest} more such differences"]
    return tuple(failures)
