"""The installed wheel works beside whatever else is called converter or parity."""

from __future__ import annotations

from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.packaging.conftest import Environment
from tests.support.models import Tensor, one_operator_model
from tflite2torch.converter.version import __version__


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model whose module takes one of the helpers that lie in the package as text."""
    folder = tmp_path / "work"
    folder.mkdir()
    options = schema.SpaceToDepthOptionsT(blockSize=2)
    image = Tensor((1, 4, 6, 3))
    data = one_operator_model("SPACE_TO_DEPTH", [image], options=options)
    path = folder / "rearranged.tflite"
    path.write_bytes(data)
    return path


def test_a_script_may_have_a_converter_of_its_own(installed: Environment, model: Path) -> None:
    (model.parent / "converter.py").write_text("OWNER = 'the user'\n")
    (model.parent / "script.py").write_text(
        "import converter\n"
        "import tflite2torch\n"
        f"(conversion,) = tflite2torch.convert({model.name!r}, 'out')\n"
        "print(converter.OWNER, conversion.name, tflite2torch.__file__, sep='\\n')\n"
    )
    owner, name, home = installed.run("script.py", cwd=model.parent).splitlines()
    assert (owner, name) == ("the user", "rearranged")
    assert Path(home).is_relative_to(installed.python.parent.parent)
    assert (model.parent / "out" / "rearranged.py").is_file()


def test_a_folder_may_have_a_parity_of_its_own(installed: Environment, model: Path) -> None:
    (model.parent / "parity").mkdir()
    (model.parent / "parity" / "__init__.py").write_text("raise SystemExit('mine')\n")
    shown = installed.run("-m", "tflite2torch", "parity", model.name, cwd=model.parent)
    assert "rearranged" in shown


def test_another_distribution_may_bring_a_converter(
    installed: Environment, model: Path, other_wheel: Path
) -> None:
    installed.install(other_wheel)
    both = "import converter, tflite2torch.converter.convert; print(converter.OWNER)"
    assert installed.run("-c", both, cwd=model.parent) == "the other project\n"
    installed.pip("uninstall", "--yes", "other")
    convert = ["-m", "tflite2torch", "convert", "--no-verify", "-o", "out"]
    installed.run(*convert, model.name, cwd=model.parent)
    assert (model.parent / "out" / "rearranged.py").is_file()


def test_the_package_runs_as_a_module(installed: Environment, tmp_path: Path) -> None:
    shown = installed.run("-m", "tflite2torch", "--version", cwd=tmp_path)
    assert shown == f"tflite2torch, version {__version__}\n"


def test_the_command_is_installed(installed: Environment, tmp_path: Path) -> None:
    command = installed.python.with_name("tflite2torch")
    assert "convert" in installed.run(command, "--help", cwd=tmp_path)
