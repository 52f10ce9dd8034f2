"""Random networks compute what TFLite computes, whatever meets whatever."""

import pytest

from tests.support.operators import assert_same
from tests.support.random_graphs import RandomNetwork

# Each of up to 25 operators rounds sums of up to 200 terms; what errs by more than this
# has computed something else.
ULPS = 500


@pytest.mark.parametrize("seed", range(60))
def test_short_networks(seed: int) -> None:
    assert_same(RandomNetwork(seed).write(length=8), ulps=ULPS)


@pytest.mark.parametrize("seed", range(1000, 1020))
def test_long_networks(seed: int) -> None:
    assert_same(RandomNetwork(seed).write(length=25), ulps=ULPS)


def test_a_result_that_tflite_would_overwrite() -> None:
    """Here memory reuse makes TFLite's own kernels wrong unless it is told to keep all."""
    assert_same(RandomNetwork(1209).write(length=25), ulps=ULPS)
