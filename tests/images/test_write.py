"""Saved pictures are read back by other libraries than the one that wrote them."""

from __future__ import annotations

import io
import json
import os
import stat

import numpy as np
import png
import pytest
import tifffile
from PIL import Image, ImageCms, features

from images import making
from impasto.errors import ImageError, OutputError
from impasto.images import EXTENSIONS, Picture, read_picture, read_recipe, save_picture
from impasto.options import SaveOptions

SIXTEEN = SaveOptions(bits=16)
RECIPE = {"version": "1.2.3", "content": "Größe 🎨.jpg", "steps": [1, 2.5, None], "n": {"a": True}}

NEEDS_AVIF = pytest.mark.skipif(not features.check("avif"), reason="this Pillow cannot write AVIF")
AVIF = pytest.param(".avif", marks=NEEDS_AVIF)


def floats(samples):
    return samples.astype(np.float32) / np.float32(np.iinfo(samples.dtype).max)


@pytest.mark.parametrize("extension", [".png", ".tif", ".tiff", ".PNG"])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_eight_bits_survive_exactly(extension, with_alpha, tmp_path):
    pixels, path = making.colours(300, 7), tmp_path / f"a{extension}"
    alpha = making.seen(300, 7, seed=1) if with_alpha else None
    save_picture(floats(pixels), path, alpha=None if alpha is None else floats(alpha))
    with Image.open(path) as image:
        assert image.mode == ("RGBA" if with_alpha else "RGB")
        stored = np.asarray(image)
    np.testing.assert_array_equal(stored[:, :, :3], pixels)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.rgb, floats(pixels))
    if alpha is not None:
        np.testing.assert_array_equal(stored[:, :, 3], alpha)
        np.testing.assert_array_equal(picture.alpha, floats(alpha))


