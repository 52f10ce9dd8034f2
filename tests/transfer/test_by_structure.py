"""Ports of many styles are filled by their structure, whatever weights they have."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor, nn

from tests.parity.align.test_foreign import (
    RIGHT,
    Merged,
    Multiplying,
    NoActivation,
    Port,
    Postprocessing,
    Reflecting,
    Shorter,
    conversion,
    filled,
)
from tests.support.networks import Network
from tests.support.operators import convert_bytes, weights
from tflite2torch.comparison import compare_conversion
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.errors import SourceError
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.options import Options
from tflite2torch.transfer.fingerprint import fingerprints
from tflite2torch.transfer.mapping import Entry, Fixed, PortMap
from tflite2torch.transfer.regenerate import Regenerated, by_structure, departures

__all__ = ["conversion"]  # a fixture


def fresh(kind: type[nn.Module]) -> nn.Module:
    """Return a port with weights of its own."""
    module = kind().eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for x in module.state_dict().values():
            if x.is_floating_point():
                x.copy_(torch.rand(x.shape, generator=generator) + 0.1)
    return module


def regenerated(conversion: Conversion, kind: type[nn.Module]) -> Regenerated:
    return by_structure(conversion, load_module(conversion), fresh(kind), [])


@pytest.mark.parametrize(
    "kind",
    [*RIGHT, Postprocessing, Reflecting, NoActivation, Multiplying],
    ids=lambda kind: kind.__name__,
)
def test_ports_are_filled(conversion: Conversion, kind: type[nn.Module]) -> None:
    made = regenerated(conversion, kind)
    assert not made.problems, made.problems
    expected = filled(kind, conversion).state_dict()
    assert list(made.tensors) == list(expected)
    for key, x in expected.items():
        assert torch.equal(made.tensors[key], x), key


@pytest.mark.parametrize(
    ("kind", "source", "told"),
    [
        (
            Reflecting,
            "conv2d",
            "the model computes conv2d(padding=1); the module pad(pad=1, mode=reflect) → conv2d",
        ),
        (Multiplying, "relu", "conv2d(padding=1) → add; the module relu → add → relu → conv2d"),
    ],
)
def test_the_reason_of_a_departure(
    conversion: Conversion, kind: type[nn.Module], source: str, told: str
) -> None:
    module, emitted = fresh(kind), load_module(conversion)
    made = by_structure(conversion, emitted, module, [])
    module.load_state_dict(dict(made.tensors))
    report = compare_conversion(conversion, Options(patterns=("uniform",)), module)
    assert not report.passed
    [line, *_] = departures(conversion, emitted, module, report)
    assert source in line
    assert told in line


@pytest.mark.parametrize("kind", [Shorter, Merged])
def test_a_layer_without_a_partner_stays_open(
    conversion: Conversion, kind: type[nn.Module]
) -> None:
    made = regenerated(conversion, kind)
    assert not made.tensors
    text = "\n".join(made.problems)
    assert "of the module: no constant of the model is known to be it" in text
    assert "of the model: no key of the module takes it" in text
    assert any(note.endswith("has no partner") for note in made.notes)


class Chain(nn.Module):
    """One layer after another."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Any:
        return self.b(torch.relu(self.a(x)))


class Sharing(Chain):
    """It has one layer where the model has two."""

    def __init__(self) -> None:
        super().__init__()
        self.b = self.a


def chain(*, equal: bool) -> Conversion:
    network = Network()
    x, options = network.input((1, 8)), schema.FullyConnectedOptionsT()
    for i in range(2):
        kernel = weights(8, 8) + (0 if equal else i)
        [x] = network.operator("FULLY_CONNECTED", [x, kernel, weights(8)], options=options)
        x = x if i else network.function("RELU", x)
    return convert_bytes(network.build([x]))


def test_a_weight_that_two_layers_share_stays_open() -> None:
    made = regenerated(chain(equal=False), Sharing)
    assert not made.tensors
    assert any("is shared: it would have to be" in x for x in made.problems)
    # Where the model's layers are equal too, there is nothing to decide.
    made = regenerated(chain(equal=True), Sharing)
    assert list(made.tensors) == ["a.weight", "a.bias", "b.weight", "b.bias"]
    assert not regenerated(chain(equal=False), Chain).problems


class Extra(Port):
    """It has something that is no model's."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("anchors", torch.arange(6.0))


def test_what_is_kept(conversion: Conversion) -> None:
    made = regenerated(conversion, Extra)
    assert made.problems == (
        "anchors [6] of the module: no constant of the model is known to be it; --keep it if it is "
        "none of the model's",
    )
    module = fresh(Extra)
    made = by_structure(conversion, load_module(conversion), module, ["anchors"])
    assert torch.equal(made.tensors["anchors"], module.state_dict()["anchors"])


class Parallel(nn.Module):
    """Two layers of one shape whose results are added."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Any:
        return self.a(x) + self.b(x)


def parallel() -> Conversion:
    network = Network()
    x, options = network.input((1, 8)), schema.FullyConnectedOptionsT()
    sides = [
        network.operator("FULLY_CONNECTED", [x, weights(8, 8) + i, weights(8)], options=options)[0]
        for i in range(2)
    ]
    return convert_bytes(network.build([network.add(*sides)]))


def test_a_tie_stays_open_until_a_map_settles_it() -> None:
    conversion = parallel()
    emitted = load_module(conversion)
    made = regenerated(conversion, Parallel)
    assert not made.tensors
    assert any("nothing but their order tells them apart" in x for x in made.problems)
    state = emitted.state_dict()
    keys = ["b.weight", "b.bias", "a.weight", "a.bias"]
    entries: dict[str, Entry | Fixed] = {}
    for key, (name, x) in zip(keys, state.items(), strict=True):
        shape = tuple(x.shape)
        entries[key] = Entry(name, shape, tuple(range(x.dim())), shape, "float32")
    first, _, second, _ = state.values()
    whole = PortMap(fingerprints(conversion).architecture, tuple(state), entries)
    module = fresh(Parallel)
    made = by_structure(conversion, emitted, module, [], whole)
    assert torch.equal(made.tensors["b.weight"], first)
    assert torch.equal(made.tensors["a.weight"], second)
    module.load_state_dict(dict(made.tensors))
    report = compare_conversion(conversion, Options(patterns=("uniform",)), module)
    assert report.passed, report.verdict
    half = replace(whole, entries={key: entries[key] for key in keys[:2]})
    made = by_structure(conversion, emitted, fresh(Parallel), [], half)
    assert not made.tensors  # the other layer is still open


def test_a_map_that_does_not_fit_the_module() -> None:
    conversion = parallel()
    emitted = load_module(conversion)
    architecture, names = fingerprints(conversion).architecture, tuple(emitted.state_dict())
    for entry, told in (
        (Entry(names[0], (8, 8), (0, 1), (8, 8), "float32"), "c.weight [8, 8] of the map"),
        (Entry("none", (8, 8), (0, 1), (8, 8), "float32"), "names 'none'"),
    ):
        known = PortMap(architecture, names, {"c.weight": entry})
        with pytest.raises(SourceError, match=re.escape(told)):
            by_structure(conversion, emitted, fresh(Parallel), [], known)
