"""The objective against pastiche, the paper's equations, and closed forms on the pixels."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from impasto.errors import OptionsError
from impasto.images import read_picture
from impasto.images.tensors import to_tensor
from impasto.losses import functional
from impasto.losses.blend import blend_shares
from impasto.losses.builder import build
from impasto.losses.objective import Objective
from impasto.nets import vgg
from impasto.nets.feature_net import PADDINGS, POOLINGS, VGG19
from impasto.options import PaintOptions
from nets import reference

WIDTH, HEIGHT = 56, 48


def picture(seed, height=HEIGHT, width=WIDTH):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def strided(name, image):
    """The pixels of the picture that are the features of `Pixels` at a layer."""
    stride = VGG19.layer(name).stride
    height, width = image.shape[2] // stride, image.shape[3] // stride
    return image[..., ::stride, ::stride][..., :height, :width]


class Pixels:
    """A network whose features are the picture's own pixels, every stride-th of them."""

    geometry = VGG19

    def __init__(self):
        self.asked = set()

    def __call__(self, image, names):
        self.asked |= set(names)
        return {name: strided(name, image) for name in names}

    def trace(self, image, names):
        self.image, self.features = image, self(image, names)
        return self

    def backward(self, pull):
        gradient = torch.zeros_like(self.image)
        for name, F in self.features.items():
            strided(name, gradient).add_(pull(name, F, None))
        return gradient


pixels = Pixels()


