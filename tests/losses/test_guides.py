"""Guides: regions of the picture, on pixels in closed form and through the network."""

from __future__ import annotations

import pytest
import torch

from impasto.losses import functional, guides
from impasto.losses.builder import build
from impasto.losses.guides import Guide, StyleRegion
from impasto.nets.feature_net import VGG19
from impasto.options import PaintOptions
from losses.test_objective import Pixels, narrow, picture

H, W = 48, 56
LAYERS = ("relu1_1", "relu2_1", "relu3_1")


def close(got, wanted, tolerance=1e-5):
    """Compare gradients by the size of the largest value: features come from 0 to 255."""
    assert float((got - wanted).abs().max()) <= tolerance * float(wanted.abs().max())


def guide(mask, depth=None):
    mask = mask.float()[None, None]
    return Guide(mask, torch.full_like(mask, torch.inf) if depth is None else depth[None, None])


def columns(low, high):
    mask = torch.zeros(H, W)
    mask[:, low:high] = 1
    return mask


def options(**changes):
    changes = {"content_weight": 0, "style_layers": "relu1_1:1", "relaxation": False, **changes}
    return PaintOptions(**changes)


def everything(count=1):
    return StyleRegion("all", guide(torch.ones(H, W)), tuple((k, None) for k in range(count)))


def test_a_guide_of_everything_changes_nothing():
    net, images = narrow(), [picture(k) for k in range(4)]
    for relaxation in (False, True):
        o = options(style_layers=",".join(LAYERS), relaxation=relaxation, blend=(1, 3))
        plain = build(o, net, images[0], images[1:3]).evaluate(images[3])
        guided = build(o, net, images[0], images[1:3], regions=[everything(2)])
        guided = guided.evaluate(images[3])
        assert guided.loss == pytest.approx(plain.loss, rel=1e-5)
        close(guided.gradient, plain.gradient)


def test_a_region_is_a_picture_of_its_own():
    """On pixels, the left half under a guide is the picture of the left half."""
    content, style, start = picture(0), picture(1), picture(2)
    left = StyleRegion("left", guide(columns(0, 28)), ((0, None),))
    guided = build(options(), Pixels(), content, [style], regions=[left])
    got = guided.evaluate(start)
    half = build(options(), Pixels(), content[..., :28], [style])
    alone = half.evaluate(start[..., :28])
    assert got.loss == pytest.approx(alone.loss / 2, rel=1e-3)  # it is half of the picture
    close(got.gradient[..., :28], alone.gradient / 2, 1e-3)
    assert (got.gradient[..., 28:] == 0).all()


def test_part_of_a_style_is_a_style_of_its_own():
    content, style, start = picture(0), picture(1), picture(2)
    part = StyleRegion("", guide(torch.ones(H, W)), ((0, guide(columns(0, 20))),))
    guided = build(options(), Pixels(), content, [style], regions=[part])
    cut = build(options(), Pixels(), content, [style[..., :20]])
    assert guided.evaluate(start).loss == pytest.approx(cut.evaluate(start).loss, rel=1e-3)


def test_each_region_has_its_own_style_and_terms_are_named():
    regions = [
        StyleRegion("1", guide(columns(0, 30)), ((0, None),)),
        StyleRegion("2", guide(columns(30, W)), ((1, None),)),
    ]
    images = [picture(k) for k in range(3)]
    built = build(options(), Pixels(), images[0], images[:2], regions=regions)
    assert list(built.evaluate(images[2]).terms) == ["style relu1_1 1", "style relu1_1 2"]
    # A picture whose left is like style 0 and whose right is like style 1 has nothing to change.
    tall = [torch.rand(1, 3, 1, 1).expand(1, 3, H, W).contiguous() for _ in range(2)]
    mixed = torch.cat([tall[0][..., :30], tall[1][..., 30:]], dim=3)
    built = build(options(), Pixels(), images[0], tall, regions=regions)
    assert built.evaluate(mixed).loss == pytest.approx(0, abs=1e-10)
    assert built.evaluate(mixed.flip(3)).loss > 1e-4


@pytest.mark.parametrize(
    ("relaxation", "style_loss"), [(False, "gram"), (True, "gram"), (False, "wasserstein")]
)
def test_tiles_see_the_same(relaxation, style_loss):
    net, images = narrow(), [picture(k) for k in range(4)]
    soft = torch.rand(H, W, generator=torch.Generator().manual_seed(9))
    depth = 20 * torch.rand(H, W, generator=torch.Generator().manual_seed(8))
    regions = [
        StyleRegion("1", guide(soft, depth), ((0, guide(columns(0, 40))),)),
        StyleRegion("2", guide(1 - soft), ((0, None), (1, None))),
    ]
    how = {"relaxation": relaxation, "style_loss": style_loss, "strength": 0.7}
    o = options(style_layers=",".join(LAYERS), **how)
    found = [
        build(o, net, images[0], images[1:3], regions=regions, tile=tile) for tile in (None, 16, 20)
    ]
    whole, *tiled = (built.evaluate(images[3]) for built in found)
    for other in tiled:
        assert other.loss == pytest.approx(whole.loss, rel=1e-5)
        close(other.gradient, whole.gradient, 3e-5)


