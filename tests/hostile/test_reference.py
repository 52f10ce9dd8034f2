"""The reader refuses whatever TFLite's C++ verifier refuses."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.hostile.crafted import good_model, sparse_model
from tests.hostile.mutants import Structure, mutant
from tflite2torch.converter.errors import InvalidModelError, UnsupportedOpError
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.parse import read_model


def cpp_verdicts(paths: list[Path]) -> list[str]:
    """Return ``sound``, ``refused`` or ``crashed`` for each file."""
    verdicts: list[str] = []
    while len(verdicts) < len(paths):
        child = subprocess.run(
            [sys.executable, "-m", "tests.hostile.reference"],
            input="\n".join(str(path) for path in paths[len(verdicts) :]),
            capture_output=True,
            text=True,
            check=False,
        )
        said = child.stdout.splitlines()
        verdicts += said[1::2]
        if len(said) % 2:
            verdicts.append("crashed")
        elif child.returncode or not said:
            raise RuntimeError(f"the child ended with {child.stderr}")
    return verdicts


def _accepted(data: bytes) -> bool:
    try:
        read_model(ModelFile("mutant", "mutant.tflite", data))
    except InvalidModelError:
        return False
    except UnsupportedOpError:
        return True
    return True


def test_what_is_accepted_passes_the_cpp_verifier(tmp_path: Path) -> None:
    structures = [Structure(good_model()), Structure(sparse_model())]
    accepted, verdicts = [], Counter[str]()
    for number in range(10_000):
        data = mutant(structures, 7, number).data
        if _accepted(data):
            accepted.append(tmp_path / f"{number}.tflite")
            accepted[-1].write_bytes(data)
    verdicts.update(cpp_verdicts(accepted))
    assert verdicts["refused"] == 0
    assert verdicts["sound"] > 100


def test_the_cpp_verifier_is_on(tmp_path: Path) -> None:
    """Else the test above would show nothing."""
    paths = [tmp_path / "good.tflite", tmp_path / "cut.tflite"]
    paths[0].write_bytes(good_model())
    paths[1].write_bytes(good_model()[:-40])
    assert cpp_verdicts(paths) == ["sound", "refused"]
