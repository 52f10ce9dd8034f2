"""A weight is exercised where it is multiplied by something other than 0, and not else."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tflite2torch.converter.graph.value import Array
from tflite2torch.parity.align.lockstep import in_double, run_in_lockstep
from tflite2torch.parity.align.trace import trace_module
from tflite2torch.parity.layers.exercised import Exercised


def exercised(module: nn.Module, *inputs: Tensor) -> dict[str, Array]:
    """Run a module on inputs, one after the other, and return what was exercised."""
    module.eval()
    found = Exercised(module)
    trace = trace_module(module)
    for x in inputs:
        for step in run_in_lockstep(module, in_double(module), trace, [x], lambda _: None):
            found.record(step)
    return found.masks


def sparse(*shape: int, seed: int = 0) -> Tensor:
    """Return numbers most of which are 0, all of the second channel and of the first column."""
    generator = np.random.default_rng(seed)
    numbers = generator.standard_normal(shape) * (generator.random(shape) < 0.04)
    numbers[:, 1] = numbers[..., 0] = 0
    return torch.from_numpy(numbers.astype(np.float32))


def changes(layer: nn.Module, x: Tensor, key: str) -> Array:
    """Return which elements of a weight change the outputs when they change: the definition."""
    weight = layer.get_parameter(key)
    found = np.zeros(tuple(weight.shape), bool)
    with torch.no_grad():
        before = layer(x)
        for place in product(*map(range, weight.shape)):
            kept = float(weight[place])
            weight[place] = kept + 64.0
            found[place] = bool((layer(x) != before).any())
            weight[place] = kept
    return found


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 3, 3),
        nn.Conv2d(4, 3, 3, stride=2, padding=1),
        nn.Conv2d(4, 4, (3, 2), stride=(1, 3), padding=(0, 2), groups=2),
        nn.Conv2d(4, 8, 3, padding=2, dilation=2, groups=4, bias=False),
        nn.Conv2d(4, 6, 1),
        nn.Conv2d(4, 2, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 2, 3, padding="same"),
        nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1),
        nn.ConvTranspose2d(4, 4, 2, stride=2, groups=2),
        nn.PReLU(4),
        nn.PReLU(),
        nn.Linear(6, 5),
    ],
    ids=str,
)
def test_it_is_what_changes_an_output(layer: nn.Module) -> None:
    module = nn.Sequential(layer.eval())
    samples = [sparse(1, 4, 5, 6, seed=seed) for seed in range(2)]
    masks = exercised(module, *samples)
    partly = False
    for key, mask in masks.items():
        assert mask.shape == tuple(module.get_parameter(key).shape)
        wanted = changes(module, samples[0], key) | changes(module, samples[1], key)
        np.testing.assert_array_equal(mask, wanted)
        partly |= bool(wanted.any() and not wanted.all())
    assert partly or sum(map(np.size, masks.values())) == 1, "this test can tell"


def test_the_corner_of_a_kernel_over_one_pixel() -> None:
    """With padding, all of a kernel but its middle lies outside."""
    mask = exercised(nn.Sequential(nn.Conv2d(1, 1, 3, padding=1)), torch.ones(1, 1, 1, 1))
    assert np.argwhere(mask["0.weight"]).tolist() == [[0, 0, 1, 1]]


def test_a_layer_norm_is_exercised_by_what_is_not_the_mean() -> None:
    x = torch.tensor([[[1.0, 3, 2, 2], [5, 5, 5, 5]]])
    masks = exercised(nn.Sequential(nn.LayerNorm(4, elementwise_affine=True)), x)
    assert masks["0.weight"].tolist() == [True, True, False, False]
    assert masks["0.bias"].all()


class Read(nn.Module):
    """Parameters that ``forward`` reads itself, and one that it does not."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.shift = nn.Parameter(torch.ones(4))
        self.mix = nn.Parameter(torch.ones(4, 2))
        self.unused = nn.Parameter(torch.ones(3))
        self.register_buffer("places", torch.tensor([0, 1]))

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.places] * self.scale + (x @ self.mix).sum() + self.shift


def test_parameters_that_forward_reads() -> None:
    masks = exercised(Read(), torch.tensor([[[1.0, 0, 2, 0], [0, 0, 0, 0]]]))
    assert masks["scale"].tolist() == [True, False, True, False]
    assert masks["mix"].tolist() == [[True] * 2, [False] * 2] * 2
    assert masks["shift"].all()
    assert not masks["unused"].any()
    assert "places" not in masks, "an index is multiplied by nothing"


def test_products_that_cancel_out_count() -> None:
    """A gradient of plain sums would be 0."""
    x = torch.tensor([[[1.0, -1], [-1, 1]]])
    assert exercised(nn.Sequential(nn.Linear(2, 1)), x)["0.weight"].all()


def test_a_module_in_another_type_is_left_as_it_is() -> None:
    layer = nn.Sequential(nn.Conv2d(2, 2, 1))
    before = {key: x.clone() for key, x in layer.state_dict().items()}
    exercised(layer, sparse(1, 2, 4, 4))
    for key, x in layer.state_dict().items():
        assert torch.equal(x, before[key])
    assert all(p.grad is None for p in layer.parameters())


def functional(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    function: Callable[[Tensor, Tensor], Tensor] = getattr(F, name)
    return function


@pytest.mark.parametrize(("name", "shape"), [("linear", (3, 4)), ("conv1d", (3, 4, 1))])
def test_functions_with_weights(name: str, shape: tuple[int, ...]) -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(shape))

        def forward(self, x: Tensor) -> Tensor:
            return functional(name)(x, self.weight)

    x = torch.ones(1, 4, 4)
    x[..., 2] = 0
    mask = exercised(Layer(), x if name == "linear" else x.transpose(1, 2))["weight"]
    assert mask.reshape(3, 4).tolist() == [[True, True, False, True]] * 3
