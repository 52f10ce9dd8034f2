"""Loads a module that a user wrote, with its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tflite2torch.converter.errors import MissingDependencyError, SourceError
from tflite2torch.transfer.weight_files import read_weights
from tflite2torch.user_code import load_object

if TYPE_CHECKING:
    from torch import nn

MOST = 5
"""How many keys a message names."""


def load_own_module(text: str, arguments: str = "[]", weights: Path | None = None) -> nn.Module:
    """Return a module that Python code of the user's makes, in eval mode.

    Args:
        text: ``FILE.py:NAME`` or ``package.module:NAME``, of a class or a function that returns a
            module, or of a module.
        arguments: what it is called with, in JSON: a list, or a dict of keywords.
        weights: a ``.safetensors`` or ``.pth`` file of its ``state_dict``; without one, the
            module has those that it makes.

    Raises:
        MissingDependencyError: torch is not installed.
        SourceError: there is no such code, it raises, or the weights do not fit.
    """
    try:
        from torch import nn
    except ImportError as error:
        raise MissingDependencyError(
            '--module needs torch: pip install "tflite2torch[torch]"'
        ) from error

    module = load_object(text)
    if not isinstance(module, nn.Module):
        module = _called(text, module, arguments)
    if not isinstance(module, nn.Module):
        raise SourceError(f"{text}: it gives a {type(module).__name__}, not an nn.Module")
    if weights is not None:
        _fill(module, text, weights)
    return module.eval()


def _called(text: str, made: Any, arguments: str) -> Any:
    try:
        given = json.loads(arguments)
    except json.JSONDecodeError as error:
        raise SourceError(f"--args {arguments}: no JSON: {error}") from error
    if not isinstance(given, (list, dict)):
        raise SourceError(f"--args {arguments}: give a JSON list, or a dict of keywords")
    if not callable(made):
        raise SourceError(f"{text}: it is a {type(made).__name__}, not a class or a function")
    try:
        return made(**given) if isinstance(given, dict) else made(*given)
    except Exception as error:  # whatever the user's code raises
        told = " ".join(str(error).split())
        raise SourceError(f"{text}: raises {type(error).__name__}: {told}; see --args") from error


def _fill(module: nn.Module, text: str, path: Path) -> None:
    """Load weights; raise SourceError where keys or shapes do not fit."""
    found = read_weights(path)
    own = module.state_dict()
    problems = []
    for what, keys in (
        ("lacks", [key for key in own if key not in found]),
        ("has, and the module lacks,", [key for key in found if key not in own]),
    ):
        if keys:
            more = f" and {len(keys) - MOST} more" if len(keys) > MOST else ""
            problems.append(f"it {what} {', '.join(keys[:MOST])}{more}")
    problems += [
        f"{key} is {list(found[key].shape)}, the module has {list(own[key].shape)}"
        for key in own
        if key in found and found[key].shape != own[key].shape
    ][:MOST]
    if problems:
        raise SourceError(f"{path}: it does not fit {text}: {'; '.join(problems)}")
    module.load_state_dict(found)
