"""Masks and maps: what they mean, and what is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest

from impasto.errors import OptionsError
from impasto.images.picture import Stored
from impasto.painter.regions import coverage, from_maps, from_masks, guide

RED, BLUE, BLACK = (255, 0, 0), (0, 0, 255), (0, 0, 0)


def stored(rgb, alpha=None, name="map.png"):
    return Stored(np.asarray(rgb, np.uint8), alpha, name, "")


def halves(left, right, height=40, width=60, at=30):
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[:, :at], rgb[:, at:] = left, right
    return rgb


def test_masks_go_with_styles_in_their_order():
    masks = [stored(halves((255,) * 3, BLACK)), stored(halves(BLACK, (128,) * 3))]
    one, two = from_masks(masks, [0, 0, 1])
    assert (one.name, [number for number, _ in one.styles]) == ("1", [0, 1])
    assert (two.name, [number for number, _ in two.styles]) == ("2", [2])
    whole = coverage([one, two], 60, 40)
    np.testing.assert_allclose(whole[:, :30], 1, atol=1e-6)
    np.testing.assert_allclose(whole[:, 30:], 128 / 255, atol=1e-3)


def test_what_is_transparent_in_a_mask_is_not_meant():
    alpha = np.zeros((40, 60), np.uint8)
    alpha[:, :10] = 255
    (part,) = from_masks([stored(halves((255,) * 3, (255,) * 3), alpha)], [0])
    np.testing.assert_allclose(part.mask.mean(), 10 / 60, atol=1e-6)


def test_what_is_transparent_of_a_map_belongs_nowhere():
    alpha = np.full((40, 60), 255, np.uint8)
    alpha[:, 30:] = 0
    (part,) = from_maps(stored(halves(RED, BLUE), alpha), [stored(halves(RED, BLUE))])
    assert part.name == "#ff0000"
    assert part.mask[:, :30].all()
    assert not part.mask[:, 30:].any()
    with pytest.raises(OptionsError, match=r"map\.png: is transparent all over"):
        from_maps(stored(halves(RED, BLUE), 0 * alpha), [stored(halves(RED, BLUE))])


def test_colours_find_each_other():
    photo = stored(halves(RED, BLUE))
    style = stored(halves(BLUE, (250, 8, 3), at=20))  # nearly the same red
    parts = {part.name: part for part in from_maps(photo, [style])}
    assert set(parts) == {"#ff0000", "#0000ff"}
    red = parts["#ff0000"]
    assert red.mask[:, :30].all()
    assert not red.mask[:, 30:].any()
    ((number, where),) = red.styles
    assert number == 0
    assert where[:, 20:].all()
    assert not where[:, :20].any()


def test_a_colour_that_no_style_has_is_claimed_by_none():
    parts = from_maps(stored(halves(RED, BLUE)), [stored(halves(RED, (0, 255, 0)))])
    assert [part.name for part in parts] == ["#ff0000"]
    free = coverage(parts, 60, 40)
    assert free[:, :30].all()
    assert not free[:, 30:].any()


def test_several_styles_may_have_a_colour():
    maps = [stored(halves(RED, BLUE)), stored(halves(RED, BLACK))]
    parts = {part.name: part for part in from_maps(stored(halves(RED, BLUE)), maps)}
    assert [number for number, _ in parts["#ff0000"].styles] == [0, 1]
    assert [number for number, _ in parts["#0000ff"].styles] == [0]


def test_soft_edges_between_flat_colours_are_no_colours():
    rgb = halves(RED, BLUE, width=400, at=200)
    rgb[:, 199], rgb[:, 200] = (170, 0, 85), (85, 0, 170)
    parts = from_maps(stored(rgb), [stored(halves(RED, BLUE))])
    assert sorted(part.name for part in parts) == ["#0000ff", "#ff0000"]
    np.testing.assert_allclose(sum(part.mask for part in parts), 1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: from_masks([stored(halves(RED, BLUE))], [0, 1]),
            ["--masks has 1 masks", "2 styles"],
        ),
        (
            lambda: from_masks([stored(halves(BLACK, BLACK), name="dark.png")], [0]),
            ["dark.png: is black", "style 1"],
        ),
        (
            lambda: from_masks([stored(halves(BLACK, (1, 1, 1)), name="bits.png")], [0]),
            ["bits.png: is black (levels 0 to 1 of 255)", "style 1"],
        ),
        (
            lambda: from_maps(stored(halves(RED, RED)), [stored(halves(BLUE, BLUE))]),
            ["no colour in common", "#ff0000", "#0000ff"],
        ),
        (
            lambda: from_maps(
                stored(np.random.default_rng(0).integers(0, 256, (40, 60, 3)), name="noise.png"),
                [stored(halves(RED, BLUE))],
            ),
            ["noise.png: has", "at most 16 flat colours"],
        ),
    ],
)
def test_what_is_wrong_with_them(make, words):
    with pytest.raises(OptionsError) as caught:
        make()
    assert all(word in str(caught.value) for word in words)


def test_depth_is_the_distance_to_the_outside():
    mask = np.zeros((20, 40), np.float32)
    mask[:, 10:30] = 1
    found = guide(mask, 40, 20)
    np.testing.assert_allclose(found.depth[0, 0, 5, [9, 10, 11, 19, 29, 30]], [0, 1, 2, 10, 1, 0])
    assert guide(np.ones((4, 4), np.float32), 8, 8).depth.isinf().all()
    assert found.share == pytest.approx(0.5)
