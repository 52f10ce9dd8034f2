"""README's Python is what a type checker takes from a user."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.command import ROOT


def test_readme_passes_a_strict_type_checker(tmp_path: Path) -> None:
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.S | re.M
    )
    assert len(blocks) > 1
    shutil.copy(ROOT / "tflite2torch/architectures/face_detector.py", tmp_path)
    for index, block in enumerate(blocks):
        (tmp_path / f"block{index}.py").write_text(block, "utf-8")
    files = [f"block{index}.py" for index in range(len(blocks))]
    # The repository's configuration is strict, and what mypy knows of torch is kept for it.
    # Imported files, the emitted one among them, are not what is checked.
    options = ["--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / ".mypy_cache"]
    options += ["--follow-imports", "silent"]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *files],
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
