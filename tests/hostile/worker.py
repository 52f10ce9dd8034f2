"""The child that judges files, so that a crash of its own is noticed.

Its input is one JSON object: ``models``, paths of good models; ``seed``; and ``items``,
which are paths of files, or numbers of mutants of the models. It prints a line of JSON for
each item before it is judged, and one after.
"""

from __future__ import annotations

import faulthandler
import json
import sys
import tempfile
from pathlib import Path

from tests.hostile.judge import HostileFileError, Judge
from tests.hostile.mutants import Structure, mutant


def main() -> None:
    """Judge what the input asks for."""
    faulthandler.enable()
    task = json.load(sys.stdin)
    models = [Path(path) for path in task["models"]]
    structures = [Structure(path.read_bytes()) for path in models]
    judge = Judge(models)
    with tempfile.TemporaryDirectory() as folder:
        for item in task["items"]:
            path = Path(folder, "mutant.tflite")
            if isinstance(item, str):
                path = Path(item)
            else:
                path.write_bytes(mutant(structures, task["seed"], item).data)
            _say(item=item)
            try:
                verdict, message = judge.verdict(path)
            except HostileFileError as error:
                verdict, message = "failed", str(error)
            _say(verdict=verdict, message=message)


def _say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)  # noqa: T201 - it is how the parent hears


if __name__ == "__main__":
    main()
