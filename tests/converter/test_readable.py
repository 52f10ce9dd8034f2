"""What is emitted for the official models reads as if an engineer had written it.

These are the demands that a reader makes, as far as a machine can check them.
"""

from __future__ import annotations

import ast
import builtins
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite
import torch
from torch import nn

from tests.support.official import FACTS
from tflite2torch.converter.convert import Conversion, convert_model
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.loading import load_module
from tflite2torch.converter.naming.tensor_names import MEANINGLESS

Converted = Callable[[str], Conversion]
ALL = pytest.mark.parametrize("name", FACTS)

LONGEST_LINE = 100
LONGEST_FORWARD = 40
MOST_VARIABLES = 9
"""Beyond those that are returned."""

MOST_PARTS_OF_A_KEY = 5
"""``stage2.0.excite.reduce.weight``: a layer of a block of a block of a stage."""

MOST_LINES = {
    "face_detector": 94,
    "face_landmarks_detector": 109,
    "face_blendshapes": 77,
    "legacy/face_detection_front": 94,
    "legacy/face_detection_full_range": 132,
    "legacy/face_landmark": 106,
    "legacy/face_landmark_f16": 106,
    "legacy/iris_landmark": 102,
    "wheel/face_detection_full_range_sparse": 143,
    "wheel/face_detection_short_range": 95,
    "wheel/face_landmark": 106,
    "wheel/face_landmark_with_attention": 234,
    "wheel/hand_landmark_full": 118,
    "wheel/iris_landmark": 102,
    "wheel/pose_detection": 175,
    "wheel/selfie_segmentation": 167,
    "wheel/selfie_segmentation_landscape": 167,
}
"""Docstrings and blank lines included."""

FAMILIES = {
    "face landmarks": (
        "legacy/face_landmark",
        "legacy/face_landmark_f16",
        "wheel/face_landmark",
    ),
    "short range": (
        "face_detector",
        "wheel/face_detection_short_range",
        "legacy/face_detection_front",
    ),
    "irises": ("legacy/iris_landmark", "wheel/iris_landmark"),
}
"""Files of one architecture, from several releases."""


def classes(conversion: Conversion) -> dict[str, ast.ClassDef]:
    tree = ast.parse(conversion.source)
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def methods(conversion: Conversion, name: str) -> Iterator[ast.FunctionDef]:
    for node in classes(conversion).values():
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and method.name == name:
                yield method


def stored(tree: ast.AST) -> list[str]:
    """Return the variables that are assigned to, each once."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    kept = [node.id for node in names if isinstance(node.ctx, ast.Store)]
    return list(dict.fromkeys(kept))


def attributes(tree: ast.AST, context: type[ast.expr_context]) -> set[str]:
    """Return the attributes of ``self`` that are assigned to, or read."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, context)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def body(conversion: Conversion) -> str:
    """Return the source without docstring and value range, the model's class under one name.

    Both are of the file: one architecture was trained on images of two ranges.
    """
    _, _, rest = conversion.source.split('"""', 2)
    rest = re.sub(r"^    input_range = .*\n", "", rest, flags=re.MULTILINE)
    return rest.replace(conversion.class_name, "Model")


@pytest.mark.parametrize(("name", "most"), MOST_LINES.items())
def test_files_are_short(converted: Converted, name: str, most: int) -> None:
    assert len(converted(name).source.splitlines()) <= most


@ALL
def test_lines_are_short(converted: Converted, name: str) -> None:
    assert max(map(len, converted(name).source.splitlines())) <= LONGEST_LINE


@ALL
def test_forwards_are_short(converted: Converted, name: str) -> None:
    for method in methods(converted(name), "forward"):
        assert method.end_lineno is not None
        assert method.end_lineno - method.lineno + 1 <= LONGEST_FORWARD


@ALL
def test_forwards_have_few_variables(converted: Converted, name: str) -> None:
    for method in methods(converted(name), "forward"):
        *_, last = (node for node in ast.walk(method) if isinstance(node, ast.Return))
        given = {node.id for node in ast.walk(last) if isinstance(node, ast.Name)}
        others = [name for name in stored(method) if name not in given]
        assert len(others) <= MOST_VARIABLES, others


