"""The perceptual loss against autograd on the equations of the paper."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from impasto.nets.vgg import VGG19
from impasto.training.criterion import PerceptualLoss, gram, stack

STYLE = {"relu1_2": 1.0, "relu2_2": 3.0, "relu3_1": 2.0}


def _loss(net: VGG19, tv_weight: float = 0.0) -> PerceptualLoss:
    return PerceptualLoss(net, content_layers=["relu2_2"], style_layers=STYLE, tv_weight=tv_weight)


def _images(n: int, h: int, w: int, seed: int) -> Tensor:
    return torch.rand(n, 3, h, w, generator=torch.Generator().manual_seed(seed))


def _by_the_paper(
    net: VGG19, x: Tensor, p: Tensor, s: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Johnson 2016, equations 2 to 4, each divided by what its target has."""
    contents, styles = [], []
    for i in range(len(x)):
        F, P, S = (net(y[i : i + 1], [*STYLE, "relu2_2"]) for y in (x, p, s))
        contents.append(((F["relu2_2"] - P["relu2_2"]) ** 2).sum() / (P["relu2_2"] ** 2).sum())
        style = torch.zeros(())
        for name, weight in STYLE.items():
            c = F[name].shape[1]
            G, A = (f[name].reshape(c, -1) for f in (F, S))
            G, A = G @ G.T / G.shape[1], A @ A.T / A.shape[1]
            style = style + weight / 6 * ((G - A) ** 2).sum() / (A**2).sum()
        styles.append(style)
    content, style = torch.stack(contents), torch.stack(styles)
    return content, style, (content + weights * style).mean()


def test_terms_and_gradient_are_those_of_the_paper(net: VGG19) -> None:
    x, p, s = _images(3, 24, 20, 0), _images(3, 24, 20, 1), _images(3, 22, 30, 2)
    weights = torch.tensor([1.0, 20.0, 0.0])
    loss = _loss(net)
    grams = stack([loss.grams(style[None]) for style in s])
    found = loss.evaluate(x, loss.content(p), grams, weights)
    x.requires_grad_(True)
    content, style, total = _by_the_paper(net, x, p, s, weights)
    total.backward()
    torch.testing.assert_close(found.content, content.detach(), rtol=1e-4, atol=0)
    torch.testing.assert_close(found.style, style.detach(), rtol=1e-4, atol=0)
    assert x.grad is not None
    assert (found.gradient - x.grad).norm() < 1e-4 * x.grad.norm()


def test_total_variation_has_its_part_of_the_gradient(net: VGG19) -> None:
    x, p = _images(2, 16, 16, 0), _images(2, 16, 16, 1)
    plain, smooth = _loss(net), _loss(net, tv_weight=0.5)
    grams, weights = plain.grams(p), torch.ones(2)
    without = plain.evaluate(x, plain.content(p), grams, weights)
    found = smooth.evaluate(x, smooth.content(p), grams, weights)
    y = x.clone().requires_grad_(True)
    tv = sum(
        ((z[:, 1:] - z[:, :-1]) ** 2).mean() + ((z[..., 1:] - z[..., :-1]) ** 2).mean() for z in y
    )
    (0.5 * tv / 2).backward()
    torch.testing.assert_close(found.gradient - without.gradient, y.grad, rtol=1e-3, atol=1e-7)
    assert float(found.tv.sum()) == pytest.approx(float(tv.detach()))


def test_every_picture_is_judged_alone(net: VGG19) -> None:
    x, p = _images(2, 16, 16, 0), _images(2, 16, 16, 1)
    loss = _loss(net)
    both = loss.evaluate(x, loss.content(p), loss.grams(p), torch.ones(2))
    for i in range(2):
        one = slice(i, i + 1)
        alone = loss.evaluate(x[one], loss.content(p[one]), loss.grams(p[one]), torch.ones(1))
        torch.testing.assert_close(both.content[one], alone.content)
        torch.testing.assert_close(both.gradient[one] * 2, alone.gradient, rtol=1e-3, atol=1e-7)


def test_the_loss_of_the_target_is_nothing(net: VGG19) -> None:
    x = _images(1, 16, 16, 0)
    loss = _loss(net)
    found = loss.evaluate(x, loss.content(x), loss.grams(x), torch.ones(1))
    assert float(found.content) == 0
    assert float(found.style) == pytest.approx(0, abs=1e-10)


def test_a_black_target_is_no_division_by_nothing(net: VGG19) -> None:
    zeros = {
        name: torch.zeros_like(F) for name, F in _loss(net).content(_images(1, 8, 8, 0)).items()
    }
    found = _loss(net).evaluate(_images(1, 8, 8, 0), zeros, {}, torch.ones(1))
    assert torch.isfinite(found.content).all()


def test_gram_is_symmetric_and_counts_positions_once() -> None:
    F = torch.rand(2, 5, 6, 7)
    G = gram(F)
    torch.testing.assert_close(G, G.mT)
    torch.testing.assert_close(G.diagonal(dim1=1, dim2=2), (F**2).mean((2, 3)))
