"""Registration of operators; each of them has a test against the reference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tflite2torch.converter.frontends.tflite.operators.contract import same_shape
from tflite2torch.converter.frontends.tflite.operators.registry import (
    OPERATORS,
    operator,
)
from tflite2torch.converter.graph.value import shortest

FOLDER = Path(__file__).parent


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="CONV_2D is registered twice"):
        operator("CONV_2D", shapes=same_shape)(lambda call: [])


def test_every_operator_is_compared_with_the_reference() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FOLDER.glob("test_*.py")]
    named = set(re.findall(r'"([A-Z][A-Z0-9_]+)"', "".join(texts)))
    missing = sorted(set(OPERATORS) - named)
    assert not missing, (
        f"no test compares {', '.join(missing)} with TFLite: write "
        f"tests/converter/frontends/tflite/operators/test_{missing[0].lower()}.py, or add "
        "to the file of the operator's family there"
    )


@pytest.mark.parametrize("text", ["0.1", "1e-06", "1.013279e-06", "0.33333334", "-2.5"])
def test_shortest_says_a_float32_exactly(text: str) -> None:
    import numpy as np

    assert repr(shortest(float(np.float32(text)))) == text
