"""Ports of many styles are filled by their structure, whatever weights they have."""

from __future__ import annotations

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
from tflite2torch.loading import load_module
from tflite2torch.parity.options import Options
from tflite2torch.transfer.mapping import read_map
from tflite2torch.transfer.regenerate import Regenerated, by_map, by_structure, departures

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


def test_a_tie_stays_open_until_a_map_settles_it(tmp_path: Any) -> None:
    network = Network()
    x, options = network.input((1, 8)), schema.FullyConnectedOptionsT()
    sides = [
        network.operator("FULLY_CONNECTED", [x, weights(8, 8) + i, weights(8)], options=options)[0]
        for i in range(2)
    ]
    conversion = convert_bytes(network.build([network.add(*sides)]))
    made = regenerated(conversion, Parallel)
    assert not made.tensors
    assert any("nothing but their order tells them apart" in x for x in made.problems)
    state = load_module(conversion).state_dict()
    emitted = list(state)
    keys = ["b.weight", "b.bias", "a.weight", "a.bias"]
    path = tmp_path / "map.json"
    inner = ", ".join(
        f'"{key}": {{"from": "{name}", "shape": {list(state[name].shape)}, "dtype": "float32"}}'
        for key, name in zip(keys, emitted, strict=True)
    )
    from tflite2torch.transfer.fingerprint import fingerprints

    names = str(emitted).replace("'", '"')
    path.write_text(
        f'{{"schema": 1, "architecture": "{fingerprints(conversion).architecture}", '
        f'"constants": {names}, "keys": {{{inner}}}}}'
    )
    made = by_map(conversion, state, read_map(path), {})
    module = Parallel().eval()
    module.load_state_dict(dict(made.tensors))
    report = compare_conversion(conversion, Options(patterns=("uniform",)), module)
    assert report.passed, report.verdict
    assert torch.equal(made.tensors["b.weight"], state[emitted[0]])
