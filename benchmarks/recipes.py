"""What docs/recipes.md says of losses and of low precision, measured.

``python -m benchmarks.recipes SOURCE… --write docs/recipes.md`` puts both tables between the
marks that the page has for them; without ``--write`` it prints them. SOURCE are the official
models; those that the registry of architectures does not know are left out.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import click
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import markdown
from tflite2torch.converter.convert import Conversion, convert_model
from tflite2torch.converter.loading import load_module
from tflite2torch.converter.sources import read_sources
from tflite2torch.parity.inputs.face import picture_values
from tflite2torch.parity.inputs.interface import Interface

LANDMARKS, SIZE = "face_landmarks_detector", 256
"""The model that losses are tried on, and the height and width of its image."""

STEPS, SHIFT, RATES = 10, 5.0, (1e-4, 1e-3, 1e-2)
"""Steps of plain SGD, pixels that every point shall move, and learning rates."""

Loss = Callable[[Tensor, Tensor], Tensor]


def _smooth(x: Tensor, y: Tensor) -> Tensor:
    return F.smooth_l1_loss(x / SIZE, y / SIZE, beta=0.01)


LOSSES: dict[str, tuple[Loss, float]] = {
    "squared, pixels": (F.mse_loss, 0),
    "smooth L1, pixels": (F.smooth_l1_loss, 0),
    "squared, pixels, clipped": (F.mse_loss, 1),
    "squared, image sizes": (lambda x, y: F.mse_loss(x / SIZE, y / SIZE), 0),
    "smooth L1, image sizes": (_smooth, 0),
    "smooth L1, image sizes, clipped": (_smooth, 1),
}
"""Losses by name, and the norm that gradients are clipped to, or 0."""


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--write", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(sources: tuple[Path, ...], write: Path | None) -> None:
    """Measure the official face models among SOURCES, and print tables."""
    registry = json.loads(
        files("tflite2torch.architectures").joinpath("registry.json").read_text(encoding="utf-8")
    )
    conversions = {
        file.sha256: convert_model(file)
        for file in read_sources(sources)
        if file.sha256 in registry
    }
    precision = [row for conversion in conversions.values() for row in _precision(conversion)]
    (landmarks,) = (c for c in conversions.values() if c.name == LANDMARKS)
    headings = ["loss", "gradient's norm", *(f"learning rate {rate:g}" for rate in RATES)]
    tables = {
        "losses": markdown.table(headings, "lrrrr", _losses(landmarks)),
        "precision": markdown.table(
            ["model", "output", "unit", *DTYPES], "lll" + "r" * len(DTYPES), precision
        ),
    }
    for mark, table in tables.items():
        if write is None:
            click.echo(table)
        else:
            markdown.put(write, mark, table)


def _losses(conversion: Conversion) -> Iterator[list[str]]:
    """Yield for each loss the first gradient's norm, and the errors that training leaves."""
    [image] = _face(conversion)
    images = torch.cat([image, image.flip(3)])
    for name, (loss, clip) in LOSSES.items():
        runs = [_train(load_module(conversion), images, loss, clip, rate) for rate in RATES]
        yield [name, f"{runs[0][0]:.2g}", *(_shown(error) for _, error in runs)]


def _train(
    module: nn.Module, images: Tensor, loss: Loss, clip: float, rate: float
) -> tuple[float, float]:
    """Return the norm of the first gradient, and the mean error in pixels after all steps."""

    def points() -> Tensor:
        landmarks, *_ = module(images)
        flat: Tensor = landmarks.flatten(1)
        return flat

    target = points().detach() + SHIFT
    optimizer = torch.optim.SGD(module.parameters(), lr=rate)
    norms = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        torch.autograd.backward(loss(points(), target))
        norm = nn.utils.clip_grad_norm_(module.parameters(), clip or torch.inf)
        norms.append(float(norm))
        if not norm.isfinite():
            break
        optimizer.step()
    return norms[0], float((points() - target).detach().abs().mean())


def _shown(error: float) -> str:
    return f"{error:.2g}" if error < 2 * SHIFT else "diverges"


def _autocast(module: nn.Module, inputs: Sequence[Tensor]) -> object:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return module(*inputs)


def _cast(dtype: torch.dtype) -> Callable[[nn.Module, Sequence[Tensor]], object]:
    return lambda module, inputs: module.to(dtype)(*(values.to(dtype) for values in inputs))


DTYPES: dict[str, Callable[[nn.Module, Sequence[Tensor]], object]] = {
    "autocast, bfloat16": _autocast,
    "weights in bfloat16": _cast(torch.bfloat16),
    "weights in float16": _cast(torch.float16),
}
"""The ways to run a module in low precision."""


@torch.no_grad()
def _precision(conversion: Conversion) -> Iterator[list[str]]:
    """Yield for each output the largest errors on a face, against float64."""
    module = load_module(conversion)
    inputs = _face(conversion)
    exact = _listed(_cast(torch.float64)(copy.deepcopy(module), inputs))
    found = [_listed(way(copy.deepcopy(module), inputs)) for way in DTYPES.values()]
    for index, port in enumerate(conversion.outputs):
        errors = [(results[index].double() - exact[index]).abs().max() for results in found]
        name = f"`{Path(conversion.file.label).stem}`" if index == 0 else ""
        yield [name, f"`{port['identifier']}`", port["unit"], *(f"{float(e):.2g}" for e in errors)]


def _face(conversion: Conversion) -> list[Tensor]:
    """Return a real face as the inputs take it, batch of one."""
    inputs = []
    for port in Interface.of(conversion).inputs:
        values = picture_values("face", port)
        assert values is not None
        inputs.append(torch.from_numpy(port.to_module(values)))
    return inputs


def _listed(outputs: object) -> list[Tensor]:
    return list(outputs) if isinstance(outputs, tuple) else [outputs]  # type: ignore[list-item]


if __name__ == "__main__":
    main()
