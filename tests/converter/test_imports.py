"""Imports between the rooms of the package run one way: no circle, no arrow upwards."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import tflite2torch

PACKAGE = Path(tflite2torch.__file__).parent

BASE = "converter.errors converter.version"
BEHIND = "converter.graph converter.passes converter.structure converter.motifs"
BEHIND += " converter.naming converter.planning converter.writer"
"""Rooms that know no file format; each may import those before it."""

FRONT = "converter.frontends converter.frontends.tflite"

ALLOWED = {
    "converter.errors": "",
    "converter.version": "",
    "converter.graph": BASE,
    "converter.official": "converter.graph",
    "converter.frontends": f"{BASE} converter.graph",
    "converter.frontends.tflite": f"{BASE} converter.graph converter.frontends",
    **{
        room: f"{BASE} {BEHIND.partition(room)[0]}"
        for room in BEHIND.split()[1:]  # the graph stands above
    },
    "converter": f"{BASE} {FRONT} {BEHIND} converter.official",
    "architectures": "",
    "parity": f"{BASE} {FRONT} {BEHIND} converter.official converter architectures",
    "transfer": f"{BASE} {FRONT} {BEHIND} converter.official converter architectures parity",
    "pipeline": f"{BASE} {FRONT} {BEHIND} converter.official converter architectures",
    "": f"{BASE} {FRONT} {BEHIND} converter.official converter architectures parity transfer "
    "pipeline",
}
"""Which rooms a room may import; those of a row stand in rows before it. A module belongs to
the room with the longest name that its own begins with: ``converter`` is what is left of the
converter (convert, files, …), and the empty name is the front door (api, cli, commands, …)."""

EXCEPTIONS: set[tuple[str, str]] = set()
"""Arrows that are there and should not be; each has to go, and then its line here."""


def room_of(module: str) -> str:
    """Return the room of a module, both named from within the package."""
    return max(
        (room for room in ALLOWED if f"{module}.".startswith(f"{room}.") or not room),
        key=len,
    )


def imported(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, at its top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            # What is imported may be a module itself.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def arrows() -> dict[tuple[str, str], list[str]]:
    """Map every arrow between two rooms to the files that draw it."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        here = path.relative_to(PACKAGE)
        room = room_of(".".join(here.with_suffix("").parts))
        for module in imported(path):
            package, _, name = module.partition(".")
            if package == PACKAGE.name and room_of(name) != room:
                found.setdefault((room, room_of(name)), []).append(str(here))
    return found


def test_a_room_imports_those_below_it() -> None:
    wrong = [
        f"tflite2torch/{file} imports {target}, which stands above {room}: move what it "
        "needs down, or pass it as an argument; ALLOWED in tests/converter/test_imports.py "
        "says which room imports which"
        for (room, target), files in arrows().items()
        if target not in ALLOWED[room].split() and (room, target) not in EXCEPTIONS
        for file in files
    ]
    assert not wrong, "\n".join(wrong)


def test_every_front_end_is_a_room() -> None:
    folders = [p.parent for p in (PACKAGE / "converter/frontends").glob("*/__init__.py")]
    assert folders
    missing = {f"converter.frontends.{folder.name}" for folder in folders} - set(ALLOWED)
    assert not missing, (
        f"add {', '.join(sorted(missing))} to FRONT and, with a row of its own, to ALLOWED "
        "in tests/converter/test_imports.py"
    )


def test_every_front_end_is_used() -> None:
    uses = {
        "sources.py": "recognizes its files: extend _from_stream",
        "convert.py": "builds its graphs: choose between the front ends",
    }
    problems = []
    for room in sorted(room for room in ALLOWED if "frontends." in room):
        for file, what in uses.items():
            modules = imported(PACKAGE / "converter" / file)
            if not any(module.startswith(f"tflite2torch.{room}.") for module in modules):
                problems.append(f"{room}: nothing {what} in tflite2torch/converter/{file}")
    assert not problems, "\n".join(problems)


def test_the_table_itself_has_no_circle() -> None:
    rooms = list(ALLOWED)
    for place, room in enumerate(rooms):
        assert set(ALLOWED[room].split()) <= set(rooms[:place])


def test_modules_have_no_circle_inside_a_room() -> None:
    paths = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
        for path in PACKAGE.rglob("*.py")
    }
    modules = {name.removesuffix(".__init__"): path for name, path in paths.items()}

    def module_of(name: str) -> str:
        return name if name in modules else name.rpartition(".")[0]

    graph = {
        name: {module_of(other) for other in imported(path)} & modules.keys() - {name}
        for name, path in modules.items()
    }
    assert set(TopologicalSorter(graph).static_order()) == modules.keys()


def test_exceptions_are_needed() -> None:
    unneeded = EXCEPTIONS - arrows().keys()
    assert not unneeded, "these arrows are gone: delete their lines in EXCEPTIONS"


def test_a_generated_module_imports_torch_alone() -> None:
    generated = sorted((PACKAGE / "architectures").glob("[!_]*.py"))
    assert generated
    for path in generated:
        found = {module.partition(".")[0] for module in imported(path)}
        assert found - {"typing"} == {"torch"}
