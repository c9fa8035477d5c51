"""Distances of sets of features against scipy, exact transport, and loops written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance_nd
from torch.autograd import gradcheck

from impasto.losses import point_sets
from impasto.losses.contents import self_similarity
from impasto.losses.styles import emd, nearest, sliced


def vectors(seed, n, c, spread=1.0):
    random = torch.Generator().manual_seed(seed)
    return spread * torch.randn(n, c, generator=random, dtype=torch.float64)


def similarity(X, P):
    return self_similarity.distance(self_similarity.shares(X), self_similarity.shares(P))


def test_sliced_along_one_axis_is_the_optimal_transport_of_squares():
    X, S = vectors(0, 40, 1), vectors(1, 40, 1, 2.0) + 3
    got = sliced.distance(X, sliced.sorted_along(S, None), None)
    cost = cdist(X.numpy(), S.numpy(), "sqeuclidean")
    assert float(got) == pytest.approx(cost[linear_sum_assignment(cost)].mean(), rel=1e-9)


def test_sliced_of_many_directions_is_below_the_distance_itself_and_right_for_a_shift():
    """For a shift v it is |v|² / c in the mean over directions, the distance itself being |v|²."""
    X = vectors(0, 50, 3)
    shift = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    along = sliced.directions(4000, 3, torch.Generator().manual_seed(0)).double()
    got = sliced.distance(X, sliced.sorted_along(X + shift, along), along)
    assert float(got) == pytest.approx(float(shift.square().sum()) / 3, rel=0.05)
    assert float(got) <= wasserstein_distance_nd(X.numpy(), (X + shift).numpy()) ** 2


def test_directions_have_length_one():
    along = sliced.directions(7, 5, torch.Generator().manual_seed(1))
    assert along.shape == (5, 7)
    assert along.norm(dim=0) == pytest.approx(torch.ones(7))


@pytest.mark.parametrize(("count", "of"), [(30, 30), (10, 30), (33, 30), (1, 4)])
def test_quantiles_are_those_of_numpy(count, of):
    ordered = vectors(2, of, 2).T.contiguous().sort(dim=1).values
    middles = (np.arange(count) + 0.5) / count
    wanted = np.quantile(ordered.numpy(), middles, axis=1, method="hazen").T
    np.testing.assert_allclose(sliced.quantiles(ordered, count), wanted, rtol=1e-9)


def test_a_histogram_does_not_see_how_channels_go_together():
    X = vectors(3, 20, 2)
    mixed = torch.stack([X[:, 0], X[torch.randperm(20), 1]], dim=1)
    assert float(sliced.distance(X, sliced.sorted_along(mixed, None), None)) == 0
    along = sliced.directions(50, 2, torch.Generator().manual_seed(0)).double()
    assert float(sliced.distance(X, sliced.sorted_along(mixed, along), along)) > 0.01


def test_nearest_is_what_a_loop_finds():
    X, S = vectors(4, 12, 5) + 2, vectors(5, 9, 5) - 1
    own, theirs = (A.numpy() - A.numpy().mean(axis=0) for A in (X, S))
    wanted = cdist(own, theirs, "cosine").argmin(axis=1)
    assert nearest.nearest(X, S).tolist() == wanted.tolist()


def test_nearest_in_blocks_is_the_same(monkeypatch):
    X, S = vectors(4, 12, 5), vectors(5, 9, 5)
    whole = nearest.nearest(X, S)
    monkeypatch.setattr(nearest, "_BLOCK", 20)
    assert torch.equal(nearest.nearest(X, S), whole)


def test_cosine_loss_is_the_mean_of_one_less_the_cosine_and_none_for_two_zeros():
    X, Z = vectors(4, 12, 5), vectors(5, 12, 5)
    wanted = np.diag(cdist(X.numpy(), Z.numpy(), "cosine")).mean()
    assert float(nearest.cosine_loss(X, Z)) == pytest.approx(wanted)
    assert float(nearest.cosine_loss(torch.zeros(2, 3), torch.zeros(2, 3))) == 0


def test_relaxed_transport_is_the_larger_mean_of_the_smallest_costs_and_a_lower_bound():
    X, S = vectors(6, 15, 4), vectors(7, 15, 4)
    C = point_sets.cosine_distances(X, S)
    np.testing.assert_allclose(C, cdist(X.numpy(), S.numpy(), "cosine"), atol=1e-12)
    rows, cols = C.numpy().min(axis=1).mean(), C.numpy().min(axis=0).mean()
    got = float(emd.relaxed_emd(C))
    assert got == pytest.approx(max(rows, cols))
    assert got <= C.numpy()[linear_sum_assignment(C.numpy())].mean()
    assert float(emd.relaxed_emd(point_sets.cosine_distances(X, X.flip(0)))) == pytest.approx(0)


def test_moments_are_those_of_numpy():
    X, S = vectors(8, 15, 4), vectors(9, 11, 4)
    mean = np.abs(X.numpy().mean(0) - S.numpy().mean(0)).mean()
    cov = np.abs(np.cov(X.numpy().T, bias=True) - np.cov(S.numpy().T, bias=True)).mean()
    assert float(emd.moment_distance(X, S)) == pytest.approx(mean + cov)


def test_self_similarity_is_the_papers_equation_times_n():
    X, P = vectors(10, 6, 4), vectors(11, 6, 3)
    D, E = cdist(X.numpy(), X.numpy(), "cosine"), cdist(P.numpy(), P.numpy(), "cosine")
    total = 0.0
    for i in range(6):
        for j in range(6):
            total += abs(D[i, j] / D[:, j].sum() - E[i, j] / E[:, j].sum())
    assert float(similarity(X, P)) == pytest.approx(6 * total / 6**2)


def test_self_similarity_does_not_see_other_colours_of_the_same_forms():
    """Turning all features alike changes no angle between them."""
    P = vectors(12, 8, 3)
    turn, _ = torch.linalg.qr(vectors(13, 3, 3))
    assert float(similarity(3 * P @ turn, P)) == pytest.approx(0, abs=1e-12)


def test_columns_are_the_features_where_there_are_some_and_linear_between():
    ramp = torch.arange(8.0).view(1, 1, 1, 8).expand(1, 1, 6, 8).contiguous()
    deep = torch.tensor([[0.0, 10, 20, 30]]).view(1, 1, 1, 4).expand(1, 1, 3, 4).contiguous()
    points = torch.tensor([[2.5, 3.5], [3.0, 2.0]])  # pixel 2 of row 3; between pixels 2 and 3
    got = point_sets.columns([(ramp, 1), (deep, 2)], points)
    assert got.flatten().tolist() == pytest.approx([2.0, 7.5, 2.5, 10.0])


@pytest.mark.parametrize(
    "loss",
    [
        lambda X, S: sliced.distance(X, sliced.sorted_along(S, None), None),
        lambda X, S: nearest.cosine_loss(X, S[: len(X)]),
        lambda X, S: emd.relaxed_emd(point_sets.cosine_distances(X, S)),
        emd.moment_distance,
        lambda X, S: similarity(X, S[: len(X)]),
    ],
)
def test_gradients(loss):
    X, S = vectors(14, 5, 3).requires_grad_(True), vectors(15, 7, 3)
    assert gradcheck(lambda x: loss(x, S), [X])
