"""A module compiled, exported or as ONNX is compared as it answers there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tflite2torch
from tests.support.layered import Twin, layered_conversion, with_weights
from tflite2torch.comparison import check_place, compare_conversion
from tflite2torch.converter.convert import Conversion
from tflite2torch.parity.options import FORMS, Options


@pytest.fixture(scope="module")
def conversion() -> Conversion:
    return layered_conversion()


def options(**more: Any) -> Options:
    return Options(patterns=("uniform", "normal"), **more)


class OtherElsewhere(Twin):
    """A module that computes something else once it is compiled or exported."""

    def end(self, x: Tensor) -> Tensor:
        if torch.compiler.is_compiling():
            x = x * 1.001
        return super().end(x)


class Reordered(nn.Module):
    """A module of another layout, in parts of other names, that gives one more output."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, image: Tensor) -> list[Tensor]:
        scores = self.inside(image.permute(0, 3, 1, 2))
        return [scores.mean((2, 3)), scores]


@pytest.mark.filterwarnings("ignore")  # of torch's exporters
@pytest.mark.parametrize("form", FORMS)
def test_forms(conversion: Conversion, form: str) -> None:
    found = options(form=form)
    report = compare_conversion(conversion, found)
    assert report.passed, report.verdict
    assert report.verdict.endswith(f"; {form} on cpu; outputs alone")
    assert [layer.identity.kind for layer in report.layers] == ["output"]
    assert report.batches == (1, 2)
    wrong = with_weights(OtherElsewhere(), conversion)
    assert compare_conversion(conversion, options(), wrong).passed
    report = compare_conversion(conversion, found, wrong)
    assert "rounding: it is 0.0002" in report.verdict  # from the plain module in float64
    other = Reordered(with_weights(Twin(), conversion))
    report = compare_conversion(conversion, found, other)
    assert report.passed, report.verdict


def test_what_a_form_cannot_be_made_of_fails(conversion: Conversion) -> None:
    class Wild(Twin):
        def join(self, bent: Tensor, x: Tensor) -> Tensor:
            return bent + x if bent.sum() > 1e9 else x + bent

    wild = with_weights(Wild(), conversion)
    report = compare_conversion(conversion, options(form="exported"), wild)
    assert not report.passed
    assert "called as users do, the module raises" in report.verdict


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(tflite2torch.SourceError, match="--device nowhere: torch cannot use it"):
        check_place(Options(device="nowhere"))
    if not torch.cuda.is_available():
        with pytest.raises(tflite2torch.SourceError, match="--device cuda: torch cannot use it"):
            check_place(Options(device="cuda"))
