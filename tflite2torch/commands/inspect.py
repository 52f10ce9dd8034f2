"""``tflite2torch inspect``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tflite2torch.commands.options import common, print_json, tell_repeated, verbose
from tflite2torch.converter.convert import convert_model
from tflite2torch.converter.errors import UnsupportedOpError
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.metadata import read_metadata
from tflite2torch.converter.frontends.tflite.model import TfliteModel
from tflite2torch.converter.frontends.tflite.parse import read_model
from tflite2torch.converter.manifest import model_facts
from tflite2torch.converter.sources import read_sources

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Entries = list[dict[str, Any]]

SHOWN = {"name", "identifier", "shape", "dtype", "value_range", "tensor", "permutation"}
"""The fields of an entry of a conversion's inputs or outputs that have a place of their own; all
others are printed a line each."""

INDENT = " " * 13
MAX_LINE = 300


@click.command()
@common
def inspect(sources: tuple[Path, ...], quiet: bool, as_json: bool) -> None:
    """List operators, inputs, outputs, metadata, and what is not supported and where.

    Of each input and output: the file's name and shape, below it the module's, and what the
    option --inputs of parity and compare takes. -v lists every operator.

    Ends with 1 where a model has something that cannot be converted.
    """
    facts = [_facts(file) for file in read_sources(sources, tell_repeated)]
    if as_json:
        print_json({"models": facts})
    elif not quiet:
        from tflite2torch.console import console

        for model in facts:
            _show(console(), model)
    if any(model["unsupported"] for model in facts):
        click.get_current_context().exit(1)


def _facts(file: ModelFile) -> dict[str, Any]:
    try:
        conversion = convert_model(file)
    except UnsupportedOpError as error:
        model, problems = read_model(file), error.problems
        sides: list[Entries] = [[], []]
        facts: dict[str, Any] = {}
    else:
        model, problems = conversion.model, []
        sides = [conversion.inputs, conversion.outputs]
        facts = model_facts(conversion)
    metadata = read_metadata(model)
    return {
        "name": file.name,
        "source": file.label,
        "sha256": file.sha256,
        "description": model.description,
        "inputs": _tensors(model, model.inputs, sides[0]),
        "outputs": _tensors(model, model.outputs, sides[1]),
        "operators": dict(Counter(o.name for o in model.operators).most_common()),
        "steps": [
            {
                "index": operator.index,
                "operator": operator.name,
                "inputs": list(operator.inputs),
                "outputs": list(operator.outputs),
            }
            for operator in model.operators
        ],
        "metadata": None if metadata is None else asdict(metadata),
        "module": facts or None,
        "unsupported": problems,
    }


def _tensors(model: TfliteModel, indices: Iterable[int], entries: Entries) -> list[dict[str, Any]]:
    """Return what the file says of inputs or outputs, and what the module has for each."""
    found = []
    for index, entry in zip_longest(indices, entries):
        tensor = model.tensors[index]
        found.append(
            {
                "tensor": index,
                "name": tensor.name,
                "shape": list(tensor.shape),
                "dtype": tensor.dtype,
                "module": entry,
            }
        )
    return found


def _show(shown: Console, model: dict[str, Any]) -> None:
    shown.print(f"\n{model['source']}", style="bold", markup=False)
    shown.print(f"  sha256 {model['sha256']}")
    metadata = model["metadata"]
    if metadata is not None:
        title = f"{metadata['name']}: {metadata['description']}"
        shown.print(f"  {title!a}"[:MAX_LINE], markup=False)
    for kind in ("inputs", "outputs"):
        for position, tensor in enumerate(model[kind]):
            for line in _lines(kind, position, tensor, metadata):
                shown.print(line, markup=False)
    for heading, fact in _module_lines(model["module"] or {}):
        shown.print(f"  {heading:<9}  {_shown(fact)}", markup=False)
    counts = ", ".join(f"{count} {name}" for name, count in model["operators"].items())
    shown.print(f"  operators  {counts}", markup=False)
    if verbose():
        shown.print(_steps(model))
    for problem in model["unsupported"]:
        shown.print(f"  not supported: {problem}", style="red", markup=False)
    if not model["unsupported"]:
        shown.print("  every operator is supported", style="green")


def _lines(kind: str, position: int, tensor: dict[str, Any], metadata: Any) -> Iterator[str]:
    """Yield the lines on an input or output: as the file has it, and as the module does."""
    known = metadata[kind] if metadata is not None else []
    about = known[position] if position < len(known) else {"value_range": None, "description": ""}
    entry = tensor["module"] or {"value_range": None}
    line = f"  {kind[:-1]:<9}  {tensor['name'][:80]!a} {tensor['shape']} {tensor['dtype']}"
    if (limits := entry["value_range"] or about["value_range"]) is not None:
        line += " in [{:g}, {:g}]".format(*limits)
    if about["description"]:
        line += f": {about['description'][:120]!a}"
    yield line
    if tensor["module"] is not None:
        line = f"module: {entry['identifier']} [{', '.join(map(str, entry['shape']))}]"
        if kind == "inputs":
            line += f"; --inputs: {entry['identifier']} {tensor['shape']}"
        yield f"{INDENT}{line}"
    for key in (key for key in entry if key not in SHOWN and entry[key]):
        yield f"{INDENT}{key}: {_shown(entry[key])}"


def _module_lines(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield headings and texts on a module: its title and licence, sizes, and anchors."""
    for key in ("title", "licence"):
        if facts.get(key):
            yield key, facts[key]
    if facts.get("size_multiple"):
        yield "sizes", f"height and width: multiples of {facts['size_multiple']}"
    if facts.get("anchors"):
        maps = facts["anchors"]["feature_maps"]
        yield (
            "anchors",
            ", ".join(f"{m['anchors_per_cell']} in a cell of stride {m['stride']}" for m in maps),
        )


def _shown(fact: str | list[str]) -> str:
    """Return a text, or a list of texts, as printable characters on one line."""
    text = ascii(fact if isinstance(fact, str) else ", ".join(map(str, fact)))[1:-1]
    return text if len(text) <= MAX_LINE else f"{text[: MAX_LINE - 4]} ..."


def _steps(model: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table("index", "operator", "inputs", "outputs")
    for step in model["steps"]:
        cells = (step["index"], step["operator"], step["inputs"], step["outputs"])
        table.add_row(*map(str, cells))
    return table
