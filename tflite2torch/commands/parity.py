"""``tflite2torch parity``."""

from __future__ import annotations

from pathlib import Path

import click

from tflite2torch.commands.comparing import FILE, Reports, comparing, write_report
from tflite2torch.commands.options import (
    FolderPath,
    common,
    finish,
    note_written,
    progress,
    tell_repeated,
)
from tflite2torch.comparison import (
    check_inputs,
    check_tolerances,
    compare_all,
    compare_conversion,
    reproduce,
)
from tflite2torch.converter.convert import convert_all
from tflite2torch.converter.sources import read_sources
from tflite2torch.outputs import check_new, write_files
from tflite2torch.parity.layers.report import ParityReport
from tflite2torch.parity.options import Options


@click.command()
@common
@comparing
@click.option(
    "--model-explorer",
    "explorer",
    type=FILE,
    metavar="F",
    help="Write node data for Google's Model Explorer; of one model.",
)
@click.option(
    "--save-repro",
    "repro",
    type=FolderPath(),
    metavar="DIR",
    help="Save a minimal reproduction of the failing layer, or of the worst one.",
)
def parity(
    sources: tuple[Path, ...],
    options: Options,
    reports: Reports,
    explorer: Path | None,
    repro: Path | None,
) -> None:
    """Compare every layer of the converted models of SOURCE with TFLite.

    A layer passes when its error is within twice TFLite's own noise floor, or within four
    float32 ulps of its magnitude. A failure names its source: the first layer that fails
    while its inputs pass. Exit codes: 0 all pass; 1 something fails, or cannot be compared;
    2 the call is wrong; 3 the TFLite reference could not run.
    """
    reports.check(
        [*sources, options.inputs],
        {"--model-explorer": explorer},
        {"--save-repro": repro},
    )
    conversions = convert_all(read_sources(sources, tell_repeated))
    if explorer is not None and len(conversions) != 1:
        raise click.UsageError("--model-explorer takes one model; name one .tflite file")
    if repro is not None and not reports.force:
        for conversion in conversions:
            check_new("--save-repro", repro / conversion.name)
    check_inputs(options, conversions)
    check_tolerances(options.tolerances, conversions)
    with progress(reports.quiet) as bar:
        outcomes = compare_all(
            bar.track(conversions, description="comparing with TFLite"),
            lambda conversion: compare_conversion(conversion, options),
        )
    reports.show(outcomes)
    for conversion in conversions:
        report = outcomes[conversion.name]
        if not isinstance(report, ParityReport):
            continue
        if explorer is not None:
            from tflite2torch.parity.reports.model_explorer import as_node_data

            data = as_node_data(report, conversion.file.data)
            write_report("--model-explorer", explorer, data)
        if repro is not None and (files := reproduce(conversion, options, report)):
            write_files("--save-repro", repro / conversion.name, files)
            note_written(f"{repro / conversion.name} was written")
    finish(outcomes, reports.quiet)
