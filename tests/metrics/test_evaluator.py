"""The evaluator on known pictures, and its description of the protocol."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from impasto.errors import ImageError, OptionsError
from impasto.images import resize
from impasto.images.tensors import to_tensor
from impasto.metrics import colour, structure, transport
from impasto.metrics.evaluator import (
    DIRECTIONS,
    STYLE_LAYERS,
    Evaluator,
    check_same_view,
    protocol,
)
from impasto.metrics.measures import MEASURES, NAMES
from impasto.weights import ORIGINAL

SIZE = 64


def blotches(width, height, seed):
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    return (np.asarray(image) / 255).astype(np.float32)


PICTURE = blotches(SIZE, 48, 4)


@pytest.fixture(scope="module", autouse=True)
def _drawn_once():
    """Draw directions once: every evaluator draws them, which takes longer than measuring."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transport, "directions", lru_cache(transport.directions))
        yield


@pytest.fixture(scope="module")
def photo():
    return blotches(SIZE, 48, 1)


@pytest.fixture(scope="module")
def paintings():
    return [blotches(70, 80, 2), blotches(60, 50, 3)]


@pytest.fixture(scope="module")
def evaluator(net, photo, paintings):
    return Evaluator(net, photo, paintings[:1], size=SIZE)


@pytest.fixture(scope="module")
def measured(evaluator):
    """What is measured of some picture."""
    return evaluator(PICTURE)


def test_the_photo_has_no_distance_to_itself(evaluator, photo):
    measured = evaluator(photo)
    assert list(measured) == list(NAMES)
    assert measured == evaluator.photo()
    for name in ("vgg_content", "self_similarity", "colour_to_photo"):
        assert measured[name] == 0
    assert measured["ssim"] == pytest.approx(1)
    assert measured["sharpness"] == 1
    for name in ("vgg_style", "sliced_wasserstein", "colour_to_painting"):
        assert measured[name] > 0.01


def test_the_painting_has_no_distance_to_its_own_style(net, photo):
    measured = Evaluator(net, photo, [photo], size=SIZE)(photo)
    for name in ("vgg_style", "sliced_wasserstein", "colour_to_painting"):
        assert measured[name] == 0


def test_all_of_it_is_what_the_protocol_says(measured, net, photo, paintings):
    picture = PICTURE
    # The painting at as many pixels as the photo.
    painting = np.rint(resize(paintings[0], 52, 59) * 255).astype(np.uint8) / np.float32(255)

    def features(rgb, name):
        with torch.no_grad():
            return net(to_tensor(rgb), [name])[name][0].double().flatten(1).numpy()

    F, P = features(picture, "relu4_2"), features(photo, "relu4_2")
    expected = ((F - P) ** 2).sum() / (P**2).sum()
    assert measured["vgg_content"] == pytest.approx(expected, rel=1e-5)
    losses, sliced = [], []
    at = (np.arange(20_000) + 0.5) / 20_000
    for name in STYLE_LAYERS:
        F, S = features(picture, name), features(painting, name)
        G, A = (f @ f.T / f.shape[1] for f in (F, S))
        losses.append(((G - A) ** 2).sum() / (A**2).sum())
        along = transport.directions(len(F), DIRECTIONS).double().numpy()
        quantiles = (np.quantile(along @ f, at, axis=1, method="inverted_cdf") for f in (F, S))
        sliced.append(np.square(np.subtract(*quantiles)).mean() / np.square(along @ S).mean())
    assert measured["vgg_style"] == pytest.approx(np.mean(losses), rel=1e-4)
    assert measured["sliced_wasserstein"] == pytest.approx(np.mean(sliced), rel=2e-3)
    eight = np.rint(picture * 255).astype(np.float32) / np.float32(255)
    assert measured["ssim"] == structure.ssim(eight, photo)
    assert measured["sharpness"] == structure.relative_sharpness(eight, photo)
    palettes = [colour.palette(rgb) for rgb in (eight, photo, painting)]
    to_photo, to_painting = (colour.colour_distance(palettes[0], p) for p in palettes[1:])
    assert measured["colour_to_photo"] == pytest.approx(to_photo)
    assert measured["colour_to_painting"] == pytest.approx(to_painting)


def test_what_a_blur_does(evaluator, photo):
    rough = np.clip(photo + np.random.default_rng(0).normal(0, 0.1, photo.shape), 0, 1)
    rough = rough.astype(np.float32)
    soft = ndimage.gaussian_filter(rough, (1, 1, 0))
    before, after = evaluator(rough), evaluator(soft)
    assert after["sharpness"] < before["sharpness"] / 4
    assert after["ssim"] > before["ssim"]


