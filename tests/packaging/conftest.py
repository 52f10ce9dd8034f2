"""The sdist, the wheel, and an environment that the wheel is installed into."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.command import ROOT


@dataclass(frozen=True)
class Environment:
    """A fresh virtual environment, whose packages hide those of the one that tests run in.

    The latter are found all the same, our own checkout aside, so that nothing is downloaded.
    """

    python: Path

    def run(self, *arguments: str | Path, cwd: Path) -> str:
        """Run the interpreter in a folder; return what it printed. Fails where it does."""
        process = subprocess.run(
            [self.python, *arguments],
            cwd=cwd,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            capture_output=True,
            encoding="utf-8",
        )
        assert process.returncode == 0, process.stderr
        return process.stdout

    def pip(self, *arguments: str | Path) -> None:
        """Run pip on the environment, offline."""
        pip = [sys.executable, "-m", "pip", "--python", self.python, "--quiet"]
        subprocess.run([*pip, "--disable-pip-version-check", *arguments], check=True)

    def install(self, wheel: Path) -> None:
        """Install a wheel."""
        self.pip("install", "--no-index", "--no-deps", wheel)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and with the wheel that is built from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder]
    process = subprocess.run([*build, ROOT], capture_output=True, encoding="utf-8")
    assert process.returncode == 0, process.stdout + process.stderr
    return folder


@pytest.fixture(scope="session")
def our_wheel(built: Path) -> Path:
    """Our own wheel."""
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def installed(our_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with our wheel."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    environment = Environment(folder / "bin" / "python")
    (packages,) = folder.glob("lib/python*/site-packages")
    # What is in a folder that such a file names comes last; `.pth` files there do nothing.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    environment.install(our_wheel)
    return environment


@pytest.fixture
def other_wheel(tmp_path: Path) -> Path:
    """The wheel of another project, which has a ``converter`` at its top."""
    (tmp_path / "converter").mkdir()
    (tmp_path / "converter" / "__init__.py").write_text("OWNER = 'the other project'\n")
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "other"\nversion = "1"\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["converter"]\n'
    )
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", tmp_path]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    return wheel
