"""The source of an emitted module: that it is clean, short, standalone, and only what it is."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from ruff.__main__ import find_ruff_bin

from tests.support.layers import Layers
from tests.support.models import ModelBuilder, Tensor, packed_model
from tests.support.networks import Network
from tests.support.official import FACTS
from tests.support.operators import assert_same, convert_bytes, weights
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.loading import load_module
from tflite2torch.converter.planning.scope import Scope
from tflite2torch.converter.writer.forward import Forward

LONGEST_LINE = 100


@pytest.fixture(scope="module", params=["", "legacy", "wheel"])
def sources(
    converted: Callable[[str], Conversion],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Path:
    """A folder with the source of every official model of one origin."""
    folder = tmp_path_factory.mktemp("sources")
    for name in (name for name in FACTS if name.rpartition("/")[0] == request.param):
        path = folder / f"{name.replace('/', '_')}.py"
        path.write_text(converted(name).source, encoding="utf-8")
    return folder


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_finds_nothing_by_its_own_defaults(sources: Path, command: list[str]) -> None:
    assert any(sources.iterdir())
    process = subprocess.run(
        [find_ruff_bin(), *command, "--isolated", "--no-cache", str(sources)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr


@pytest.mark.parametrize("name", FACTS)
def test_it_is_standalone_source_of_the_oldest_python(
    converted: Callable[[str], Conversion], name: str
) -> None:
    source = converted(name).source
    assert source.isascii()
    assert max(map(len, source.splitlines())) <= LONGEST_LINE
    assert_only_classes(source)


def assert_only_classes(source: str) -> None:
    """Assert that a module has a docstring, torch's imports, classes and helpers only."""
    docstring, *body = ast.parse(source, feature_version=(3, 10)).body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(docstring.value, ast.Constant)
    imported = {
        "import torch",
        "from torch import Tensor, nn",
        "from torch.nn import functional as F",
        "from typing import NamedTuple",
    }
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            assert ast.unparse(statement) in imported
        else:
            assert isinstance(statement, ast.ClassDef | ast.FunctionDef)
    for node in ast.walk(ast.Module(body, [])):
        if isinstance(node, ast.ClassDef):
            (base,) = node.bases
            assert ast.unparse(base) in ("nn.Module", "NamedTuple")
        assert not isinstance(node, ast.Global | ast.Nonlocal | ast.Lambda | ast.Try)


HOSTILE = [
    'x\n"""\nimport os',
    '"""',
    "\\",
    "'); import os; ('",
    "{0.__class__}",
    "class",
    "conv_lambda",
    "0A",
    "self",
    "torch",
    "mirror_pad",
    "forward",
    "training",
    "weight",
    "F",
    "Tensor",
    "x",
    "",
    "z" * 500,
    "\x1b[31m\x00",
    "лицо",
    "\u202e",
    "{} %s",
]


def hostile_model(name: str) -> bytes:
    """Two inputs, a layer, a constant and two outputs, all of one name, and so the model."""
    builder = ModelBuilder()
    x = builder.input((1, 4, 5, 3), name=name)
    y = builder.input((1, 4, 5, 3), name=name)
    kernels = Tensor(data=weights(3, 3, 3, 3), name=name)
    bias = Tensor(data=weights(3), name=name)
    result = Tensor((1, 4, 5, 3), name=name)
    [convolved] = builder.operator(
        "CONV_2D",
        [x, kernels, bias],
        [result],
        schema.Conv2DOptionsT(strideH=1, strideW=1),
    )
    constant = Tensor(data=weights(4, 5, 3), name=name)
    options = schema.AddOptionsT()
    [total] = builder.operator("ADD", [convolved, constant], [result], options)
    [other] = builder.operator("ADD", [total, y], [result], options)
    model = schema.ModelT.InitFromPackedBuf(builder.build([total, other]))
    model.description = name
    model.subgraphs[0].name = name
    return packed_model(model)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_in_the_file_become_neither_code_nor_clashes(name: str) -> None:
    conversion = assert_same(hostile_model(name), 30)
    assert conversion.source.isascii()
    assert max(map(len, conversion.source.splitlines())) <= LONGEST_LINE
    assert_only_classes(conversion.source)


def test_an_output_called_like_a_helper_does_not_hide_it() -> None:
    builder = ModelBuilder()
    result = Tensor((1, 8), name="mirror_pad")
    [padded] = builder.operator(
        "MIRROR_PAD",
        [Tensor((1, 4)), np.int32([[0, 0], [2, 2]])],
        [result],
        schema.MirrorPadOptionsT(mode=0),
    )
    [other] = builder.operator("ABS", [padded])
    assert_same(builder.build([padded, other]))


def test_a_variable_never_takes_the_name_of_an_output_to_come() -> None:
    """Both are called after tensors of the same name, and the variable is read again."""
    builder = ModelBuilder()
    x = builder.input((1, 4))
    scores = Tensor((1, 4), name="scores")
    [inner] = builder.operator(
        "FULLY_CONNECTED",
        [x, weights(4, 4), None],
        [scores],
        schema.FullyConnectedOptionsT(),
    )
    [first] = builder.operator("EXP", [inner], [scores])
    options = schema.SubOptionsT()
    [second] = builder.operator("SUB", [inner, x], [Tensor((1, 4))], options)
    assert_same(builder.build([first, second]), 8)


