"""Plants faults in models, and compares these with TFLite as users do."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.faults.calls import CALLS
from benchmarks.faults.layers import LAYERS
from benchmarks.faults.site import Fault, Planted, Site
from benchmarks.faults.weights import WEIGHTS
from tflite2torch.comparison import compare_conversion
from tflite2torch.converter.convert import Conversion, convert_model
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import make_samples
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.parity.layers.verdict import FLOOR_FACTOR
from tflite2torch.parity.options import Options

FAULTS: tuple[Fault, ...] = (*WEIGHTS, *LAYERS, *CALLS)
"""All kinds."""

TIMES = 2
"""How many models a kind is planted in."""


@dataclass(frozen=True)
class Outcome:
    """What became of a fault.

    Attributes:
        kind: of the fault.
        right: whether it is none, and has to pass.
        seed: of its place, and of the inputs.
        model: that it was planted in.
        where: what was changed.
        effect: the largest change of an output on any of the probes, in noise floors; infinite
            for a fault of calls, which changes more than values.
        found: whether the comparison fails.
        blamed: whether what fails is where the fault is: the first source is a tensor that it was
            planted at, or, of a fault of calls, a line of the report names it.
        verdict: of the comparison.
        seconds: that it took.
    """

    kind: str
    right: bool
    seed: int
    model: str
    where: str
    effect: float
    found: bool
    blamed: bool
    verdict: str
    seconds: float

    @property
    def effective(self) -> bool:
        """Whether the fault changes an output by more than right modules may differ."""
        return not self.right and self.effect > FLOOR_FACTOR


def planned(models: Sequence[Conversion], seed: int) -> dict[str, list[Fault]]:
    """Return the kinds to plant in each model, by name: each in ``TIMES`` that have a place."""
    plan: dict[str, list[Fault]] = {model.name: [] for model in models}
    sites = [Site(model, seed) for model in models]
    for number, fault in enumerate(FAULTS):
        fitting = [site.conversion.name for site in sites if fault.plant(site) is not None]
        for place in range(min(TIMES, len(fitting))):
            plan[fitting[(number + place) % len(fitting)]].append(fault)
    return plan


def plant_all(conversion: Conversion, kinds: Sequence[Fault], seed: int) -> Iterator[Outcome]:
    """Plant one fault of each kind in a model, and compare it.

    Args:
        conversion: the model; a kind that it has no place for is left out.
        kinds: of faults.
        seed: of the places, and of the probes.
    """
    right = compare_conversion(conversion, Options(seed=seed))
    if not right.passed:
        raise RuntimeError(f"{conversion.name} fails without a fault: {right.verdict}")
    probe = Probe(Site(conversion, seed), right, seed)
    for fault in kinds:
        site = Site(conversion, seed * len(FAULTS) + FAULTS.index(fault))
        planted = fault.plant(site)
        if planted is None:
            continue
        effect = probe.effect(planted) if planted.tensors else float("inf")
        start = time.perf_counter()
        report = compare_conversion(conversion, Options(seed=seed), planted.module)
        yield Outcome(
            fault.kind,
            fault.right,
            seed,
            conversion.name,
            planted.where,
            effect,
            not report.passed,
            _blamed(report, planted, fault.told),
            report.verdict,
            time.perf_counter() - start,
        )


def plant_share(task: tuple[ModelFile, list[str], int]) -> list[Outcome]:
    """Plant faults of some kinds, which are named, in a model; what a process of a pool runs."""
    file, kinds, seed = task
    faults = [fault for fault in FAULTS if fault.kind in kinds]
    return list(plant_all(convert_model(file), faults, seed)) if faults else []


def _blamed(report: ParityReport, planted: Planted, told: str) -> bool:
    if report.passed:
        return False
    if not planted.tensors:
        reasons = (line for layer in report.layers for line in layer.reasons)
        lines = (report.verdict, *report.failures, *reasons)
        return bool(told) and any(re.search(told, line) for line in lines)
    source = next((x for x in report.layers if x.name in report.sources[:1]), None)
    if source is None:  # behind the last layer: a line says what is done there
        return any("(post-processing)" in line for line in report.failures)
    return source.identity.tensor in planted.tensors


class Probe:
    """Many inputs on which faults may show.

    Args:
        site: of the right module.
        report: on it, which has TFLite's noise floors.
        seed: of random inputs.
    """

    def __init__(self, site: Site, report: ParityReport, seed: int) -> None:
        interface = Interface.of(site.conversion)
        samples = make_samples(interface.inputs, seed + 1, draws=3)
        self._inputs = [
            [torch.from_numpy(x) for x in interface.stack([sample.arrays])] for sample in samples
        ]
        self._right = [_outputs(site.emitted, inputs) for inputs in self._inputs]
        outputs = [layer for layer in report.layers if layer.identity.kind == "output"]
        # A floor grows with the numbers: as a share of them it holds for other inputs too.
        self._shares = [
            max(x.worst.floor, x.worst.limit / FLOOR_FACTOR / 2) / (x.worst.measures.magnitude or 1)
            for x in outputs
        ]

    def effect(self, planted: Planted) -> float:
        """Return by how many floors a fault changes an output at most."""
        largest = 0.0
        for inputs, right in zip(self._inputs, self._right, strict=True):
            try:
                found = _outputs(planted.module, inputs)
            except (RuntimeError, ValueError, TypeError, IndexError):
                return float("inf")
            for share, one, other in zip(self._shares, right, found, strict=False):
                if one.shape != other.shape or not torch.equal(one.isfinite(), other.isfinite()):
                    return float("inf")
                finite = one.isfinite()
                if finite.any():
                    size = float(one[finite].abs().max())
                    change = float((one - other)[finite].abs().max())
                    largest = max(largest, change / (share * size) if size and share else change)
        return largest


@torch.inference_mode()
def _outputs(module: nn.Module, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    answer = module(*(x.clone() for x in inputs))
    return tuple(answer) if isinstance(answer, (tuple, list)) else (answer,)


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain data."""
    return asdict(outcome) | {"effect": min(outcome.effect, 1e30)}
