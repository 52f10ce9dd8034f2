"""A port that was written by hand: the fault that many of them have is found in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.support.layered import with_weights
from tflite2torch.converter.convert import Conversion
from tflite2torch.parity.layers.report import ParityReport

Compare = Callable[..., ParityReport]


class Port(nn.Module):
    """The network of ``tests.support.layered`` with names and modules of its own."""

    def __init__(self, padding: str) -> None:
        super().__init__()
        self.padding = padding
        self.backbone = nn.ModuleDict(
            {
                "conv1": nn.Conv2d(3, 8, 3, stride=2),
                "relu": nn.ReLU(inplace=True),
                "conv2": nn.Conv2d(8, 8, 1),
                "prelu": nn.PReLU(8),
            }
        )
        self.head = nn.Sequential(nn.Conv2d(8, 4, 3, padding=1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (0, 1, 0, 1), mode=self.padding)
        x = self.backbone["relu"](self.backbone["conv1"](x))
        x = self.backbone["prelu"](self.backbone["conv2"](x)) + x
        large: Tensor = F.interpolate(x, (16, 12), mode="bilinear")
        return self.head(large)  # type: ignore[no-any-return]


def port(conversion: Conversion, padding: str) -> nn.Module:
    """Return the port with the weights of a conversion."""
    return with_weights(Port(padding), conversion)


def test_a_port_that_is_right(compare: Compare, layered: Conversion, output_row: str) -> None:
    report = compare(port(layered, "constant"))
    assert report.passed, report.verdict
    assert [layer.name for layer in report.layers] == [
        "backbone.conv1: ReLU",
        "backbone.conv2",
        "backbone.prelu",
        "forward: add",
        "forward: interpolate",
        "head.0",
        "head.1",
        output_row,
    ]


def test_a_port_that_pads_by_reflection(compare: Compare, layered: Conversion) -> None:
    report = compare(port(layered, "reflect"))
    assert not report.passed
    assert report.sources == ("backbone.conv1: ReLU",)
    assert "the source is forward: pad → backbone.conv1: ReLU" in report.verdict
    source = report.layers[0]
    assert {5, 7}.intersection(source.worst.measures.where), "it is wrong at the padded edge"


@pytest.mark.parametrize("key", ["backbone.conv2.weight", "backbone.prelu.weight"])
def test_a_port_with_a_wrong_weight(compare: Compare, layered: Conversion, key: str) -> None:
    module = port(layered, "constant")
    with torch.no_grad():
        module.get_parameter(key).mul_(1.01)
    assert compare(module).sources == (key.removesuffix(".weight"),)
