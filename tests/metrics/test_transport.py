"""Transport against assignment problems solved by SciPy, closed forms and properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm

from impasto.metrics import transport

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
SIZES = st.integers(1, 9)


def points(n, c, seed=0):
    return torch.randn(n, c, generator=torch.Generator().manual_seed(seed))


def assigned(a, b):
    """The least mean squared distance of a pairing: each point is repeated until all pair up."""
    count = math.lcm(len(a), len(b))
    a, b = (np.repeat(np.asarray(x, np.float64), count // len(x), axis=0) for x in (a, b))
    cost = ((a[:, None] - b[None]) ** 2).reshape(count, count, -1).sum(axis=2)
    return cost[linear_sum_assignment(cost)].mean()


@QUICK
@given(n=SIZES, m=SIZES, seed=st.integers(0, 99))
def test_on_a_line_it_is_the_best_assignment(n, m, seed):
    a, b = points(n, 1, seed).T.sort().values, points(m, 1, seed + 100).T.sort().values
    (found,) = transport.wasserstein(a, b)
    assert float(found) == pytest.approx(assigned(a[0], b[0]), rel=1e-5, abs=1e-9)
    torch.testing.assert_close(transport.wasserstein(b, a), transport.wasserstein(a, b))


@QUICK
@given(n=SIZES, m=SIZES, c=st.integers(1, 4), seed=st.integers(0, 99))
def test_sliced_it_is_at_most_the_best_assignment(n, m, c, seed):
    """Along v no plan costs less; over whole frames the mean of (v · x)² is |x|² / c."""
    X, Y = points(n, c, seed), points(m, c, seed + 100)
    V = transport.directions(c, 5 * c)
    sliced = transport.sliced_wasserstein(transport.project(X, V), transport.project(Y, V))
    assert 0 <= sliced <= assigned(X, Y) / c * (1 + 1e-5)


@QUICK
@given(c=st.integers(1, 20), frames=st.integers(1, 3), extra=st.integers(0, 5))
def test_directions_stand_at_right_angles(c, frames, extra):
    V = transport.directions(c, c * frames + min(extra, c - 1))
    assert V.shape == (c * frames + min(extra, c - 1), c)
    first = V[:c]
    torch.testing.assert_close(first @ first.T, torch.eye(c), atol=1e-5, rtol=0)
    x = points(1, c)[0]
    mean = float((V[: c * frames] @ x).square().mean())
    assert mean == pytest.approx(float(x.square().sum()) / c, rel=1e-4)


def test_directions_are_drawn_by_the_seed_and_go_everywhere():
    V = transport.directions(3, 3000)
    assert torch.equal(V, transport.directions(3, 3000))
    assert not torch.equal(V, transport.directions(3, 3000, seed=1))
    # Uniform on the sphere: each coordinate is uniform in [-1, 1] (Archimedes).
    for coordinate in V.T:
        assert float(coordinate.mean()) == pytest.approx(0, abs=0.05)
        assert float(coordinate.abs().mean()) == pytest.approx(0.5, abs=0.02)


def test_a_shift_of_all_points():
    X, shift = points(50, 6), torch.tensor([3.0, 0, -1, 0.5, 0, 2])
    V = transport.directions(6, 18)
    a, b = transport.project(X, V), transport.project(X + shift, V)
    expected = float(shift.square().sum()) / 6
    assert transport.sliced_wasserstein(a, b) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(transport.wasserstein(a, b), (V @ shift).square(), rtol=1e-3)


def test_gaussians():
    """W₂² of N(m, s²) and N(n, t²) is (m - n)² + (s - t)²."""
    quantiles = {n: norm.ppf((np.arange(n) + 0.5) / n) for n in (20_000, 30_001)}
    a = torch.from_numpy(1.0 + 2.0 * quantiles[20_000])[None]
    b = torch.from_numpy(-0.5 + 0.7 * quantiles[30_001])[None]
    assert float(transport.wasserstein(a, b)[0]) == pytest.approx(1.5**2 + 1.3**2, rel=1e-3)


def test_neither_order_nor_repetition_counts():
    X, V = points(30, 4), transport.directions(4, 8)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(5))
    a = transport.project(X, V)
    assert torch.equal(transport.project(X[order], V), a)
    assert transport.sliced_wasserstein(a, transport.project(X.repeat(3, 1), V)) == pytest.approx(
        0, abs=1e-12
    )
    assert transport.sliced_wasserstein(a, transport.project(X[:-1], V)) > 1e-4


def test_relative_does_not_know_the_unit():
    X, Y, V = points(20, 5), points(30, 5, seed=1) + 1, transport.directions(5, 10)

    def relative(scale):
        a, b = transport.project(scale * X, V), transport.project(scale * Y, V)
        return transport.relative_sliced_wasserstein(a, b)

    assert relative(100.0) == pytest.approx(relative(1.0), rel=1e-5)
    nothing = transport.project(torch.zeros(1, 5), V)
    assert transport.relative_sliced_wasserstein(nothing, transport.project(Y, V)) == pytest.approx(
        1, rel=1e-5
    )
    assert transport.relative_sliced_wasserstein(nothing, nothing) == 0
