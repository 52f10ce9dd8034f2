"""``tflite2torch convert``."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import click
from rich.table import Table

from tflite2torch.commands.options import common, finish, progress
from tflite2torch.console import console
from tflite2torch.converter.convert import Conversion, convert_all
from tflite2torch.converter.errors import ReferenceFailedError
from tflite2torch.converter.files import write_conversions
from tflite2torch.converter.sources import read_sources
from tflite2torch.converter.writer.weights import FloatType, WeightsFormat
from tflite2torch.parity.report import ModelReport
from tflite2torch.verification import missing, verify

Reports = dict[str, ModelReport | ReferenceFailedError]


@click.command()
@common
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    default=".",
    type=click.Path(path_type=Path),
    help="Folder for the files; created where missing.  [default: this folder]",
)
@click.option(
    "--format",
    "weights_format",
    type=click.Choice(get_args(WeightsFormat)),
    default="safetensors",
    show_default=True,
    help="How weights are stored.",
)
@click.option(
    "--dtype",
    type=click.Choice(get_args(FloatType)),
    default="float32",
    show_default=True,
    help="What weights are stored as.",
)
@click.option("--force", is_flag=True, help="Replace files that exist.")
@click.option(
    "--verify/--no-verify",
    "verified",
    default=True,
    help="Compare outputs with TFLite's, where it is installed.  [default: verify]",
)
def convert(
    sources: tuple[Path, ...],
    out: Path,
    weights_format: WeightsFormat,
    dtype: FloatType,
    force: bool,
    verified: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write PyTorch source, weights and a manifest for every model of SOURCE.

    For each model NAME: NAME.py, a standalone module that imports torch only, its weights
    NAME.safetensors (or .pth), and manifest.json with where everything came from.
    """
    files = list(read_sources(sources))
    with progress(quiet) as bar:
        conversions = convert_all(bar.track(files, description="converting"))
    write_conversions(conversions, out, weights_format, dtype, force)
    skipped = missing() if verified else "--no-verify"
    reports: Reports = {} if skipped else _verify(conversions, quiet)
    if as_json:
        facts = [
            _facts(c, out, weights_format, reports.get(c.name)) for c in conversions
        ]
        click.echo(json.dumps({"models": facts, "not_verified": skipped}, indent=2))
    elif not quiet:
        _show(conversions, out, reports, skipped)
    finish(reports, quiet)


def _verify(conversions: Sequence[Conversion], quiet: bool) -> Reports:
    reports: Reports = {}
    with progress(quiet) as bar:
        for conversion in bar.track(conversions, description="comparing with TFLite"):
            try:
                reports[conversion.name] = verify(conversion)
            except ReferenceFailedError as error:
                reports[conversion.name] = error
    return reports


def _facts(
    conversion: Conversion,
    out: Path,
    weights_format: str,
    report: ModelReport | ReferenceFailedError | None,
) -> dict[str, Any]:
    parity: dict[str, Any] | None = None
    if isinstance(report, ModelReport):
        parity = {"passed": report.passed, **_finite(asdict(report))}
    elif report is not None:
        parity = {"passed": None, "reason": str(report)}
    return {
        "name": conversion.name,
        "class": conversion.class_name,
        "source": conversion.file.label,
        "sha256": conversion.file.sha256,
        "operators": conversion.operators,
        "parameters": conversion.parameters,
        "lines": conversion.source.count("\n"),
        "module": str(out / f"{conversion.name}.py"),
        "weights": str(out / f"{conversion.name}.{weights_format}"),
        "inputs": conversion.inputs,
        "outputs": conversion.outputs,
        "parity": parity,
    }


def _finite(facts: Any) -> Any:
    """Return facts with null for what JSON has no number for: an infinite error."""
    if isinstance(facts, dict):
        return {key: _finite(value) for key, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [_finite(value) for value in facts]
    return None if isinstance(facts, float) and not math.isfinite(facts) else facts


def _show(
    conversions: Sequence[Conversion], out: Path, reports: Reports, skipped: str
) -> None:
    shown = console()
    table = Table(title=f"Converted to {out}", title_justify="left")
    table.add_column("model")
    for heading in ("operators", "parameters", "lines"):
        table.add_column(heading, justify="right")
    for c in conversions:
        lines = c.source.count("\n")
        table.add_row(c.name, str(c.operators), f"{c.parameters:,}", str(lines))
    shown.print(table)
    if skipped:
        shown.print(f"Not compared with TFLite: {skipped}", markup=False)
    elif reports:
        shown.print(_parity_table(reports))
        for line in _failures(reports):
            shown.print(line, markup=False, style="red")


def _parity_table(reports: Reports) -> Table:
    table = Table(
        title="Compared with TFLite's reference kernels", title_justify="left"
    )
    table.add_column("output")
    for heading in ("error", "noise floor", "ratio"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    for name, report in reports.items():
        if isinstance(report, ReferenceFailedError):
            table.add_row(f"[bold]{name}[/]", "", "", "", "[yellow]reference failed[/]")
            continue
        table.add_row(f"[bold]{name}[/]")
        for output in report.outputs:
            table.add_row(
                f"  {output.name}",
                f"{output.error:.2g}",
                f"{output.floor:.2g}",
                f"{output.ratio:.2f}",
                "[green]passes[/]" if output.passed else "[red]FAILS[/]",
            )
    return table


def _failures(reports: Reports) -> list[str]:
    lines = []
    for name, report in reports.items():
        if isinstance(report, ReferenceFailedError):
            continue
        lines += [f"{name}: {failure}" for failure in report.failures]
        for output in report.outputs:
            lines += [
                f"{name}: {output.name}: {failure}" for failure in output.failures
            ]
    return lines
