"""Hostile bytes: any change to a file raises nothing but `ImpastoError`."""

from __future__ import annotations

import random
from contextlib import suppress
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from images import making
from impasto.errors import ImpastoError
from impasto.images import read_picture, read_recipe
from impasto.options import ReadOptions

LIMITS = ReadOptions(max_pixels=2**18, max_bytes=2**20)
TOKENS = (b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0")


@cache
def seeds() -> dict[str, bytes]:
    """Small valid files of many kinds, with metadata for the parsers of metadata."""
    pixels = making.colours(17, 13)
    image, deep = Image.fromarray(pixels), making.deep(17, 13, 4)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x0131] = 6, '{"version": "1"}', "Impasto 1"
    extra = {"exif": exif.tobytes(), "icc_profile": making.matrix_profile(making.gamma_curve(2.2))}
    rgba = Image.fromarray(np.dstack((pixels, pixels[:, :, :1])))
    grey = making.grey_profile(making.srgb_parametric_curve())
    cmyk = making.table_profile(b"CMYK", 4, lambda corner: 255 * (1 - corner[3]))
    planes = np.ascontiguousarray(np.moveaxis(deep[:, :, :3], 2, 0))
    table = making.matrix_profile(making.table_curve(2.2, 64))
    rgb = {"photometric": "rgb"}
    found = {
        "png": making.as_bytes(image, "PNG", **extra),
        "png grey": making.as_bytes(image.convert("L"), "PNG", icc_profile=grey),
        "png palette": making.as_bytes(image.convert("P"), "PNG", transparency=b"\0\x80"),
        "png one colour": making.png16(deep[:, :, :3], transparent=(1, 2, 3)),
        "png 16": making.png16(deep),
        "png 16 grey": making.png16(deep[:, :, :2], grey=True, interlace=True),
        "apng": making.as_bytes(image, "PNG", save_all=True, append_images=[rgba.convert("RGB")]),
        "jpeg": making.as_bytes(image, "JPEG", **extra),
        "jpeg progressive": making.as_bytes(image, "JPEG", progressive=True),
        "jpeg cmyk": making.as_bytes(image.convert("CMYK"), "JPEG", icc_profile=cmyk),
        "mpo": making.as_bytes(image, "MPO", save_all=True, append_images=[image]),
        "gif": making.as_bytes(image, "GIF", save_all=True, append_images=[rgba.convert("P")]),
        "webp": making.as_bytes(rgba, "WEBP", **extra),
        "tiff": making.as_bytes(image, "TIFF", **extra),
        "tiff lzw": making.as_bytes(rgba, "TIFF", compression="tiff_lzw"),
        "tiff jpeg": making.as_bytes(image, "TIFF", compression="jpeg"),
        "tiff fax": making.as_bytes(image.convert("1"), "TIFF", compression="group4"),
        "tiff float grey": making.as_bytes(image.convert("F").point(lambda x: x / 255), "TIFF"),
        "tiff 16": making.tiff(deep, extrasamples=["assocalpha"], iccprofile=table, **rgb),
        "tiff 16 zlib": making.tiff(deep[:, :, :3], compression="zlib", byteorder=">", **rgb),
        "tiff 16 grey": making.tiff(deep[:, :, 0], photometric="miniswhite"),
        "tiff planar": making.tiff(planes, planarconfig="separate", iccprofile=table, **rgb),
        "tiff float": making.tiff((pixels / 255).astype(np.float32), **rgb),
        "tiff big": making.tiff(deep[:, :, :3], bigtiff=True, **rgb),
        "bmp": making.as_bytes(image, "BMP"),
        "ico": making.as_bytes(image.resize((16, 16)), "ICO"),
        "icns": making.icns(making.as_bytes(Image.fromarray(making.smooth(128, 128)), "PNG")),
        "ppm": making.as_bytes(image, "PPM"),
        "tga": making.as_bytes(rgba, "TGA", compression="tga_rle"),
        "pcx": making.as_bytes(image, "PCX"),
        "sgi": making.as_bytes(image, "SGI"),
        "dds": making.as_bytes(rgba, "DDS"),
        "xbm": making.as_bytes(image.convert("1"), "XBM"),
        "spider": making.as_bytes(image.convert("F"), "SPIDER"),
        "lab": making.as_bytes(Image.frombytes("LAB", (13, 17), pixels.tobytes()), "TIFF"),
    }
    for kind in ("AVIF", "JPEG2000", "QOI"):
        with suppress(pytest.skip.Exception):
            found[kind] = making.as_bytes(image, kind)
    with suppress(pytest.skip.Exception):
        found["heic"] = making.heic(image)
    return found


def mutated(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Damage a file in one to six ways."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        # Headers decide most, so half of the damage is done there.
        at = rng.randrange(min(len(changed), rng.choice((160, 2**20))) or 1)
        length = rng.choice((1, 1, 2, 4, 16, 64))
        match rng.randrange(8):
            case 0 | 1:
                changed[at : at + 1] = bytes([rng.randrange(256)])
            case 2:
                changed[at : at + 1] = bytes(
                    [(changed[at] if changed else 0) ^ 1 << rng.randrange(8)]
                )
            case 3:
                token = rng.choice(TOKENS)
                changed[at : at + len(token)] = token
            case 4:
                del changed[at : at + length]
            case 5:
                changed[at:at] = rng.randbytes(length)
            case 6:
                start = rng.randrange(len(other))
                changed[at : at + length] = other[start : start + length]
            case 7:
                del changed[rng.randrange(len(changed) + 1) :]
    return bytes(changed)


def survives(data: bytes, path) -> None:
    """Read it each way; a picture or an `ImpastoError` of one line must come out."""
    path.write_bytes(data)
    for read, check in ((read_picture, check_picture), (read_recipe, dict)):
        message = ""
        try:
            check(read(path, LIMITS))
        except ImpastoError as error:
            message = str(error)
        assert message.isprintable()


def check_picture(picture) -> None:
    height, width, channels = picture.rgb.shape
    assert picture.rgb.dtype == np.float32
    assert channels == 3
    assert 0 <= picture.rgb.min() <= picture.rgb.max() <= 1
    assert picture.alpha is None or picture.alpha.shape == (height, width)


KINDS = st.deferred(lambda: st.sampled_from(sorted(seeds())))


def test_the_seeds_are_pictures():
    for kind, data in seeds().items():
        if kind != "spider":  # its floats go to 255, which is reported
            assert read_picture(data, LIMITS).width in (13, 16, 17, 128), kind


@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    kind=KINDS,
    other=KINDS,
    rng=st.randoms(use_true_random=False),
)
def test_damaged_files(kind, other, rng, tmp_path):
    survives(mutated(seeds()[kind], rng, seeds()[other]), tmp_path / "a.bin")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.binary(max_size=200))
def test_bytes_that_never_were_a_file(data):
    with pytest.raises(ImpastoError):
        read_picture(data, LIMITS)
