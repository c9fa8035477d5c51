from __future__ import annotations

import hashlib
import io
import logging
import struct
import subprocess
import sys
import warnings

import numpy as np
import pytest
import tifffile
from PIL import Image

from images import making
from impasto.errors import ImageError, MissingExtraError
from impasto.images import Picture, read_picture
from impasto.options import ReadOptions


def eight(picture: Picture) -> np.ndarray:
    return np.rint(picture.rgb * 255).astype(np.uint8)


def sixteen(values: np.ndarray) -> np.ndarray:
    return np.rint(values.astype(np.float64) * 65535).astype(np.uint16)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "TGA", "PCX", "SGI", "QOI", "ICO"])
def test_lossless_formats_give_back_their_pixels(kind, tmp_path):
    pixels = making.colours(16, 16)
    path = tmp_path / "picture.bin"
    path.write_bytes(making.as_bytes(Image.fromarray(pixels), kind))
    picture = read_picture(path)
    assert picture.rgb.dtype == np.float32
    np.testing.assert_array_equal(eight(picture), pixels)
    assert picture.rgb.flags.c_contiguous


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "JPEG2000", "MPO"])
def test_lossy_formats_come_close(kind):
    pixels = making.smooth()
    picture = read_picture(making.as_bytes(Image.fromarray(pixels), kind, quality=95))
    assert np.abs(eight(picture).astype(int) - pixels).mean() < 3
    assert picture.alpha is None


def test_heic():
    pixels = making.smooth()
    picture = read_picture(making.heic(Image.fromarray(pixels)))
    assert np.abs(eight(picture).astype(int) - pixels).mean() < 3


def test_heic_without_the_extra_names_it(monkeypatch):
    data = making.heic(Image.fromarray(making.smooth()))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MissingExtraError, match=r"HEIC.*impasto\[heic\]"):
        read_picture(data)


def test_a_picture_says_what_it_is(tmp_path, monkeypatch):
    data = making.as_bytes(Image.fromarray(making.colours(4, 6)), "PNG")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(data)
    picture = read_picture("./a.png")
    assert (picture.width, picture.height) == (6, 4)
    assert picture.name == "./a.png"
    assert picture.sha256 == hashlib.sha256(data).hexdigest()
    assert repr(picture) == f"<Picture './a.png' 6x4 {picture.sha256[:8]}>"
    assert read_picture(data).name == "<memory>"
    with pytest.raises(AttributeError):
        picture.name = "b"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied(kind, orientation):
    upright = making.corners()
    stored = Image.fromarray(np.ascontiguousarray(making.STORED[orientation](upright)))
    how = {"lossless": True} if kind == "WEBP" else {}
    data = making.as_bytes(stored, kind, exif=making.exif(orientation), **how)
    picture = read_picture(data)
    assert picture.rgb.shape == upright.shape
    for y in (5, 35):
        for x in (8, 52):
            np.testing.assert_allclose(picture.rgb[y, x] * 255, upright[y, x], atol=4)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_orientation_of_deep_tiff_and_its_alpha(orientation, planar):
    upright = making.deep(6, 4, 4)
    stored = np.ascontiguousarray(making.STORED[orientation](upright))
    how = {"photometric": "rgb", "extrasamples": ["unassalpha"], "planarconfig": planar}
    laid_out = stored if planar == "contig" else np.moveaxis(stored, 2, 0)
    data = making.tiff(laid_out, extratags=[(274, 3, 1, orientation, True)], **how)
    picture = read_picture(data)
    np.testing.assert_array_equal(sixteen(picture.rgb), upright[:, :, :3])
    np.testing.assert_array_equal(sixteen(picture.alpha), upright[:, :, 3])


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_is_none_is_ignored(orientation):
    data = making.as_bytes(Image.fromarray(making.corners()), "PNG", exif=making.exif(orientation))
    np.testing.assert_array_equal(eight(read_picture(data)), making.corners())


