"""Runs a command in a terminal and writes a picture of what it prints.

``python scripts/render_terminal.py PICTURE.svg COMMAND…``; the README's picture is made so.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shlex
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 80


def main() -> None:
    """Write what a command prints, colours included, as an SVG without outside fonts."""
    picture, *command = sys.argv[1:]
    os.environ |= {"COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    printed = bytearray()

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 4096)
        printed.extend(data)
        return data

    shown = f"{shlex.join(command)} 2>/dev/null"  # progress bars do not stay on the screen
    status = pty.spawn(["sh", "-c", shown], read)
    if status:
        sys.exit(f"{shlex.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    called = shlex.join([Path(command[0]).name, *command[1:]])
    console.print(Text.assemble(("$ ", "bold green"), called))
    console.print(Text.from_ansi(printed.decode().replace("\r\n", "\n")))
    svg = console.export_svg(title="tflite2torch", unique_id="terminal")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # fonts of a web site
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    Path(picture).write_text(svg.replace("Fira Code", "Menlo, Consolas"), encoding="utf-8")


if __name__ == "__main__":
    main()
