"""The network for training against the network that is applied."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.nets.architecture import EPSILON
from impasto.nets.transformer import TransferNet, white_noise
from impasto.training.student import Student, _Normalisation
from zoo.making import random_pack


def _nets(precision: torch.dtype = torch.float32) -> tuple[TransferNet, Student]:
    pack = random_pack("swirls", "dots", size="turbo")
    tensors = {name: torch.from_numpy(array) for name, array in pack.tensors.items()}
    one, other = TransferNet(pack.architecture, 3), Student(pack.architecture, 3, precision)
    one.load_state_dict(tensors)
    other.load_state_dict(tensors)
    return one, other


def _inputs(net: TransferNet, side: int = 144) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Large enough that both ways to normalise are gone."""
    torch.manual_seed(0)
    mix = torch.tensor([[0.0, 1.0, 0.0], [0.3, 0.0, 0.7]])
    return torch.rand(2, 3, side, side), mix, white_noise(net.architecture, 2, side, side)


def test_it_is_the_same_network_with_the_same_gradient() -> None:
    gradients = []
    made = []
    for net in _nets():
        y = net(*_inputs(net))
        made.append(y.detach())
        (y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
        gradients.append({name: p.grad for name, p in net.named_parameters()})
    torch.testing.assert_close(*made, rtol=1e-4, atol=1e-4)
    one, other = gradients
    # Biases that a normalisation divides out have no gradient but rounding.
    rounding = 1e-4 * max(gradient.norm() for gradient in one.values())
    for name, gradient in one.items():
        assert (gradient - other[name]).norm() <= 2e-3 * gradient.norm() + rounding, name


def test_half_precision_is_near() -> None:
    net, half = _nets(torch.bfloat16)
    inputs = _inputs(net)
    with torch.no_grad():
        difference = net(*inputs) - half(*inputs)
    assert half(*inputs).dtype == torch.float32
    assert float(difference.square().mean().sqrt()) < 0.05


def _by_the_book(x: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    variance, mean = torch.var_mean(x, dim=(2, 3), keepdim=True, unbiased=False)
    q = (x - mean) / (variance + EPSILON).sqrt()
    beyond = F.relu(q.abs() - 5).square().mean((2, 3)).sum(1).mean()
    return q * scale[:, :, None, None] + shift[:, :, None, None], beyond


@pytest.mark.parametrize("side", [8, 33])
@pytest.mark.parametrize("spiked", [False, True])
def test_normalisation_and_spikes_are_those_of_autograd(side: int, spiked: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, side, side, dtype=torch.float64).contiguous(
        memory_format=torch.channels_last
    )
    if spiked:
        x[0, 1, 3, 4], x[1, 0, 2, 2], x[1, 2, 5, 5] = 40, -30, 25
    values = [x, *torch.randn(2, 2, 3, dtype=torch.float64)]
    found = []
    for function in (_Normalisation.apply, _by_the_book):
        leaves = [value.clone().requires_grad_(True) for value in values]
        y, spikes = function(*leaves)
        assert (float(spikes.detach()) > 0) == spiked
        ((y * torch.arange(y.numel()).view_as(y).sin()).sum() + 7 * spikes).backward()
        found.append([y.detach(), spikes.detach(), *(leaf.grad for leaf in leaves)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=1e-6)


def test_spikes_are_summed_once() -> None:
    _, net = _nets()
    net(*_inputs(net))
    first = net.spikes().detach()
    net(*_inputs(net))
    assert float(first) == pytest.approx(float(net.spikes().detach()))