def names(conversion: Conversion) -> set[str]:
    """Return everything that the module gives a name, but for its own class."""
    tree = ast.parse(conversion.source)
    found = {*classes(conversion), *stored(tree), *attributes(tree, ast.Store)}
    found |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    found |= {part for key in conversion.state for part in key.split(".")}
    return {name for name in found if not name.isdigit()} - {conversion.class_name}


@ALL
def test_names_are_neither_running_numbers_nor_raw(converted: Converted, name: str) -> None:
    for found in names(converted(name)):
        assert not re.search(r"\d{4}", found), found
        stem, numbers = re.subn(r"(_\d+)+$", "", found)
        assert not numbers or stem not in MEANINGLESS, found
        words = found.lower().split("_")
        raw = {"conv2d", "readvariableop", "biasadd", "relu", "prelu", "dequantize"}
        assert raw.isdisjoint(words), found


@ALL
def test_a_name_says_more_than_a_letter(converted: Converted, name: str) -> None:
    for found in names(converted(name)) - {"x", "_"}:
        assert re.fullmatch(r"x\d{1,3}|[A-Za-z][a-z0-9]\w+|SE[A-Z]\w+", found), found


@ALL
def test_no_class_is_there_for_one_layer_in_one_place(converted: Converted, name: str) -> None:
    conversion = converted(name)
    module = load_module(conversion)
    own = classes(conversion).keys() - {conversion.class_name}
    uses = Counter(type(part).__name__ for part in module.modules())
    for part in module.modules():
        if type(part).__name__ in own:
            layers = [p for p in part.modules() if type(p).__module__.startswith("torch.nn")]
            layers = [p for p in layers if not isinstance(p, nn.Sequential | nn.PReLU)]
            assert layers
            assert len(layers) > 1 or uses[type(part).__name__] > 1


@ALL
def test_nothing_is_there_that_is_not_used(converted: Converted, name: str) -> None:
    """No class, no function, no attribute and no argument."""
    conversion = converted(name)
    tree = ast.parse(conversion.source)
    defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert defined - read == {conversion.class_name}
    for node in classes(conversion).values():
        kept, used = attributes(node, ast.Store), attributes(node, ast.Load)
        buffers = used & {"register_buffer"}
        assert kept <= used, kept - used
        assert used - kept - buffers == {
            call.args[0].value
            for call in ast.walk(node)
            if isinstance(call, ast.Call)
            and buffers
            and ast.unparse(call.func) == "self.register_buffer"
            and isinstance(call.args[0], ast.Constant)
        }
    for method in methods(conversion, "__init__"):
        given = {argument.arg for argument in method.args.args} - {"self"}
        loaded = {n.id for n in ast.walk(method) if isinstance(n, ast.Name)}
        assert given <= loaded, given - loaded


@ALL
def test_no_argument_is_given_that_is_the_default(converted: Converted, name: str) -> None:
    conversion = converted(name)
    defaults: dict[str, dict[str, object]] = {}
    for title, node in classes(conversion).items():
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                arguments = method.args.args[-len(method.args.defaults) :]
                pairs = zip(arguments, method.args.defaults, strict=False)
                defaults[title] = {a.arg: d.value for a, d in pairs if isinstance(d, ast.Constant)}
    for call in ast.walk(ast.parse(conversion.source)):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            for word in call.keywords:
                if isinstance(word.value, ast.Constant) and word.arg is not None:
                    known = defaults.get(call.func.id, {})
                    assert known.get(word.arg, "none") != word.value.value


@ALL
def test_no_argument_is_the_same_for_all_uses(converted: Converted, name: str) -> None:
    """It would be a number in the class."""
    conversion = converted(name)
    calls: dict[str, list[str]] = {}
    for call in ast.walk(ast.parse(conversion.source)):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            calls.setdefault(call.func.id, []).append(ast.unparse(call))
    for title, node in classes(conversion).items():
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                several = len(method.args.args) > 1
                if several and "channels" not in ast.unparse(method.args):
                    assert len(set(calls[title])) > 1


@ALL
def test_keys_are_short_and_structural(converted: Converted, name: str) -> None:
    for key in converted(name).state:
        assert re.fullmatch(r"[a-z0-9_.]+", key)
        assert len(key.split(".")) <= MOST_PARTS_OF_A_KEY, key
        assert len(key) <= 60, key


