"""``tflite2torch regenerate``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tflite2torch.commands.options import SourcePath, note_written, print_json, printing, progress
from tflite2torch.converter.convert import Conversion, convert_all, convert_model
from tflite2torch.converter.errors import (
    MissingDependencyError,
    OutputError,
    SourceError,
    UnsupportedOpError,
)
from tflite2torch.converter.sources import read_sources
from tflite2torch.outputs import check_targets, write_file
from tflite2torch.own_module import load_own_module

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tflite2torch.parity.layers.report import ParityReport
    from tflite2torch.transfer.regenerate import Regenerated
    from tflite2torch.transfer.weight_files import WeightFile

FILE = click.Path(path_type=Path, dir_okay=False, exists=True)

FORMATS = dict.fromkeys([".pth", ".pt", ".bin", ".ckpt"], "pickle") | {
    suffix: suffix for suffix in (".safetensors", ".npz", ".h5")
}
"""The format that weights are written in, by the suffix of the file."""

MOST = 20
"""How many open points are printed; ``--json`` has all."""


@click.command()
@click.argument("new", type=SourcePath())
@printing
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), metavar="F")
@click.option("--like", type=FILE, metavar="F", help="The port's weights for the old model.")
@click.option(
    "--was",
    type=SourcePath(),
    metavar="OLD",
    help="The model that they were made of; without, it is looked for.",
)
@click.option(
    "--among",
    type=SourcePath(),
    multiple=True,
    metavar="DIR",
    help="Models to look for it among, besides NEW.",
)
@click.option("--module", "own", metavar="FILE.py:CLASS", help="The port; filled by its structure.")
@click.option(
    "--args",
    "arguments",
    default="[]",
    metavar="JSON",
    help="What its class is called with: a list, or a dict of keywords.",
)
@click.option("--input", "shape", metavar="1x3x128x128", help="The input that the port takes.")
@click.option("--map", "map_file", type=FILE, metavar="F", help="How the weights are made.")
@click.option("--save-map", type=click.Path(path_type=Path), metavar="F", help="Write that.")
@click.option(
    "--keep", multiple=True, metavar="KEY", help="An entry that is no model's, such as anchors."
)
@click.option("--model", metavar="NAME", help="The model of NEW, where it has several.")
@click.option("--strict", is_flag=True, help="Write a filled port only if it passes.")
@click.option("--force", is_flag=True, help="Replace files that exist.")
def regenerate(
    new: Path,
    out: Path,
    like: Path | None,
    was: Path | None,
    among: tuple[Path, ...],
    own: str | None,
    arguments: str,
    shape: str | None,
    map_file: Path | None,
    save_map: Path | None,
    keep: tuple[str, ...],
    model: str | None,
    strict: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make the weights of a port of yours anew, of the model NEW.

    How they are made is known from --like, weights that the port has for an older model; from
    --module, its code; or from --map, which --save-map has written. While a layer, a key, a shared
    weight or a tie stays open, nothing is written. A port that was filled by its code is compared
    with TFLite, and the layers are named where it departs. Exit codes: 0 written; 1 something is
    open, or the port departs; 2 the call or a file is wrong; 3 the reference could not run.
    """
    if not (like or own or map_file) or (was and (own or map_file)):
        raise click.UsageError("give --like, --module or --map; --was is for --like alone")
    read = [new, was, like, map_file, *among]
    targets = {"--out": out, "--save-map": save_map}
    check_targets(targets, {}, [path for path in read if path is not None], force)
    _check_format(out, like)
    _need_torch()
    from tflite2torch.converter.loading import load_module
    from tflite2torch.transfer.weight_files import read_weight_file

    conversion = _one_model(new, model)
    emitted = load_module(conversion)
    form = read_weight_file(like) if like else None
    module = load_own_module(own, arguments) if own else None
    if module is not None and shape is not None:
        _check_shape(conversion, shape)
    with progress(quiet) as bar:
        bar.add_task("making weights", total=None)
        report: ParityReport | None = None
        told: list[str] = []
        if module is not None:
            made, report, told = _by_module(conversion, emitted, module, form, keep, map_file)
        else:
            made = _by_files(conversion, emitted, form, was, among, map_file, keep)
    failed = report is not None and not report.passed
    if made.tensors and not (failed and strict):
        write_file("--out", out, _bytes(out, form, made.tensors))
        note_written(f"{out} was written")
        if save_map is not None and made.mapping is not None:
            write_file("--save-map", save_map, made.mapping.text())
            note_written(f"{save_map} was written")
        written: Path | None = out
    else:
        written = None
    _tell(conversion, made, report, told, written, as_json, quiet)
    if made.problems or failed:
        click.get_current_context().exit(1)


def _check_format(out: Path, like: Path | None) -> None:
    """Raise OutputError where the suffix of OUT is not of the format that is written."""
    suffix = out.suffix.lower()
    if suffix not in FORMATS:
        raise OutputError(f"{out}: its suffix names no format; choose one of {', '.join(FORMATS)}")
    if like is None and suffix == ".h5":
        raise OutputError(f"{out}: an .h5 has the form of another one; give that with --like")
    if like is not None and FORMATS[suffix] != FORMATS.get(like.suffix.lower(), "pickle"):
        raise OutputError(f"{out}: it has the format of --like; choose a name in {like.suffix}")


