"""``tflite2torch write-back``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tflite2torch.commands.options import SourcePath, note_written, print_json, printing
from tflite2torch.converter.convert import Conversion, convert_all, convert_model
from tflite2torch.converter.errors import (
    MissingDependencyError,
    NotComparableError,
    SourceError,
)
from tflite2torch.converter.frontends.file import ModelFile
from tflite2torch.converter.graph.value import Array
from tflite2torch.converter.sources import read_sources
from tflite2torch.outputs import check_targets, write_file
from tflite2torch.transfer.bundle import with_entry
from tflite2torch.transfer.write_back import WrittenBack, check_keys, fitting_models, with_weights

FILE = click.Path(path_type=Path, dir_okay=False, exists=True)

MOST = 10
"""How many entries are printed; ``--json`` has all."""


@click.command("write-back")
@click.argument("source", type=SourcePath())
@click.argument("weights", type=FILE)
@printing
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), metavar="F", help="The new file."
)
@click.option("--model", metavar="NAME", help="The model of SOURCE; else the one that fits.")
@click.option("--map", "map_file", type=FILE, metavar="F", help="WEIGHTS are a port's: its map.")
@click.option("--densify", is_flag=True, help="Store sparse constants densely if they must be.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def write_back(
    source: Path,
    weights: Path,
    out: Path,
    model: str | None,
    map_file: Path | None,
    densify: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Put WEIGHTS back into a copy of SOURCE, a .tflite or .task file.

    WEIGHTS is a .safetensors or .pth file with the keys of the module that convert writes, or,
    with --map, with a port's. Graph, metadata, names and storage types stay; MediaPipe runs the new
    file as it runs the old one. Exit codes: 0 written; 1 the weights cannot be stored there; 2 the
    call or a file is wrong.
    """
    read = [source, weights, *([map_file] if map_file else [])]
    check_targets({"--out": out}, {}, read, force)
    conversions = convert_all(read_sources([source]))
    state = _read(weights)
    conversion, state = _chosen(source, conversions, state, model, map_file)
    if problems := check_keys(conversion, state):
        raise SourceError(
            f"{weights}: it does not fit {conversion.file.label}: " + _listed(problems)
        )
    result = with_weights(conversion, state, densify)
    if result.problems:
        raise NotComparableError(f"{conversion.file.label}: " + _listed(list(result.problems)))
    written = _checked(conversion, result)
    data, content = source.read_bytes(), result.data
    if data != conversion.file.data:
        content = with_entry(data, conversion.file.data, result.data, str(source))
    write_file("--out", out, content)
    note_written(f"{out} was written")
    _tell(conversion, written, state, result, out, as_json, quiet)


def _read(path: Path) -> dict[str, Array]:
    """Return the tensors of a file as arrays."""
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError(
            'write-back needs torch: pip install "tflite2torch[torch]"'
        ) from error
    from tflite2torch.transfer.weight_files import read_weights

    found = read_weights(path)
    return {
        key: (x.float() if x.dtype == torch.bfloat16 else x).detach().numpy()
        for key, x in found.items()
    }


def _chosen(
    source: Path,
    conversions: list[Conversion],
    state: dict[str, Array],
    name: str | None,
    map_file: Path | None,
) -> tuple[Conversion, dict[str, Array]]:
    """Return the model that weights are for, and these under its keys."""
    named = [model for model in conversions if name in (None, model.name)]
    known = ", ".join(model.name for model in conversions)
    if not named:
        raise SourceError(f"{source}: no model is called {name}; there are {known}")
    if map_file is not None:
        return _by_map(named, state, map_file)
    fitting = named if len(named) == 1 else fitting_models(named, state)
    if len(fitting) != 1:
        count = "none" if not fitting else "several"
        raise SourceError(
            f"{source}: {count} of its models have these keys; --model names one of {known}"
        )
    return fitting[0], state


def _by_map(
    models: list[Conversion], state: Mapping[str, Array], map_file: Path
) -> tuple[Conversion, dict[str, Array]]:
    """Return a port's weights under the keys of the model that its map is for."""
    import torch

    from tflite2torch.transfer.fingerprint import fingerprints
    from tflite2torch.transfer.mapping import read_map

    mapping = read_map(map_file)
    for model in models:
        if fingerprints(model).architecture == mapping.architecture:
            own = {
                key: torch.from_numpy(value.array.astype(value.dtype))
                for key, value in model.state.items()
            }
            port = {key: torch.from_numpy(x) for key, x in state.items()}
            return model, {key: x.numpy() for key, x in mapping.undo(port, own).items()}
    raise SourceError(f"{map_file}: it is for a model of another architecture")


def _checked(conversion: Conversion, result: WrittenBack) -> Conversion:
    """Convert the new file, as whoever gets it does."""
    return convert_model(ModelFile(conversion.name, conversion.file.label, result.data))


def _listed(problems: list[str]) -> str:
    more = f"; and {len(problems) - MOST} more" if len(problems) > MOST else ""
    return "; ".join(problems[:MOST]) + more


def _tell(
    conversion: Conversion,
    written: Conversion,
    state: Mapping[str, Array],
    result: WrittenBack,
    out: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Print which entries changed, and what storage rounds."""
    outputs = _output_errors(written, state) if result.rounded else {}
    if as_json:
        document: dict[str, Any] = {
            "model": conversion.name,
            "source": conversion.file.label,
            "written": str(out),
            "sha256": written.file.sha256,
            "changed": result.changed,
            "rounded": [asdict(one) for one in result.rounded],
            "outputs": outputs,
        }
        print_json(document)
        return
    if quiet:
        return
    total = len(conversion.state)
    click.echo(f"{out}: {len(result.changed)} of {total} entries of {conversion.name} changed")
    worst = sorted(result.rounded, key=lambda x: x.error / (x.magnitude or 1), reverse=True)
    for one in worst[:MOST]:
        click.echo(
            f"  {one.key}: rounded to {one.stored} by up to {one.error:.3g} of {one.magnitude:.3g}"
        )
    if len(worst) > MOST:
        click.echo(f"  and {len(worst) - MOST} more; --json lists them")
    for name, (error, size) in outputs.items():
        click.echo(f"  output {name}: moved by up to {error:.3g} of {size:.3g} by that")


def _output_errors(
    written: Conversion, state: Mapping[str, Array]
) -> dict[str, tuple[float, float]]:
    """Return by how much rounding moves each output, on two inputs, and its magnitude."""
    import torch

    from tflite2torch.converter.loading import load_module
    from tflite2torch.parity.inputs.interface import Interface
    from tflite2torch.parity.inputs.samples import make_samples

    interface = Interface.of(written)
    samples = make_samples(interface.inputs, 0, ("uniform", "face"))
    inputs = [torch.from_numpy(x) for x in interface.stack([s.arrays for s in samples])]
    stored, given = load_module(written), load_module(written)
    own = given.state_dict()
    given.load_state_dict({k: torch.from_numpy(x).to(own[k].dtype) for k, x in state.items()})
    with torch.inference_mode():
        sides = [module(*inputs) for module in (stored, given)]
    found = {}
    pairs = [x if isinstance(x, tuple) else (x,) for x in sides]
    for port, one, other in zip(interface.outputs, *pairs, strict=True):
        error, size = (one - other).abs().max(), other.abs().max()
        found[port.name] = (float(error), float(size))
    return found
