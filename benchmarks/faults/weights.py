"""Faults of weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.faults.site import Fault, Planted, Site
from tflite2torch.parity.inputs.interface import Interface
from tflite2torch.parity.inputs.samples import make_samples

KERNELS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)

Change = Callable[[Site, Tensor], object]


def _one(change: Callable[[Tensor], Tensor | float]) -> Change:
    """Change one element, of the larger half."""

    def changed(site: Site, weight: Tensor) -> None:
        flat = weight.view(-1)
        place = site.choose(flat.abs().argsort(descending=True)[: max(1, len(flat) // 2)])
        flat[place] = change(flat[place])

    return changed


def _all(change: Callable[[Tensor], Tensor]) -> Change:
    def changed(site: Site, weight: Tensor) -> None:
        weight.copy_(change(weight).clone())

    return changed


def _channel(change: Callable[[Tensor], Tensor | float]) -> Change:
    def changed(site: Site, weight: Tensor) -> None:
        place = site.choose(range(len(weight)))
        weight[place] = change(weight[place])

    return changed


def _exchanged(axis: int) -> Change:
    def changed(site: Site, weight: Tensor) -> None:
        first = int(site.random.integers(weight.shape[axis] - 1))
        order = list(range(weight.shape[axis]))
        order[first], order[first + 1] = order[first + 1], order[first]
        weight.copy_(weight.index_select(axis, torch.tensor(order)))

    return changed


def _int8(weight: Tensor) -> Tensor:
    scale = weight.abs().max() / 127
    return (weight / scale).round() * scale


def _pruned(weight: Tensor) -> Tensor:
    return weight * (weight.abs() > weight.abs().max() / 20)


def _fault(
    kind: str, change: Change, *types: type, name: str = "weight", rank: int = 0, axis: int = -1
) -> Fault:
    """Return a fault in a weight of a layer of some types.

    Args:
        kind: its name.
        change: changes the weight in place.
        types: of the layer.
        name: of the weight.
        rank: of the weight, where only one will do; its last axes are then longer than one.
        axis: one that has to be longer than one.
    """

    def plant(site: Site) -> Planted | None:
        state = site.emitted.state_dict()
        keys = [
            key
            for key in site.keys(*types, name=name)
            if (not rank or (state[key].dim() == rank and state[key].shape[-1] > 1))
            and state[key].shape[axis] > 1
            and bool(state[key].any())
        ]
        key = site.choose(keys)
        return key and site.changed(key, lambda x: change(site, x), kind)

    return Fault(kind, plant)


def _between_layers(site: Site) -> Planted | None:
    """Exchange the weights of two layers of one shape."""
    state = site.emitted.state_dict()
    keys = site.keys(*KERNELS)
    pairs = [
        (one, other)
        for place, one in enumerate(keys)
        for other in keys[place + 1 :]
        if state[one].shape == state[other].shape and state[one].numel() > 8
    ]
    pair = site.choose(pairs)
    if pair is None:
        return None
    planted = site.changed(pair[0], lambda x: x.copy_(state[pair[1]]), "exchanged")
    planted.module.state_dict()[pair[1]].copy_(state[pair[0]])
    nodes = [*site.readers(pair[0]), *site.readers(pair[1])]
    return site.planted(planted.module, f"{pair[0]} and {pair[1]} exchanged", nodes)


def _unexercised(site: Site) -> Planted | None:
    """Triple the weights of a depthwise channel whose input is 0 on all default inputs."""
    interface = Interface.of(site.conversion)
    samples = make_samples(interface.inputs, 0)
    inputs = [torch.from_numpy(x) for x in interface.stack([s.arrays for s in samples])]
    dead: list[tuple[str, int]] = []
    hooks = []
    for node in site.nodes(nn.Conv2d):
        layer = site.layer_of(node)
        if isinstance(layer, nn.Conv2d) and layer.groups > 1:

            def look(_: nn.Module, args: tuple[Tensor, ...], key: str = str(node.target)) -> None:
                quiet = (args[0] == 0).all(dim=3).all(dim=2).all(dim=0)
                kernels = site.emitted.state_dict()[f"{key}.weight"]
                places = (int(place) for place in quiet.nonzero())
                dead.extend((f"{key}.weight", n) for n in places if bool(kernels[n].any()))

            hooks.append(layer.register_forward_pre_hook(look))
    with torch.inference_mode():
        site.emitted(*inputs)
    for hook in hooks:
        hook.remove()
    found = site.choose(dead)
    if found is None:
        return None
    return site.changed(found[0], lambda x: x[found[1]].mul_(3), f"channel {found[1]} times 3")


def _constant(site: Site) -> Planted | None:
    """Move an element of a constant that is no layer's."""
    keys = [key for key in _constants(site) if site.emitted.state_dict()[key].is_floating_point()]
    key = site.choose(keys)
    return key and site.changed(key, lambda x: x.view(-1)[:1].add_(0.01), "constant + 0.01")


