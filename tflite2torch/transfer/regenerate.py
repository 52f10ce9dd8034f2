"""Makes the weights of a port anew, of a new model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tflite2torch.converter.convert import Conversion
from tflite2torch.converter.errors import NotComparableError, SourceError
from tflite2torch.parity.align.foreign.lining import line_up
from tflite2torch.parity.align.foreign.pairing import pair_up
from tflite2torch.parity.align.trace import TraceError, trace_conversion
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import make_samples
from tflite2torch.transfer.by_structure import fill
from tflite2torch.transfer.by_value import agreement, match_values
from tflite2torch.transfer.departures import tell_departures
from tflite2torch.transfer.fingerprint import fingerprints
from tflite2torch.transfer.mapping import Entry, Fixed, PortMap, named

if TYPE_CHECKING:
    from tflite2torch.parity.layers.report import ParityReport

NORMALIZATION = ("running_mean", "running_var", "num_batches_tracked", "weight")
"""The tensors of a batch normalization behind a convolution that are no model's."""


@dataclass(frozen=True)
class Regenerated:
    """What came of it.

    Attributes:
        mapping: how the port's tensors are made; None where it is not known.
        tensors: the port's state_dict, in its order; empty while there is a problem.
        problems: what is not settled, a line each.
        notes: what was settled by less than values or structure, a line each.
    """

    mapping: PortMap | None
    tensors: Mapping[str, Tensor]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def by_example(
    new: Conversion,
    was: Conversion,
    states: tuple[Mapping[str, Tensor], Mapping[str, Tensor]],
    like: Mapping[str, Tensor],
    keep: Sequence[str],
) -> Regenerated:
    """Make a port's weights by the example of those that it has for an old model.

    Args:
        new: the new model.
        was: the old model.
        states: the emitted state_dicts of both.
        like: the port's weights for the old model.
        keep: keys that are no model's.
    """
    architecture = fingerprints(was).architecture
    if fingerprints(new).architecture != architecture:
        problem = f"{new.file.label} is of another architecture than {was.file.label}"
        return Regenerated(None, {}, (problem,))
    fixed = _normalization(like)
    own = {key: x for key, x in like.items() if key not in keep and key not in fixed}
    found = match_values(own, states[1])
    problems = [
        *(f"{key}: no constant of {was.file.label} has its values" for key in found.strangers),
        *(f"{key}: it may be any of {', '.join(names)}" for key, names in found.ties.items()),
        *(f"{name} of {was.file.label}: no key has its values" for name in found.unused),
    ]
    if found.strangers and len(found.strangers) == len(own):
        problems = [f"no key has the values of a constant of {was.file.label}"]
    elif found.strangers:
        agree = len(own) - len(found.strangers)
        problems.insert(0, f"{agree} of {len(own)} keys have values of {was.file.label}")
    entries = {**found.entries, **fixed}
    ordered = {key: entries[key] for key in like if key in entries}
    mapping = PortMap(architecture, tuple(states[1]), ordered, tuple(keep))
    notes = []
    if found.settled:
        notes.append(
            "of equal values, told apart by the layer beside them or by their order: "
            + ", ".join(found.settled)
        )
    if problems:
        return Regenerated(None, {}, tuple(problems), tuple(notes))
    return replace(by_map(new, states[0], mapping, like), notes=tuple(notes))


def _normalization(like: Mapping[str, Tensor]) -> dict[str, Entry | Fixed]:
    """Return the tensors of batch normalizations that do nothing but add a bias."""
    found: dict[str, Entry | Fixed] = {}
    for key in like:
        layer, _, name = key.rpartition(".")
        if name != "running_var":
            continue
        for other in NORMALIZATION:
            x = like.get(f"{layer}.{other}")
            if x is not None and bool((x == x.reshape(-1)[0]).all()):
                dtype = str(x.dtype).removeprefix("torch.")
                found[f"{layer}.{other}"] = Fixed(float(x.reshape(-1)[0]), tuple(x.shape), dtype)
    return found


def by_map(
    new: Conversion, state: Mapping[str, Tensor], mapping: PortMap, like: Mapping[str, Tensor]
) -> Regenerated:
    """Make a port's weights as a mapping says.

    Args:
        new: the new model.
        state: its emitted state_dict.
        mapping: of the port.
        like: where the tensors that it keeps come from; the result has its order of keys.
    """
    if fingerprints(new).architecture != mapping.architecture:
        problem = f"{new.file.label} is of another architecture than the model of the map"
        return Regenerated(mapping, {}, (problem,))
    tensors = mapping.apply(state, like)
    problems = [f"{key}: no key of the map takes it" for key in mapping.untaken(state)]
    problems += differences(tensors, like) if like else []
    if problems:
        return Regenerated(mapping, {}, tuple(problems))
    overflowing = [key for key, x in tensors.items() if _overflows(x, state, mapping, key)]
    if overflowing:
        problem = f"values too large for the type of {', '.join(overflowing)}"
        return Regenerated(mapping, {}, (problem,))
    return Regenerated(mapping, {key: tensors[key] for key in like or tensors})


