"""``tflite2torch inspect``."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tflite2torch.commands.options import common, verbose
from tflite2torch.converter.convert import find_problems
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.frontends.tflite.metadata import read_metadata
from tflite2torch.converter.frontends.tflite.model import TfliteModel
from tflite2torch.converter.frontends.tflite.parse import read_model
from tflite2torch.converter.sources import read_sources

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


@click.command()
@common
def inspect(sources: tuple[Path, ...], quiet: bool, as_json: bool) -> None:
    """List operators, inputs, outputs, metadata, and what is not supported and where.

    Ends with 1 where a model has something that cannot be converted.
    """
    facts = [_facts(file) for file in read_sources(sources)]
    if as_json:
        click.echo(json.dumps({"models": facts}, indent=2))
    elif not quiet:
        from tflite2torch.console import console

        for model in facts:
            _show(console(), model)
    if any(model["unsupported"] for model in facts):
        click.get_current_context().exit(1)


def _facts(file: ModelFile) -> dict[str, Any]:
    model = read_model(file)
    metadata = read_metadata(model)
    return {
        "name": file.name,
        "source": file.label,
        "sha256": file.sha256,
        "description": model.description,
        "inputs": [_tensor(model, index) for index in model.inputs],
        "outputs": [_tensor(model, index) for index in model.outputs],
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
        "unsupported": find_problems(model, file.name),
    }


def _tensor(model: TfliteModel, index: int) -> dict[str, Any]:
    tensor = model.tensors[index]
    return {
        "tensor": index,
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
    }


def _show(shown: Console, model: dict[str, Any]) -> None:
    shown.print(f"\n{model['source']}", style="bold", markup=False)
    shown.print(f"  sha256 {model['sha256']}")
    metadata = model["metadata"]
    if metadata is not None:
        title = f"{metadata['name']}: {metadata['description']}"
        shown.print(f"  {title!a}"[:300], markup=False)
    for kind in ("inputs", "outputs"):
        for position, tensor in enumerate(model[kind]):
            shown.print(_line(kind, position, tensor, metadata), markup=False)
    counts = ", ".join(f"{count} {name}" for name, count in model["operators"].items())
    shown.print(f"  operators  {counts}", markup=False)
    if verbose():
        shown.print(_steps(model))
    for problem in model["unsupported"]:
        shown.print(f"  not supported: {problem}", style="red", markup=False)
    if not model["unsupported"]:
        shown.print("  every operator is supported", style="green")


def _line(kind: str, position: int, tensor: dict[str, Any], metadata: Any) -> str:
    line = f"  {kind[:-1]:<9}  {tensor['name'][:80]!a} {tensor['shape']} {tensor['dtype']}"
    known = metadata[kind] if metadata is not None else []
    if position < len(known):
        about = known[position]
        if about["value_range"] is not None:
            line += " in [{:g}, {:g}]".format(*about["value_range"])
        if about["description"]:
            line += f": {about['description'][:120]!a}"
    return line


def _steps(model: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table("index", "operator", "inputs", "outputs")
    for step in model["steps"]:
        cells = (step["index"], step["operator"], step["inputs"], step["outputs"])
        table.add_row(*map(str, cells))
    return table
