"""The criterion against autograd on the equations, at several sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.nets.vgg import VGG
from impasto.training.perceptual import PerceptualLoss, chosen, of_styles

CONTENT, STYLE = {"relu2_2": 2.0, "relu3_1": 1.0}, {"relu1_2": 1.0, "relu2_1": 3.0, "relu3_1": 2.0}
CONTENT_SIZES, STYLE_SIZES = {1.0: 1.0, 0.25: 3.0}, {1.0: 2.0, 0.5: 1.0, 0.25: 0.0}


def _criterion(net: VGG, **changes: dict[float, float]) -> PerceptualLoss:
    sizes = {"content_sizes": CONTENT_SIZES, "style_sizes": STYLE_SIZES} | changes
    return PerceptualLoss(net, content_layers=CONTENT, style_layers=STYLE, **sizes)


def _images(n: int, h: int, w: int, seed: int) -> Tensor:
    return torch.rand(n, 3, h, w, generator=torch.Generator().manual_seed(seed))


def test_a_painting_is_what_is_seen_of_it(net: VGG) -> None:
    """One colour with a hole that is not seen is that colour all over."""
    flat = _images(1, 1, 1, 3).expand(1, 3, 96, 96).contiguous()
    holed, alpha = flat.clone(), np.ones((96, 96), np.float32)
    holed[:, :, :, :40], alpha[:, :40] = 0, 0
    criterion = PerceptualLoss(
        net,
        content_layers={"relu2_2": 1},
        style_layers={"relu1_1": 1.0},
        content_sizes={1.0: 1.0},
        style_sizes={1.0: 1.0, 0.5: 1.0},
    )
    plain, seen, black = (criterion.painting(*what) for what in ((flat,), (holed, alpha), (holed,)))
    for size in (1.0, 0.5):
        A = plain[size]["relu1_1"]
        errors = [float((of[size]["relu1_1"] - A).norm() / A.norm()) for of in (seen, black)]
        assert errors[0] < 0.1 < 0.3 < errors[1]


def _small(x: Tensor, size: float) -> Tensor:
    """Averages of squares of pixels; what is left over along two edges is not looked at."""
    k = round(1 / size)
    n, c, h, w = x.shape
    x = x[:, :, : h // k * k, : w // k * k]
    return x.reshape(n, c, h // k, k, w // k, k).mean((3, 5))


def _by_the_book(
    net: VGG, x: Tensor, p: Tensor, s: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Johnson 2016, equations 2 to 4, each divided by what its target has, with shares."""
    contents, styles = [], []
    for i in range(len(x)):
        content = style = torch.zeros(())
        for size, share in CONTENT_SIZES.items():
            F, P = (net(_small(y[i : i + 1], size), CONTENT) for y in (x, p))
            for name, weight in CONTENT.items():
                error = ((F[name] - P[name]) ** 2).sum() / (P[name] ** 2).sum()
                content = content + share / 4 * weight / 3 * error
        for size, share in STYLE_SIZES.items():
            F, S = (net(_small(y[i : i + 1], size), STYLE) for y in (x, s))
            for name, weight in STYLE.items():
                G, A = (f[name].reshape(f[name].shape[1], -1) for f in (F, S))
                G, A = G @ G.T / G.shape[1], A @ A.T / A.shape[1]
                error = ((G - A) ** 2).sum() / (A**2).sum()
                style = style + share / 3 * weight / 6 * error
        contents.append(content)
        styles.append(style)
    content, style = torch.stack(contents), torch.stack(styles)
    return content, style, (content + weights * style).mean()


def test_terms_and_gradient_are_those_of_the_equations(net: VGG) -> None:
    """Of four pictures, two of each photo, in sizes that leave a rest."""
    x, p, s = _images(4, 45, 50, 0), _images(2, 45, 50, 1), _images(3, 42, 66, 2)
    weights, styles = torch.tensor([1.0, 20.0, 0.0, 5.0]), torch.tensor([2, 0, 1, 1])
    criterion = _criterion(net)
    paintings = of_styles([criterion.painting(painting[None]) for painting in s])
    found = criterion.evaluate(x, criterion.photos(p), chosen(paintings, styles), weights)
    x.requires_grad_(True)
    content, style, total = _by_the_book(net, x, p.repeat_interleave(2, dim=0), s[styles], weights)
    total.backward()
    torch.testing.assert_close(found.content, content.detach(), rtol=1e-4, atol=0)
    torch.testing.assert_close(found.style, style.detach(), rtol=1e-4, atol=0)
    assert x.grad is not None
    assert (found.gradient - x.grad).norm() < 1e-4 * x.grad.norm()


