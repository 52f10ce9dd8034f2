"""``tflite2torch convert``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import click
from rich.table import Table

from tflite2torch.commands.options import (
    FolderPath,
    common,
    finish,
    note_written,
    print_json,
    progress,
    tell_repeated,
)
from tflite2torch.comparison import OF_CONVERT, compare_all, compare_conversion, missing
from tflite2torch.console import console
from tflite2torch.converter.convert import Conversion, convert_all
from tflite2torch.converter.errors import ReferenceFailedError, ReferenceMissingError
from tflite2torch.converter.files import write_conversions
from tflite2torch.converter.sources import read_sources
from tflite2torch.converter.writer.weights import FloatType, WeightsFormat
from tflite2torch.parity.align.values import OUTPUT
from tflite2torch.parity.layers.report import LayerReport, Outcome, ParityReport
from tflite2torch.parity.reports.terminal import DEEPER

Outcomes = dict[str, Outcome]


@click.command()
@common
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    default=".",
    type=FolderPath(),
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
@click.option("--force", is_flag=True, help="Replace models and files that exist.")
@click.option(
    "--verify/--no-verify",
    "verified",
    default=True,
    help="Compare with TFLite, where it is installed, before writing.  [default: verify]",
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
    NAME.safetensors (or .pth), and manifest.json with where everything came from. Where the
    folder has models already, these stay in its manifest.

    Each layer is compared with TFLite's before the files appear. A model that fails is not
    written; --no-verify writes it all the same. A model whose reference is not installed is
    written, and not compared: no failure.
    """
    files = list(read_sources(sources, tell_repeated))
    with progress(quiet) as bar:
        conversions = convert_all(bar.track(files, description="converting"))
    skipped = missing() if verified else "--no-verify"
    reports: Outcomes = {}

    def rejected() -> list[str]:
        if not skipped:
            reports.update(_verify(conversions, quiet))
        return _failed(reports)

    written = write_conversions(conversions, out, weights_format, dtype, force, rejected)
    if written:
        note_written(f"{len(written)} files were written to {out}")
    if as_json:
        facts = [_facts(c, out, weights_format, reports.get(c.name)) for c in conversions]
        print_json({"models": facts, "not_verified": skipped})
    elif not quiet:
        _show(conversions, out, reports, skipped)
    done = {n: r for n, r in reports.items() if not isinstance(r, ReferenceMissingError)}
    finish(done, quiet)


def _verify(conversions: Sequence[Conversion], quiet: bool) -> Outcomes:
    with progress(quiet) as bar:
        return compare_all(
            bar.track(conversions, description="comparing with TFLite"),
            lambda conversion: compare_conversion(conversion, OF_CONVERT),
        )


def _failed(reports: Outcomes) -> list[str]:
    """Return the names of the models that were compared and differ from TFLite."""
    return [n for n, r in reports.items() if isinstance(r, ParityReport) and not r.passed]


def _facts(
    conversion: Conversion,
    out: Path,
    weights_format: str,
    report: Outcome | None,
) -> dict[str, Any]:
    parity: dict[str, Any] | None = None
    if isinstance(report, ParityReport):
        parity = {
            "passed": report.passed,
            "verdict": report.verdict,
            "sources": report.sources,
            "outputs": [_output(layer) for layer in report.layers if _is_output(layer)],
            "inputs": report.samples,
            "left_out": report.left_out,
            "batches": report.batches,
            "xnnpack": report.delegated,
            "failures": report.failures,
        }
    elif report is not None:
        parity = {"passed": None, "reason": str(report)}
    rejected = isinstance(report, ParityReport) and not report.passed
    return {
        "name": conversion.name,
        "class": conversion.class_name,
        "source": conversion.file.label,
        "sha256": conversion.file.sha256,
        "operators": conversion.operators,
        "parameters": conversion.parameters,
        "lines": conversion.source.count("\n"),
        "module": None if rejected else str(out / f"{conversion.name}.py"),
        "weights": None if rejected else str(out / f"{conversion.name}.{weights_format}"),
        "inputs": conversion.inputs,
        "outputs": conversion.outputs,
        "parity": parity,
    }


def _is_output(layer: LayerReport) -> bool:
    return layer.identity.kind == OUTPUT


def _output(layer: LayerReport) -> dict[str, Any]:
    exact = layer.worst.measures.exact
    numbers = {
        "error": layer.worst.error,
        "floor": layer.worst.floor,
        "limit": layer.worst.limit,
        "error_xnnpack": layer.totals.xnnpack_error,
        "from_exact": exact.module,
        "reference_from_exact": exact.reference,
    }
    # JSON has no number for an infinite error: null stands for it.
    return {
        "name": layer.identity.tensor_name,
        "worst": layer.worst.measures.sample,
        **{k: None if v in (None, math.inf) else v for k, v in numbers.items()},
        "failures": layer.failures,
    }


def _show(conversions: Sequence[Conversion], out: Path, reports: Outcomes, skipped: str) -> None:
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
        for report in reports.values():
            if isinstance(report, ReferenceMissingError):
                shown.print(str(report), markup=False, style="yellow")
        for line in _failures(reports):
            shown.print(line, markup=False, style="red")


def _parity_table(reports: Outcomes) -> Table:
    table = Table(title="Compared with TFLite's reference kernels", title_justify="left")
    table.add_column("output")
    for heading in ("error", "noise floor", "ratio"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    for name, report in reports.items():
        if not isinstance(report, ParityReport):
            broken = type(report) is ReferenceFailedError
            verdict = "reference failed" if broken else "not compared"
            table.add_row(f"[bold]{name}[/]", "", "", "", f"[yellow]{verdict}[/]")
            continue
        table.add_row(f"[bold]{name}[/]")
        for output in filter(_is_output, report.layers):
            table.add_row(
                f"  {output.identity.tensor_name}",
                f"{output.worst.error:.2g}",
                f"{output.worst.floor:.2g}",
                f"{output.ratio:.2f}{DEEPER if output.worst.draws else ''}",
                "[green]passes[/]" if output.passed else "[red]FAILS[/]",
            )
    return table


def _failures(reports: Outcomes) -> list[str]:
    lines = []
    for name, report in reports.items():
        if not isinstance(report, ParityReport):
            continue
        lines += [f"{name}: {failure}" for failure in report.failures]
        shown = [x for x in report.layers if x.name in report.sources or _is_output(x)]
        for layer in shown:
            called = layer.identity.tensor_name if _is_output(layer) else layer.name
            failures = layer.failures or layer.forced_failures
            lines += [f"{name}: {called}: {failure}" for failure in failures]
        if not report.passed:
            lines.append(f"{name} was not written; --no-verify writes it all the same")
    return lines
