"""Several outputs are a named tuple, which TorchScript, torch.fx and torch.export keep."""

from __future__ import annotations

import io

import pytest
import torch
from torch import Tensor, nn
from torch.export import export
from torch.utils import _pytree

from tests.citizens.official import TRACED, Official, assert_identical, assert_named, run


def test_names_of_outputs(official: Official) -> None:
    assert_named(official.module(*official.batch(1)), official)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchscript(official: Official, imported: nn.Module) -> None:
    """It checks sizes as well."""
    scripted = torch.jit.script(imported)
    (inputs,) = official.batch(TRACED)
    with torch.no_grad():
        assert_named(scripted(inputs), official)
    assert_identical(run(scripted, [inputs]), run(imported, [inputs]))
    with pytest.raises(torch.jit.Error, match=r"ValueError: expected \(N, .*, got \["):
        scripted(inputs[..., :-1])
    stored = io.BytesIO()
    torch.jit.save(scripted, stored)
    stored.seek(0)
    assert_identical(run(torch.jit.load(stored), [inputs]), run(imported, [inputs]))


def test_symbolic_trace(official: Official) -> None:
    inputs = official.batch(TRACED)
    traced = torch.fx.symbolic_trace(official.module)
    assert_named(traced(*inputs), official)
    assert_identical(run(traced, inputs), run(official.module, inputs))


class Plain(nn.Module):
    """Returns a plain tuple, which ``torch.export.save`` knows how to store."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.module(x))


MODEL = pytest.mark.parametrize("official", ["bundle/face_detector"], indirect=True)


@MODEL
def test_exported_to_a_file_as_a_plain_tuple(official: Official) -> None:
    (inputs,) = official.batch(TRACED)
    stored = saved(Plain(official.module), inputs)
    result = torch.export.load(stored).module()(inputs)
    assert type(result) is tuple
    assert_identical(list(result), run(official.module, [inputs]))


@MODEL
def test_exported_to_a_file_with_its_names(official: Official, imported: nn.Module) -> None:
    """Who saves and who loads have to register the type, which torch cannot do by itself."""
    (inputs,) = official.batch(TRACED)
    kind = type(imported(inputs))
    _pytree._register_namedtuple(kind, serialized_type_name=f"test.{kind.__name__}")
    stored = saved(imported, inputs)
    assert_named(torch.export.load(stored).module()(inputs), official)


def saved(module: nn.Module, inputs: Tensor) -> io.BytesIO:
    """Export a module and return the file."""
    stored = io.BytesIO()
    torch.export.save(export(module, (inputs,)), stored)
    stored.seek(0)
    return stored
