"""docs/operators.md is what the registry says."""

import re

from scripts.write_operators import PAGE, operators_page
from tflite2torch.converter.frontends.tflite.operators.registry import (
    CUSTOM_OPERATORS,
    OPERATORS,
)


def test_the_page_is_current() -> None:
    current = PAGE.read_text(encoding="utf-8")
    # The diff of the two texts would bury the message.
    is_current = current == operators_page()
    assert is_current, "docs/operators.md is not what the registry says; run: make docs"


def test_every_operator_has_its_row() -> None:
    rows = re.findall(r"^\| `([^`]+)`", operators_page(), re.MULTILINE)
    custom = [name for name, versions in CUSTOM_OPERATORS.items() for _ in versions]
    assert sorted(rows) == sorted([*OPERATORS, *custom])


def test_every_operator_says_what_it_takes() -> None:
    builders = [entry.build for entry in OPERATORS.values()]
    builders += [b for versions in CUSTOM_OPERATORS.values() for b in versions.values()]
    assert all(builder.__doc__ for builder in builders)
