"""``tflite2torch release lock`` and ``release check``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
from rich.markup import escape
from rich.table import Table

from tflite2torch.commands.options import (
    FolderPath,
    SourcePath,
    note_written,
    print_json,
    printing,
    progress,
)
from tflite2torch.comparison import QUICK, compare_conversion, missing
from tflite2torch.console import console
from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.files import write_conversions
from tflite2torch.converter.sources import read_sources
from tflite2torch.outputs import check_targets, write_file
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.transfer.lock import Facts, facts_of, lock_text, read_lock
from tflite2torch.transfer.release import (
    ARCHITECTURE,
    NEW,
    WEIGHTS,
    Change,
    as_markdown,
    find_changes,
)
from tflite2torch.transfer.requirement import fetch_wheel, is_requirement

FILE = click.Path(path_type=Path)


class ReleasePath(SourcePath):
    """A source, or a requirement such as ``mediapipe==0.10.21``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path of the source, or of the requirement's wheel."""
        if is_requirement(str(value)) and not os.path.lexists(str(value)):
            return fetch_wheel(str(value))
        return super().convert(value, param, ctx)


SOURCES = click.argument(
    "sources", metavar="SOURCE...", nargs=-1, required=True, type=ReleasePath()
)


@click.group("release")
def release() -> None:
    """Lock what a release of models is, and check the next one against it.

    SOURCE is as everywhere, or a requirement such as mediapipe==0.10.21, whose wheel pip fetches.
    """


@release.command()
@SOURCES
@printing
@click.option("--lock", "lock_file", required=True, type=FILE, metavar="F", help="The lock file.")
@click.option("--no-verify", is_flag=True, help="Do not compare the models with TFLite.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def lock(
    sources: tuple[Path, ...],
    lock_file: Path,
    no_verify: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the facts of all models of SOURCE to a lock file."""
    check_targets({"--lock": lock_file}, {}, sources, force)
    models, _ = _facts(sources, no_verify, quiet)
    write_file("--lock", lock_file, lock_text(models))
    note_written(f"{lock_file} was written")
    if as_json:
        print_json({"written": str(lock_file), "models": list(models)})
    elif not quiet:
        click.echo(f"{lock_file}: {len(models)} models")


@release.command()
@SOURCES
@printing
@click.option(
    "--lock",
    "lock_file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="F",
    help="What release lock has written.",
)
@click.option("--update", is_flag=True, help="Accept: write the lock anew.")
@click.option(
    "--emit", type=FolderPath(), metavar="DIR", help="Convert what is new or changed to DIR."
)
@click.option("--markdown", type=FILE, metavar="F", help="Append a report for a pull request.")
@click.option("--junit", type=FILE, metavar="F", help="Write JUnit XML.")
@click.option("--no-verify", is_flag=True, help="Do not compare the models with TFLite.")
@click.option("--force", is_flag=True, help="Replace files that exist.")
def check(
    sources: tuple[Path, ...],
    lock_file: Path,
    update: bool,
    emit: Path | None,
    markdown: Path | None,
    junit: Path | None,
    no_verify: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Say what changed in the models of SOURCE since the lock file was written.

    Exit codes: 0 nothing changed, or what changed was accepted with --update; 1 something changed,
    is not supported, or fails; 2 the call, a file or the lock is wrong.
    """
    check_targets({"--junit": junit}, {"--emit": emit}, [*sources, lock_file], force)
    old = read_lock(lock_file)
    models, conversions = _facts(sources, no_verify, quiet)
    changes = find_changes(old, models)
    if emit is not None:
        wanted = [c for c in conversions if _emitted(changes, c.name)]
        if wanted:
            write_conversions(wanted, emit, "safetensors", "float32", force)
            note_written(f"{emit} was written")
    if markdown is not None:
        with markdown.open("a", encoding="utf-8") as file:  # as GitHub's step summary wants it
            file.write(as_markdown(changes))
    if junit is not None:
        write_file("--junit", junit, _junit(changes))
    if update:
        write_file("--lock", lock_file, lock_text(models))
        note_written(f"{lock_file} was written")
    if as_json:
        print_json({"models": [asdict(x) | {"failed": x.failed} for x in changes]})
    elif not quiet:
        _show(changes)
    wrong = any(x.failed for x in changes) or (not update and not all(x.good for x in changes))
    if wrong:
        click.get_current_context().exit(1)


def _facts(
    sources: Sequence[Path], no_verify: bool, quiet: bool
) -> tuple[dict[str, Facts], list[Conversion]]:
    """Return the facts of all models, by name, and the conversions of those that have one."""
    files = list(read_sources(sources))
    compare = None if no_verify or missing() else _compared
    models: dict[str, Facts] = {}
    conversions = []
    with progress(quiet) as bar:
        for file in bar.track(files, description="reading models"):
            models[file.name], conversion = facts_of(file, compare)
            if conversion is not None:
                conversions.append(conversion)
    return models, conversions


def _compared(conversion: Conversion) -> ParityReport:
    return compare_conversion(conversion, replace(QUICK, answers=True))


def _emitted(changes: Sequence[Change], name: str) -> bool:
    return any(x.name == name and {NEW, ARCHITECTURE, WEIGHTS} & {*x.kinds} for x in changes)


def _show(changes: Sequence[Change]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("model", no_wrap=True)
    table.add_column("")
    for change in changes:
        colour = "green" if change.good else "red" if change.failed else "yellow"
        lines = [f"[{colour}]{', '.join(change.kinds)}[/{colour}]"]
        lines += [escape(line) for line in change.details]
        if change.diff:
            lines.append(f"source: {len(change.diff)} lines of a diff; --markdown has it")
        table.add_row(escape(change.name), "\n".join(lines))
    console().print(table)


def _junit(changes: Sequence[Change]) -> str:
    suite = ElementTree.Element("testsuite", name="release", tests=str(len(changes)))
    failures = 0
    for change in changes:
        case = ElementTree.SubElement(suite, "testcase", name=change.name, classname="release")
        if not change.good:
            failures += 1
            text = "\n".join(filter(str.isprintable, change.details))
            kinds = ", ".join(change.kinds)
            ElementTree.SubElement(case, "failure", type=kinds, message=kinds).text = text
    suite.set("failures", str(failures))
    return ElementTree.tostring(suite, "unicode", xml_declaration=True)
