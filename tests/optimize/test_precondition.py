"""The preconditioner: a symmetric positive matrix that acts as the Fourier formula says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from impasto.optimize import precondition

SIZES = [(8, 8), (7, 9), (6, 11), (9, 4), (1, 5), (6, 1), (2, 3), (1, 1)]
CPU = torch.device("cpu")


def noise(height, width, seed=0):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(1, 3, height, width, generator=random)


def by_frequency(*options):
    """It works in place; here on a copy."""
    P = precondition.by_frequency(*options)
    return lambda a: P(a.clone())


def dot(a, b):
    return float((a.double() * b.double()).sum())


@pytest.mark.parametrize("power", [0.25, 0.4, 1.0])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_it_is_symmetric_and_positive(height, width, power):
    P = by_frequency(height, width, power, CPU)
    for seed in range(5):
        a, b = noise(height, width, 2 * seed), noise(height, width, 2 * seed + 1)
        size = math.sqrt(dot(P(a), P(a)) * dot(b, b))
        assert dot(P(a), b) == pytest.approx(dot(a, P(b)), abs=1e-5 * size)
        assert dot(P(a), a) > 0
        assert P(a).shape == a.shape
        assert P(a).dtype == a.dtype


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_it_is_linear_and_keeps_channels_apart(height, width):
    P = by_frequency(height, width, 0.4, CPU)
    a, b = noise(height, width), noise(height, width, 1)
    torch.testing.assert_close(P(2 * a - 3 * b), 2 * P(a) - 3 * P(b), rtol=1e-4, atol=1e-4)
    a[:, 1] = 0
    assert not bool(P(a)[:, 1].any())


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_power_zero_is_the_identity(height, width):
    a = noise(height, width)
    torch.testing.assert_close(by_frequency(height, width, 0.0, CPU)(a), a, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("power", [0.4, 1.0])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 9), (6, 11), (9, 4)])
def test_a_wave_is_only_scaled_and_by_its_frequency(height, width, power):
    P = by_frequency(height, width, power, CPU)
    y, x = np.mgrid[:height, :width]

    def gain(m, n):
        wave = np.cos(2 * np.pi * (m * y / height + n * x / width) + 0.3)
        a = torch.from_numpy(wave).float().expand(1, 3, height, width).contiguous()
        moved = P(a)
        found = dot(moved, a) / dot(a, a)
        torch.testing.assert_close(moved, found * a, rtol=1e-3, atol=1e-4)
        return found

    lowest = 1 / max(height, width)
    for m, n in [(0, 1), (1, 0), (1, 1), (2, 1), (2, -1), (-1, 2), (3, 0), (0, 0)]:
        f = max(math.hypot(m / height, n / width), lowest)
        expected = (f / math.hypot(1 / height, 1 / width)) ** (-2 * power)
        assert gain(m, n) / gain(1, 1) == pytest.approx(expected, rel=1e-3)


def test_float64_goes_in_and_comes_out():
    P = by_frequency(5, 6, 0.4, CPU)
    a = noise(5, 6)
    assert P(a.double()).dtype == torch.float64
    torch.testing.assert_close(P(a.double()).float(), P(a), rtol=1e-4, atol=1e-5)


def test_it_works_in_place():
    a = noise(5, 6)
    expected = by_frequency(5, 6, 0.4, CPU)(a)
    moved = precondition.by_frequency(5, 6, 0.4, CPU)(a)
    assert moved.data_ptr() == a.data_ptr()
    torch.testing.assert_close(a, expected, rtol=0, atol=0)
