"""Modules that were written by hand, in many styles, are lined up with the model and judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor, nn
from torch.nn import functional as F

from tests.support.networks import Network
from tests.support.operators import convert_bytes, weights
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.loading import load_module
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import make_samples
from tflite2torch.parity.layers.compare import compare_model
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.parity.options import Options

VALUES = 13
"""Values of the model that are compared, its outputs among them."""


@pytest.fixture(scope="module")
def conversion() -> Conversion:
    """A stem, two residual blocks, two heads of rows, and a dense layer on the mean."""
    network = Network()
    x = network.function("RELU", network.conv(network.input((1, 16, 12, 3)), 3, 8))
    for _ in range(2):
        x = network.residual(x, 8, "RELU")
    boxes = network.reshape(network.conv(x, 8, 4, 1), 1, 16 * 12 * 2, 2)
    scores = network.reshape(network.conv(x, 8, 2, 1), 1, 16 * 12 * 2, 1)
    pooled = network.reshape(network.mean(network.mean(x, 1), 2), 1, 8)
    options = schema.FullyConnectedOptionsT()
    [flag] = network.operator(
        "FULLY_CONNECTED", [pooled, weights(5, 8), weights(5)], options=options
    )
    return convert_bytes(network.build([boxes, network.function("LOGISTIC", scores), flag]))


class Port(nn.Module):
    """The network under names of its own; other styles override what they do otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = nn.Conv2d(3, 8, 3, padding=1)
        self.first, self.second = (nn.Conv2d(8, 8, 3, padding=1) for _ in range(2))
        self.regress, self.classify = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 2, 1)
        self.present = nn.Linear(8, 5)

    def fill(self, arrays: list[Tensor]) -> None:
        for own, array in zip(self.parameters(), arrays, strict=True):
            own.data = array.clone()

    def begin(self, x: Tensor) -> Tensor:
        return self.entry(x).relu()

    def block(self, layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        return torch.relu(x + layer(x))

    def trunk(self, x: Tensor) -> Tensor:
        return self.block(self.second, self.block(self.first, self.begin(x)))

    def rows(self, head: nn.Module, x: Tensor, width: int) -> Tensor:
        return head(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, width)

    def squash(self, x: Tensor) -> Tensor:
        return x.sigmoid()

    def forward(self, x: Tensor) -> Any:
        x = self.trunk(x)
        boxes, scores = self.rows(self.regress, x, 2), self.rows(self.classify, x, 1)
        return boxes, self.squash(scores), self.present(x.mean((2, 3)))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv(x) + x)


class InSequence(Port):
    def __init__(self) -> None:
        super().__init__()
        parts = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), Block(), Block()]
        del self.entry, self.first, self.second
        self.layers = nn.Sequential(*parts)

    def fill(self, arrays: list[Tensor]) -> None:
        super().fill([*arrays[6:], *arrays[:6]])

    def trunk(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        shapes = [(8, 3, 3, 3), (8,), *[(8, 8, 3, 3), (8,)] * 2, (4, 8, 1, 1), (4,)]
        shapes += [(2, 8, 1, 1), (2,), (5, 8), (5,)]
        self.w = nn.ParameterList(torch.zeros(shape) for shape in shapes)

    def fill(self, arrays: list[Tensor]) -> None:
        for own, array in zip(self.w, arrays, strict=True):
            own.data = array.clone()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        w = self.w
        x = F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1)), w[0], w[1]))
        for i in (2, 4):
            x = F.relu(F.conv2d(x, w[i], w[i + 1], padding=1) + x)
        boxes, scores = (F.conv2d(x, w[i], w[i + 1]).permute(0, 2, 3, 1) for i in (6, 8))
        flag = x.mean(3).mean(2) @ w[10].t() + w[11]
        return (
            boxes.flatten(1).unflatten(1, (-1, 2)),
            scores.flatten(1, 3)[..., None].sigmoid(),
            flag,
        )