def narrow(**options):
    return vgg.VGG(
        reference.narrow(), mean=reference.MEAN_BGR, scale=(255.0,) * 3, bgr=True, **options
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """PNG files of the final size, so that nobody resizes."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    paths = []
    for name in ("content", "style", "other", "start"):
        # No flat places: where neighbours tie, rounding decides which one max pooling moves.
        path = folder / f"{name}.png"
        Image.fromarray(random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)).save(path)
        paths.append(path)
    return paths


@pytest.fixture
def artist_of(files, pastiche_net, monkeypatch):
    """Pastiche's own artist, at the picture called start."""
    import pastiche.pastiche

    def artist(styles):
        monkeypatch.setattr(
            pastiche.pastiche.VGG19, "from_quantized_bin", lambda *_, **__: pastiche_net
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pastiche.pastiche.PasticheArtist(
                str(files[0]), [str(f) for f in styles], init=str(files[3]), device="cpu"
            )

    strategy = pastiche_net.device_strategy
    yield artist
    pastiche_net.set_device_strategy(strategy)
    pastiche_net.requires_grad_(True)


@pytest.mark.parametrize("count", [1, 2])
def test_preset_gatys_is_pastiche(files, net, artist_of, count):
    content, style, other, start = (to_tensor(read_picture(path).rgb) for path in files)
    styles = [style, other][:count]
    options = PaintOptions(preset="gatys", relaxation=False)
    evaluation = build(options, net, content, styles).evaluate(start)

    artist = artist_of(files[1 : 1 + count])
    loss = artist._calc_loss()
    loss.backward()
    # Pastiche weighs a hundredth of the authors' code, and moves BGR in 0..255.
    assert evaluation.loss == pytest.approx(100 * float(loss.detach()), rel=1e-4)
    expected = 100 * 255 * artist.pastiche.grad.flip(1)
    error = (evaluation.gradient - expected).norm() / expected.norm()
    assert float(error) < 1e-4


def paper(parameters, image, content, style, alpha, beta):
    """Gatys, Ecker, Bethge 2015, equations 1 to 7, literally."""

    def features(x):
        return reference.features(parameters, reference.caffe(x), pooling="average")

    def matrix(found):
        return found[0].flatten(1)  # (N, M)

    found, of_content, of_style = features(image), features(content), features(style)
    F, P = matrix(found["conv4_2"]), matrix(of_content["conv4_2"])
    L_content = 0.5 * ((F - P) ** 2).sum()
    L_style = 0.0
    for name in ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"):
        F, S = matrix(found[name]), matrix(of_style[name])
        N, M = F.shape
        G, A = F @ F.T, S @ S.T
        E = 1 / (4 * N**2 * M**2) * ((G - A) ** 2).sum()
        L_style = L_style + 1 / 5 * E
    return alpha * L_content, beta * L_style


def test_preset_paper_is_the_paper():
    parameters = reference.narrow()
    content, style, start = picture(0), picture(1), picture(2).requires_grad_(True)
    options = PaintOptions(preset="paper", relaxation=False)
    built = build(options, narrow(pooling=options.pooling), content, [style])
    evaluation = built.evaluate(start)

    alpha, beta = options.content_weight, options.style_weight
    L_content, L_style = paper(parameters, start, content, style, alpha, beta)
    (L_content + L_style).backward()
    assert evaluation.group("content") == pytest.approx(float(L_content.detach()), rel=1e-4)
    assert evaluation.group("style") == pytest.approx(float(L_style.detach()), rel=1e-4)
    assert evaluation.loss == pytest.approx(float((L_content + L_style).detach()), rel=1e-4)
    error = (evaluation.gradient - start.grad).norm() / start.grad.norm()
    assert float(error) < 1e-4


def gram(image):
    F = image[0].flatten(1).double()
    return F @ F.T / F.shape[1]


def mean_square(a, b):
    return float((a.double() - b.double()).square().mean())


def test_every_term_in_closed_form():
    content, styles, start = picture(0), [picture(1), picture(2, 20, 33)], picture(3)
    options = PaintOptions(
        content_layers="relu1_1:0.5,conv3_2:2",
        style_layers={"relu2_1": 3, "pool4": 0.25},
        content_weight=7,
        style_weight=11,
        tv_weight=0.125,
        blend=(3, 1),
    )
    got = build(options, pixels, content, styles).evaluate(start)

    def distance(name):
        return mean_square(strided(name, start), strided(name, content))

    def style(name):
        G, *A = (gram(strided(name, image)) for image in (start, *styles))
        return 0.75 * mean_square(G, A[0]) + 0.25 * mean_square(G, A[1])

    x = 255 * start.double()
    tv = float(x.diff(dim=2).square().mean() + x.diff(dim=3).square().mean())
    assert got.terms == pytest.approx(
        {
            "content relu1_1": 7 * 0.5 * distance("relu1_1"),
            "content conv3_2": 7 * 2 * distance("conv3_2"),
            "style relu2_1": 11 * 3 * style("relu2_1"),
            "style pool4": 11 * 0.25 * style("pool4"),
            "tv": 0.125 * tv,
        },
        rel=1e-4,
    )
    assert got.loss == pytest.approx(sum(got.terms.values()), rel=1e-12)
    for kind in ("content", "style", "tv"):
        members = [value for name, value in got.terms.items() if name.startswith(kind)]
        assert got.group(kind) == pytest.approx(sum(members), rel=1e-12)
    assert got.gradient.shape == start.shape


@pytest.mark.parametrize("relaxation", [True, False])
@pytest.mark.parametrize("preset", ["gatys", "paper", "default"])
def test_the_gradient_is_that_of_what_is_minimised(preset, relaxation):
    options = PaintOptions(preset=preset, tv_weight=0.01, relaxation=relaxation)
    network = narrow(pooling=options.pooling, padding=options.padding)
    built = build(options, network, picture(0, 32, 32), [picture(1, 32, 32)])
    start = picture(2, 32, 32)
    got = built.evaluate(start)
    direction = got.gradient / got.gradient.norm()
    step = 0.02
    rise = (
        built.evaluate(start + step * direction).surrogate
        - built.evaluate(start - step * direction).surrogate
    )
    assert rise / (2 * step) == pytest.approx(float(got.gradient.norm()), rel=0.03)


def test_equal_shares_without_a_blend():
    content, styles, start = picture(0), [picture(1), picture(2)], picture(3)

    def style(blend, which):
        options = PaintOptions(blend=blend)
        return build(options, pixels, content, which).evaluate(start).group("style")

    one, other = style(None, styles[:1]), style(None, styles[1:])
    assert style(None, styles) == pytest.approx((one + other) / 2, rel=1e-5)
    assert style((1, 1), styles) == pytest.approx((one + other) / 2, rel=1e-5)
    assert style((0, 5), styles) == pytest.approx(other, rel=1e-5)
    assert style((0.7, 0.3), styles) == pytest.approx(0.7 * one + 0.3 * other, rel=1e-5)


@pytest.mark.parametrize("blend", [(1,), (1, 1, 1)])
def test_a_blend_that_does_not_fit(blend):
    with pytest.raises(OptionsError, match=f"--blend has {len(blend)} shares, but 2 styles"):
        blend_shares(blend, 2)
    with pytest.raises(OptionsError):
        build(PaintOptions(blend=blend), pixels, picture(0), [picture(1), picture(2)])


@pytest.mark.parametrize(
    ("changes", "terms", "layers"),
    [
        ({"content_weight": 0}, {"style relu1_1"}, {"relu1_1"}),
        ({"style_weight": 0}, {"content relu4_2"}, {"relu4_2"}),
        ({"style_layers": "relu1_1:0"}, {"content relu4_2"}, {"relu4_2"}),
        (
            {"content_layers": "relu4_2:0,relu2_2:1"},
            {"content relu2_2", "style relu1_1"},
            {"relu2_2", "relu1_1"},
        ),
        ({"content_weight": 0, "style_weight": 0, "tv_weight": 1}, {"tv"}, set()),
    ],
)
def test_a_weight_of_zero_leaves_the_term_and_its_layer_out(changes, terms, layers):
    network = Pixels()
    options = PaintOptions(**{"style_layers": "relu1_1:1", **changes})
    built = build(options, network, picture(0), [picture(1)])
    assert set(built.evaluate(picture(2)).terms) == terms
    assert network.asked == layers


def test_with_every_layer_at_zero_there_is_nothing_to_optimise():
    with pytest.raises(OptionsError, match="nothing to optimise"):
        PaintOptions(content_layers="relu4_2:0", style_layers="relu1_1:0")


def test_every_term_but_the_papers_content_means_the_same_at_every_size():
    """A picture repeated twice: the same statistics, twice the positions."""
    content, style, start = picture(0), 0.3 * picture(1), picture(2)

    def terms(times, **options):
        wide = [image.repeat(1, 1, 1, times) for image in (content, start)]
        options = PaintOptions(style_layers="relu1_1:1", tv_weight=1, **options)
        return build(options, pixels, wide[0], [style]).evaluate(wide[1])

    once, twice = terms(1), terms(2)
    for kind in ("content", "style"):
        assert twice.group(kind) == pytest.approx(once.group(kind), rel=1e-5)
    assert twice.group("tv") == pytest.approx(once.group("tv"), rel=0.02)
    once, twice = (terms(times, content_loss="half-sum") for times in (1, 2))
    assert twice.group("content") == pytest.approx(2 * once.group("content"), rel=1e-5)


def test_the_style_term_of_the_network_means_the_same_at_every_size(net):
    content, style, start = picture(0), 0.3 * picture(1), picture(2)
    options = PaintOptions(preset="gatys", content_weight=0, style_layers="relu1_1,relu2_1")

    def loss(times):
        wide = start.repeat(1, 1, times, times)
        return build(options, net, content, [style]).evaluate(wide).loss

    assert loss(2) == pytest.approx(loss(1), rel=0.1)


def test_the_loss_of_the_target_itself_is_zero():
    content = picture(0)
    network = narrow()
    options = PaintOptions(preset="gatys")
    got = build(options, network, content, [content]).evaluate(content)
    assert got.loss == 0
    assert not bool(got.gradient.any())


def test_evaluating_leaves_the_picture_alone():
    start = picture(2)
    before = start.clone()
    built = build(PaintOptions(preset="gatys"), narrow(), picture(0), [picture(1)])
    got = built.evaluate(start)
    assert torch.equal(start, before)
    assert not start.requires_grad
    assert not got.gradient.requires_grad
    assert got.gradient.is_contiguous()


FAST = settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate])


