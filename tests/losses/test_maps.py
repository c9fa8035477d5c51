"""Terms of whole maps: in tiles, in regions, through the network, and drawn anew."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from impasto.losses import point_sets
from impasto.losses.builder import build
from impasto.losses.contents import laplacian
from impasto.losses.guides import StyleRegion
from impasto.options import PaintOptions
from losses.test_guides import close, columns, guide
from losses.test_objective import narrow, picture

LOSSES = ("histogram", "sliced", "nearest", "emd")
LAYERS = "relu1_1:0.3,relu2_1:0.3,relu3_1:0.3"


def options(style_loss, **changes):
    layers = {"style_layers": LAYERS}
    if style_loss == "emd":
        layers["content_layers"] = LAYERS
    usual = {**layers, "relaxation": False, "laplacian_weight": 0.5}
    return PaintOptions(style_loss=style_loss, **{**usual, **changes})


def built(o, *, styles=1, net=None, **more):
    images = [picture(k) for k in range(1, 1 + styles)]
    return build(o, net or narrow(), picture(0), images, **more)


@pytest.mark.parametrize("finer", [0, 1])
@pytest.mark.parametrize("style_loss", LOSSES)
def test_in_tiles_it_is_the_same(style_loss, finer):
    o = options(style_loss, strength=0.7)
    whole, *tiled = (
        built(o, tile=tile, finer=finer).evaluate(picture(3)) for tile in (None, 16, 24)
    )
    for one in tiled:
        assert one.terms == pytest.approx(whole.terms, rel=1e-4)
        close(one.gradient, whole.gradient, 1e-4)


@pytest.mark.parametrize("finer", [0, 1])
@pytest.mark.parametrize("style_loss", LOSSES)
def test_the_gradient_is_that_of_the_loss(style_loss, finer):
    """Along the gradient, so that rounding matters little, the loss changes as it says."""
    criterion = built(options(style_loss), finer=finer)
    x = picture(3)
    v = criterion.evaluate(x).gradient
    v = v / v.abs().max()
    slope = float((criterion.evaluate(x).gradient.double() * v).sum())
    step = 3e-4
    ends = [criterion.evaluate(x + sign * step * v).loss for sign in (1, -1)]
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(slope, rel=0.02)


@pytest.mark.parametrize("style_loss", LOSSES)
def test_moving_along_the_gradient_helps_and_a_refinement_draws_anew(style_loss):
    criterion = built(options(style_loss))
    x = picture(3)
    before = criterion.evaluate(x)
    assert criterion.evaluate(x).loss == before.loss
    down = before.gradient * (0.02 * before.loss / float(before.gradient.square().sum()))
    assert criterion.evaluate(x - down).loss < before.loss
    assert criterion.refine() == "loss"


@pytest.mark.parametrize("style_loss", ["nearest", "emd"])
def test_hypercolumns_have_the_shares_of_the_deepest_layer_in_whatever_order(style_loss):
    blend = "relu1_1=1,0 relu2_1=1,0 relu3_1=0,1"
    orders = (LAYERS, "relu3_1:0.3,relu2_1:0.3,relu1_1:0.3")
    one, other = (
        built(options(style_loss, style_layers=order, blend=blend), styles=2, finer=1)
        for order in orders
    )
    terms = [criterion.evaluate(picture(3)).terms["style columns"] for criterion in (one, other)]
    assert terms[0] == pytest.approx(terms[1], rel=0.02)


@pytest.mark.parametrize("style_loss", ["sliced", "nearest"])
def test_a_state_goes_on_with_the_same_draw_and_matches(style_loss):
    one, other = (built(options(style_loss)) for _ in range(2))
    first, second = picture(3), picture(4)
    one.evaluate(first)
    one.refine()
    one.evaluate(first)
    other.restore({name: value.clone() for name, value in one.state().items()})
    assert one.evaluate(second).loss == other.evaluate(second).loss
    fresh = built(options(style_loss))
    assert one.evaluate(second).loss != fresh.evaluate(second).loss


def test_matches_that_do_not_fit_are_refused():
    criterion = built(options("nearest"))
    loss = criterion.evaluate(picture(3)).loss
    state = criterion.state()
    broken = {name: value + 10**6 for name, value in state.items()}
    with pytest.raises(ValueError, match="matches"):
        criterion.restore(broken)
    other = built(options("nearest"))
    other.restore({name: value[1:] if value.dim() else value for name, value in state.items()})
    assert other.evaluate(picture(3)).loss == loss


@pytest.mark.parametrize("style_loss", ["sliced", "nearest", "emd"])
def test_the_style_itself_is_at_no_distance(style_loss):
    """The painting as its own photo and start: every set is the painting's."""
    image = picture(1)
    criterion = build(options(style_loss), narrow(), image, [image])
    found = criterion.evaluate(image)
    assert found.loss == pytest.approx(0, abs=1e-4 * criterion.evaluate(picture(3)).loss)


