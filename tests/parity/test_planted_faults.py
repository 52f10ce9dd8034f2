"""The suite of planted faults: each kind leaves the right module alone, and faults are found."""

from __future__ import annotations

import pytest
import torch

from benchmarks.faults.site import Site
from benchmarks.faults.suite import FAULTS, plant_all
from tests.support.layered import layered_conversion
from tflite2torch.converter.convert import Conversion


@pytest.fixture(scope="module")
def conversion() -> Conversion:
    return layered_conversion()


def test_faults_are_planted_in_copies(conversion: Conversion) -> None:
    planted = 0
    for number, fault in enumerate(FAULTS):
        site = Site(conversion, number)
        before = {key: x.clone() for key, x in site.emitted.state_dict().items()}
        hooks = [len(x._forward_hooks) for x in site.emitted.modules()]
        planted += fault.plant(site) is not None
        after = site.emitted.state_dict()
        assert all(torch.equal(x, after[key]) for key, x in before.items()), fault.kind
        assert [len(x._forward_hooks) for x in site.emitted.modules()] == hooks, fault.kind
    assert planted >= 70
    assert len({fault.kind for fault in FAULTS}) == len(FAULTS) >= 100


def test_faults_are_found_and_blamed(conversion: Conversion) -> None:
    wanted = {
        "one weight times 3",
        "no shortcut",
        "answers in buffers of its own",
        "a layer in bfloat16",
        "one weight moved by an ulp",
    }
    kinds = [fault for fault in FAULTS if fault.kind in wanted]
    outcomes = {x.kind: x for x in plant_all(conversion, kinds, 0)}
    assert set(outcomes) == wanted
    harmless = outcomes.pop("one weight moved by an ulp")
    assert not harmless.effective
    for outcome in outcomes.values():
        assert (outcome.effective, outcome.found, outcome.blamed) == (True, True, True), outcome