def differences(made: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> list[str]:
    """Return where weights have not the keys or the sizes of those of a port, a line each."""
    return [
        *(f"{key}: the port has no such key" for key in made if key not in like),
        *(f"{key}: it is in the port alone" for key in like if key not in made),
        *(
            f"{key}: it would be {list(made[key].shape)}; the port's is {list(x.shape)}"
            for key, x in like.items()
            if key in made and made[key].numel() != x.numel()
        ),
    ]


def _overflows(x: Tensor, state: Mapping[str, Tensor], mapping: PortMap, key: str) -> bool:
    """Return whether a number that is finite in the model is not in a narrower type."""
    if not x.is_floating_point() or bool(x.isfinite().all()):
        return False
    entry = mapping.entries.get(key)
    names = dict(zip(mapping.constants, state, strict=True))
    return isinstance(entry, Entry) and bool(state[names[entry.key]].isfinite().all())


def by_structure(
    new: Conversion,
    emitted: nn.Module,
    module: nn.Module,
    keep: Sequence[str],
    known: PortMap | None = None,
) -> Regenerated:
    """Make a port's weights by its structure.

    Args:
        new: the new model.
        emitted: its module, with its weights.
        module: the port, in eval mode, with any weights.
        keep: keys that are no model's.
        known: how some of its tensors are made, or all; it settles what structure cannot.

    Raises:
        SourceError: the port takes no input of the model, or cannot be captured.
    """
    listed, state = trace_conversion(emitted, new), emitted.state_dict()
    architecture = fingerprints(new).architecture
    if known is not None and known.architecture != architecture:
        problem = f"{new.file.label} is of another architecture than the model of the map"
        return Regenerated(None, {}, (problem,))
    names = {} if known is None else known.names(state)
    given = {} if known is None else {k: named(x, names) for k, x in known.entries.items()}
    keep = (*keep, *(known.keep if known else ()))
    try:
        filling = fill(pair_up(module, emitted, listed, example(new)), emitted, keep, given)
    except TraceError as error:
        raise SourceError(f"{type(module).__name__}: {error}") from error
    notes = tuple(dict.fromkeys(filling.notes))
    if filling.problems:
        return Regenerated(None, {}, tuple(filling.problems), notes)
    mapping = PortMap(architecture, tuple(state), filling.entries, tuple(keep))
    made = by_map(new, state, mapping, module.state_dict())
    return replace(made, notes=notes)


def example(conversion: Conversion) -> list[Tensor]:
    """Return an input of the module of a model, batch of one."""
    interface = Interface.of(conversion)
    [sample] = make_samples(interface.inputs, 0, ("uniform",))
    return [torch.from_numpy(x) for x in interface.stack([sample.arrays])]


def departures(
    new: Conversion, emitted: nn.Module, module: nn.Module, report: ParityReport
) -> list[str]:
    """Return what a filled port does otherwise than the model where it fails, a line each."""
    if report.passed:
        return []
    listed, inputs = trace_conversion(emitted, new), example(new)
    try:
        lined = line_up(module, emitted, listed, inputs)
    except TraceError:
        return []
    return list(tell_departures(report, listed, lined.paired, lined.trace))


def find_model(
    like: Mapping[str, Tensor],
    known: Iterable[tuple[Conversion, Mapping[str, Tensor]]],
    keep: Sequence[str],
) -> Conversion:
    """Return the known model whose weights a port has.

    Args:
        like: the port's weights.
        known: models with their emitted state_dicts.
        keep: keys that are no model's.

    Raises:
        NotComparableError: it has none's; the message names the nearest.
    """
    fixed = _normalization(like)
    own = {key: x for key, x in like.items() if key not in keep and key not in fixed}
    best, most = None, -1
    for conversion, state in known:
        count = agreement(own, state)
        if count > most:
            best, most = conversion, count
        if count == len(own):
            return conversion
    if best is None:
        raise SourceError("there is no model to look among; give --was, or --among DIR")
    raise NotComparableError(
        f"the old weights are no known model's; the nearest is {best.file.label}, of which "
        f"{most} of {len(own)} keys have values; give --was, --among DIR, or --keep what is no "
        "model's"
    )