def test_the_painting_itself_is_nearer_to_it_and_further_from_the_photo(
    evaluator, photo, paintings
):
    kept, lost = evaluator(photo), evaluator(resize(paintings[0], SIZE, 48))
    for measure in MEASURES:
        if measure.name != "sharpness":
            to_painting = measure.name in ("vgg_style", "sliced_wasserstein", "colour_to_painting")
            best = measure.best([kept[measure.name], lost[measure.name]])
            assert best == (lost if to_painting else kept)[measure.name], measure.name
            assert kept[measure.name] != lost[measure.name]


def test_the_size_of_a_picture_hardly_counts(evaluator, photo):
    larger = evaluator(resize(photo, 3 * SIZE, 3 * 48))
    assert larger["ssim"] > 0.98
    assert larger["vgg_content"] < 0.05


def test_a_file_measures_as_the_picture_does(evaluator):
    picture = np.random.default_rng(3).random((48, SIZE, 3)).astype(np.float32)
    stored = np.rint(picture * 255).astype(np.uint8) / np.float32(255)
    assert evaluator(picture) == evaluator(stored)


def test_several_paintings_count_by_their_shares(measured, net, photo, paintings):
    both = Evaluator(net, photo, paintings, size=SIZE)
    other = Evaluator(net, photo, paintings[1:], size=SIZE)(PICTURE)
    for shares in ([0, 1], [0.25, 0.75], None):
        found = both(PICTURE, shares)
        first, second = shares or [0.5, 0.5]
        for name in NAMES:
            expected = first * measured[name] + second * other[name]
            assert found[name] == pytest.approx(expected, rel=1e-5, abs=1e-9), name


def test_it_is_the_same_every_time(net, photo, paintings, measured, monkeypatch):
    monkeypatch.setattr(transport, "directions", transport.directions.__wrapped__)
    again = Evaluator(net, photo, paintings[:1], size=SIZE)
    assert again(PICTURE) == measured


@pytest.mark.parametrize(
    ("photo_size", "painting_size", "size", "what"),
    [
        ((64, 48), (40, 40), 20, "the photo would be 20x15 pixels"),
        ((640, 20), (40, 40), 256, "the photo would be 256x8 pixels"),
        ((64, 48), (400, 4), 64, "the painting would be 554x6 pixels"),
    ],
)
def test_too_small_to_be_measured(net, photo_size, painting_size, size, what):
    with pytest.raises(OptionsError, match=what) as caught:
        Evaluator(net, blotches(*photo_size, 0), [blotches(*painting_size, 1)], size=size)
    assert f"at least 16 pixels; raise --size (now {size})" in str(caught.value)


def shaped(width, height):
    return np.zeros((height, width, 3), np.uint8)


def test_only_pictures_of_the_whole_photo_are_measured():
    for width, height in ((64, 48), (640, 480), (40, 29), (632, 480), (12, 9)):
        check_same_view(shaped(width, height), shaped(64, 48), "a.png")
    for width, height in ((48, 64), (64, 64), (640, 440)):
        with pytest.raises(ImageError, match=f"a.png: is {width}x{height} pixels and the photo"):
            check_same_view(shaped(width, height), shaped(64, 48), "a.png")


def test_the_protocol_and_the_measures_are_described():
    text = protocol((512, 384), ORIGINAL.name)
    for part in ("512×384", "original", "relu4_2", "relu1_1 to relu5_1", "64 directions", "1024"):
        assert part in text
    for measure in MEASURES:
        assert measure.better in ("lower", "higher")
        assert len(measure.meaning) < 90
        assert max(map(len, measure.heading.split("\n"))) <= 8
        assert measure.best([1, 3, 2]) == (1 if measure.arrow == "↓" else 3)


def test_transparent_parts_of_a_painting_do_not_count(net, photo):
    painting = blotches(70, 80, 2)
    opaque = np.ones((80, 70, 1), np.float32)
    holed = opaque.copy()
    holed[:, 40:] = 0
    plain = Evaluator(net, photo, [painting], size=SIZE)(photo)
    whole = Evaluator(net, photo, [np.dstack([painting, opaque])], size=SIZE)(photo)
    assert whole == pytest.approx(plain, rel=1e-4)
    found = []
    for hidden in (0.0, 1.0):
        painting[:, 50:] = hidden  # beyond what the layers see from the edge
        found.append(Evaluator(net, photo, [np.dstack([painting, holed])], size=SIZE)(photo))
    assert found[0]["colour_to_painting"] == found[1]["colour_to_painting"]
    assert found[0]["vgg_style"] == pytest.approx(found[1]["vgg_style"], rel=0.1)
    assert found[0]["vgg_style"] != pytest.approx(plain["vgg_style"], rel=0.01)