class OtherOrder(Port):
    def forward(self, x: Tensor) -> Any:
        x = self.trunk(x)
        flag, scores = self.present(x.mean((2, 3))), self.rows(self.classify, x, 1)
        return [flag, self.squash(scores), self.rows(self.regress, x, 2)]


class Nested(Port):
    def forward(self, x: Tensor) -> Any:
        boxes, scores, flag = super().forward(x)
        return {"boxes": boxes, "others": [scores, {"flag": flag}]}


class Dense(Port):
    def __init__(self) -> None:
        super().__init__()
        self.regress, self.classify = nn.Linear(8, 4), nn.Linear(8, 2)

    def fill(self, arrays: list[Tensor]) -> None:
        super().fill([x.flatten(1) if x.shape[2:] == (1, 1) else x for x in arrays])

    def rows(self, head: nn.Module, x: Tensor, width: int) -> Tensor:
        return head(x.permute(0, 2, 3, 1)).flatten(1, 2).reshape(len(x), -1, width)


class OneByOne(Port):
    def __init__(self) -> None:
        super().__init__()
        self.present = nn.Conv2d(8, 5, 1)

    def fill(self, arrays: list[Tensor]) -> None:
        super().fill([x[:, :, None, None] if x.dim() == 2 else x for x in arrays])

    def forward(self, x: Tensor) -> Any:
        x = self.trunk(x)
        flag = self.present(F.adaptive_avg_pool2d(x, 1)).flatten(1)
        return self.rows(self.regress, x, 2), self.squash(self.rows(self.classify, x, 1)), flag


class ChannelsLast(Port):
    def begin(self, x: Tensor) -> Tensor:
        return super().begin(x.permute(0, 3, 1, 2))


class Normalizing(Port):
    def begin(self, x: Tensor) -> Tensor:
        return super().begin((x - 127.5) / 127.5)


class Deciding(Port):
    def trunk(self, x: Tensor) -> Tensor:
        if float(x.detach().abs().sum()) < -1:
            return x
        return super().trunk(x)


class Normalized(Port):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))

    def fill(self, arrays: list[Tensor]) -> None:
        ones = torch.ones(8)
        super().fill([*arrays[:3], ones, arrays[3], *arrays[4:]])
        self.first[1].running_var = ones - self.first[1].eps


class ByTanh(Port):
    def squash(self, x: Tensor) -> Tensor:
        return 0.5 * (1 + torch.tanh(x / 2))


class Postprocessing(Port):
    def forward(self, x: Tensor) -> Any:
        boxes, scores, flag = super().forward(x)
        return boxes * 16 + 8, scores, flag


RIGHT: list[type[nn.Module]] = [
    Port,
    InSequence,
    Functional,
    OtherOrder,
    Nested,
    Dense,
    OneByOne,
    ChannelsLast,
    Normalizing,
    Deciding,
    Normalized,
    ByTanh,
]


def filled(kind: type[nn.Module], conversion: Conversion) -> nn.Module:
    module: Any = kind()
    module.fill([torch.from_numpy(np.array(x.array)) for x in conversion.state.values()])
    return module.eval()  # type: ignore[no-any-return]


def compared(conversion: Conversion, module: nn.Module) -> ParityReport:
    samples = make_samples(Interface.of(conversion).inputs, 0)
    chosen = [s for s in samples if s.name in ("uniform", "extremes", "zeros")]
    return compare_model(conversion, load_module(conversion), chosen, Options(), module)


@pytest.mark.parametrize("kind", RIGHT, ids=lambda kind: kind.__name__)
def test_a_right_module_passes_whatever_its_style(
    conversion: Conversion, kind: type[nn.Module]
) -> None:
    report = compared(conversion, filled(kind, conversion))
    assert report.passed, report.verdict
    names = [layer.identity.tensor_name for layer in report.layers]
    outputs = [layer for layer in report.layers if layer.identity.kind == "output"]
    assert len(outputs) == 3, report.notes
    # A reshape of a dense layer on NHWC has no counterpart; everything else has.
    assert len(names) >= VALUES - (3 if kind in (Dense, OneByOne) else 0), names
    assert ("on single samples" in " ".join(report.notes)) == (kind in (Deciding, Dense))
    assert report.batches == (1, 2)


