"""Padding by reflection, and folded kernels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from impasto.nets import transformer
from impasto.nets.architecture import ARCHITECTURES
from impasto.nets.geometry import fold, reflected


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("size", [*range(1, 41), 100, 101])
def test_mirrored_as_numpy_does(name, size):
    architecture = ARCHITECTURES[name]
    stride = architecture.stride
    index = reflected(size, architecture)
    assert len(index) % stride == 0
    assert max(size, 2 * stride) <= len(index) < max(size + stride, 2 * stride + 1)
    after = len(index) - size
    np.testing.assert_array_equal(index, np.pad(np.arange(size), (0, after), mode="reflect"))


@pytest.mark.parametrize("k", [1, 3, 5, 7])
def test_folding_is_enlarging_first(k):
    random = np.random.default_rng(k)
    weight = random.standard_normal((3, 4, k, k)).astype(np.float32)
    x = torch.from_numpy(random.standard_normal((2, 4, 9, 7)).astype(np.float32))
    large = F.interpolate(x, scale_factor=2, mode="nearest")
    large = F.pad(large, [k // 2] * 4, mode="replicate")
    expected = F.conv2d(large, torch.from_numpy(weight))
    folded = torch.from_numpy(fold(weight))
    small = F.pad(x, [folded.shape[-1] // 2] * 4, mode="replicate")
    found = F.pixel_shuffle(F.conv2d(small, folded), 2)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_folding_is_one_for_arrays_and_tensors():
    weight = np.random.default_rng(0).standard_normal((3, 16, 5, 5)).astype(np.float32)
    tensor = torch.from_numpy(weight).requires_grad_(True)
    folded = transformer.fold(tensor)
    np.testing.assert_allclose(folded.detach().numpy(), fold(weight), atol=1e-6)
    folded.sum().backward()
    # Every element of the kernel is met once at each of the four phases.
    np.testing.assert_allclose(tensor.grad.numpy(), 4, rtol=1e-6)
