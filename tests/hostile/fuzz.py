"""Judges mutants of good models, as many as asked for.

    python -m tests.hostile.fuzz --count 100000 --keep found SOURCE ...

SOURCE is a .tflite, a .task, a .whl or a folder, as for ``tflite2torch convert``.
What does harm is kept, under the name of the seed and the number that make it again.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.hostile.children import judge
from tests.hostile.mutants import Structure, mutant
from tflite2torch.converter.sources import read_sources


def main() -> int:
    """Run from the command line; 1 if anything did harm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.getrandbits(32))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("found"))
    arguments = parser.parse_args()
    seed = arguments.seed
    with tempfile.TemporaryDirectory() as folder:
        models = []
        for file in read_sources(arguments.sources):
            models.append(Path(folder, f"{file.name}.tflite"))
            models[-1].write_bytes(file.data)
        verdicts = judge(models, range(arguments.count), seed, arguments.jobs)
        structures = [Structure(path.read_bytes()) for path in models]
    kinds = Counter(verdict.kind for verdict in verdicts.values())
    print(f"seed {seed}: {dict(kinds)}")  # noqa: T201 - a command's output
    for number, verdict in verdicts.items():
        if verdict.kind == "failed" and isinstance(number, int):
            found = mutant(structures, seed, number)
            path = arguments.keep / f"{seed}-{number}-{found.damage}.tflite"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(found.data)
            print(f"{path}: {verdict.message}")  # noqa: T201 - a command's output
    return 1 if kinds["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
