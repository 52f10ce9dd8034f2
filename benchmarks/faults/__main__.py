"""How many planted faults a comparison finds, and how many it blames on the right layer.

``python -m benchmarks.faults SOURCE… --log F`` plants faults of all kinds in the models of
``MODELS`` that the sources have, compares each with TFLite at default settings, and prints a table;
``--write docs/parity.md`` puts it between the marks that the file has for it. Faults that the log
has are not planted again, so that a run may be interrupted and go on later.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks import markdown
from benchmarks.faults.suite import FAULTS, Outcome, as_json, planned, plant_all
from tflite2torch.converter.convert import convert_model
from tflite2torch.converter.sources import read_sources

MODELS = (
    "face_detector",
    "face_landmarks_detector",
    "face_blendshapes",
    "face_detection_front",
    "face_detection_full_range",
    "iris_landmark",
    "hand_landmark_lite",
    "palm_detection_lite",
    "pose_detection",
)


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--log", required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--model", "only", multiple=True, type=click.Choice(MODELS), help="Only these.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--write", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(
    sources: tuple[Path, ...], log: Path, only: tuple[str, ...], seed: int, write: Path | None
) -> None:
    """Plant faults in the models of SOURCES, and print how many are found."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    found = [Outcome(**json.loads(line)) for line in lines]
    files = {file.name: file for file in read_sources(list(sources))}
    models = [convert_model(files[name]) for name in MODELS if name in files]
    plan = planned(models, seed)
    with log.open("a", encoding="utf-8") as stream:
        for model in models:
            done = {outcome.kind for outcome in found if outcome.model == model.name}
            kinds = [fault for fault in plan[model.name] if fault.kind not in done]
            if only and model.name not in only:
                continue
            for outcome in plant_all(model, kinds, seed) if kinds else ():
                found.append(outcome)
                stream.write(json.dumps(as_json(outcome)) + "\n")
                stream.flush()
                if outcome.effective and not (outcome.found and outcome.blamed):
                    click.echo(
                        f"{outcome.model}: {outcome.kind}: {outcome.where}: {outcome.verdict}"
                    )
    table = _table(found)
    if write is None:
        click.echo(table, nl=False)
    else:
        markdown.put(write, "faults", table)


def _table(found: Sequence[Outcome]) -> str:
    """Return a row for each kind, and the sums."""
    rows = []
    for fault in (*FAULTS, None):
        some = [x for x in found if fault is None or x.kind == fault.kind]
        if some:
            kind = f"{len({x.kind for x in some})} kinds" if fault is None else fault.kind
            effective = [x for x in some if x.effective]
            counts = (
                len(some),
                len(effective),
                sum(x.found for x in effective),
                sum(x.blamed for x in effective),
            )
            rows.append([kind, *map(str, counts)])
    headings = ["kind", "planted", "change an output", "of these found", "and blamed"]
    return markdown.table(headings, "lrrrr", rows)


if __name__ == "__main__":
    main()
