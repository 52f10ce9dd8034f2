"""``tflite2torch compare``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from tflite2torch.commands.comparing import Shown, comparing, run
from tflite2torch.commands.options import common, tell_repeated
from tflite2torch.converter.convert import Conversion, convert_all
from tflite2torch.converter.errors import SourceError
from tflite2torch.converter.sources import read_sources
from tflite2torch.parity.options import Options


@click.command()
@common
@comparing
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16", "bfloat16"]),
    default="float32",
    show_default=True,
    help="What the second source computes in; the noise floor is then of that type.",
)
def compare(sources: tuple[Path, ...], options: Options, shown: Shown, dtype: str) -> None:
    """Compare two models of one architecture, layer by layer.

    SOURCE is given twice. TFLite runs the models of the first one, PyTorch those of the
    second, paired by name, or the only one with the only one: what differs by more than
    TFLite's own noise is what has changed. Two releases, float32 and float16 weights, or,
    with --dtype and the same source twice, two types to compute in.
    Exit codes: as those of parity.
    """
    if len(sources) != 2:
        raise click.UsageError(f"compare takes two sources, not {len(sources)}")
    shown.reports.check([*sources, options.inputs])
    first, second = (convert_all(read_sources([source], tell_repeated)) for source in sources)
    others = _paired(first, second)
    pairs = [(model, others[model.name]) for model in first]
    run(pairs, replace(options, dtype=dtype), shown)


def _paired(first: list[Conversion], second: list[Conversion]) -> dict[str, Conversion]:
    """Return the model of the second source for each name in the first."""
    if len(first) == len(second) == 1:
        return {first[0].name: second[0]}
    by_name = {conversion.name: conversion for conversion in second}
    names = [conversion.name for conversion in first]
    if set(names) != set(by_name):
        raise SourceError(
            f"{', '.join(names)} and {', '.join(by_name)} do not pair up by name; "
            "give two files of one model each"
        )
    return by_name
