"""What calls of a module do besides giving values: state, side effects, modes.

An emitted module computes its outputs from its inputs and weights, and does nothing else. A
module that gives right values once may still keep a state, write into its inputs, or answer in
memory that its next call overwrites.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tflite2torch.parity.align.called import Called

OWN = frozenset(vars(nn.Module()))
"""Attributes that every module has; ``training`` is among them."""


def faults_of_calls(
    module: nn.Module, emitted: nn.Module, inputs: Sequence[Tensor], names: Sequence[str]
) -> Iterator[str]:
    """Yield what is wrong with the calls of a module, a line each; all is compared bit for bit.

    Its attributes may change in the first call, which may fill a cache, and in no later one.

    Args:
        module: in eval mode.
        emitted: the module of the same file that ``convert`` writes. An output that is a view of
            an input there may be one here.
        inputs: real ones, batch first.
        names: of the outputs.
    """
    weights = _weights(module)
    first = Called(module, inputs, names)
    if first.problem:  # which the comparison of values tells
        return
    kept = [frozen(x) for x in first.outputs]
    attributes = _attributes(module)
    for place, (given, x) in enumerate(zip(first.inputs, inputs, strict=True)):
        if frozen(given) != frozen(x):
            yield f"a call changes its input {place} in place"
    yield from _shared(module, first, emitted, inputs, names)

    Called(module, [x.flip(tuple(range(1, x.dim()))) for x in inputs], names)
    overwritten = [frozen(x) for x in first.outputs] != kept
    if overwritten:
        yield "a call overwrites the outputs of the call before"
    again = Called(module, inputs, names)
    yield from _differences("called again after other inputs", again, kept, names)
    changed = [_own(name) for name, now in _weights(module).items() if weights.get(name) != now]
    if changed:
        yield f"calls change its weights or buffers: {', '.join(changed)}"
    states = _attributes(module).items()
    changed = [_own(name) for name, now in states if attributes.get(name) != now]
    if changed and not overwritten:
        yield f"it keeps a state: each call changes {', '.join(changed)}"

    if not any(isinstance(part, _BatchNorm) for part in module.modules()):
        trained = Called(copy.deepcopy(module).train(), inputs, names)
        yield from _differences("in train mode", trained, kept, names)
    yield from _differences(
        "with inputs that require gradients", Called(module, inputs, names, grad=True), kept, names
    )


def _own(name: str) -> str:
    """Return a name in a module that may have been given an ``Adapter`` in front."""
    return name.removeprefix("module.")


def frozen(value: object) -> Hashable:
    """Return what equals that of another value if both are the same, bit for bit.

    Of objects other than tensors, numbers, texts and collections, only the type counts.
    """
    if isinstance(value, Tensor):
        flat = value.detach().contiguous().reshape(-1)
        return str(value.dtype), tuple(value.shape), hash(flat.view(torch.uint8).numpy().tobytes())
    if isinstance(value, dict):
        return tuple((frozen(key), frozen(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(map(frozen, value))
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    return type(value).__name__


def _weights(module: nn.Module) -> dict[str, Hashable]:
    return {name: frozen(x) for name, x in _tensors(module).items()}


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _attributes(module: nn.Module) -> dict[str, Hashable]:
    return {
        f"{path}.{name}".strip("."): frozen(value)
        for path, part in module.named_modules()
        for name, value in vars(part).items()
        if name not in OWN
    }


def _differences(
    how: str, called: Called, kept: Sequence[Hashable], names: Sequence[str]
) -> Iterator[str]:
    """Tell in which outputs a call differs from the first one."""
    if called.problem:
        yield f"{how}: {called.problem}"
        return
    pairs = zip(names, called.outputs, kept, strict=True)
    if others := [name for name, x, before in pairs if frozen(x) != before]:
        yield f"{how}, the module gives another {', '.join(others)}"


def _shared(
    module: nn.Module,
    called: Called,
    emitted: nn.Module,
    inputs: Sequence[Tensor],
    names: Sequence[str],
) -> Iterator[str]:
    """Tell which outputs share memory with inputs or weights, unless they do so as emitted."""
    found = _sharing(module, called)
    if found:
        found -= _sharing(emitted, Called(emitted, inputs, names))
    for place, kind in sorted(found):
        yield f"output {names[place]} shares memory with {kind}"


def _sharing(module: nn.Module, called: Called) -> set[tuple[int, str]]:
    memory = {_memory(x): "a weight or buffer" for x in _tensors(module).values()}
    memory |= {_memory(x): "an input" for x in called.inputs}
    memory.pop(0, None)  # of tensors without elements
    outputs = enumerate(map(_memory, called.outputs))
    return {(place, memory[own]) for place, own in outputs if own in memory}


def _memory(x: Tensor) -> int:
    return x.untyped_storage().data_ptr()