@pytest.mark.parametrize("interlace", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_keeps_sixteen_bits(channels, interlace):
    samples = making.deep(9, 13, channels)
    data = making.png16(samples, grey=channels < 3, interlace=interlace)
    picture = read_picture(data)
    colours = samples[:, :, : 1 if channels < 3 else 3]
    np.testing.assert_array_equal(sixteen(picture.rgb), np.broadcast_to(colours, (9, 13, 3)))
    if channels in (2, 4):
        np.testing.assert_array_equal(sixteen(picture.alpha), samples[:, :, -1])
    else:
        assert picture.alpha is None


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_keeps_sixteen_bits(channels, compression, byteorder):
    samples = making.deep(40, 30, channels)
    how = {"photometric": "minisblack" if channels == 1 else "rgb"}
    how |= {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    stored = samples[:, :, 0] if channels == 1 else samples
    data = making.tiff(stored, compression=compression, byteorder=byteorder, rowsperstrip=16, **how)
    picture = read_picture(data)
    colours = samples[:, :, :3]
    np.testing.assert_array_equal(sixteen(picture.rgb), np.broadcast_to(colours, (40, 30, 3)))
    if channels == 4:
        np.testing.assert_array_equal(sixteen(picture.alpha), samples[:, :, 3])


def test_tiled_tiff_keeps_sixteen_bits():
    samples = making.deep(40, 50, 3)
    data = making.tiff(samples, photometric="rgb", tile=(16, 16))
    np.testing.assert_array_equal(sixteen(read_picture(data).rgb), samples)


def test_sixteen_bits_of_other_formats_keep_the_high_byte():
    pixels = making.colours()
    data = making.as_bytes(Image.fromarray(pixels), "SGI", bpc=2)
    np.testing.assert_array_equal(eight(read_picture(data)), pixels)


def test_lzw_tiff_keeps_sixteen_bits():
    # Nothing here writes one. Its bytes are those of an 8-bit picture twice as wide, so let
    # libtiff write that and correct width (256) and bits (258) in the directory.
    samples = making.deep(12, 10, 3)
    wide = Image.fromarray(samples.view(np.uint8).reshape(12, 20, 3))
    data = bytearray(making.as_bytes(wide, "TIFF", compression="tiff_lzw"))
    start = struct.unpack_from("<I", data, 4)[0]
    for entry in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", data, start)[0], 12):
        tag, _, _, value = struct.unpack_from("<HHII", data, entry)
        if tag == 256:
            struct.pack_into("<I", data, entry + 8, 10)
        if tag == 258:
            struct.pack_into("<3H", data, value, 16, 16, 16)
    np.testing.assert_array_equal(sixteen(read_picture(bytes(data)).rgb), samples)


def test_planar_compressed_tiff_keeps_the_high_bytes():
    samples = making.deep(40, 30, 3)
    planes = np.moveaxis(samples, 2, 0)
    how = {"photometric": "rgb", "planarconfig": "separate", "compression": "zlib"}
    np.testing.assert_array_equal(eight(read_picture(making.tiff(planes, **how))), samples >> 8)


def test_premultiplied_tiff_is_divided_by_its_alpha():
    straight = making.deep(20, 20, 4).astype(np.float64) / 65535
    straight[:, :, 3] = 0.25 + 0.75 * straight[:, :, 3]
    stored = straight.copy()
    stored[:, :, :3] *= straight[:, :, 3:]
    data = making.tiff(sixteen(stored), photometric="rgb", extrasamples=["assocalpha"])
    picture = read_picture(data)
    np.testing.assert_allclose(picture.rgb, straight[:, :, :3], atol=7e-5)
    np.testing.assert_allclose(picture.alpha, straight[:, :, 3], atol=1e-5)


def test_white_is_zero_tiff_is_turned_around():
    samples = making.deep(8, 8, 1)[:, :, 0]
    data = making.tiff(samples, photometric="miniswhite", byteorder="<")
    np.testing.assert_array_equal(sixteen(read_picture(data).rgb[:, :, 0]), 65535 - samples)


def test_tiffs_that_pillow_does_not_know():
    floats = making.smooth().astype(np.float32) / 255
    np.testing.assert_allclose(read_picture(making.tiff(floats, photometric="rgb")).rgb, floats)
    pair = making.deep(8, 9, 2)
    how = {"photometric": "minisblack", "extrasamples": ["unassalpha"], "planarconfig": "contig"}
    picture = read_picture(making.tiff(pair, **how))
    np.testing.assert_array_equal(sixteen(picture.rgb[:, :, 1]), pair[:, :, 0])
    np.testing.assert_array_equal(sixteen(picture.alpha), pair[:, :, 1])


def test_float_grey_tiff():
    grey = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    picture = read_picture(making.as_bytes(Image.fromarray(grey), "TIFF"))
    np.testing.assert_array_equal(picture.rgb, np.repeat(grey[:, :, None], 3, axis=2))


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_grey_and_palette_modes(mode):
    image = Image.fromarray(making.colours()).convert(mode)
    expected = np.asarray(image.convert("RGB"))
    picture = read_picture(making.as_bytes(image, "PNG"))
    np.testing.assert_array_equal(eight(picture), expected)
    assert picture.alpha is None


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_apart_and_colour_below_it_is_kept(mode):
    pixels = np.dstack((making.colours(), making.seen(seed=1)))
    image = Image.fromarray(pixels)
    image = image if mode == "RGBA" else image.convert("LA")
    picture = read_picture(making.as_bytes(image, "PNG"))
    np.testing.assert_array_equal(np.rint(picture.alpha * 255), pixels[:, :, 3])
    without = np.asarray(image)[:, :, :-1]
    np.testing.assert_array_equal(eight(picture), np.broadcast_to(without, pixels[:, :, :3].shape))


def test_palette_with_transparency():
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    table = read_picture(making.as_bytes(image, "PNG", transparency=bytes([0, 128, 255])))
    assert (eight(table)[0, 1:] == [[0, 255, 0], [0, 0, 255]]).all()
    np.testing.assert_allclose(table.alpha[0] * 255, [0, 128, 255], atol=1e-4)
    single = read_picture(making.as_bytes(image, "GIF", transparency=1))
    np.testing.assert_array_equal(single.alpha[0], [1, 0, 1])


def test_one_colour_named_transparent():
    eight_bits = Image.new("RGB", (2, 1), (1, 2, 3))
    eight_bits.putpixel((1, 0), (9, 9, 9))
    data = making.as_bytes(eight_bits, "PNG", transparency=(1, 2, 3))
    np.testing.assert_array_equal(read_picture(data).alpha, [[0, 1]])
    samples = np.array([[[258, 2, 3], [259, 2, 3]]], np.uint16)  # equal in all but the low byte
    data = making.png16(samples, transparent=(258, 2, 3))
    np.testing.assert_array_equal(read_picture(data).alpha, [[0, 1]])
    data = making.png16(samples[:, :, :1], grey=True, transparent=259)
    np.testing.assert_array_equal(read_picture(data).alpha, [[1, 0]])


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    how = {"lossless": True} if kind == "WEBP" else {}
    data = making.as_bytes(frames[0], kind, save_all=True, append_images=frames[1:], **how)
    assert (eight(read_picture(data)) == [255, 0, 0]).all()


def test_cmyk_without_a_profile():
    inks = Image.new("CMYK", (2, 1))
    inks.putpixel((0, 0), (255, 0, 0, 0))
    inks.putpixel((1, 0), (0, 0, 0, 255))
    picture = read_picture(making.as_bytes(inks, "TIFF"))
    np.testing.assert_array_equal(eight(picture)[0], [[0, 255, 255], [0, 0, 0]])


def test_cmyk_jpeg_as_adobe_inverts_it():
    data = making.as_bytes(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG", quality=95)
    assert b"Adobe" in data
    assert np.abs(read_picture(data).rgb[8, 8] - [0, 1, 1]).max() < 0.02


def test_lab_and_ycbcr():
    # CIE L*a*b* (53.24, 80.09, 67.20) is sRGB red (D65); under D50 it is (54.29, 80.81, 69.89).
    lab = np.array([[[54.29 * 2.55, 80.81, 69.89]]])
    image = Image.frombytes("LAB", (1, 1), np.rint(lab).astype(np.uint8).tobytes())
    assert np.abs(read_picture(making.as_bytes(image, "TIFF")).rgb[0, 0] - [1, 0, 0]).max() < 0.03
    ycbcr = Image.new("RGB", (4, 4), (200, 100, 50)).convert("YCbCr")
    assert np.abs(read_picture(ycbcr).rgb[0, 0] * 255 - [200, 100, 50]).max() < 2


def test_pil_images_of_every_mode_are_read_and_left_alone():
    source = Image.fromarray(making.smooth())
    for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "LA", "PA", "La"):
        image = source.convert("LA").convert("La") if mode == "La" else None
        image = image or (source.convert("P").convert(mode) if mode == "PA" else None)
        image = image or source.convert(mode)
        before = image.tobytes()
        picture = read_picture(image)
        assert picture.name == "<memory>"
        assert picture.rgb.shape == (48, 64, 3), mode
        assert image.tobytes() == before
        assert image.mode == mode
    picture = read_picture(Image.fromarray(making.deep(4, 4, 1)[:, :, 0]).convert("I"))
    np.testing.assert_array_equal(sixteen(picture.rgb[:, :, 0]), making.deep(4, 4, 1)[:, :, 0])


def test_arrays():
    pixels = making.colours()
    for array in (pixels, pixels.astype(np.uint16) * 257, pixels / 255, pixels / np.float32(255)):
        picture = read_picture(array)
        np.testing.assert_array_equal(eight(picture), pixels)
        assert picture.sha256 == hashlib.sha256(array.tobytes()).hexdigest()
    grey = read_picture(pixels[:, :, 0])
    np.testing.assert_array_equal(eight(grey)[:, :, 2], pixels[:, :, 0])
    rgba = np.dstack((pixels, pixels[:, :, :1]))
    np.testing.assert_array_equal(np.rint(read_picture(rgba).alpha * 255), pixels[:, :, 0])


def test_arrays_are_copied():
    array = np.zeros((2, 2, 3), np.float32)
    picture = read_picture(array)
    array[:] = 1
    assert picture.rgb.max() == 0


def test_reading_is_silent_and_leaves_the_process_as_it_was(capfd):
    image = Image.new("P", (2, 2))
    image.info["transparency"] = b"\0"  # Pillow warns of it
    filters, limit = list(warnings.filters), Image.MAX_IMAGE_PIXELS
    handlers = list(logging.getLogger("PIL").handlers)
    read_picture(image)
    with pytest.raises(ImageError):
        read_picture(making.as_bytes(Image.new("RGB", (9, 9)), "TIFF", compression="raw")[:150])
    assert list(warnings.filters) == filters
    assert limit == Image.MAX_IMAGE_PIXELS
    assert logging.getLogger("PIL").handlers == handlers
    assert capfd.readouterr() == ("", "")


def test_a_picture_over_pillows_own_limit_is_read_when_ours_allows(monkeypatch):
    # Some versions of Pillow count what is cut out, too: we cut out a few hundred rows at a time.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8 * 300)
    data = making.as_bytes(Image.fromarray(making.colours(5000, 8)), "PNG")
    assert read_picture(data).width == 8
    with pytest.raises(ImageError, match="8x5000 pixels, more than the 39,999 allowed"):
        read_picture(data, ReadOptions(max_pixels=39_999))


def test_importing_does_not_import_torch():
    code = "import sys, impasto.images; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_stream_may_hold_more_than_the_picture():
    data = making.as_bytes(Image.fromarray(making.colours()), "PNG") + b"trailing"
    np.testing.assert_array_equal(eight(read_picture(data)), making.colours())
    assert io.BytesIO(data).getvalue() == data


PREVIEW, FULL, OTHER = making.colours(12, 16), making.colours(48, 64), making.colours(50, 60)


def tiff_of(*pages: tuple[np.ndarray, int], subifds: int = 0) -> bytes:
    """A TIFF of several pictures, each with its NewSubfileType."""
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as file:
        for number, (pixels, kind) in enumerate(pages):
            more = {"subifds": subifds} if subifds and not number else {}
            file.write(pixels, photometric="rgb", subfiletype=kind, metadata=None, **more)
    return out.getvalue()


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([(PREVIEW, 1), (FULL, 0)], FULL),  # a scanner's, with its preview first
        ([(PREVIEW, 0), (FULL, 0)], FULL),  # one that does not say that it is one
        ([(FULL, 0), (PREVIEW, 1)], FULL),  # a pyramid
        ([(FULL, 0), (OTHER, 0)], FULL),  # a document: its first page
        ([(OTHER, 0), (FULL, 0)], OTHER),
        ([(PREVIEW, 1), (FULL, 0), (OTHER, 0)], FULL),
    ],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_of_a_tiff_the_full_picture_is_read(pages, expected, bits):
    def deep(pixels):
        return pixels if bits == 8 else pixels.astype(np.uint16) * 257

    picture = read_picture(tiff_of(*((deep(pixels), kind) for pixels, kind in pages)))
    np.testing.assert_array_equal(eight(picture), expected)


def test_a_raw_photo_is_refused():
    """As NEF and DNG are: a preview comes first, and the photo is in a part of its own."""
    data = tiff_of((PREVIEW, 1), (FULL, 0), subifds=1)
    with pytest.raises(ImageError, match=r"is a raw photo; only its preview of 16x12"):
        read_picture(data)


@pytest.mark.parametrize("damage", [b"\xff\xff\xff\x7f", b"\x09\x00\x00\x00"])
def test_a_tiff_whose_next_page_is_damaged_is_read(damage):
    data = bytearray(making.as_bytes(Image.fromarray(FULL), "TIFF"))
    first = int.from_bytes(data[4:8], "little")
    entries = int.from_bytes(data[first : first + 2], "little")
    end = first + 2 + 12 * entries
    assert data[end : end + 4] == bytes(4)  # no other page
    data[end : end + 4] = damage
    np.testing.assert_array_equal(eight(read_picture(bytes(data))), FULL)
