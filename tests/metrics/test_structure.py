"""SSIM, sharpness and self-similarity against closed forms, loops and properties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from impasto.losses.contents import self_similarity
from impasto.metrics import structure

QUICK = settings(max_examples=30, deadline=None, derandomize=True)


def grey(values):
    return np.repeat(np.asarray(values, np.float32)[:, :, None], 3, axis=2)


def noise(height=40, width=48, seed=0):
    return np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)


def wave(k, n=64, amplitude=0.25):
    """A standing wave that mirrors itself at the borders."""
    along = np.cos(np.pi * k * (np.arange(n) + 0.5) / n)
    return grey(np.broadcast_to(0.5 + amplitude * along, (20, n)))


def blurred(rgb):
    """Smooth along the width with [1 2 1] / 4."""
    return ndimage.convolve1d(rgb, [0.25, 0.5, 0.25], axis=1, mode="reflect")


def test_ssim_of_flat_pictures():
    for a, b in ((0.5, 0.5), (0.2, 0.8), (0.0, 1.0)):
        expected = (2 * a * b + 0.01**2) / (a * a + b * b + 0.01**2)
        found = structure.ssim(grey(np.full((16, 20), a)), grey(np.full((16, 20), b)))
        assert found == pytest.approx(expected, abs=1e-6)


def test_ssim_is_wangs():
    """Equation 13 of Wang et al. 2004 with a Gaussian of 11 pixels, written out."""
    a, b = noise(), 0.7 * noise() + 0.3 * noise(seed=1)
    luma = np.array([0.299, 0.587, 0.114])
    x, y = a.astype(np.float64) @ luma, b.astype(np.float64) @ luma

    def mean(values):
        return ndimage.gaussian_filter(values, 1.5, radius=5)

    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    ssim = (2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert structure.ssim(b, a) == pytest.approx(ssim[5:-5, 5:-5].mean(), abs=1e-6)
    assert structure.ssim(a, a) == pytest.approx(1)
    assert structure.ssim(1 - a, a) < 0  # light and dark exchanged


@pytest.mark.parametrize("k", [1, 5, 20, 63])
def test_sharpness_of_a_wave(k):
    """The Laplacian turns a wave into itself, times 2 cos θ - 2."""
    theta = np.pi * k / 64
    expected = (2 - 2 * np.cos(theta)) ** 2 * 0.25**2 / 2
    assert structure.sharpness(wave(k)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_a_blur_lowers_sharpness_by_a_known_factor(k):
    """[1 2 1] / 4 turns a wave into itself, times cos² θ/2."""
    found = structure.relative_sharpness(blurred(wave(k)), wave(k))
    assert found == pytest.approx(np.cos(np.pi * k / 128) ** 4, rel=1e-3)


def test_sharpness_over_the_photos():
    photo = noise()
    assert structure.relative_sharpness(photo, photo) == 1
    half = 0.5 + 0.5 * (photo - 0.5)
    assert structure.relative_sharpness(half, photo) == pytest.approx(0.25, rel=1e-3)
    flat = np.full_like(photo, 0.3)
    assert structure.relative_sharpness(flat, photo) == pytest.approx(0, abs=1e-6)
    assert structure.relative_sharpness(flat, flat) == pytest.approx(1, rel=1e-3)


def points(n=12, c=7, seed=0):
    return torch.randn(n, c, generator=torch.Generator().manual_seed(seed)).double()


def kolkin(X, Y):
    """The content term of the paper in loops, times n."""
    n = len(X)

    def cosine(a, b):
        return 1 - float(a @ b) / float(a.norm() * b.norm())

    D, E = ([[cosine(a, b) for b in points] for a in points] for points in (X, Y))
    total = 0.0
    for j in range(n):
        down = sum(D[i][j] for i in range(n)), sum(E[i][j] for i in range(n))
        total += sum(abs(D[i][j] / down[0] - E[i][j] / down[1]) for i in range(n))
    return total / n**2 * n


def distance(X, Y):
    return float(self_similarity.distance(similar(X), similar(Y)))


def similar(X):
    return self_similarity.shares(X.double(), 1e-9)


def test_self_similarity_is_the_papers():
    X, Y = points(), points(seed=1)
    assert distance(X, Y) == pytest.approx(kolkin(X, Y), rel=1e-9)
    assert distance(X, X) == 0
    assert distance(X, Y) == distance(Y, X)


@QUICK
@given(seed=st.integers(0, 1000), n=st.integers(2, 12), c=st.integers(1, 6))
def test_self_similarity_ignores_appearance(seed, n, c):
    X, Y = points(n, c, seed), points(n, c, seed + 1)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    before = distance(X, Y)
    assert 0 <= before <= 2 + 1e-9
    assert distance(X[order], Y[order]) == pytest.approx(before, abs=1e-6)
    turned, _ = torch.linalg.qr(points(c, c, seed + 2))
    louder = torch.rand(n, 1).double() + 0.5
    assert distance(louder * (X @ turned), Y) == pytest.approx(before, abs=1e-6)


def test_self_similarity_adds_up_to_one():
    columns = similar(points()).sum(dim=0)
    torch.testing.assert_close(columns, torch.ones_like(columns))
    flat = similar(torch.ones(5, 3))
    assert torch.isfinite(flat).all()


@QUICK
@given(h=st.integers(1, 300), w=st.integers(1, 300), count=st.integers(1, 1024))
def test_a_grid_is_even_and_small_enough(h, w, count):
    positions = structure.grid(h, w, count)
    rows, columns, _ = positions.shape
    assert 1 <= rows * columns <= count
    assert rows <= h
    assert columns <= w
    for axis, number in ((positions[0, :, 0], columns), (positions[:, 0, 1], rows)):
        expected = (np.arange(number) + 0.5) / number * 2 - 1
        np.testing.assert_allclose(axis, expected, atol=1e-5)


def test_a_grid_as_fine_as_the_features_reads_them_all():
    F = torch.randn(1, 5, 6, 8, generator=torch.Generator().manual_seed(0))
    everywhere = structure.grid(6, 8, 48)
    assert everywhere.shape == (6, 8, 2)
    torch.testing.assert_close(structure.sample(F, everywhere), F[0].flatten(1).T)
    # Twice as coarse it lies between four of them.
    between = torch.nn.functional.avg_pool2d(F, 2)[0].flatten(1).T
    torch.testing.assert_close(structure.sample(F, structure.grid(6, 8, 12)), between)
