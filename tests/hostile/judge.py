"""What a hostile file may do: be converted, or be refused. Nothing else."""

from __future__ import annotations

import faulthandler
import gc
import os
import resource
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tflite2torch.converter.convert import convert_model
from tflite2torch.converter.errors import InvalidModelError, UnsupportedOpError
from tflite2torch.converter.frontends.tflite.opcodes import schema_class
from tflite2torch.converter.frontends.tflite.schema import TFLITE
from tflite2torch.converter.sources import read_sources

MAX_SECONDS = 2.0
"""The most CPU time that a file may take."""

MAX_MEMORY = 2**26
MAX_MEMORY_RATIO = 3
"""The most memory that a file may take: 64 MiB and three times its own size."""

_PATIENCE = 10
"""After how many seconds a file is given up, and the process with it."""

_ADDRESS_SPACE = 2**33
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FORBIDDEN = ("exec", "import", "os.", "shutil.", "socket.", "ctypes.", "pickle.")
_HARMLESS = ("os.listdir", "os.scandir", "os.walk")


class HostileFileError(Exception):
    """A file did what it must not: the message says what."""


class Judge:
    """Converts files under watch; one for a process, which it limits for good."""

    def __init__(self, harmless: Sequence[Path]) -> None:
        """Prepare with good models, so that all code is loaded before the watch."""
        self._armed = False
        self._led_to = ""
        for path in harmless:
            self._convert(path)
        for name in TFLITE.unions["BuiltinOptions"] + TFLITE.unions["BuiltinOptions2"]:
            schema_class(name)
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
        sys.addaudithook(self._watch)

    def verdict(self, path: Path) -> tuple[str, str]:
        """Return ``converted``, ``invalid`` or ``unsupported``, and the message.

        Raises HostileFileError for anything else.
        """
        gc.collect()
        before, started = _reset_peak(), time.process_time()
        faulthandler.dump_traceback_later(_PATIENCE, exit=True)
        self._armed, self._led_to = True, ""
        try:
            verdict = self._convert(path)
        finally:
            self._armed = False
            faulthandler.cancel_dump_traceback_later()
        seconds, memory = time.process_time() - started, _peak() - before
        if self._led_to:
            raise HostileFileError(f"it led to {self._led_to}")
        if seconds > MAX_SECONDS:
            raise HostileFileError(f"it took {seconds:.1f} s")
        if memory > MAX_MEMORY + MAX_MEMORY_RATIO * path.stat().st_size:
            raise HostileFileError(f"it took {memory / 2**20:.0f} MiB")
        return verdict

    def _convert(self, path: Path) -> tuple[str, str]:
        try:
            convert_source(path)
        except InvalidModelError as error:
            return "invalid", _one_line(error, path)
        except UnsupportedOpError as error:
            return "unsupported", _one_line(error, path)
        except HostileFileError:
            raise
        except BaseException as error:
            raise HostileFileError(traceback.format_exc(limit=-4)) from error
        return "converted", ""

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._armed and _forbidden(event, arguments):
            self._led_to = f"{event} {str(arguments)[:200]}"
            raise HostileFileError(self._led_to)


def convert_source(path: Path) -> None:
    """Do what the command line does with a source, but for writing files."""
    for file in read_sources([path]):
        convert_model(file)


def _forbidden(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether an audit event of Python's is none that a conversion needs."""
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, int):  # a pipe to ruff, which is open already
            return False
        return bool(flags & _WRITING) or any(c in "wax+" for c in mode or "")
    if event == "subprocess.Popen":
        return Path(os.fsdecode(arguments[0])).stem != "ruff"
    if event == "compile":  # parsing alone has no file name
        return arguments[1] not in ("<unknown>", b"<unknown>")
    return event.startswith(_FORBIDDEN) and event not in _HARMLESS


def _one_line(error: Exception, path: Path) -> str:
    """Return a message, which has to be one printable line that names the file."""
    message = str(error)
    if "\n" in message or not message.isprintable() or path.name not in message:
        raise HostileFileError(f"its message is {message!a}")
    return message


def _reset_peak() -> int:
    """Start to measure peak memory anew; return what is in use, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
