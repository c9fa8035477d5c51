"""The equations against numpy, closed forms, finite differences and properties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from impasto.losses import functional
from impasto.losses.styles.gram import Gram
from impasto.losses.styles.wasserstein import Wasserstein
from impasto.losses.terms import SquaredTerm, StatisticLoss

QUICK = settings(max_examples=30, deadline=None, derandomize=True)
SIDES = st.integers(1, 7)


def features(c=5, h=4, w=6, seed=0):
    return torch.randn(1, c, h, w, generator=torch.Generator().manual_seed(seed))


def gram(F):
    return functional.accumulate_gram(F) / (F.shape[2] * F.shape[3])


def numpy_gram(F):
    F = F[0].double().numpy()
    return np.einsum("ihw,jhw->ij", F, F) / (F.shape[1] * F.shape[2])


@QUICK
@given(c=SIDES, h=SIDES, w=SIDES)
def test_gram_is_numpys(c, h, w):
    F = features(c, h, w)
    for memory in (torch.contiguous_format, torch.channels_last):
        got = gram(F.contiguous(memory_format=memory))
        assert got.shape == (c, c)
        np.testing.assert_allclose(got.numpy(), numpy_gram(F), rtol=1e-5, atol=1e-6)


def test_gram_of_features_that_are_no_contiguous_memory():
    F = features(5, 8, 9)[:, 1:4, ::2, 1:]
    np.testing.assert_allclose(gram(F).numpy(), numpy_gram(F), rtol=1e-5, atol=1e-6)


def test_the_rounding_of_bfloat16_evens_out_in_gram():
    """A product rounded once to bfloat16 would be off by 2e-3 on average, 4e-3 at most."""
    F = features(20, 64, 64).abs().bfloat16()
    got = gram(F)
    assert got.dtype == torch.float32
    off = np.abs(got.numpy() / numpy_gram(F) - 1)
    assert off.mean() < 5e-4


def test_gram_does_not_know_where_things_are():
    F = features(6, 8, 5)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    shuffled = F.flatten(2)[..., order].view(1, 6, 5, 8)
    torch.testing.assert_close(gram(shuffled), gram(F))


def test_gram_does_not_know_how_often_a_picture_is_repeated():
    F = features(6, 4, 5)
    torch.testing.assert_close(gram(F.repeat(1, 1, 3, 2)), gram(F))


@QUICK
@given(rows=st.integers(0, 9), columns=st.integers(0, 7))
def test_tiles_add_up_to_the_whole(rows, columns):
    F = features(4, 9, 7)
    tiles = [
        tile
        for band in (F[..., :rows, :], F[..., rows:, :])
        for tile in (band[..., :columns], band[..., columns:])
    ]
    total = sum(functional.accumulate_gram(tile) for tile in tiles)
    got = total / (9 * 7)
    torch.testing.assert_close(got, gram(F))


def test_gram_is_of_one_picture():
    with pytest.raises(ValueError, match="batch of 2"):
        functional.accumulate_gram(torch.zeros(2, 3, 4, 4))


def autograd(function, x):
    """The gradient that autograd finds, in float64."""
    x = x.double().requires_grad_(True)
    (gradient,) = torch.autograd.grad(function(x), x)
    return gradient.float()


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("cut", [slice(None), slice(1, -1)])
def test_the_gradient_of_gram_is_added(memory, cut):
    F, g = (features(6, 5, 7, seed=k).contiguous(memory_format=memory) for k in (0, 1))
    D = features(1, 6, 6, seed=3)[0, 0]
    F, g = F[..., cut, cut], g[..., cut, cut]
    before = g.clone()
    functional.accumulate_gram_backward_(g, F, D)
    expected = autograd(lambda F: ((F[0].flatten(1) @ F[0].flatten(1).T) * D).sum(), F)
    torch.testing.assert_close(g, before + expected)


def test_the_gradient_of_squares_is_added():
    F, P, g = (features(seed=k) for k in range(3))
    before = g.clone()
    functional.accumulate_squares_backward_(g, F, P, 0.25)
    expected = autograd(lambda F: 0.25 * ((F - P) ** 2).sum(), F)
    torch.testing.assert_close(g, before + expected)


@QUICK
@given(h=SIDES, w=SIDES, d=st.floats(0.1, 10))
def test_the_gradient_of_total_variation_is_added(h, w, d):
    x, g = features(3, h, w), features(3, h, w, seed=1)
    before = g.clone()
    functional.total_variation_backward_(g, x, d)
    if h * w > 1:
        before += autograd(lambda x: d * functional.total_variation(x), x)
    torch.testing.assert_close(g, before)


def test_total_variation_passes_gradcheck_in_float64():
    x = features(3, 4, 5).double().requires_grad_(True)
    assert gradcheck(functional.total_variation, [x])


def test_content_losses_in_closed_form():
    F, P = features(), features(seed=1)
    squares = ((F.double() - P.double()).numpy() ** 2).ravel()
    mean, half_sum = (SquaredTerm("relu1_1", 1.0, P, mean) for mean in (True, False))

    def loss(term, F):
        return float(term.finish(term.accumulate(F, lambda whole: whole), 24).loss)

    assert loss(mean, F) == pytest.approx(squares.mean(), rel=1e-5)
    assert loss(half_sum, F) == pytest.approx(squares.sum() / 2)
    # By hand: 24 positions that are off by 3.
    assert loss(mean, P + 3) == pytest.approx(9, rel=1e-5)
    assert loss(half_sum, P + 3) == pytest.approx(9 * 120 / 2, rel=1e-5)
    g = torch.zeros_like(F)
    D = half_sum.finish(half_sum.accumulate(F, lambda whole: whole), 24).gradient
    half_sum.vjp_(g, F, lambda whole: whole, D)
    torch.testing.assert_close(g, F - P)  # equation 2 of the paper


def test_squares_of_bfloat16_features_are_float32():
    F, P = features().bfloat16(), features(seed=1)
    got = functional.accumulate_squares(F, P)
    assert got.dtype == torch.float32
    assert float(got) == pytest.approx(float(functional.accumulate_squares(F.float(), P)))


def test_the_gram_loss_is_four_times_the_papers():
    F, S = features(5, 4, 6), features(5, 4, 6, seed=1)
    N, M = 5, 24
    rows, style_rows = F[0].reshape(N, M).double().numpy(), S[0].reshape(N, M).double().numpy()
    G, A = rows @ rows.T, style_rows @ style_rows.T  # the paper's: not divided by M
    paper = ((G - A) ** 2).sum() / (4 * N**2 * M**2)
    got = Gram([(1.0, gram(S))]).evaluate(gram(F)).loss
    assert float(got) == pytest.approx(4 * paper, rel=1e-5)


@pytest.mark.parametrize("kind", [Gram, Wasserstein])
@pytest.mark.parametrize("guided", [False, True])
def test_gradients_by_hand_are_those_of_autograd(kind, guided):
    F, S = features(4, 5, 6).double(), features(4, 5, 6, seed=1).double()
    T = torch.rand(1, 1, 5, 6, dtype=torch.float64) if guided else None
    D = features(1, *kind.accumulate(F, T).shape, seed=2)[0, 0].double()
    loss = kind([(0.3, kind.accumulate(S, None) / 30), (0.7, kind.accumulate(2 * S, None) / 30)])
    by_hand, by_autograd = torch.zeros_like(F), torch.zeros_like(F)
    loss.vjp_(by_hand, F, T, D)
    StatisticLoss.vjp_(loss, by_autograd, F, T, D)
    torch.testing.assert_close(by_hand, by_autograd)
    if kind is Gram:
        statistic = kind.accumulate(F, T) / 30
        for own, other in zip(
            loss.evaluate(statistic), StatisticLoss.evaluate(loss, statistic), strict=True
        ):
            torch.testing.assert_close(own, other)


@QUICK
@given(h=SIDES, w=SIDES, level=st.floats(0, 255))
def test_a_constant_picture_has_no_variation(h, w, level):
    assert float(functional.total_variation(torch.full((1, 3, h, w), level))) == 0


@QUICK
@given(h=st.integers(2, 7), w=st.integers(2, 7), a=st.floats(-2, 2), b=st.floats(-2, 2))
def test_the_variation_of_a_ramp(h, w, a, b):
    y = torch.arange(h, dtype=torch.float64).view(1, 1, h, 1)
    x = torch.arange(w, dtype=torch.float64).view(1, 1, 1, w)
    ramp = (a * y + b * x).expand(1, 3, h, w)
    assert float(functional.total_variation(ramp)) == pytest.approx(a * a + b * b, abs=1e-9)


def test_one_row_has_only_the_variation_across():
    row = torch.tensor([0.0, 1.0, 3.0]).view(1, 1, 1, 3)
    assert float(functional.total_variation(row)) == pytest.approx((1 + 4) / 2)
    assert float(functional.total_variation(row.transpose(2, 3))) == pytest.approx((1 + 4) / 2)
    assert float(functional.total_variation(torch.ones(1, 3, 1, 1))) == 0