@pytest.mark.parametrize("extension", [".png", ".tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bits_survive_exactly(extension, channels, tmp_path):
    # More rows than are compressed at a time; every 16-bit value is there.
    samples = np.arange(65536 * 3, dtype=np.uint16).reshape(384, 512)
    samples = np.stack([np.roll(samples, 77 * i) for i in range(channels)], axis=-1)
    path = tmp_path / f"a{extension}"
    values = floats(samples)
    alpha = values[:, :, 3] if channels == 4 else None
    save_picture(values[:, :, :3], path, alpha=alpha, options=SIXTEEN)
    if extension == ".png":
        width, height, rows, info = png.Reader(bytes=path.read_bytes()).read()
        assert info["bitdepth"] == 16
        stored = np.array([np.asarray(row) for row in rows]).reshape(height, width, channels)
    else:
        stored = tifffile.imread(path)
        assert stored.dtype == np.uint16
    np.testing.assert_array_equal(stored, samples)
    picture = read_picture(path)
    seen = samples[:, :, -1] > (257 if channels == 4 else -1)
    np.testing.assert_array_equal(picture.rgb[seen], values[seen][:, :3])
    if channels == 4:
        np.testing.assert_array_equal(picture.alpha, alpha)


@pytest.mark.parametrize("extension", [".jpg", ".jpeg", ".webp", AVIF])
def test_lossy_formats_come_close(extension, tmp_path):
    pixels, path = making.smooth(), tmp_path / f"a{extension}"
    save_picture(floats(pixels), path)
    assert np.abs(read_picture(path).rgb * 255 - pixels).mean() < 1.5


@pytest.mark.parametrize("extension", [".jpg", ".webp", AVIF])
def test_quality_is_passed_on(extension, tmp_path):
    rgb = floats(making.colours(64, 64))
    sizes = []
    for quality in (10, 95):
        path = tmp_path / f"{quality}{extension}"
        save_picture(rgb, path, options=SaveOptions(jpeg_quality=quality))
        sizes.append(path.stat().st_size)
    assert sizes[0] * 1.5 < sizes[1]


@NEEDS_AVIF
def test_avif_holds_transparency_and_the_recipe(tmp_path):
    picture = Picture(floats(making.smooth()), floats(making.smooth()[:, :, 0]), "x", "0" * 64)
    save_picture(picture, tmp_path / "a.avif", recipe={"kind": "paint"})
    np.testing.assert_allclose(read_picture(tmp_path / "a.avif").alpha, picture.alpha, atol=0.02)
    assert read_recipe(tmp_path / "a.avif") == {"kind": "paint"}


def test_jpeg_keeps_colour_edges(tmp_path):
    stripes = np.zeros((32, 32, 3), np.float32)
    stripes[:, ::2, 0], stripes[:, 1::2, 2] = 1, 1
    save_picture(stripes, tmp_path / "a.jpg", options=SaveOptions(jpeg_quality=100))
    assert np.abs(read_picture(tmp_path / "a.jpg").rgb - stripes).max() < 0.1


@pytest.mark.parametrize("extension", [".webp", ".png", ".tif"])
def test_transparency_is_written(extension, tmp_path):
    picture = Picture(floats(making.smooth()), floats(making.smooth()[:, :, 0]), "x", "0" * 64)
    save_picture(picture, tmp_path / f"a{extension}")
    read = read_picture(tmp_path / f"a{extension}")
    np.testing.assert_allclose(read.alpha, picture.alpha, atol=1e-6)
    # An alpha that is given goes before the picture's own.
    save_picture(picture, tmp_path / f"a{extension}", alpha=1 - picture.alpha)
    read = read_picture(tmp_path / f"a{extension}")
    np.testing.assert_allclose(read.alpha, 1 - picture.alpha, atol=1e-6)


def test_jpeg_is_laid_on_white(tmp_path):
    black = np.zeros((16, 48, 3), np.float32)
    alpha = np.repeat(np.float32([[0.0, 0.5, 1.0]]), 16, axis=1).repeat(16, axis=0)
    save_picture(black, tmp_path / "a.jpg", alpha=alpha)
    read = read_picture(tmp_path / "a.jpg")
    assert read.alpha is None
    np.testing.assert_allclose(read.rgb[8, [8, 24, 40], 0], [1, 0.5, 0], atol=0.02)


def test_values_are_clipped_and_rounded_to_nearest(tmp_path):
    rgb = np.float32([[[-0.0005, 1.0005, 100.4 / 255], [100.6 / 255, 0, 1]]])
    save_picture(rgb, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image).tolist() == [[[0, 255, 100], [101, 0, 255]]]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_an_srgb_profile_and_the_recipe_are_in_every_format(extension, bits, tmp_path):
    if bits == 16 and extension not in (".png", ".tif", ".tiff"):
        pytest.skip("not a format of 16 bits")
    path = tmp_path / f"a{extension}"
    save_picture(
        floats(making.smooth()),
        path,
        recipe=RECIPE,
        options=SaveOptions(bits=bits, jpeg_quality=90),
    )
    assert read_recipe(path) == RECIPE
    with Image.open(path) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        exif = image.getexif()
        assert exif[0x0131] == "Impasto 1.2.3"
        assert exif[0x010E].isascii()
        assert json.loads(exif[0x010E]) == RECIPE
    assert read_picture(path).width == 64


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_equal_pictures_are_equal_files(extension, tmp_path):
    for name in "ab":
        save_picture(floats(making.smooth()), tmp_path / f"{name}{extension}", recipe=RECIPE)
    contents = {(tmp_path / f"{name}{extension}").read_bytes() for name in "ab"}
    assert len(contents) == 1


def test_a_recipe_without_a_version(tmp_path):
    for version in ({}, {"version": "é"}, {"version": "1\n2"}):
        save_picture(floats(making.colours()), tmp_path / "a.tif", recipe=version)
        assert read_recipe(tmp_path / "a.tif") == version
        with Image.open(tmp_path / "a.tif") as image:
            assert image.getexif()[0x0131] == "Impasto"


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_picture_without_a_recipe(extension, tmp_path):
    save_picture(floats(making.colours()), tmp_path / f"a{extension}")
    with pytest.raises(ImageError, match=f"a{extension}: has no Impasto recipe"):
        read_recipe(tmp_path / f"a{extension}")


@pytest.mark.parametrize(
    "text", ["", "A photo", "[1]", '"x"', "{", "[" * 200_000, '{"a":' * 200_000, "9" * 5000, "null"]
)
def test_descriptions_that_are_no_recipe(text, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = text
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png", exif=exif)
    with pytest.raises(ImageError, match="has no Impasto recipe"):
        read_recipe(tmp_path / "a.png")


def test_a_recipe_without_end(tmp_path):
    exif = Image.Exif()
    exif[0x010E] = json.dumps({"a": "x" * 2**20})
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png", exif=exif)
    with pytest.raises(ImageError, match="has no Impasto recipe"):
        read_recipe(tmp_path / "a.png")
    with pytest.raises(OutputError, match="1,048,576"):
        save_picture(floats(making.colours()), tmp_path / "b.png", recipe={"a": "x" * 2**20})


def test_read_recipe_speaks_of_files_as_read_picture_does(tmp_path):
    with pytest.raises(ImageError, match="no such file"):
        read_recipe(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(b"hello")
    with pytest.raises(ImageError, match="not a picture"):
        read_recipe(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(making.png_claiming(100_000, 100_000))
    with pytest.raises(ImageError, match="100000x100000"):
        read_recipe(tmp_path / "a.png")


def test_a_recipe_too_long_for_jpeg_says_so(tmp_path):
    recipe = {"a": "x" * 70_000}
    with pytest.raises(OutputError, match=r"64 KiB.*use \.png or \.tif"):
        save_picture(floats(making.colours()), tmp_path / "a.jpg", recipe=recipe)
    for extension in (".png", ".webp", ".tif"):
        save_picture(floats(making.colours()), tmp_path / f"a{extension}", recipe=recipe)
        assert read_recipe(tmp_path / f"a{extension}") == recipe


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}])
def test_a_recipe_that_is_no_json(value, tmp_path):
    with pytest.raises(OutputError, match="recipe is not JSON"):
        save_picture(floats(making.colours()), tmp_path / "a.png", recipe={"a": value})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("a.gif", r"extension '.gif'.*\.png.*\.webp"),
        ("a.jepg", r"extension '.jepg'; did you mean .\.jpe?g.\?.*\.png"),
        ("a", r"no extension.*\.png"),
        (".png", "no extension"),
        ("none/a.png", "the folder .*none does not exist"),
    ],
)
def test_names_that_cannot_be_written(name, match, tmp_path):
    with pytest.raises(OutputError, match=match):
        save_picture(floats(making.colours()), tmp_path / name)


