"""Convolutions with both ways of padding, for GPUs and for CPUs."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from impasto.nets import layers


@pytest.mark.parametrize("copies", [False, True])
@pytest.mark.parametrize("size", [(2, 2), (5, 9)])
@pytest.mark.parametrize(
    ("padding", "mode"), [("zeros", "constant"), ("replicate", "replicate"), ("reflect", "reflect")]
)
def test_a_convolution_and_its_gradient(
    monkeypatch: pytest.MonkeyPatch, copies: bool, size: tuple[int, int], padding: str, mode: str
) -> None:
    monkeypatch.setattr(layers, "_copies", lambda _: copies)
    random = torch.Generator().manual_seed(0)
    x = torch.randn(1, 3, *size, generator=random, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 3, 3, 3, generator=random, dtype=torch.float64)
    bias = torch.randn(4, generator=random, dtype=torch.float64)
    g = torch.randn(1, 4, *size, generator=random, dtype=torch.float64)
    expected = F.conv2d(F.pad(x, (1, 1, 1, 1), mode=mode), weight, bias)
    (gradient,) = torch.autograd.grad(expected, x, g)
    torch.testing.assert_close(layers.convolve(x.detach(), weight, bias, padding), expected)
    found = layers.convolve_backward(g, layers.backward_weight(weight), padding)
    torch.testing.assert_close(found, gradient)