def _need_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            'regenerate needs torch: pip install "tflite2torch[torch]"'
        ) from error


def _one_model(source: Path, name: str | None) -> Conversion:
    files = list(read_sources([source]))
    chosen = [file for file in files if name is None or file.name == name]
    if len(chosen) != 1:
        named = ", ".join(file.name for file in files)
        raise SourceError(f"{source}: give --model, one of {named}")
    return convert_model(chosen[0])


def _check_shape(conversion: Conversion, text: str) -> None:
    """Raise SourceError where a port takes no image of the model in any order of axes."""
    try:
        given = [int(n) for n in text.split("x")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is no 1x3x128x128") from None
    [entry, *_] = conversion.inputs
    own = [1 if n == "N" else int(n) for n in entry["shape"]]
    if sorted(given[1:]) != sorted(own[1:]):
        raise SourceError(f"--input {text}: the model takes {'x'.join(map(str, own))}")


def _by_module(
    conversion: Conversion,
    emitted: nn.Module,
    module: nn.Module,
    form: WeightFile | None,
    keep: Sequence[str],
    map_file: Path | None,
) -> tuple[Regenerated, ParityReport | None, list[str]]:
    """Fill a port, compare it with TFLite, and tell where it departs."""
    from dataclasses import replace

    from tflite2torch.comparison import OF_CONVERT, compare_conversion
    from tflite2torch.transfer.mapping import read_map
    from tflite2torch.transfer.regenerate import by_structure, departures, differences

    known = read_map(map_file) if map_file else None
    made = by_structure(conversion, emitted, module, keep, known)
    if not made.tensors:
        return made, None, []
    module.load_state_dict(dict(made.tensors))
    report = compare_conversion(conversion, OF_CONVERT, module)
    told = departures(conversion, emitted, module, report)
    if form is not None:
        like = form.tensors
        if problems := differences(made.tensors, like):
            return replace(made, tensors={}, problems=tuple(problems)), report, told
        shaped = {k: made.tensors[k].to(x.dtype).reshape(x.shape) for k, x in like.items()}
        made = replace(made, tensors=shaped)
    return made, report, told


def _by_files(
    conversion: Conversion,
    emitted: nn.Module,
    form: WeightFile | None,
    was: Path | None,
    among: Sequence[Path],
    map_file: Path | None,
    keep: Sequence[str],
) -> Regenerated:
    """Make weights by a map, or by the example of old ones."""
    from tflite2torch.converter.loading import load_module
    from tflite2torch.transfer.mapping import read_map
    from tflite2torch.transfer.regenerate import by_example, by_map, find_model

    state = emitted.state_dict()
    like = form.tensors if form else {}
    if map_file is not None:
        return by_map(conversion, state, read_map(map_file), like)
    known: Iterator[tuple[Conversion, Mapping[str, Tensor]]] = (
        (model, load_module(model).state_dict()) for model in _known(conversion, was, among)
    )
    old = find_model(like, known, keep) if was is None else _fitting(was, like)
    return by_example(conversion, old, (state, load_module(old).state_dict()), like, keep)


def _known(new: Conversion, was: Path | None, among: Sequence[Path]) -> Iterator[Conversion]:
    """Yield the models to look among; those that cannot be converted are left out."""
    yield new
    for file in read_sources(list(among)) if among else ():
        try:
            yield convert_model(file)
        except UnsupportedOpError:
            continue


def _fitting(was: Path, like: Mapping[str, Tensor]) -> Conversion:
    """Return the old model; of a bundle the one with most of the weights' values."""
    from tflite2torch.converter.loading import load_module
    from tflite2torch.transfer.by_value import agreement

    models = convert_all(read_sources([was]))
    return max(models, key=lambda model: agreement(like, load_module(model).state_dict()))


def _bytes(out: Path, form: WeightFile | None, tensors: Mapping[str, Tensor]) -> bytes:
    from tflite2torch.transfer.weight_files import WeightFile

    return (form or WeightFile(out, {})).with_tensors(tensors)


def _tell(
    conversion: Conversion,
    made: Regenerated,
    report: ParityReport | None,
    told: Sequence[str],
    written: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Print what came of it; what is open or departs goes to standard error."""
    document: dict[str, Any] = {
        "model": conversion.name,
        "source": conversion.file.label,
        "written": None if written is None else str(written),
        "keys": len(made.tensors),
        "problems": made.problems,
        "notes": made.notes,
        "map": None if made.mapping is None else json.loads(made.mapping.text()),
        "parity": None
        if report is None
        else {"passed": report.passed, "verdict": report.verdict, "sources": report.sources},
        "departures": list(told),
    }
    if as_json:
        print_json(document)
        return
    for problem in made.problems[:MOST]:
        click.echo(f"open: {problem}", err=True)
    if len(made.problems) > MOST:
        click.echo(f"open: {len(made.problems) - MOST} more; --json lists them", err=True)
    if report is not None and not report.passed:
        click.echo(f"{conversion.name}: {report.verdict}", err=True)
        for line in told:
            click.echo(f"  {line}", err=True)
    if quiet:
        return
    for note in made.notes:
        click.echo(f"note: {note}")
    if report is not None and report.passed:
        click.echo(f"{conversion.name}: {report.verdict}")
    if written is not None:
        click.echo(f"{written}: {len(made.tensors)} tensors of {conversion.file.label}")
    else:
        click.echo("nothing was written")
