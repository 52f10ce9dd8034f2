"""Networks of blocks compute what TFLite computes, step by step, whatever uses differ in."""

from __future__ import annotations

import re

import pytest

from tests.support.block_networks import BlockNetwork
from tests.support.motif_networks import MotifNetwork
from tests.support.operators import assert_same, convert_bytes
from tests.support.tracing import assert_layers_same

# A dozen blocks round sums of up to 200 terms; what errs by more than this has computed
# something else.
ULPS = 500
LONGEST_LINE = 100


def assert_right(model: bytes) -> str:
    """Assert that outputs and inner values are TFLite's; return the source."""
    conversion = assert_same(model, ULPS)
    assert assert_layers_same(conversion, model, ULPS) > 0
    assert max(map(len, conversion.source.splitlines())) <= LONGEST_LINE
    return conversion.source


@pytest.mark.parametrize("seed", range(200))
def test_blocks_of_the_usual_kinds(seed: int) -> None:
    """Their strides, kernels, channels, shortcuts and heads are drawn."""
    assert_right(BlockNetwork(seed).write())


@pytest.mark.parametrize("seed", range(100))
def test_motifs_of_any_shape(seed: int) -> None:
    assert_right(MotifNetwork(seed).write())


def test_most_of_them_hold_blocks() -> None:
    """They would test nothing if no structure were found in them."""
    found = [_classes(BlockNetwork(seed).write()) for seed in range(1000, 1030)]
    assert sum(map(bool, found)) >= 20
    assert len({name for names in found for name in names}) >= 6


def _classes(model: bytes) -> list[str]:
    names = re.findall(r"^class (\w+)", convert_bytes(model).source, re.MULTILINE)
    return names[:-1]
