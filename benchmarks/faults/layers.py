"""Faults of structure: layers, activations, padding, shortcuts, orders of axes."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from benchmarks.faults.site import Fault, Planted, Site

RELU = (nn.ReLU, "relu")
ADD = ("add",)
POOL = (nn.MaxPool2d, "max_pool2d")
RESIZE = ("interpolate",)
ANY = (nn.Conv2d, nn.Linear, nn.PReLU, *RELU, *ADD)

Function = Callable[..., Any]


def _replaced(
    kind: str,
    function: Function,
    *targets: Any,
    when: Any = lambda node: True,
    right: bool = False,
) -> Fault:
    """Return a fault that calls another function with the operands and arguments of a node."""

    def plant(site: Site) -> Planted | None:
        node = site.choose([n for n in site.nodes(*targets) if when(n)])

        def edit(graph: fx.Graph, place: fx.Node) -> fx.Node:
            return graph.call_function(function, place.args, dict(place.kwargs))

        return node and site.edited(node, edit, kind)

    return Fault(kind, plant, right=right)


def _after(kind: str, function: Function, *targets: Any, when: Any = lambda node: True) -> Fault:
    """Return a fault that applies a function to the result of a node."""

    def plant(site: Site) -> Planted | None:
        node = site.choose([n for n in site.nodes(*targets) if when(n)])

        def edit(graph: fx.Graph, place: fx.Node) -> fx.Node:
            return graph.call_function(function, (place,))

        return node and site.edited(node, edit, kind)

    return Fault(kind, plant)


def _layer(kind: str, wrap: Callable[[Any], nn.Module], *types: type, when: Any) -> Fault:
    """Return a fault that puts another layer in place of one."""

    def plant(site: Site) -> Planted | None:
        node = site.choose([n for n in site.nodes(*types) if when(site.layer_of(n))])
        return node and site.wrapped(node, wrap, kind)

    return Fault(kind, plant)


def _input(kind: str, function: Function, *, image: bool = True) -> Fault:
    """Return a fault that changes what the network gets."""

    def plant(site: Site) -> Planted | None:
        nodes = [n for n in site.trace.graph.nodes if n.op == "placeholder"]
        ranks = [len(entry["shape"]) for entry in site.conversion.inputs]
        node = site.choose(
            [n for n, rank in zip(nodes, ranks, strict=True) if not image or rank == 4]
        )

        def edit(graph: fx.Graph, place: fx.Node) -> fx.Node:
            return graph.call_function(function, (place,))

        if node is None:
            return None
        planted = site.edited(node, edit, kind)
        return site.planted(planted.module, planted.where, list(node.users))

    return Fault(kind, plant)


def _pads_space(node: fx.Node) -> bool:
    """Return whether a node pads rows or columns, more on one side."""
    sizes = node.args[1] if len(node.args) > 1 else node.kwargs.get("pad", ())
    return isinstance(sizes, (tuple, list)) and len(sizes) == 4 and sizes[0] != sizes[1]


def _pads_channels(node: fx.Node) -> bool:
    sizes = node.args[1] if len(node.args) > 1 else node.kwargs.get("pad", ())
    return isinstance(sizes, (tuple, list)) and len(sizes) == 6


def _other_side(x: Tensor, sizes: tuple[int, ...], *_: Any, **__: Any) -> Tensor:
    left, right, top, bottom = sizes
    return F.pad(x, (right, left, bottom, top))


def _channels_first(x: Tensor, sizes: tuple[int, ...], *_: Any, **__: Any) -> Tensor:
    return F.pad(x, (0, 0, 0, 0, sizes[5], sizes[4]))


def _repeated(x: Tensor, sizes: tuple[int, ...], *_: Any, **__: Any) -> Tensor:
    return F.pad(x, tuple(sizes), mode="replicate")


def _reflected(x: Tensor, sizes: tuple[int, ...], *_: Any, **__: Any) -> Tensor:
    return F.pad(x, tuple(sizes), mode="reflect")


def _ones(x: Tensor, sizes: tuple[int, ...], *_: Any, **__: Any) -> Tensor:
    return F.pad(x, tuple(sizes), value=1.0)


def _mode(mode: str) -> Callable[[nn.Conv2d], nn.Module]:
    def wrap(layer: nn.Conv2d) -> nn.Module:
        layer.padding_mode = mode  # type: ignore[assignment]
        sizes: Any = layer.padding
        pads = [int(n) for n in reversed(sizes) for _ in range(2)]
        layer._reversed_padding_repeated_twice = pads
        return layer

    return wrap


def _pads_itself(layer: Any) -> bool:
    return (
        isinstance(layer, nn.Conv2d)
        and layer.padding not in ("same", "valid")
        and any(int(n) for n in layer.padding)
    )


class _Dilated(nn.Module):
    """A convolution with gaps in its kernel, of the same size."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        layer.dilation, layer.padding = (2, 2), tuple(2 * int(n) for n in layer.padding)
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        result: Tensor = self.layer(x)
        return result


