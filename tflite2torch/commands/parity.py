"""``tflite2torch parity``."""

from __future__ import annotations

from pathlib import Path

import click

from tflite2torch.commands.comparing import Reports, comparing, run
from tflite2torch.commands.options import common, tell_repeated
from tflite2torch.converter.convert import convert_all
from tflite2torch.converter.sources import read_sources
from tflite2torch.parity.options import Options


@click.command()
@common
@comparing
def parity(sources: tuple[Path, ...], options: Options, reports: Reports) -> None:
    """Compare every layer of the converted models of SOURCE with TFLite.

    A layer passes when its error is within twice TFLite's own noise floor, or within four
    float32 ulps of its magnitude. A failure names its source: the first layer that fails
    while its inputs pass. Exit codes: 0 all pass; 1 something fails, or cannot be compared;
    2 the call is wrong; 3 the TFLite reference could not run.
    """
    reports.check([*sources, options.inputs])
    conversions = convert_all(read_sources(sources, tell_repeated))
    run([(conversion, None) for conversion in conversions], options, reports)