@FAST
@given(
    height=st.integers(24, 150),
    width=st.integers(24, 150),
    tile=st.integers(8, 170),
    pooling=st.sampled_from(POOLINGS),
    padding=st.sampled_from(PADDINGS),
    content=st.sets(
        st.sampled_from([n for n in VGG19.names if n[4] < "5"]), min_size=1, max_size=2
    ),
    style=st.sets(st.sampled_from([n for n in VGG19.names if n[4] < "5"]), min_size=1, max_size=3),
)
def test_the_gradient_in_tiles_is_that_of_the_whole(
    height, width, tile, pooling, padding, content, style
):
    """At sizes that divide by nothing, with every pooling and padding and any layers."""
    options = PaintOptions(
        content_layers=sorted(content),
        style_layers=sorted(style),
        pooling=pooling,
        padding=padding,
        tv_weight=0.01,
        relaxation=False,  # relaxed terms weigh differences up, and with them their rounding
    )
    side = VGG19.smallest_side([*content, *style], padding)
    sizes = [(max(n, side), max(m, side)) for n, m in ((height, width), (width, height))]
    network = narrow(pooling=pooling, padding=padding)
    # A style unlike the picture: where statistics nearly agree, their difference is all rounding.
    pictures = [picture(0, *sizes[0]), [0.3 * picture(1, *sizes[1])]]
    start = picture(2, *sizes[0])
    whole = build(options, network, *pictures).evaluate(start)
    tiled = build(options, network, *pictures, tile=tile).evaluate(start)
    assert tiled.terms == pytest.approx(whole.terms, rel=1e-5)
    error = (tiled.gradient - whole.gradient).norm() / whole.gradient.norm()
    # Where two of a window nearly tie, rounding may choose the other: it then has the gradient.
    assert float(error) < (1e-4 if pooling == "max" else 1e-5)


