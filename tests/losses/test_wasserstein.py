"""The Wasserstein distance of normal distributions against closed forms, SciPy and differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from impasto.losses.styles.wasserstein import Normal


def moments(samples):
    """Second moments and mean of (n, c) samples."""
    return torch.cat([samples.T @ samples / len(samples), samples.mean(0)[:, None]], dim=1)


def samples(seed, c=6, n=400, scale=1.0, shift=0.0):
    random = torch.Generator().manual_seed(seed)
    mix = torch.randn(c, c, generator=random, dtype=torch.float64)
    return scale * torch.randn(n, c, generator=random, dtype=torch.float64) @ mix + shift


def test_it_is_what_scipy_makes_of_the_formula():
    ours, theirs = samples(0), samples(1, shift=0.5)
    target = Normal.of(moments(theirs))
    S, T = np.cov(ours.T.numpy(), bias=True), np.cov(theirs.T.numpy(), bias=True)
    root = sqrtm(T)
    away = (ours.mean(0) - theirs.mean(0)).numpy()
    wanted = away @ away + np.trace(S + T - 2 * np.real(sqrtm(root @ S @ root)))
    got = float(target.distance(moments(ours))[0]) * target.size
    assert got == pytest.approx(wanted, rel=1e-3)


def test_the_distance_to_itself_is_zero_and_a_shift_is_its_length():
    own = samples(0)
    target = Normal.of(moments(own))
    assert float(target.distance(moments(own))[0]) == pytest.approx(0, abs=1e-9)
    moved, _ = target.distance(moments(own + torch.tensor([3.0, 4, 0, 0, 0, 0])))
    assert float(moved) * target.size == pytest.approx(25, rel=1e-6)


def test_along_the_same_axes_it_is_the_difference_of_deviations():
    a, b = torch.tensor([1.0, 2, 3]).double(), torch.tensor([3.0, 2, 0.5]).double()
    ours, theirs = (torch.cat([(x**2).diag(), torch.zeros(3, 1).double()], 1) for x in (a, b))
    target = Normal.of(theirs)
    wanted = float((a - b).square().sum())
    assert float(target.distance(ours)[0]) * target.size == pytest.approx(wanted, rel=1e-3)


def test_its_gradient_is_that_of_the_loss():
    at, target = moments(samples(0)), Normal.of(moments(samples(1)))
    _, gradient = target.distance(at)
    random = torch.Generator().manual_seed(2)
    for _ in range(5):
        way = torch.randn(at.shape, generator=random, dtype=torch.float64)
        way[:, :-1] = way[:, :-1] + way[:, :-1].T  # moments are symmetric
        step = 1e-5 * way
        rise = target.distance(at + step)[0] - target.distance(at - step)[0]
        assert float(rise) == pytest.approx(2 * float((gradient * step).sum()), rel=1e-5)


@pytest.mark.parametrize("flat", [False, True])
def test_degenerate_features_have_finite_gradients(flat):
    """Channels that are always zero, as ReLUs leave them, and pictures of one colour."""
    dead = samples(0)
    dead[:, 3:] = 0
    if flat:
        dead[:] = dead[:1]
    for at, of in ((dead, samples(1)), (samples(1), dead), (dead, dead)):
        loss, gradient = Normal.of(moments(of).float()).distance(moments(at).float())
        assert torch.isfinite(gradient).all()
        assert float(loss) >= -1e-4


def test_it_means_the_same_for_features_of_any_size():
    small, large = (
        Normal.of(moments(s * samples(1))).distance(moments(s * samples(0)))[0] for s in (1, 500)
    )
    assert float(small) == pytest.approx(float(large), rel=1e-6)


def test_what_is_not_finite_has_no_finite_distance():
    target = Normal.of(moments(samples(1)))
    at = moments(samples(0))
    at[1, 1] = torch.inf
    loss, gradient = target.distance(at)
    assert loss.isnan()
    assert gradient.isnan().all()
