"""What an artist steers, from the options to the pixels of small paintings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

import impasto
from impasto.errors import ImageError, OptionsError
from impasto.images import resize
from impasto.images.color import luma
from test_stylize import OTHER, PHOTO, SMALL, STYLE, first_loss, paint

AT_SIZE = resize(PHOTO.astype(np.float32) / 255, 48, 36)


@pytest.fixture
def mask(tmp_path):
    """White on the left half, in a file."""

    def write(name="mask.png", left=(255,) * 3, right=(0,) * 3, size=(64, 48)):
        rgb = np.zeros((size[1], size[0], 3), np.uint8)
        rgb[:, : size[0] // 2], rgb[:, size[0] // 2 :] = left, right
        Image.fromarray(rgb).save(tmp_path / name)
        return str(tmp_path / name)

    return write


def test_frozen_pixels_are_those_of_the_photo(mask):
    painting = paint(freeze=mask())
    np.testing.assert_allclose(painting.rgb[:, :23], AT_SIZE[:, :23], atol=1e-6)
    assert np.abs(painting.rgb[:, 26:] - AT_SIZE[:, 26:]).mean() > 0.02


def test_frozen_pixels_are_those_of_the_start_when_one_is_given(mask, tmp_path):
    earlier = paint(seed=1)
    earlier.save(tmp_path / "earlier.png")
    again = paint(freeze=mask(), init=str(tmp_path / "earlier.png"))
    np.testing.assert_allclose(again.rgb[:, :23], earlier.rgb[:, :23], atol=0.003)


def test_what_is_frozen_does_not_count_as_painted(mask):
    """The rest is to have the painting's statistics itself, whatever is in the frozen part."""
    other = PHOTO.copy()
    other[:, : PHOTO.shape[1] * 2 // 5] = 255
    chosen = {"freeze": mask(), "content_weight": 0, "style_layers": "relu1_1", "scales": "single"}
    one, two = (paint(photo, init="content", **chosen) for photo in (PHOTO, other))
    assert np.abs(one.rgb[:, :16] - two.rgb[:, :16]).mean() > 0.1
    np.testing.assert_allclose(one.rgb[:, 26:], two.rgb[:, 26:], atol=1e-3)


def test_all_frozen_is_refused(mask):
    white = (255,) * 3
    with pytest.raises(OptionsError, match=r"all\.png: is white wherever there is a style"):
        paint(freeze=mask("all.png", white, white))
    with pytest.raises(OptionsError, match="nothing to paint"):
        paint(freeze=mask(), masks=mask("a.png"))


def test_what_no_style_claims_stays_the_photo(mask):
    painting = paint(masks=mask())
    np.testing.assert_allclose(painting.rgb[:, 26:], AT_SIZE[:, 26:], atol=1e-6)
    assert np.abs(painting.rgb[:, :23] - AT_SIZE[:, :23]).mean() > 0.02


def test_each_style_goes_where_its_mask_says(mask):
    red, blue = (np.full((40, 40, 3), rgb, np.uint8) for rgb in ((200, 30, 30), (30, 30, 200)))
    masks = (mask("a.png"), mask("b.png", (0,) * 3, (255,) * 3))
    rgb = paint(style=[red, blue], masks=masks, steps=12, content_weight=0, init="content").rgb
    left, right = rgb[:, :20].mean(axis=(0, 1)), rgb[:, 28:].mean(axis=(0, 1))
    assert left[0] - left[2] > 0.1 > -0.1 > right[0] - right[2]


def test_maps_do_the_same_as_masks(mask):
    guide = mask("map.png", (255, 0, 0), (0, 0, 255))
    own = mask("own.png", (255, 0, 0), (255, 0, 0), size=(48, 64))
    by_map = paint(guide=guide, style_guide=own)
    by_mask = paint(masks=mask())
    np.testing.assert_allclose(by_map.rgb, by_mask.rgb, atol=1e-5)


def test_lightness_alone_is_transferred():
    photo, plain = (rgb2lab(rgb) for rgb in (AT_SIZE, paint().rgb))
    for color in ("photo", "luminance"):
        lab = rgb2lab(paint(color=color).rgb)
        away = np.abs(lab[..., 1:] - photo[..., 1:]).mean()
        assert away < 0.35 * np.abs(plain[..., 1:] - photo[..., 1:]).mean(), color
        assert np.abs(lab[..., 0] - photo[..., 0]).mean() > 0.5


def test_half_of_a_colour_is_half_way():
    style, photo, half = (paint(color="photo", color_strength=share).rgb for share in (0, 1, 0.5))
    np.testing.assert_allclose(half, (style + photo) / 2, atol=1e-6)
    np.testing.assert_allclose(style, paint().rgb, atol=1e-6)


@pytest.mark.parametrize("color", ["match", "histogram"])
def test_a_style_in_the_photos_colours_leaves_them(color):
    far = (STYLE // 4 + np.array([190, 0, 0])).astype(np.uint8)
    own, moved = (
        paint(style=far, color=c, steps=8).rgb.mean(axis=(0, 1)) for c in ("style", color)
    )
    photo = AT_SIZE.mean(axis=(0, 1))
    assert np.abs(moved - photo).max() < 0.4 * np.abs(own - photo).max()


def test_events_show_the_picture_as_it_will_be_saved():
    painter = impasto.Painter(PHOTO, STYLE, impasto.PaintOptions(**SMALL, color="luminance"))
    pictures = [e.picture() for e in painter if hasattr(e, "picture")]
    np.testing.assert_allclose(
        rgb2lab(pictures[-1])[..., 1:].std(axis=(0, 1)),
        rgb2lab(painter.painting.rgb)[..., 1:].std(axis=(0, 1)),
        rtol=0.05,
    )


def test_strength_is_how_far_it_goes():
    none, half, full = (paint(strength=s, steps=10, init="content").rgb for s in (0, 0.5, 1))
    np.testing.assert_allclose(none, AT_SIZE, atol=0.02)
    assert 0 < np.abs(half - none).mean() < np.abs(full - none).mean()


def test_by_layer_one_style_can_have_fine_strokes_and_another_large_forms():
    """At the same start, each layer's term is that of its style alone."""
    blend = "relu1_1=1,0 relu2_1=0,1"
    terms = {}
    for name, style, options in (
        ("mixed", [STYLE, OTHER], {"blend": blend}),
        ("fine", STYLE, {}),
        ("large", OTHER, {}),
    ):
        options = impasto.PaintOptions(**{**SMALL, "steps": 1, "init": "content", **options})
        steps = [e for e in impasto.Painter(PHOTO, style, options) if hasattr(e, "terms")]
        terms[name] = steps[0].terms
    assert terms["mixed"]["style relu1_1"] == pytest.approx(terms["fine"]["style relu1_1"])
    assert terms["mixed"]["style relu2_1"] == pytest.approx(terms["large"]["style relu2_1"])


def test_a_folder_is_one_style_with_the_mean_of_its_statistics(tmp_path):
    for number, picture in enumerate((STYLE, OTHER)):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    start: dict[str, Any] = {"init": "content"}
    folder = first_loss(style=tmp_path, **start).style
    blend = first_loss(style=[STYLE, OTHER], **start).style
    assert folder == pytest.approx(blend)
    third = first_loss(style=[str(tmp_path), PHOTO], blend=(1, 0), **start).style
    assert third == pytest.approx(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(OptionsError, match="contains no pictures"):
        paint(style=tmp_path / "empty")


def test_each_style_has_its_own_scale_and_turn():
    o = impasto.PaintOptions(**SMALL, style_scale=(1, 0.5), style_rotation=(0, 90))
    painter = impasto.Painter(PHOTO, [STYLE, STYLE], o)
    scale = painter.scales[-1]
    one, two = painter.sources.styles_at(scale)
    assert two.shape[2] == pytest.approx(one.shape[3] / 2, abs=1)
    assert two.shape[3] == pytest.approx(one.shape[2] / 2, abs=1)
    with pytest.raises(OptionsError, match="--style-scale has 2 numbers, but 1 styles"):
        paint(style_scale=(1, 2))


def test_maps_turn_with_their_paintings(mask):
    """Of the left half of a painting, turned by a quarter, the map's left half is taken."""
    halves = np.zeros((48, 64, 3), np.uint8)
    halves[:, :32] = (200, 40, 40)
    whole, plain = (
        mask("all.png", (255,) * 3, (255,) * 3),
        {"style_layers": "relu1_1", "init": "content"},
    )
    for turn in (0, 90, 180):
        other = halves.copy()
        other[:, 46:] = (40, 200, 90)  # what is not to be taken
        chosen = {"guide": whole, "style_guide": mask(), "style_rotation": turn, **plain}
        one, two = (first_loss(style=picture, **chosen).style for picture in (halves, other))
        assert one == pytest.approx(two, rel=1e-3)


@pytest.mark.parametrize("style_loss", ["gram", "wasserstein", "sliced", "nearest", "emd"])
def test_hidden_colours_of_a_painting_do_not_count(style_loss):
    losses = []
    for hidden, alpha in (((0, 0, 0), 0), ((255, 0, 255), 0), ((255, 0, 255), 255)):
        rgba = np.dstack([STYLE, np.full(STYLE.shape[:2], 255, np.uint8)])
        rgba[: len(STYLE) // 2] = (*hidden, alpha)
        losses.append(first_loss(style=rgba, style_loss=style_loss).style)
    assert losses[0] == losses[1]
    assert losses[2] != pytest.approx(losses[0], rel=0.01)


def test_transparent_parts_of_a_painting_have_no_share_of_its_statistics():
    """One colour over a part of a canvas that is not seen is that colour all over."""
    flat = np.empty((60, 60, 4), np.uint8)
    flat[:] = (180, 90, 30, 255)
    holed = flat.copy()
    holed[20:40, 20:40] = 0
    plain = {"style_layers": "relu1_1", "init": "content"}
    whole, part = (first_loss(style=rgba, **plain).style for rgba in (flat, holed))
    assert part == pytest.approx(whole, rel=1e-3)


def test_hidden_colours_of_the_photo_do_not_count():
    rgba = np.dstack([PHOTO, np.full(PHOTO.shape[:2], 255, np.uint8)])
    found = []
    for hidden in ((0, 0, 0), (0, 255, 0)):
        rgba[:20, :30] = (*hidden, 0)
        found.append(paint(rgba))
    np.testing.assert_array_equal(found[0].rgb, found[1].rgb)
    assert found[0].alpha.min() == 0


def test_masks_go_with_transparent_paintings(mask):
    rgba = np.dstack([STYLE, np.full(STYLE.shape[:2], 255, np.uint8)])
    rgba[:20] = 0
    masks = (mask("a.png"), mask("b.png", (0,) * 3, (255,) * 3))
    painting = paint(style=[rgba, OTHER], masks=masks)
    assert np.isfinite(painting.rgb).all()


def test_what_is_transparent_all_over_is_refused(mask):
    nothing = np.zeros((64, 64, 4), np.uint8)
    with pytest.raises(ImageError, match="is transparent all over"):
        paint(style=nothing)
    with pytest.raises(ImageError, match="is transparent all over"):
        paint(nothing)
    half = np.dstack([STYLE, np.full(STYLE.shape[:2], 255, np.uint8)])
    half[:, : STYLE.shape[1] * 3 // 5] = 0
    with pytest.raises(OptionsError, match="transparent wherever a style is taken"):
        paint(style=half, guide=mask(), style_guide=mask("other.png", right=(9, 9, 200)))


def test_a_rerun_finds_masks_and_folders(tmp_path, mask):
    folder = tmp_path / "hand"
    folder.mkdir()
    for number, picture in enumerate((STYLE, OTHER)):
        Image.fromarray(picture).save(folder / f"{number}.png")
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    chosen = {
        "masks": (mask("a.png"), mask("b.png", (0,) * 3, (255,) * 3)),
        "freeze": mask("c.png"),
    }
    styles = [folder, folder / "1.png"]
    painting = paint(tmp_path / "photo.png", styles, **chosen)
    painting.save(tmp_path / "out.png")
    painter = impasto.rerun(tmp_path / "out.png")
    for _ in painter:
        pass
    np.testing.assert_array_equal(painter.painting.rgb, painting.rgb)
    Image.fromarray(OTHER).save(tmp_path / "a.png")
    with pytest.raises(impasto.ImageError, match=r"a\.png: is not the picture"):
        impasto.rerun(tmp_path / "out.png")


def test_luminance_is_that_of_the_painting():
    """The painter works in grey: its greys are what the coloured picture's luma is."""
    painter = impasto.Painter(PHOTO, STYLE, impasto.PaintOptions(**SMALL, color="luminance"))
    for _ in painter:
        pass
    grey = painter._engine.picture[0].permute(1, 2, 0).clamp(0, 1).numpy()
    np.testing.assert_allclose(luma(painter.painting.rgb), luma(grey), atol=1e-3)
