from __future__ import annotations

import numpy as np
import pytest

from impasto.explain.channels import clustered_order, strongest, variance_shares


def test_variance_shares_are_those_of_numpy() -> None:
    rng = np.random.default_rng(1)
    a = (rng.random((5, 4, 6)) * np.arange(5)[:, None, None]).astype(np.float32)
    b = (rng.random((5, 3, 3)) * 100).astype(np.float32)
    expected = [
        np.mean([a[i].var() / sum(c.var() for c in a), b[i].var() / sum(c.var() for c in b)])
        for i in range(5)
    ]
    shares = variance_shares([a, b])
    np.testing.assert_allclose(shares, expected, rtol=1e-5)
    assert shares.sum() == pytest.approx(1)


def test_constant_channels_have_no_share() -> None:
    flat, ramp = np.full((3, 2, 2), 7, np.float32), np.zeros((3, 2, 2), np.float32)
    ramp[1, 0, 0] = 1
    np.testing.assert_array_equal(variance_shares([flat, flat]), [0, 0, 0])
    np.testing.assert_array_equal(variance_shares([flat, ramp]), [0, 1, 0])


def test_the_strongest_come_first_and_the_first_of_equals() -> None:
    assert strongest(np.array([1.0, 9.0, 4.0, 9.0]), 3) == [1, 3, 2]
    assert strongest(np.array([1.0, 2.0]), 5) == [1, 0]


@pytest.mark.parametrize("seed", range(3))
def test_channels_of_a_group_end_up_side_by_side(seed: int) -> None:
    """Channels of three groups, shuffled and of all strengths: each group is found again."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat([0, 1, 2], 7))
    patterns = rng.random((3, 200))
    F = patterns[group] * rng.uniform(0.1, 10, (21, 1)) + 0.01 * rng.random((21, 200))
    order = clustered_order((F @ F.T / 200).astype(np.float32))
    assert sorted(order) == list(range(21))
    assert (np.diff(group[order]) != 0).sum() == 2


def test_silent_channels_are_accepted() -> None:
    A = np.zeros((4, 4), np.float32)
    assert sorted(clustered_order(A)) == [0, 1, 2, 3]
    A[:2, :2] = 1
    assert sorted(clustered_order(A)) == [0, 1, 2, 3]
    assert clustered_order(np.ones((2, 2), np.float32)) == [0, 1]
    assert clustered_order(np.ones((1, 1), np.float32)) == [0]
