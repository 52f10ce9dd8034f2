"""``tflite2torch list``."""

from __future__ import annotations

from dataclasses import asdict

import click
from rich.markup import escape
from rich.table import Table

from tflite2torch.commands.options import print_json, printing
from tflite2torch.console import console
from tflite2torch.download import cached
from tflite2torch.official_models import CARDS, OFFICIAL


@click.command("list")
@printing
def list_models(as_json: bool, quiet: bool) -> None:
    """List the official models that are known by name.

    Each name may stand for SOURCE in other verbs: the model is downloaded into your cache when it
    is first used, and its checksum compared.
    """
    if as_json:
        models = [
            asdict(model)
            | {
                "card": f"{CARDS}/{model.card}" if model.card else None,
                "cached": str(cached(model)) if cached(model).exists() else None,
            }
            for model in OFFICIAL.values()
        ]
        print_json({"models": models})
        return
    if quiet:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for heading in ("name", "licence", "SHA-256", "cached", "from"):
        table.add_column(heading, no_wrap=heading != "from", overflow="fold")
    for model in OFFICIAL.values():
        here = "yes" if cached(model).exists() else ""
        table.add_row(model.name, model.licence, model.sha256[:12], here, escape(model.url))
    console().print(table)
