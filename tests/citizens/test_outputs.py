"""Several outputs are a named tuple, which TorchScript, torch.fx and torch.export keep."""

from __future__ import annotations

import io

import pytest
import torch

from tests.citizens.official import TRACED, Official, assert_identical, assert_named, run


def test_names_of_outputs(official: Official) -> None:
    assert_named(official.module(*official.batch(1)), official)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchscript(official: Official) -> None:
    """It checks sizes as well."""
    scripted = torch.jit.script(official.module)
    (inputs,) = official.batch(TRACED)
    expected = run(official.module, [inputs])
    with torch.no_grad():
        assert_named(scripted(inputs), official)
    assert_identical(run(scripted, [inputs]), expected)
    with pytest.raises(torch.jit.Error, match=r"ValueError: takes \(N, .*, not "):
        scripted(inputs[..., :-1])
    stored = io.BytesIO()
    torch.jit.save(scripted, stored)
    stored.seek(0)
    assert_identical(run(torch.jit.load(stored), [inputs]), expected)


def test_symbolic_trace(official: Official) -> None:
    inputs = official.batch(TRACED)
    traced = torch.fx.symbolic_trace(official.module)
    assert_named(traced(*inputs), official)
    assert_identical(run(traced, inputs), run(official.module, inputs))