def test_bfloat16_tiles_are_the_whole_but_for_rounding(parameters):
    network = vgg.VGG(parameters, mean=reference.MEAN_BGR, scale=(255.0,) * 3, bgr=True)
    network.prepare(torch.device("cpu"), torch.bfloat16)
    options = PaintOptions(preset="gatys")
    content, style, start = picture(0, 176, 160), picture(1, 160, 160), picture(2, 176, 160)
    whole = build(options, network, content, [style]).evaluate(start)
    tiled = build(options, network, content, [style], tile=96).evaluate(start)
    assert tiled.loss == pytest.approx(whole.loss, rel=0.01)
    error = (tiled.gradient - whole.gradient).norm() / whole.gradient.norm()
    assert float(error) < 0.02


def test_relaxing_changes_what_is_minimised_but_not_the_loss():
    pictures = picture(0), [0.5 * picture(1), picture(2)], picture(3)

    def evaluated(relaxation):
        options = PaintOptions(preset="gatys", relaxation=relaxation, blend=(0.3, 0.7))
        return build(options, narrow(), *pictures[:2]).evaluate(pictures[2])

    relaxed, true = evaluated(True), evaluated(False)
    assert relaxed.terms == true.terms
    assert relaxed.loss == true.loss == true.surrogate
    assert relaxed.surrogate < 0.5 * relaxed.loss


def test_refining_and_its_state():
    def built():
        options = PaintOptions(preset="gatys")
        return build(options, narrow(), picture(0), [picture(1)])

    one, other = built(), built()
    assert not one.refine()  # nothing has been evaluated
    before = one.evaluate(picture(2)).surrogate
    assert one.refine()
    after = one.evaluate(picture(2))
    assert after.surrogate != pytest.approx(before, rel=1e-3)
    other.restore(one.state())
    assert other.evaluate(picture(2)).surrogate == after.surrogate
    with pytest.raises(ValueError, match="multipliers of shape"):
        other.restore({name: T[1:] for name, T in one.state().items()})
    with pytest.raises(KeyError):
        other.restore({})
    plain = PaintOptions(preset="gatys", relaxation=False)
    exact = build(plain, narrow(), picture(0), [picture(1)])
    exact.evaluate(picture(2))
    assert not exact.refine()
    assert exact.state() == {}


def test_where_the_gradient_is_not_finite_there_is_nothing_to_minimise(monkeypatch):
    objective = Objective(None, {}, 1.0)
    evaluation = objective.evaluate(picture(1))
    assert evaluation.surrogate == pytest.approx(evaluation.loss)
    spoilt = functional.total_variation_backward_

    def broken(gradient, *others):
        spoilt(gradient, *others)
        gradient[0, 0, 0, 0] = torch.nan

    monkeypatch.setattr(functional, "total_variation_backward_", broken)
    evaluation = objective.evaluate(picture(1))
    assert math.isfinite(evaluation.loss)
    assert math.isnan(evaluation.surrogate)