def _constants(site: Site) -> set[str]:
    return {str(node.target) for node in site.trace.graph.nodes if node.op == "get_attr"}


CONV = (nn.Conv2d, nn.ConvTranspose2d)

WEIGHTS = (
    _fault("one weight times 3", _one(lambda x: x * 3), *KERNELS),
    _fault("one weight times 1.01", _one(lambda x: x * 1.01), *KERNELS),
    _fault("one weight negated", _one(lambda x: -x), *KERNELS),
    _fault("one weight NaN", _one(lambda x: torch.nan), *KERNELS),
    _fault("one weight moved by an ulp", _one(lambda x: x * (1 + 2**-23)), *KERNELS),
    _fault("all weights of a layer times 1.001", _all(lambda x: x * 1.001), *KERNELS),
    _fault(
        "weights of a layer in float16", _all(lambda x: x.half().float() * (1 + 2**-11)), *KERNELS
    ),
    _fault("weights of a layer in bfloat16", _all(lambda x: x.bfloat16().float()), *KERNELS),
    _fault("weights of a layer in int8", _all(_int8), *KERNELS),
    _fault("small weights pruned", _all(_pruned), *KERNELS),
    _fault("weights of a channel times 1.01", _channel(lambda x: x * 1.01), *KERNELS),
    _fault("weights of a channel 0", _channel(lambda x: 0.0), *KERNELS),
    _fault("output channels exchanged", _exchanged(0), *KERNELS, axis=0),
    _fault("input channels exchanged", _exchanged(1), *KERNELS, axis=1),
    _fault("kernel transposed", _all(lambda x: x.transpose(2, 3)), *CONV, rank=4),
    _fault("kernel flipped", _all(lambda x: x.flip(2, 3)), *CONV, rank=4),
    _fault("a bias + 0.001", _one(lambda x: x + 1e-3), *KERNELS, name="bias"),
    _fault("a bias 0", _one(lambda x: 0.0), *KERNELS, name="bias"),
    _fault("biases of a layer left out", _all(torch.zeros_like), *KERNELS, name="bias"),
    _fault("a PReLU slope + 0.0001", _one(lambda x: x + 1e-4), nn.PReLU),
    _fault("a PReLU slope negated", _one(lambda x: -x), nn.PReLU),
    _fault("one PReLU slope for all channels", _all(lambda x: x.mean().expand_as(x)), nn.PReLU),
    _fault("PReLU slopes exchanged", _exchanged(0), nn.PReLU, axis=0),
    _fault("a LayerNorm scale times 1.01", _one(lambda x: x * 1.01), nn.LayerNorm),
    Fault("weights of two layers exchanged", _between_layers),
    Fault("weights that nothing exercises times 3", _unexercised),
    Fault("a constant + 0.01", _constant),
)
"""Each in a layer and at a place drawn at random."""