def test_post_processing_is_told_from_other_differences(conversion: Conversion) -> None:
    report = compared(conversion, filled(Postprocessing, conversion))
    assert report.failures == (
        "no output of the module is output1: behind the model's last layer it does mul, add to it "
        "(post-processing)",
    )
    assert all(layer.passed for layer in report.layers)
    assert len([x for x in report.layers if x.identity.kind == "output"]) == 2


class Ending(Port):
    """It ends with an operation that changes no value."""

    how = "clone"

    def forward(self, x: Tensor) -> Any:
        change: dict[str, Callable[[Tensor], Tensor]] = {
            "clone": Tensor.clone,
            "contiguous": Tensor.contiguous,
            "times one": lambda y: y * 1.0,
            "plus zero": lambda y: y + 0,
            "reshape": lambda y: y.reshape(y.shape),
            "float": Tensor.float,
            "detach": Tensor.detach,
            "double": Tensor.double,
            "mixed": lambda y: y + 0.01 * (y.mean(0, keepdim=True) - y),
        }
        return tuple(change[self.how](y) for y in super().forward(x))


@pytest.mark.parametrize(
    "how", ["clone", "contiguous", "times one", "plus zero", "reshape", "float"]
)
def test_an_operation_that_changes_no_value_is_no_post_processing(
    conversion: Conversion, how: str
) -> None:
    module = filled(Ending, conversion)
    module.how = how  # type: ignore[assignment]
    report = compared(conversion, module)
    assert report.passed, report.verdict


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("detach", "gradients explain 0 of how output1 changes"),
        ("double", "float64"),
        ("mixed", "from what it is when run alone"),
    ],
)
def test_what_ends_a_module_is_judged_by_what_it_does(
    conversion: Conversion, how: str, told: str
) -> None:
    module = filled(Ending, conversion)
    module.how = how  # type: ignore[assignment]
    report = compared(conversion, module)
    reasons = [*report.failures, *(line for layer in report.layers for line in layer.reasons)]
    assert any(told in line for line in reasons), reasons
    assert not any("post-processing" in line for line in reasons)


class BatchOfOne(Port):
    def rows(self, head: nn.Module, x: Tensor, width: int) -> Tensor:
        return head(x).permute(0, 2, 3, 1).reshape(1, -1, width)


class Swapped(Port):
    def forward(self, x: Tensor) -> Any:
        boxes, scores, flag = super().forward(x)
        return boxes.flip(1), scores, flag


class Further(Port):
    def forward(self, x: Tensor) -> Any:
        return (*super().forward(x), x.mean())


def test_a_batch_of_one_that_is_written_down_fails(conversion: Conversion) -> None:
    report = compared(conversion, filled(BatchOfOne, conversion))
    assert not report.passed
    assert (
        "called as users do, on a batch of 2" in report.verdict or "[N, 384, 2]" in report.verdict
    )


def test_further_outputs_are_told(conversion: Conversion) -> None:
    report = compared(conversion, filled(Further, conversion))
    assert report.passed, report.verdict
    assert "1 of 4 outputs stand for none of TFLite's" in report.notes


def test_names_are_those_of_the_module(conversion: Conversion) -> None:
    report = compared(conversion, filled(Port, conversion))
    names = [layer.name for layer in report.layers]
    assert {"entry", "first", "second", "regress", "present"} <= {n.split(":")[0] for n in names}
    assert report.other is not None
    assert report.other.source == f"{__name__}.Port"
    assert f"PyTorch runs {__name__}.Port" in report.files


class Reflecting(Port):
    def begin(self, x: Tensor) -> Tensor:
        x = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.relu(F.conv2d(x, self.entry.weight, self.entry.bias))


class NoActivation(Port):
    def begin(self, x: Tensor) -> Tensor:
        return self.entry(x)


