"""How many planted faults a comparison finds, and how many it blames on the right layer.

``python -m benchmarks.faults SOURCE… --log F`` plants faults of all kinds in the models of
``MODELS`` that the sources have, compares each with TFLite at default settings, and prints a table;
``--write docs/parity.md`` puts it between the marks that the file has for it. Faults that the log
has are not planted again, so that a run may be interrupted and go on later.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks import markdown
from benchmarks.faults.suite import FAULTS, Outcome, as_json, planned, plant_share
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

SHARES = 3
"""Parts that the faults of a model are planted in, so that no process is left with all of one."""


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--log", required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--processes", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--write", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(
    sources: tuple[Path, ...], log: Path, processes: int, seed: int, write: Path | None
) -> None:
    """Plant faults in the models of SOURCES, and print how many are found."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    found = [Outcome(**json.loads(line)) for line in lines]
    found = [outcome for outcome in found if outcome.seed == seed]
    files = {file.name: file for file in read_sources(list(sources))}
    chosen = [files[name] for name in MODELS if name in files]
    plan = planned([convert_model(file) for file in chosen], seed)
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with log.open("a", encoding="utf-8") as stream, context.Pool(processes) as pool:
        tasks = []
        for file in chosen:
            done = {outcome.kind for outcome in found if outcome.model == file.name}
            kinds = [fault.kind for fault in plan[file.name] if fault.kind not in done]
            tasks += [(file, kinds[start::SHARES], seed) for start in range(SHARES)]
        for outcomes in pool.imap_unordered(plant_share, tasks):
            found += outcomes
            stream.writelines(json.dumps(as_json(outcome)) + "\n" for outcome in outcomes)
            stream.flush()
    for outcome in found:
        missed = outcome.effective and not (outcome.found and outcome.blamed)
        if missed or (outcome.right and outcome.found):
            click.echo(f"{outcome.model}: {outcome.kind}: {outcome.where}: {outcome.verdict}")
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
                sum(x.found for x in some if x.right),
            )
            rows.append([kind, *map(str, counts)])
    headings = ["kind", "planted", "change an output", "of these found", "and blamed"]
    return markdown.table([*headings, "right, called wrong"], "lrrrrr", rows)


if __name__ == "__main__":
    main()