class _Shifted(nn.Module):
    """A strided convolution that begins one pixel later."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        result: Tensor = self.layer(torch.roll(x, (-1, -1), (2, 3)))
        return result


class _Half(nn.Module):
    """A layer in a narrower type."""

    def __init__(self, layer: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.layer, self.dtype = layer.to(dtype), dtype

    def forward(self, x: Tensor) -> Tensor:
        """Compute in that type."""
        result: Tensor = self.layer(x.to(self.dtype)).to(x.dtype)
        return result


class _Eps(nn.Module):
    """A LayerNorm with another eps."""

    def __init__(self, layer: nn.LayerNorm) -> None:
        super().__init__()
        layer.eps = 1e-2
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Normalize."""
        result: Tensor = self.layer(x)
        return result


class _Shuffled(nn.Module):
    """A grouped convolution whose groups get other channels."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        result: Tensor = self.layer(x.roll(1, 1))
        return result


def _without_slopes(layer: nn.PReLU) -> nn.Module:
    return nn.ReLU()


def _max(x: Tensor, *args: Any, **more: Any) -> Tensor:
    dims: Any = args[0] if args else more.get("dim")
    return torch.amax(x, dims, keepdim=bool(more.get("keepdim", len(args) > 1 and args[1])))


def _order(kind: str, first: int, second: int) -> Fault:
    """Return a fault that exchanges two axes of a permutation."""

    def plant(site: Site) -> Planted | None:
        node = site.choose([n for n in site.nodes("permute") if len(_axes(n)) > max(first, second)])
        if node is None:
            return None
        axes = list(_axes(node))
        axes[first], axes[second] = axes[second], axes[first]

        def edit(graph: fx.Graph, place: fx.Node) -> fx.Node:
            other = graph.call_method("permute", (place.args[0], *axes))
            return graph.call_function(_shaped_like, (other, place))

        return site.edited(node, edit, kind)

    return Fault(kind, plant)


def _axes(node: fx.Node) -> tuple[int, ...]:
    rest = node.args[1:]
    return tuple(rest[0]) if rest and isinstance(rest[0], (tuple, list)) else rest  # type: ignore[arg-type, return-value]


def _shaped_like(x: Tensor, other: Tensor) -> Tensor:
    return x.reshape(other.shape)


def _reversed_cat(tensors: list[Tensor], *args: Any, **more: Any) -> Tensor:
    return torch.cat(list(reversed(tensors)), *args, **more)


def _resize(**changes: Any) -> Function:
    def resized(x: Tensor, *args: Any, **more: Any) -> Tensor:
        return F.interpolate(x, *args, **{**more, **changes})

    return resized


def _rounded(x: Tensor) -> Tensor:
    return x.bfloat16().to(x.dtype)


def _dropped_out(x: Tensor) -> Tensor:
    return F.dropout(x, 0.1, training=True)


def _centred(x: Tensor) -> Tensor:
    return x - 1e-3 * x.mean(tuple(range(1, x.dim())), keepdim=True)


def _clamped(limit: float) -> Function:
    def clamped(x: Tensor) -> Tensor:
        return x.clamp(-limit, limit)

    return clamped


def _rows_flipped(x: Tensor) -> Tensor:
    return x.flip(1)


def _is_sum(node: fx.Node) -> bool:
    return len(node.all_input_nodes) == 2 and all(n.op != "get_attr" for n in node.all_input_nodes)


def _first(one: Tensor, other: Tensor) -> Tensor:
    return one


def _scaled_shortcut(one: Tensor, other: Tensor) -> Tensor:
    return one + 1.01 * other


LAYERS = (
    _replaced("padding on the other side", _other_side, "pad", when=_pads_space),
    _replaced("padding with the border repeated", _repeated, "pad", when=_pads_space),
    _replaced("padding by reflection", _reflected, "pad", when=_pads_space),
    _replaced("padding with ones", _ones, "pad", when=_pads_space),
    _replaced("channels padded in front", _channels_first, "pad", when=_pads_channels),
    _layer("a convolution padded by reflection", _mode("reflect"), nn.Conv2d, when=_pads_itself),
    _layer("a convolution padded by its border", _mode("replicate"), nn.Conv2d, when=_pads_itself),
    _layer(
        "a dilated kernel",
        _Dilated,
        nn.Conv2d,
        when=lambda x: _pads_itself(x) and x.stride == (1, 1),
    ),
    _layer("a stride that begins later", _Shifted, nn.Conv2d, when=lambda x: x.stride != (1, 1)),
    _layer("groups of other channels", _Shuffled, nn.Conv2d, when=lambda x: x.groups > 1),
    _layer(
        "a layer in float16", lambda x: _Half(x, torch.float16), nn.Conv2d, nn.Linear, when=bool
    ),
    _layer(
        "a layer in bfloat16", lambda x: _Half(x, torch.bfloat16), nn.Conv2d, nn.Linear, when=bool
    ),
    _layer("another eps of a LayerNorm", _Eps, nn.LayerNorm, when=bool),
    _layer("ReLU for PReLU", _without_slopes, nn.PReLU, when=bool),
    _replaced("no ReLU", lambda x, *_, **__: x, *RELU),
    _replaced("ReLU6 for ReLU", lambda x, *_, **__: F.relu6(x), *RELU),
    _replaced("leaky ReLU for ReLU", lambda x, *_, **__: F.leaky_relu(x), *RELU),
    _replaced("ELU for ReLU", lambda x, *_, **__: F.elu(x), *RELU),
    _replaced("SiLU for ReLU", lambda x, *_, **__: F.silu(x), *RELU),
    _replaced("ReLU for ReLU6", lambda x, *_, **__: F.relu(x), nn.ReLU6, "relu6"),
    _after("a ReLU too many", F.relu, nn.Conv2d, nn.Linear),
    _after("an activation clamped at 6", _clamped(6.0), *RELU, *ADD),
    _after("large values clamped", _clamped(60.0), *ADD, nn.Conv2d),
    _replaced("a product for a sum", operator.mul, *ADD, when=_is_sum),
    _replaced("a difference for a sum", operator.sub, *ADD, when=_is_sum),
    _replaced("no shortcut", _first, *ADD, when=_is_sum),
    _replaced("a shortcut times 1.01", _scaled_shortcut, *ADD, when=_is_sum),
    _replaced("average for max pooling", lambda x, *a, **m: F.avg_pool2d(x, *a, **m), *POOL),
    _replaced(
        "max pooling of more pixels",
        lambda x, *a, **m: F.max_pool2d(F.max_pool2d(x, 3, 1, 1), *a, **m),
        *POOL,
    ),
    _replaced("maximum for mean", _max, "mean"),
    _replaced("nearest for bilinear", _resize(mode="nearest", align_corners=None), *RESIZE),
    _replaced("aligned corners", _resize(mode="bilinear", align_corners=True), *RESIZE),
    _replaced("no sigmoid", lambda x, *_, **__: x, nn.Sigmoid, "sigmoid"),
    _replaced("hard sigmoid", lambda x, *_, **__: F.hardsigmoid(x), nn.Sigmoid, "sigmoid"),
    _replaced("concatenation in another order", _reversed_cat, "cat"),
    _order("rows and columns exchanged before flattening", 1, 2),
    _order("channels and columns exchanged before flattening", 2, 3),
    _after("a layer moved by a pixel", lambda x: x.roll(1, -1), nn.Conv2d),
    _after("a layer times 1.0001", lambda x: x * 1.0001, *ANY),
    _after("a layer rounded to bfloat16", _rounded, *ANY),
    _after("a layer normalized a little", _centred, *ANY),
    _after("dropout that is left on", _dropped_out, *ANY),
    _after("rows of a head reversed", _rows_flipped, "rows"),
    _input("an image in BGR", lambda x: x.flip(1)),
    _input("an image transposed", lambda x: x.transpose(2, 3)),
    _input("an image mirrored", lambda x: x.flip(3)),
    # That a module normalizes its image itself is a style, and told as one: this is no line.
    _input("an input of another gamma", lambda x: x * x.abs(), image=False),
    _input("an input clamped to 0 to 1", lambda x: x.clamp(0, 1), image=False),
    _input("an input in float16", lambda x: x.half().float(), image=False),
    _replaced(
        "a sigmoid as a tanh, which is right",
        lambda x, *_, **__: 0.5 * (1 + torch.tanh(x / 2)),
        nn.Sigmoid,
        "sigmoid",
        right=True,
    ),
)
"""Each at a place drawn at random. The last one is none: it has to pass."""