class Multiplying(Port):
    def block(self, layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        joined = x * layer(x) if layer is self.second else x + layer(x)
        return torch.relu(joined)


class WrongWeight(Port):
    def fill(self, arrays: list[Tensor]) -> None:
        super().fill(arrays)
        self.second.weight.data[3] *= 1.001


class WrongSlope(ByTanh):
    def squash(self, x: Tensor) -> Tensor:
        return 0.5 * (1 + torch.tanh(x / 2.01))


@pytest.mark.parametrize(
    ("kind", "blamed"),
    [
        (Reflecting, "conv2d"),
        (NoActivation, "first"),
        (Multiplying, "relu"),
        (WrongWeight, "second"),
        (WrongSlope, "mul"),
    ],
)
def test_the_layer_that_departs_is_blamed(
    conversion: Conversion, kind: type[nn.Module], blamed: str
) -> None:
    report = compared(conversion, filled(kind, conversion))
    assert not report.passed
    assert report.verdict.startswith("failed: the source is ")
    assert blamed in report.sources[0], report.sources
    lost = [note for note in report.notes if note.startswith("nothing in the module has")]
    assert ("forward: relu" in str(lost)) == (kind is NoActivation), report.notes


class Shorter(Port):
    def trunk(self, x: Tensor) -> Tensor:
        return self.block(self.second, self.begin(x))


class Merged(Port):
    def __init__(self) -> None:
        super().__init__()
        del self.regress, self.classify
        self.both = nn.Conv2d(8, 6, 1)

    def fill(self, arrays: list[Tensor]) -> None:
        both = [torch.cat([arrays[6], arrays[8]]), torch.cat([arrays[7], arrays[9]])]
        super().fill([*arrays[:6], *arrays[10:], *both])

    def forward(self, x: Tensor) -> Any:
        x = self.trunk(x)
        both = self.both(x).permute(0, 2, 3, 1)
        boxes, scores = both[..., :4].reshape(len(x), -1, 2), both[..., 4:].reshape(len(x), -1, 1)
        return boxes, self.squash(scores), self.present(x.mean((2, 3)))


def test_what_has_no_partner_is_listed(conversion: Conversion) -> None:
    report = compared(conversion, filled(Shorter, conversion))
    assert not report.passed
    assert any(note.startswith("in the model, and nothing in the module") for note in report.notes)
    report = compared(conversion, filled(Merged, conversion))
    notes = " ".join(report.notes)
    assert "in the module, and nothing in the model stands for it: both (dense 6x8)" in notes
    assert "head1 (dense 4x8), head2 (dense 2x8)" in notes


class Refusing(Port):
    def forward(self, x: Tensor) -> Any:
        raise ValueError("takes video")


def test_a_module_that_takes_no_such_input(conversion: Conversion) -> None:
    report = compared(conversion, filled(Refusing, conversion))
    assert not report.passed
    assert "raises ValueError: takes video" in report.verdict


def test_layers_that_nothing_tells_apart_are_told() -> None:
    network = Network()
    x = network.input((1, 8))
    options = schema.FullyConnectedOptionsT()
    heads = [
        network.operator("FULLY_CONNECTED", [x, weights(1, 8) + i, weights(1)], options=options)[0]
        for i in range(2)
    ]
    conversion = convert_bytes(network.build(heads))

    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(8, 1), nn.Linear(8, 1)

        def forward(self, x: Tensor) -> Any:
            x = x * 1
            return self.a(x), self.b(x)

    module = Heads().eval()
    arrays = [torch.from_numpy(np.array(x.array)) for x in conversion.state.values()]
    samples = make_samples(Interface.of(conversion).inputs, 0)[:2]
    told = []
    for change in (0, 0.5):
        for own, array in zip(module.parameters(), arrays, strict=True):
            own.data = array + change
        report = compare_model(conversion, load_module(conversion), samples, Options(), module)
        assert report.passed == (change == 0), report.verdict
        told.append([x for x in report.notes if x.startswith("lined up by order")])
    # Equal weights tell them apart; without, nothing does.
    assert told[0] == []
    assert len(told[1]) == 1
