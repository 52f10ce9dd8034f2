"""Looks for files that lead the reader where no file has led it before.

    python -m tests.hostile.coverage CORPUS [-max_total_time=600] [-runs=100000]

CORPUS is a folder that keeps what is found; it is filled with small good models first.
The options are libFuzzer's. It needs atheris (``pip install atheris``).
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["tflite2torch.converter.frontends"]):
    from tflite2torch.converter.frontends.file import ModelFile
    from tflite2torch.converter.frontends.tflite.metadata import read_metadata
    from tflite2torch.converter.frontends.tflite.parse import read_model

from tests.hostile.crafted import good_model, sparse_model
from tflite2torch.converter.errors import InvalidModelError, UnsupportedOpError


def read(data: bytes) -> None:
    """Read a file; what is not refused as it should be ends the search."""
    with suppress(InvalidModelError, UnsupportedOpError):
        read_metadata(read_model(ModelFile("found", "found.tflite", data)))


def main() -> None:
    """Run from the command line."""
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    (corpus / "good").write_bytes(good_model())
    (corpus / "sparse").write_bytes(sparse_model())
    atheris.Setup([*sys.argv, "-timeout=5", "-max_len=8192"], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
