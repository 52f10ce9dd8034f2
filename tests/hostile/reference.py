"""The child that lets TFLite's C++ verifier look at files; hostile ones may crash it.

Its input is paths, a line each. It prints a line before it looks at a file, and what the
verifier says, ``sound`` or ``refused``, after.
"""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter, OpResolverType

REFUSAL = "not a valid Flatbuffer buffer"
"""What the interpreter says of a file that the verifier refuses."""

_MEMORY = 2**33
_SECONDS = 10


def main() -> None:
    """Look at the files that the input names."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    for line in sys.stdin.read().splitlines():
        print("looking", flush=True)  # noqa: T201 - it is how the parent hears
        signal.alarm(_SECONDS)
        print(_verdict(Path(line)), flush=True)  # noqa: T201 - likewise


def _verdict(path: Path) -> str:
    try:
        Interpreter(
            model_content=path.read_bytes(),
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            num_threads=1,
        )
    except ValueError as error:  # of unknown operators and versions too
        return "refused" if REFUSAL in str(error) else "sound"
    return "sound"


if __name__ == "__main__":
    main()