def test_a_size_may_be_left_out_and_count_for_more_where_it_is_not(net: VGG) -> None:
    """Of two evaluations, one with the full size twofold, the mean is that of all sizes."""
    x, p, s = _images(2, 48, 48, 0), _images(2, 48, 48, 1), _images(1, 48, 64, 2)
    criterion, weights = _criterion(net), torch.tensor([1.0, 20.0])
    painting = {
        size: {name: grams.expand(2, -1, -1) for name, grams in layers.items()}
        for size, layers in criterion.painting(s).items()
    }
    photos = criterion.photos(p)
    whole = criterion.evaluate(x, photos, painting, weights)
    one = criterion.evaluate(x, photos, painting, weights, {1.0: 2.0, 0.5: 1.0, 0.25: 1.0})
    small = criterion.photos(p, [0.5, 0.25])
    assert small.keys() == {0.25}
    other = criterion.evaluate(x, small, painting, weights, {0.5: 1.0, 0.25: 1.0})
    mean = (one.gradient + other.gradient) / 2
    torch.testing.assert_close(mean, whole.gradient, rtol=1e-4, atol=1e-9)
    # The terms are means by share: of content 1 and 3 of 4, of style 2 and 1 of 3.
    torch.testing.assert_close(one.content, whole.content, rtol=1e-4, atol=0)
    full = criterion.evaluate(x, photos, painting, weights, {1.0: 1.0})
    torch.testing.assert_close(
        0.25 * full.content + 0.75 * other.content, whole.content, rtol=1e-4, atol=0
    )
    torch.testing.assert_close(
        2 / 3 * full.style + 1 / 3 * other.style, whole.style, rtol=1e-4, atol=0
    )


def test_the_gradient_is_the_slope(net: VGG) -> None:
    """Finite differences along a random direction."""
    x, p = _images(1, 40, 40, 0).double().float(), _images(1, 40, 40, 1)
    criterion, weights = _criterion(net), torch.tensor([3.0])
    photos, paintings = criterion.photos(p), criterion.painting(_images(1, 40, 44, 2))

    def loss(image: Tensor) -> float:
        found = criterion.evaluate(image, photos, paintings, weights)
        return float((found.content + weights * found.style).mean())

    found = criterion.evaluate(x, photos, paintings, weights)
    along = found.gradient / found.gradient.norm()
    h = 0.05
    slope = (loss(x + h * along) - loss(x - h * along)) / (2 * h)
    assert slope == pytest.approx(float((found.gradient * along).sum()), rel=0.02)


def test_every_picture_is_judged_alone(net: VGG) -> None:
    x, p = _images(2, 32, 32, 0), _images(2, 32, 32, 1)
    criterion = _criterion(net)
    paintings = of_styles([criterion.painting(_images(1, 32, 32, seed)) for seed in (2, 3)])
    both = criterion.evaluate(x, criterion.photos(p), paintings, torch.ones(2))
    for i in range(2):
        one, row = slice(i, i + 1), torch.tensor([i])
        photos = criterion.photos(p[one])
        alone = criterion.evaluate(x[one], photos, chosen(paintings, row), torch.ones(1))
        torch.testing.assert_close(both.content[one], alone.content)
        torch.testing.assert_close(both.style[one], alone.style)
        torch.testing.assert_close(both.gradient[one] * 2, alone.gradient, rtol=1e-3, atol=1e-7)


def test_the_loss_of_the_target_is_nothing(net: VGG) -> None:
    x, criterion = _images(1, 32, 32, 0), _criterion(net)
    found = criterion.evaluate(x, criterion.photos(x), criterion.painting(x), torch.ones(1))
    assert float(found.content) == 0
    assert float(found.style) == pytest.approx(0, abs=1e-10)


def test_black_targets_are_no_division_by_nothing(net: VGG) -> None:
    x, criterion = _images(1, 32, 32, 0), _criterion(net)
    photos, paintings = (
        {size: {k: torch.zeros_like(v) for k, v in layers.items()} for size, layers in of.items()}
        for of in (criterion.photos(x), criterion.painting(x))
    )
    found = criterion.evaluate(x, photos, paintings, torch.ones(1))
    for tensor in (found.content, found.style, found.gradient):
        assert torch.isfinite(tensor).all()


def test_nothing_is_computed_for_a_share_of_nothing(net: VGG) -> None:
    criterion = _criterion(net, content_sizes={1.0: 0.0, 0.5: 1.0}, style_sizes={0.5: 1.0})
    looked_at = []
    walk = net._walk

    def counted(image: Tensor, wanted: set[str]):
        looked_at.append(image.shape[-1])
        return walk(image, wanted)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(net, "_walk", counted)
        x = _images(1, 32, 32, 0)
        criterion.evaluate(x, criterion.photos(x), criterion.painting(x), torch.ones(1))
    assert looked_at == [16, 16, 16]


def test_half_precision_is_near(parameters: dict[str, Tensor], net: VGG) -> None:
    from impasto import weights

    origin = weights.ORIGINAL
    half = VGG(parameters, mean=origin.mean, scale=origin.scale, bgr=origin.bgr)
    half.prepare(torch.device("cpu"), torch.bfloat16)
    x, p, s = _images(3, 64, 64, 0), _images(1, 64, 64, 1), _images(1, 64, 64, 2)
    found = []
    for network in (net, half):
        criterion = _criterion(network)
        rows = torch.zeros(3, dtype=torch.long)
        paintings = chosen(criterion.painting(s), rows)
        found.append(criterion.evaluate(x, criterion.photos(p), paintings, torch.ones(3)))
    exact, near = found
    torch.testing.assert_close(near.content, exact.content, rtol=0.02, atol=0)
    torch.testing.assert_close(near.style, exact.style, rtol=0.02, atol=0)
    assert (near.gradient - exact.gradient).norm() < 0.1 * exact.gradient.norm()
