"""Names: any text becomes an identifier, and what means something keeps its meaning."""

from __future__ import annotations

import keyword
import re
from importlib import resources

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tflite2torch.converter.naming.names import (
    GLOBALS,
    LONGEST,
    MODULE_ATTRIBUTES,
    Namespace,
    class_name,
    identifier,
    numbered,
)

HOSTILE = [
    "",
    "class",
    "None",
    "conv_lambda",
    "output_import",
    "__class__",
    "x" * 500,
    "a/" * 250,
    'x\n"""\nimport os',
    "x; import os",
    "{0.__class__}",
    "%s%n",
    "../../etc/passwd",
    "\x00\x1b[31m",
    "лицо",
    "顔",
    "ﬁ",
    "\u202ereversed",
    "1st",
    "_",
    "___init___",
    "\uff21",
]


def is_plain(name: str) -> bool:
    return bool(re.fullmatch(r"[a-z][a-z0-9_]*", name)) and not keyword.iskeyword(name)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_reduced(text: str) -> None:
    assert is_plain(identifier(text))
    assert class_name(text).isidentifier()
    assert not keyword.iskeyword(class_name(text))


@given(st.text())
def test_any_name_is_reduced(text: str) -> None:
    reduced = identifier(text)
    assert is_plain(reduced)
    assert len(reduced) <= LONGEST
    assert identifier(reduced) == reduced
    assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", class_name(text))


@pytest.mark.parametrize(
    ("text", "reduced", "camel"),
    [
        ("face_detector", "face_detector", "FaceDetector"),
        ("Face-Landmarker v2", "face_landmarker_v2", "FaceLandmarkerV2"),
        ("FaceMesh", "face_mesh", "FaceMesh"),
        ("3d_pose", "model_3d_pose", "Model3dPose"),
        ("class", "class_", "Class"),
    ],
)
def test_names_of_models(text: str, reduced: str, camel: str) -> None:
    assert identifier(text) == reduced
    assert class_name(text) == camel


@pytest.mark.parametrize("text", ["none", "true", "false"])
def test_a_class_is_never_called_like_a_constant(text: str) -> None:
    assert not keyword.iskeyword(class_name(text))


@pytest.mark.parametrize("text", ["f", "tensor"])
def test_a_class_is_never_called_like_what_a_module_imports(text: str) -> None:
    assert class_name(text) not in ("F", "Tensor")


def test_names_within_a_scope_are_numbered() -> None:
    names = Namespace(["self", "stage2"])
    wanted = ["stage", "stage", "stage", "self"]
    assert [names.unique(name) for name in wanted] == [
        "stage",
        "stage3",
        "stage4",
        "self2",
    ]


def test_a_number_stands_apart_from_digits() -> None:
    """The first of two called head3 is not head31."""
    assert numbered(["head3", "head", "head3"]) == ["head3_1", "head", "head3_2"]
    assert Namespace(["x16"]).unique("x16") == "x16_2"


def test_what_modules_have_is_reserved() -> None:
    """Attributes of torch's own are no names for layers; later versions add some."""
    own = {name for name in dir(torch.nn.Module()) if re.fullmatch(r"[a-z]\w*", name)}
    missing = own - MODULE_ATTRIBUTES
    assert not missing, f"add {' '.join(sorted(missing))} to MODULE_ATTRIBUTES"


def test_what_a_module_calls_is_reserved() -> None:
    """A local name like that of a helper would hide it within the whole method."""
    texts = [
        path.read_text("utf-8")
        for path in resources.files("tflite2torch.converter.writer.helpers").iterdir()
        if path.name.endswith(".txt")
    ]
    functions = set(re.findall(r"^def (\w+)", "\n".join(texts), re.MULTILINE))
    missing = functions - GLOBALS
    assert not missing, f"add {' '.join(sorted(missing))} to GLOBALS"