def test_the_gradient_is_that_of_the_loss():
    net, images = narrow().double(), [picture(k).double() for k in range(4)]
    random = torch.Generator().manual_seed(7)
    soft = torch.rand(1, 1, H, W, generator=random, dtype=torch.float64)
    region = StyleRegion("", Guide(soft, 9 * soft), ((0, None),))
    o = options(style_layers=",".join(LAYERS))
    built = build(o, net, images[0], [images[1]], regions=[region])
    gradient = built.evaluate(images[2]).gradient
    x = images[2].clone().requires_grad_(True)
    loss = torch.zeros(())
    for name, F in net(x, LAYERS).items():
        T = region.guide.at(VGG19.layer(name))
        G = functional.grams(F * T)[0] * F[0, 0].numel() / T.square().sum()
        A = functional.grams(net(images[1], [name])[name])[0]
        weight = dict(o.style_layers)[name] * o.style_weight * region.guide.share
        loss = loss + weight * (G - A).square().mean()
    loss.backward()
    close(gradient, x.grad, 3e-5)


def test_it_shrinks_with_the_receptive_field():
    x = torch.arange(256)
    depth = (torch.minimum(x, 255 - x) + 1).float().expand(256, 256).contiguous()
    region = guide(torch.ones(256, 256), depth)
    last = 1.0
    for name in ("relu1_1", "relu2_1", "relu3_1", "relu4_1"):
        spec, T = VGG19.layer(name), region.at(VGG19.layer(name))
        assert T.shape == (1, 1, 256 // spec.stride, 256 // spec.stride)
        edge = float(T[0, 0, 0, 0])
        # Where half of what a feature sees is outside it counts little, in the middle fully.
        assert edge <= min(last, 4 / spec.receptive_field * spec.stride + 1e-6)
        assert float(T.max()) == 1
        last = edge


def test_a_narrow_region_is_seen_by_deep_layers_too():
    mask = columns(20, 24)
    depth = torch.zeros(H, W)
    depth[:, 20:24] = torch.tensor([1.0, 2.0, 2.0, 1.0])
    T = guide(mask, depth).at(VGG19.layer("relu5_1"))
    assert guides.positions(T) > 0


def test_a_guide_that_covers_nothing_is_refused():
    with pytest.raises(ValueError, match="empty"):
        guides.positions(torch.zeros(1, 1, 4, 4))


def test_strength_goes_from_the_photos_own_statistics_to_the_styles():
    """The distance that is left at the photo is the square of the strength."""
    content, style = picture(0), picture(1)
    full = build(options(), Pixels(), content, [style]).evaluate(content).loss
    for strength in (0.0, 0.25, 0.5):
        o = options(strength=strength)
        loss = build(o, Pixels(), content, [style]).evaluate(content).loss
        assert loss == pytest.approx(full * strength**2, rel=1e-4, abs=1e-12)


def test_what_is_held_does_not_move():
    kept, mask = picture(3), torch.zeros(1, 1, H, W)
    mask[..., :20], mask[..., 20:30] = 1, 0.5
    built = build(options(), Pixels(), picture(0), [picture(1)], frozen=(kept, mask))
    z = picture(2)
    got = built.evaluate(z)
    assert (got.gradient[..., 30:] == 0).all()
    plain = build(options(), Pixels(), picture(0), [picture(1)])
    seen = plain.evaluate(torch.lerp(kept, z, mask))
    assert got.loss == pytest.approx(seen.loss)
    close(got.gradient, seen.gradient * mask)


def test_the_gradient_of_the_wasserstein_distance_is_that_of_the_loss():
    """Against the formula by autograd, its eigenvalues by another routine."""
    net, images = narrow().double(), [picture(k).double() for k in range(3)]
    random = torch.Generator().manual_seed(7)
    soft = torch.rand(1, 1, H, W, generator=random, dtype=torch.float64)
    region = StyleRegion("", Guide(soft, 9 * soft), ((0, None),))
    o = options(style_layers=",".join(LAYERS), style_loss="wasserstein")
    built = build(o, net, images[0], [images[1]], regions=[region])
    evaluation = built.evaluate(images[2])

    def normal(F, T):
        weights = (T.square() / T.square().sum()).flatten()
        rows = F.double()[0].flatten(1)
        mean = rows @ weights
        return mean, (rows * weights) @ rows.T - torch.outer(mean, mean)

    x = images[2].clone().requires_grad_(True)
    loss = torch.zeros((), dtype=torch.float64)
    for name, F in net(x, LAYERS).items():
        m, S = normal(F, region.guide.at(VGG19.layer(name)))
        other = net(images[1], [name])[name]
        n, R = normal(other, torch.ones_like(other[:, :1]))
        ridge = 1e-4 * R.diagonal().mean() * torch.eye(len(m))
        S, R = S + ridge, R + ridge
        # The eigenvalues of S R are those of R^½ S R^½.
        roots = torch.linalg.eigvals(S @ R).real.clamp_min(1e-12).sqrt()
        away = (m - n).square().sum() + (S + R).diagonal().sum() - 2 * roots.sum()
        weight = dict(o.style_layers)[name] * o.style_weight * region.guide.share
        loss = loss + weight * away / (R.diagonal().sum() + n.square().sum())
    loss.backward()
    assert evaluation.loss == pytest.approx(float(loss.detach()), rel=1e-4)
    close(evaluation.gradient, x.grad, 1e-3)
