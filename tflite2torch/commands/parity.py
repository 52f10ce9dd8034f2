"""``tflite2torch parity``."""

from __future__ import annotations

from pathlib import Path

import click

from tflite2torch.commands.comparing import Shown, comparing, run
from tflite2torch.commands.options import common, tell_repeated
from tflite2torch.converter.convert import convert_all
from tflite2torch.converter.sources import read_sources
from tflite2torch.own_module import load_own_module
from tflite2torch.parity.options import Options


@click.command()
@common
@comparing
@click.option(
    "--module",
    "own",
    metavar="FILE.py:CLASS",
    help="Compare a module of your own in place of the emitted one; of one model.",
)
@click.option(
    "--args",
    "arguments",
    default="[]",
    metavar="JSON",
    help="What its class is called with: a list, or a dict of keywords.",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="F",
    help="Its weights, .safetensors or .pth; without, those that it makes.",
)
def parity(
    sources: tuple[Path, ...],
    options: Options,
    shown: Shown,
    own: str | None,
    arguments: str,
    weights: Path | None,
) -> None:
    """Compare every layer of the converted models of SOURCE with TFLite.

    A layer passes when its error is within twice TFLite's own noise floor, or within four
    float32 ulps of its magnitude, or if structure and rounding both are right by themselves. A
    failure names its source: the first layer that fails while its inputs pass. With --module,
    your module is compared; it is lined up by its structure, whatever its names are. Exit codes:
    0 all pass; 1 something fails, or cannot be compared; 2 the call is wrong; 3 the TFLite
    reference could not run.
    """
    shown.reports.check([*sources, options.inputs, weights])
    if own is None and (weights is not None or arguments != "[]"):
        raise click.UsageError("--weights and --args are for --module")
    conversions = convert_all(read_sources(sources, tell_repeated))
    if own is None:
        run([(conversion, None) for conversion in conversions], options, shown)
        return
    if len(conversions) != 1:
        names = ", ".join(conversion.file.label for conversion in conversions)
        raise click.UsageError(f"--module is of one model; SOURCE has {len(conversions)}: {names}")
    run([(conversions[0], load_own_module(own, arguments, weights))], options, shown)
