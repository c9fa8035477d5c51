"""The relaxed style loss: its gradient, and that it ends where the true loss does."""

from __future__ import annotations

import pytest
import torch

from impasto.losses.relaxation import Relaxation


def gram(seed, c=6, spread=2.0):
    """A Gram matrix whose eigenvalues spread over decades, as those of features do."""
    random = torch.Generator().manual_seed(seed)
    scale = torch.logspace(0, -spread, c)
    F = scale[:, None] * torch.randn(c, 40, generator=random)
    return F @ F.T / 40


def relaxed(seed=0):
    return Relaxation(gram(seed))


def test_the_gradient_is_autograds():
    relaxation, G = relaxed(), gram(1).requires_grad_(True)
    relaxation.T = 0.1 * gram(2)
    E = relaxation.residual(G)
    (expected,) = torch.autograd.grad(relaxation.loss(E), G)
    torch.testing.assert_close(relaxation.gradient(E.detach()), expected)


def test_it_is_nothing_at_the_target():
    E = relaxed().residual(gram(0))
    assert float(relaxed().loss(E)) == 0
    assert not bool(relaxed().gradient(E).any())


def test_it_weighs_down_what_is_stiff_and_leaves_the_rest():
    relaxation, A = relaxed(), gram(0)
    a, V = torch.linalg.eigh(A)

    def share(i):
        """Of a change along one eigenvector, how much of the true loss the relaxed one sees."""
        G = A + V[:, i : i + 1] @ V[:, i : i + 1].T
        return float(relaxation.loss(relaxation.residual(G)) / (G - A).square().mean())

    shares = [share(i) for i in range(len(a))]  # from the weakest direction to the strongest
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.98
    assert shares[-1] == pytest.approx(1 / 71, rel=1e-3)


def test_with_the_right_multipliers_the_gradient_is_the_true_one_and_they_stay():
    relaxation, G = relaxed(), gram(1)
    E = relaxation.residual(G)
    w = relaxation._w
    relaxation.T = (1 - 1 / w) * E
    true = 2 * (G - gram(0)) / G.numel()
    torch.testing.assert_close(relaxation.gradient(E), true, rtol=1e-4, atol=1e-6)
    before = relaxation.T.clone()
    relaxation.refine(E)
    torch.testing.assert_close(relaxation.T, before, rtol=1e-4, atol=1e-5)


def test_refining_leads_to_the_minimum_of_the_true_loss():
    """Each entry pulled elsewhere by a spring: minimum by formula, at every stiffness."""
    relaxation = relaxed()
    w = relaxation._w.double()
    pulled_to, spring = gram(3).double(), torch.full_like(w, 0.7)
    expected = spring * pulled_to / (1 + spring)  # of E² + spring (E - pulled_to)²
    E = torch.zeros_like(w)
    for _ in range(400):
        T = relaxation.T.double()
        E = (w * T + spring * pulled_to) / (w + spring)
        relaxation.refine(E.float())
    torch.testing.assert_close(E, expected, rtol=1e-3, atol=1e-5)


def test_a_target_of_nothing_is_no_trouble():
    relaxation = Relaxation(torch.zeros(4, 4))
    E = relaxation.residual(torch.eye(4))
    assert bool(torch.isfinite(relaxation.gradient(E)).all())
    relaxation.refine(E)
    assert bool(torch.isfinite(relaxation.gradient(E)).all())