@pytest.mark.parametrize("extension", [".jpg", ".webp", AVIF])
def test_sixteen_bits_only_where_they_exist(extension, tmp_path):
    with pytest.raises(OutputError, match=r"--bits 16 needs \.png, \.tif"):
        save_picture(floats(making.colours()), tmp_path / f"a{extension}", options=SIXTEEN)


@pytest.mark.parametrize(("extension", "limit"), [(".jpg", 65_500), (".webp", 16_383)])
@pytest.mark.parametrize("turned", [False, True])
def test_sides_over_what_a_format_holds(extension, limit, turned, tmp_path):
    def strip(length):
        shape = (length, 1, 3) if turned else (1, length, 3)
        return np.zeros(shape, np.float32)

    save_picture(strip(limit), tmp_path / f"a{extension}")
    with pytest.raises(OutputError, match=f"{limit + 1:,} pixels.*allows at most {limit:,}"):
        save_picture(strip(limit + 1), tmp_path / f"b{extension}")


def test_values_that_are_no_picture(tmp_path):
    path = tmp_path / "a.png"
    for rgb, match in (
        (np.full((2, 2, 3), np.nan, np.float32), "not finite"),
        (np.full((2, 2, 3), 2.0, np.float32), "scale them"),
        (np.zeros((2, 2, 5), np.float32), "is not a picture"),
    ):
        with pytest.raises(ImageError, match=match):
            save_picture(rgb, path)
    with pytest.raises(ImageError, match="alpha of shape"):
        save_picture(np.zeros((2, 2, 3), np.float32), path, alpha=np.zeros((3, 2), np.float32))
    broken = Picture(np.full((2, 2, 3), np.nan, np.float32), None, "x", "")
    with pytest.raises(ImageError, match="not finite"):
        save_picture(broken, path)
    assert not path.exists()


def test_an_encoder_that_fails(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"earlier")
    for error, match in (
        (MemoryError(), "does not fit into memory"),
        (OSError("encoder error -2"), "cannot be encoded: encoder error -2"),
    ):

        def fail(*_args, error=error, **_kwargs):
            raise error

        monkeypatch.setattr(Image.Image, "save", fail)
        with pytest.raises(OutputError, match=match):
            save_picture(floats(making.colours()), path)
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_what_the_umask_says(tmp_path):
    before = os.umask(0o027)
    try:
        save_picture(floats(making.colours()), tmp_path / "a.png")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o640