@pytest.mark.parametrize("name", ["none", "true", "f", "tensor", "residual_block"])
def test_a_file_called_like_something_of_python_s(name: str) -> None:
    b = Network()
    x = b.input((1, 4, 5, 3))
    for _ in range(2):
        x = b.residual(x, 3)
    conversion = convert_bytes(b.build([x]), name)
    assert_only_classes(conversion.source)
    namespace: dict[str, object] = {}
    exec(conversion.source, namespace)  # noqa: S102 - what this test is about
    assert isinstance(namespace[conversion.class_name], type)
    assert "F" not in namespace or namespace["F"].__name__ == "torch.nn.functional"


def test_padding_that_depends_on_the_stride_has_a_name() -> None:
    """``padding=stride % 2`` is a riddle."""
    b = Layers(seed=1)
    x = b.convolve(b.image(8, 8, 3), 4, 3)
    for stride in (1, 2):
        y = b.convolve(b.depthwise(x, 3, stride), 4)
        x = b.sum(y, b.pool(x) if stride == 2 else x)
    source = assert_same(b.build([x.ref]), 500).source
    assert "        pad = 1 if stride == 1 else 0\n" in source
    assert "nn.Conv2d(4, 4, 3, stride, pad, groups=4)" in source


def trained(module: torch.nn.Module) -> set[str]:
    return {name for name, weight in module.named_parameters() if weight.requires_grad}


def test_lists_of_indices_are_no_parameters(converted: Callable[[str], Conversion]) -> None:
    """Nor do the units of the attention mesh's matrices train: they are numbers in the source."""
    conversion = converted("wheel/face_landmark_with_attention")
    module = load_module(conversion)
    buffers = dict(module.named_buffers())
    assert set(buffers) == {"lips_subset", "left_eye_subset", "right_eye_subset"}
    assert all(buffer.dtype == torch.int64 for buffer in buffers.values())
    assert trained(module) == set(conversion.state) - set(buffers)
    assert not any(key.endswith("scale") for key in conversion.state)
    assert conversion.source.count("scale=4.0") == 1


def test_a_token_is_a_parameter(converted: Callable[[str], Conversion]) -> None:
    module = load_module(converted("face_blendshapes"))
    assert "token" in trained(module)
    assert not dict(module.named_buffers())


@pytest.mark.parametrize(("count", "listed"), [(2, True), (16, True), (17, False)])
def test_small_tables_can_be_read(count: int, listed: bool) -> None:
    table = np.arange(count, dtype=np.int32)[np.newaxis] * 3
    builder = ModelBuilder()
    x = builder.input((1, count), "int32")
    results = builder.operator("ADD", [x, table], ["int32"], schema.AddOptionsT())
    conversion = assert_same(builder.build(results))
    text = "".join(conversion.source.split())
    found = re.search(r"torch\.tensor\((.*?),dtype=torch\.int32", text)
    assert (found is not None) == listed
    assert found is None or ast.literal_eval(found[1]) == tuple(map(tuple, table.tolist()))
    assert ("torch.zeros(" in conversion.source) != listed


def test_an_epsilon_that_was_stored_in_float16(converted: Callable[[str], Conversion]) -> None:
    source = converted("face_blendshapes").source
    assert "nn.LayerNorm(64, eps=1.013279e-06, bias=False)  # 1e-6 in float16\n" in source


def test_equal_blocks_are_written_as_a_loop_from_three_on() -> None:
    def source(blocks: int) -> str:
        b = Network()
        x = b.input((1, 4, 5, 3))
        for _ in range(blocks):
            x = b.residual(x, 3)
        return convert_bytes(b.build([x])).source

    assert "for _ in range(3)" in source(3)
    assert "range" not in source(2)
    assert source(2).count("ResidualBlock()") == 2


def test_a_class_of_many_layers_has_a_docstring_of_short_lines() -> None:
    b = Layers(seed=1)
    x = b.image(6, 6, 4)
    for _ in range(2):
        for kernel in (1, 3, 0, 3, 5, 1, 0, 0, 1, 3):
            x = b.convolve(x, 4, kernel) if kernel else b.depthwise(x)
        x = b.pool(x, 3, 1)
    source = assert_same(b.build([x.ref]), 500).source
    assert source.count("(nn.Module)") == 2
    assert max(map(len, source.splitlines())) <= LONGEST_LINE


def test_torch_is_imported_only_where_it_is_used() -> None:
    b = Network()
    linear = b.operator(
        "FULLY_CONNECTED",
        [b.input((1, 4)), weights(3, 4), None],
        options=schema.FullyConnectedOptionsT(),
    )
    source = convert_bytes(b.build(linear)).source
    assert "import torch\n" not in source
    assert "functional" not in source
    assert "from torch import Tensor, nn" in source


def test_the_forward_of_a_class_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many uses the class has, for the source and for the evaluation."""
    built: list[str] = []
    original = Forward.__init__

    def counted(self: Forward, scope: Scope) -> None:
        built.append(scope.name)
        original(self, scope)

    monkeypatch.setattr(Forward, "__init__", counted)
    b = Network()
    x = b.input((1, 4, 5, 3))
    for _ in range(3):
        x = b.residual(x, 3)
    source = convert_bytes(b.build([x])).source
    assert sorted(built) == sorted(re.findall(r"class (\w+)\(nn.Module\)", source))
    assert len(built) == 2
