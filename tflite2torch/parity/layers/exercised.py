"""Which weights of a module were multiplied by something other than 0, so that values tell of them.

The multiplicands of a weight are the derivatives of the outputs with respect to it: the inputs of a
convolution at its place in the kernel, the negative inputs of a PReLU, the normalized inputs of a
LayerNorm, and 1 for a bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from tflite2torch.converter.graph.value import Array
from tflite2torch.parity.align.called import RAISED
from tflite2torch.parity.align.lockstep import Step, in_type
from tflite2torch.parity.align.operation import run_operation, weights_of


class Exercised:
    """The weights of a module that were exercised so far.

    Args:
        module: in float32; it is left as it is.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._found = {
            key: torch.zeros(tensor.shape, dtype=torch.bool)
            for key, tensor in module.state_dict().items()
            if tensor.is_floating_point()
        }

    @property
    def masks(self) -> dict[str, Array]:
        """Which elements of each floating-point constant were exercised, by state_dict key."""
        return {key: found.numpy() for key, found in self._found.items()}

    def record(self, step: Step) -> None:
        """Add the weights that an operation multiplied by something other than 0."""
        node = step.layer.node
        if node is None or node.op == "output" or step.raised:
            return
        weights = weights_of(self._module, node)
        waiting = {k: w for k, w in weights.items() if k in self._found and not self._done(k)}
        if not waiting:
            return
        layer = self._module.get_submodule(str(node.target)) if node.op == "call_module" else None
        if type(layer) is nn.Conv2d and _pads_zeros(layer):
            [x] = step.operands.values()
            for key in waiting:
                if key.endswith("weight"):
                    _add_convolution(layer, x, self._found[key])
                else:
                    self._found[key].fill_(True)  # a bias
            return
        for key, found in _by_gradient(self._module, node, step.operands, waiting).items():
            self._found[key] |= found

    def _done(self, key: str) -> bool:
        return bool(self._found[key].all())


def _pads_zeros(layer: nn.Conv2d) -> bool:
    return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _add_convolution(layer: nn.Conv2d, x: Tensor, found: Tensor) -> None:
    """Mark the weights of a convolution that inputs other than 0 meet.

    All outputs of a group read the same inputs: what is looked at is one bit for each input
    channel and place in the kernel, and only channels with a bit that is not set yet.

    Args:
        layer: the convolution.
        x: its input, N x C x H x W.
        found: for each weight whether it is marked; marks are added.
    """
    by_group = found.view(layer.groups, -1, *found.shape[1:])
    channels = by_group[:, 0].reshape(-1, *found.shape[2:])  # C x rows x columns of the kernel
    waiting = ~channels.flatten(1).all(1)
    down, across = map(int, layer.padding)
    given = F.pad(x[:, waiting] != 0, (across, across, down, down))
    (rows, columns), (stride, along) = layer.kernel_size, layer.stride
    height = (given.shape[2] - layer.dilation[0] * (rows - 1) - 1) // stride * stride + 1
    width = (given.shape[3] - layer.dilation[1] * (columns - 1) - 1) // along * along + 1
    met = torch.zeros(given.shape[1], rows, columns, dtype=torch.bool)
    for row in range(rows):
        top = row * layer.dilation[0]
        lines = given[:, :, top : top + height : stride].any(2).any(0)
        for column in range(columns):
            left = column * layer.dilation[1]
            met[:, row, column] = lines[:, left : left + width : along].any(1)
    channels = channels.clone()
    channels[waiting] |= met
    by_group |= channels.reshape(layer.groups, 1, -1, *found.shape[2:])


def _by_gradient(
    module: nn.Module,
    node: fx.Node,
    operands: Mapping[fx.Node, Any],
    weights: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Return which weights of any operation have a multiplicand other than 0."""
    # The gradient of a sum of the outputs is the sum of a weight's multiplicands, which may
    # cancel out; with random factors, it is 0 only where all multiplicands are.
    generator = torch.Generator().manual_seed(0)
    leaves = {key: weight.detach().requires_grad_() for key, weight in weights.items()}
    # The runs are made in inference mode, whose tensors autograd does not take.
    given = {
        n: in_type(x.clone(), torch.float32) if isinstance(x, Tensor) else x
        for n, x in operands.items()
    }
    try:
        with torch.enable_grad():
            result = run_operation(module, node, given, leaves)
            factors = torch.rand(result.shape, generator=generator) + 1
            total = (result * factors).sum()
            gradients = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    except RAISED:
        # Such as a layer that cannot be differentiated; nothing is known of its weights.
        return {}
    pairs = zip(leaves, gradients, strict=True)
    return {key: gradient != 0 for key, gradient in pairs if gradient is not None}
