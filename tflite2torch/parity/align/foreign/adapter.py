"""Gives a module from elsewhere the inputs and outputs of the emitted one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

Axes = tuple[int, ...]


class Adapter(nn.Module):
    """Calls a module with inputs in its own order of axes and range.

    Args:
        module: the module; its outputs may be nested in tuples, lists and dicts.
        permutations: for each input the order of axes that it takes, None for the emitted one.

    Attributes:
        picks: which of its outputs, flattened, are returned, in this order; None for all.
        scale: what inputs are multiplied by after ``shift`` was subtracted, where the module
            normalizes an image itself; empty where it does not.
        shift: see ``scale``. Both have a number for each channel.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, module: nn.Module, permutations: Sequence[Axes | None]) -> None:
        super().__init__()
        self.module = module
        self.permutations = tuple(permutations)
        self.picks: tuple[int, ...] | None = None
        self.register_buffer("scale", torch.empty(0), persistent=False)
        self.register_buffer("shift", torch.empty(0), persistent=False)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the module's outputs as a flat tuple."""
        given = []
        for x, axes in zip(inputs, self.permutations, strict=True):
            if len(self.scale) and x.dim() == 4:
                x = (x - self.shift[:, None, None]) * self.scale[:, None, None]
            given.append(x if axes is None else x.permute(axes))
        found = [x for x in tree_leaves(self.module(*given)) if isinstance(x, Tensor)]
        return tuple(found) if self.picks is None else tuple(found[pick] for pick in self.picks)