@pytest.mark.parametrize("style_loss", LOSSES)
def test_at_strength_nothing_the_photo_stays(style_loss):
    photo = picture(0)
    weak = built(options(style_loss, strength=0.0)).evaluate(photo).loss
    full = built(options(style_loss)).evaluate(photo).loss
    assert weak < 1e-3 * full


@pytest.mark.parametrize("style_loss", ["sliced", "nearest", "emd"])
def test_a_region_pulls_inside_only(style_loss):
    """What a region is about has no gradient farther from it than a receptive field."""
    left = StyleRegion("left", guide(columns(0, 16)), ((0, None),))
    o = options(style_loss, content_weight=0, laplacian_weight=0, style_layers="relu1_1:1")
    found = built(o, regions=[left]).evaluate(picture(3))
    assert [name for name in found.terms if not name.endswith("left")] == []
    assert (found.gradient[..., 24:] == 0).all()
    assert float(found.gradient[..., :14].abs().max()) > 0


def test_two_styles_by_their_shares():
    o = options("sliced", blend=(3, 1), content_weight=0, laplacian_weight=0)
    both = built(o, styles=2).evaluate(picture(3)).loss
    photo, styles = picture(0), [picture(1), picture(2)]
    alone = [
        build(options("sliced", content_weight=0, laplacian_weight=0), narrow(), photo, [style])
        for style in styles
    ]
    one, other = (criterion.evaluate(picture(3)).loss for criterion in alone)
    assert both == pytest.approx(0.75 * one + 0.25 * other, rel=1e-4)


def test_a_laplacian_by_hand():
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 2, 2] = 1
    assert laplacian.laplacian(x)[0, 0].tolist() == [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
    plane = torch.arange(25.0).view(1, 1, 5, 5)
    assert (laplacian.laplacian(plane) == 0).all()  # nothing linear is an edge


def test_the_laplacian_term_sees_edges_and_no_colours():
    content = picture(0, 64, 64)
    term = laplacian.Laplacian(content, pools=(1, 4))
    assert float(term({"pixels": 0.5 * content + 0.5 * content})) == pytest.approx(0, abs=1e-6)
    assert float(term({"pixels": content + 0.3})) == pytest.approx(0, abs=1e-4)
    assert float(term({"pixels": picture(1, 64, 64)})) > 1


def test_the_laplacian_of_a_tiny_picture_is_of_its_pixels():
    small = picture(0, 8, 8)
    assert float(laplacian.Laplacian(small)({"pixels": small + picture(1, 8, 8)})) > 0


def test_points_lie_in_the_middle_of_their_parts():
    assert point_sets.lattice(4, 8, 4).tolist() == [[2, 2], [6, 2]]
    assert point_sets.lattice(2, 3, 4).tolist() == [[2, 2]]


WRAPPED = {"tileable": True, "content_weight": 0}


@pytest.mark.parametrize("style_loss", ["gram", "wasserstein", "sliced", "nearest"])
def test_a_tileable_picture_has_no_edges(style_loss):
    """Turned around by whole features, the picture has the same loss and its gradient turns."""
    layers = "relu1_1:0.3,relu3_1:0.3"
    o = PaintOptions(style_loss=style_loss, relaxation=False, style_layers=layers, **WRAPPED)
    x, net = picture(3, 64, 96), narrow()
    turned = x.roll((20, 44), dims=(2, 3))
    at, there = (build(o, net, x, [picture(1)]).evaluate(image) for image in (x, turned))
    assert there.loss == pytest.approx(at.loss, rel=1e-5)
    close(there.gradient, at.gradient.roll((20, 44), dims=(2, 3)), 1e-4)
    plain = build(replace(o, tileable=False), net, x, [picture(1)])
    assert plain.evaluate(turned).loss != pytest.approx(plain.evaluate(x).loss, rel=1e-5)


@pytest.mark.parametrize("tile", [16, 32, 64])
def test_a_tileable_picture_in_tiles_is_the_same(tile):
    o = PaintOptions(style_layers=LAYERS, relaxation=False, tv_weight=0.1, **WRAPPED)
    x, net = picture(3, 64, 96), narrow()
    whole = build(o, net, x, [picture(1)]).evaluate(x)
    tiled = build(o, net, x, [picture(1)], tile=tile).evaluate(x)
    assert tiled.terms == pytest.approx(whole.terms, rel=1e-4)
    close(tiled.gradient, whole.gradient)


def test_at_coarse_scales_the_photo_is_matched_once_and_for_all():
    """What the picture is does not change what it is to be like: there is one goal."""
    o = options("nearest", content_weight=0, laplacian_weight=0)
    one, other = built(o, finer=1), built(o, finer=1)
    one.evaluate(picture(3))
    one.refine()
    found = [built.evaluate(picture(4)).terms["style columns"] for built in (one, other)]
    assert found[0] == found[1]
    last, fresh = built(o), built(o)
    last.evaluate(picture(3))
    assert last.evaluate(picture(4)).loss > fresh.evaluate(picture(4)).loss
