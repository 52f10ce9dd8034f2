"""How often models that are right are called wrong.

``python -m benchmarks.verdicts SOURCE… --seeds 0-99 --log verdicts.txt`` compares every model with
TFLite at every seed and prints each verdict that is not "passed", and the count. Seeds that the log
has are not run again, so that a run may be interrupted and go on later. A model that cannot be
compared is listed once.
"""

from __future__ import annotations

import re
from pathlib import Path

import click

from tflite2torch.comparison import compare_conversion
from tflite2torch.converter.convert import convert_model
from tflite2torch.converter.errors import Tflite2TorchError
from tflite2torch.converter.sources import read_sources
from tflite2torch.parity.options import Options


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--seeds", default="0-9", show_default=True, metavar="FIRST-LAST")
@click.option("--log", required=True, type=click.Path(path_type=Path, dir_okay=False))
def main(sources: tuple[Path, ...], seeds: str, log: Path) -> None:
    """Compare the models of SOURCES at many seeds, and count failing verdicts."""
    first, last = map(int, re.fullmatch(r"(\d+)-(\d+)", seeds).groups())  # type: ignore[union-attr]
    known = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    done = {tuple(line.split("\t")[:2]) for line in known}
    models = []
    for source in sources:
        for file in read_sources([source]):
            try:
                models.append(convert_model(file))
            except Tflite2TorchError as error:
                click.echo(f"not converted: {file.label}: {error}"[:200])
    with log.open("a", encoding="utf-8") as lines:
        for seed in range(first, last + 1):
            for model in models:
                if (str(seed), model.file.sha256) in done:
                    continue
                try:
                    verdict = compare_conversion(model, Options(seed=seed)).verdict
                except Tflite2TorchError as error:
                    verdict = f"not compared: {error}"
                found = "\t".join([str(seed), model.file.sha256, model.file.label, verdict])
                lines.write(found + "\n")
                lines.flush()
                known.append(found)
    verdicts = [line.split("\t")[3] for line in known]
    for line in known:
        if "\tfailed" in line:
            click.echo(line)
    failed, passed = (sum(v.startswith(x) for v in verdicts) for x in ("failed", "passed"))
    click.echo(f"{passed + failed} verdicts, {failed} of them failed")


if __name__ == "__main__":
    main()
