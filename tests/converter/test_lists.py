"""Operators, nodes, passes and motifs are listed where they have to be, and each has a test.

Code that no list names does nothing, and no other test would fail. Every message here names
the file to open next.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType

from tflite2torch.converter import motifs, passes
from tflite2torch.converter.convert import STRUCTURE
from tflite2torch.converter.frontends.tflite import lowering
from tflite2torch.converter.graph import nodes
from tflite2torch.converter.graph.node import Node
from tflite2torch.converter.graph.rewriting import pass_name
from tflite2torch.converter.motifs.motif import Motif

ROOT = Path(__file__).parent.parent.parent


def modules(package: ModuleType) -> Iterator[ModuleType]:
    """Import the modules of a package."""
    for found in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{found.name}")


def path(module: ModuleType) -> Path:
    """Return the file of a module, from the root of the repository."""
    assert module.__file__ is not None
    return Path(module.__file__).relative_to(ROOT)


def defined(package: ModuleType) -> Iterator[tuple[ModuleType, str, object]]:
    """Yield what the modules of a package define at their top, imports aside."""
    for module in modules(package):
        for name, value in vars(module).items():
            if getattr(value, "__module__", "") in (module.__name__, Motif.__module__):
                yield module, name, value


def mirror(package: ModuleType) -> Path:
    """Return the folder of tests that mirrors a package, from the root."""
    return Path("tests", *package.__name__.split(".")[1:])


def text_of_tests(folder: Path) -> str:
    files = sorted((ROOT / folder).glob("test_*.py"))
    return "".join(file.read_text("utf-8") for file in files)


def test_every_node_is_complete() -> None:
    problems = []
    for module, name, kind in defined(nodes):
        if not isinstance(kind, type) or not issubclass(kind, Node):
            continue
        missing = []
        if kind.infer is Node.infer:
            missing.append("infer, the shapes of its outputs")
        if kind.code is Node.code and kind.layer is Node.layer:
            missing.append("code, or layer if it has parameters")
        axes = {"axis", "axes"} & {field.name for field in fields(kind)}
        if axes and kind.reorder is Node.reorder:
            missing.append(f"reorder, since it refers to {', '.join(axes)}")
        if name != "SameShape":  # a base class
            problems += [f"{name} in {path(module)} lacks {method}" for method in missing]
    assert not problems, "\n".join(problems)


def test_every_pass_runs_and_is_tested() -> None:
    run = {
        pass_name(rewrite)
        for rewrite in [*lowering.lowering(passes.RAISING), *passes.PASSES, *STRUCTURE]
    }
    problems = []
    for package in (passes, lowering):
        for module, name, value in defined(package):
            if not inspect.isfunction(value) or name.startswith("_"):
                continue
            if inspect.signature(value).return_annotation != "Rewrites":
                continue
            if name not in run:
                problems.append(f"{path(module)} never runs: list it in {path(package)}")
            test = mirror(package) / f"test_{module.__name__.rpartition('.')[2]}.py"
            if not (ROOT / test).exists():
                problems.append(f"{path(module)} has no test: write {test}")
    assert not problems, "\n".join(problems)


def test_every_motif_is_listed_and_tested() -> None:
    tests = mirror(motifs)
    problems = []
    for module, name, value in defined(motifs):
        if not isinstance(value, Motif):
            continue
        if value not in motifs.MOTIFS:
            problems.append(
                f"{name} in {path(module)} is never matched: list it in MOTIFS in "
                f"{path(motifs)}, before those that fit its blocks too"
            )
        if f'"{value.name}"' not in text_of_tests(tests):
            problems.append(
                f"{value.name} has no test: add a block to EXAMPLES in {tests / 'test_motifs.py'}"
            )
    assert not problems, "\n".join(problems)