def only_torch(name: str, *rest: Any) -> Any:
    assert name.partition(".")[0] in ("torch", "typing"), f"it imports {name}"
    return __import__(name, *rest)


@ALL
def test_the_file_alone_works(converted: Converted, name: str) -> None:
    """Copied anywhere, with nothing but torch; for more than one sample."""
    conversion = converted(name)
    known = {**vars(builtins), "__import__": only_torch}
    namespace: dict[str, Any] = {"__builtins__": known, "__name__": "copied"}
    exec(conversion.source, namespace)  # noqa: S102 - what this test is about
    module = namespace[conversion.class_name]().eval()
    assert set(module.state_dict()) == set(conversion.state)
    inputs = [torch.rand(2, *entry["shape"][1:]) for entry in conversion.inputs]
    with torch.no_grad():
        given = module(*inputs)
    given = given if isinstance(given, tuple) else (given,)
    assert [list(result.shape) for result in given] == [
        [2, *entry["shape"][1:]] for entry in conversion.outputs
    ]


def with_other_weights(data: bytes) -> bytes:
    """Return a copy of a file in which every weight is another number.

    What holds one element may be a number that the source writes out.
    """
    changed = bytearray(data)
    model = tflite.Model.GetRootAs(changed)
    graph = model.Subgraphs(0)
    types = {
        tflite.TensorType.FLOAT32: np.dtype("<f4"),
        tflite.TensorType.FLOAT16: np.dtype("<f2"),
    }
    touched: set[int] = set()
    for index in range(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        dtype, buffer = types.get(tensor.Type()), tensor.Buffer()
        stored = model.Buffers(buffer).DataAsNumpy()
        if dtype is None or isinstance(stored, int) or buffer in touched:
            continue
        weights = stored.view(dtype)
        # Matrices of 4 x 4 are no weights: they turn pixels of a feature map into the input's.
        if len(weights) > 1 and tensor.ShapeAsNumpy().tolist() != [1, 4, 4]:
            touched.add(buffer)
            weights *= np.linspace(0.5, 0.75, len(weights)).astype(dtype)
    return bytes(changed)


@ALL
def test_other_weights_give_the_same_source(
    converted: Converted, official: Callable[[str], ModelFile], name: str
) -> None:
    one, file = converted(name), official(name)
    other = convert_model(ModelFile(file.name, file.label, with_other_weights(file.data)))
    assert body(one) == body(other)
    assert one.source != other.source, "the docstring says which file it was"
    assert list(one.state) == list(other.state)
    equal = [
        np.array_equal(value.array, other.state[key].array)
        for key, value in one.state.items()
        if value.array.size > 1 and np.any(value.array) and value.dtype == "float32"
    ]
    assert not any(equal)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_one_architecture_is_one_source(converted: Converted, family: tuple[str, ...]) -> None:
    first, *others = map(converted, family)
    for other in others:
        assert body(other) == body(first)
        assert list(other.state) == list(first.state)
        assert [v.shape for v in other.state.values()] == [v.shape for v in first.state.values()]


CHILD = """
import hashlib, json, pathlib, sys
from tflite2torch.converter.convert import convert_model
from tflite2torch.converter.frontends.file import ModelFile
found = {}
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    name = path.stem.partition("__")[2]
    conversion = convert_model(ModelFile(name, path.name, path.read_bytes()))
    text = conversion.source + json.dumps(list(conversion.state))
    found[path.stem] = hashlib.sha256(text.encode()).hexdigest()
print(json.dumps(found))
"""


def test_it_is_the_same_from_run_to_run(
    official: Callable[[str], ModelFile], tmp_path: Path
) -> None:
    """Whatever order a process has its sets in."""
    for name in FACTS:
        file = official(name)
        (tmp_path / f"{name.replace('/', '_')}__{file.name}.tflite").write_bytes(file.data)
    runs: list[Mapping[str, str]] = []
    for seed in ("1", "2"):
        process = subprocess.run(
            [sys.executable, "-c", CHILD, str(tmp_path)],
            cwd=Path(__file__).parent.parent.parent,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        runs.append(json.loads(process.stdout))
    assert runs[0] == runs[1]
    assert len(runs[0]) == len(FACTS)
