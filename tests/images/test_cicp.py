"""Declared colour spaces, against published matrices and values."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from images import making
from impasto.errors import ImageError, Notice
from impasto.images import read_picture
from impasto.images.cicp import declared_colours
from impasto.images.read import read_stored

# Published to XYZ under D65: Apple's Display P3, ITU-R BT.2020.
P3_TO_XYZ = np.array(
    [
        [0.4865709, 0.2656677, 0.1982173],
        [0.2289746, 0.6917385, 0.0792869],
        [0, 0.0451134, 1.0439444],
    ]
)
BT2020_TO_XYZ = np.array(
    [
        [0.6369580, 0.1446169, 0.1688810],
        [0.2627002, 0.6779981, 0.0593017],
        [0, 0.0280727, 1.0609851],
    ]
)
P3_CHROMATICITY = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)

GREYISH = np.array([[[120, 90, 60], [30, 140, 70], [128, 128, 128], [200, 210, 190]]], np.uint8)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels: np.ndarray, *chunks: tuple[bytes, bytes], icc: bytes | None = None) -> bytes:
    plain = making.as_bytes(Image.fromarray(pixels), "PNG", icc_profile=icc)
    return plain[:33] + b"".join(chunk(*one) for one in chunks) + plain[33:]


def cicp(primaries: int, transfer: int, full: int = 1) -> tuple[bytes, bytes]:
    return b"cICP", bytes([primaries, transfer, 0, full])


def linear(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def expected(pixels: np.ndarray, to_xyz: np.ndarray, light=linear) -> np.ndarray:
    return making.encode_srgb(light(pixels / 255) @ (making.XYZ_D65_TO_SRGB @ to_xyz).T)


@pytest.mark.parametrize(
    ("points", "to_xyz"), [((12, 13), P3_TO_XYZ), ((9, 13), BT2020_TO_XYZ), ((12, 1), P3_TO_XYZ)]
)
def test_a_png_says_its_primaries(points, to_xyz):
    picture = read_picture(png(GREYISH, cicp(*points)))
    np.testing.assert_allclose(picture.rgb, expected(GREYISH, to_xyz), atol=1.5 / 255)
    assert np.abs(picture.rgb * 255 - GREYISH).max() > 4
    assert read_stored(png(GREYISH, cicp(*points))).rgb.dtype == np.uint8


@pytest.mark.parametrize("points", [(1, 13), (2, 2), (1, 1), (0, 13)])
def test_srgb_and_undeclared_colours_stay_unchanged(points):
    picture = read_picture(png(GREYISH, cicp(*points)))
    np.testing.assert_array_equal(np.rint(picture.rgb * 255), GREYISH)


def test_a_narrow_range_is_widened():
    narrow = np.rint(GREYISH / 255 * 219 + 16).astype(np.uint8)
    picture = read_picture(png(narrow, cicp(1, 13, full=0)))
    np.testing.assert_allclose(picture.rgb * 255, GREYISH, atol=1.5)


def test_unknown_code_points_are_reported():
    with pytest.warns(Notice, match=r"primaries 12, transfer 9\); it is read as sRGB"):
        picture = read_picture(png(GREYISH, cicp(12, 9)))
    np.testing.assert_array_equal(np.rint(picture.rgb * 255), GREYISH)


def test_code_points_go_before_a_profile_and_a_profile_before_gamma():
    adobe = making.matrix_profile(struct.pack(">4sIIH", b"curv", 0, 1, 563))
    both = read_picture(png(GREYISH, cicp(12, 13), icc=adobe))
    np.testing.assert_array_equal(both.rgb, read_picture(png(GREYISH, cicp(12, 13))).rgb)
    gamma = (b"gAMA", struct.pack(">I", 100000))
    profiled = read_picture(png(GREYISH, gamma, icc=adobe))
    np.testing.assert_array_equal(profiled.rgb, read_picture(png(GREYISH, icc=adobe)).rgb)
    nothing = read_picture(png(GREYISH, cicp(2, 2), icc=adobe))
    np.testing.assert_array_equal(nothing.rgb, profiled.rgb)
    tagged = read_picture(png(GREYISH, gamma, (b"sRGB", b"\0")))
    np.testing.assert_array_equal(np.rint(tagged.rgb * 255), GREYISH)


def test_gamma_and_primaries_of_a_png():
    p3 = (b"cHRM", struct.pack(">8I", *P3_CHROMATICITY))
    plain = read_picture(png(GREYISH, p3))
    np.testing.assert_allclose(plain.rgb, expected(GREYISH, P3_TO_XYZ), atol=1.5 / 255)
    for gamma in (1.0, 0.6):
        declared = (b"gAMA", struct.pack(">I", round(gamma * 100000)))
        picture = read_picture(png(GREYISH, p3, declared))
        light = expected(GREYISH, P3_TO_XYZ, lambda values, g=gamma: values ** (1 / g))
        np.testing.assert_allclose(picture.rgb, light, atol=1.5 / 255)
    usual = read_picture(png(GREYISH, (b"gAMA", struct.pack(">I", 45455))))
    np.testing.assert_array_equal(np.rint(usual.rgb * 255), GREYISH)


@pytest.mark.parametrize(
    "declared",
    [
        (b"gAMA", struct.pack(">I", 0)),
        (b"cHRM", bytes(32)),
        (b"cHRM", struct.pack(">8I", *[30000] * 8)),
        (b"cICP", b"\x0c"),
    ],
)
def test_nonsense_is_ignored(declared):
    np.testing.assert_array_equal(np.rint(read_picture(png(GREYISH, declared)).rgb * 255), GREYISH)


def test_deep_pngs_are_converted_at_their_depth():
    samples = np.full((1, 2, 3), 30000, np.uint16)
    samples[0, 1] = (20011, 33333, 41003)
    data = making.png16(samples)
    data = data[:33] + chunk(*cicp(12, 13)) + data[33:]
    light = linear(samples / 65535) @ (making.XYZ_D65_TO_SRGB @ P3_TO_XYZ).T
    np.testing.assert_allclose(read_picture(data).rgb, making.encode_srgb(light), atol=1e-4)


@pytest.mark.parametrize(
    ("transfer", "name", "code", "light"),
    [
        (16, "PQ", 0.508078, 100 / 203),  # SMPTE ST 2084: 100 cd/m²
        (16, "PQ", 0.580689, 1.0),  # ITU-R BT.2408, table 1: the white of a page
        (18, "HLG", 0.75, 1.0),
        (18, "HLG", 0.5, 50.7 / 203),  # 1000 (1/12)^1.2
    ],
)
def test_hdr_is_reported_and_its_reference_white_is_white(transfer, name, code, light):
    samples = np.full((2, 2, 3), round(code * 65535), np.uint16)
    data = making.png16(samples)
    data = data[:33] + chunk(*cicp(1, transfer)) + data[33:]
    with pytest.warns(Notice, match=rf"is HDR \({name}\); its light is compressed into sRGB"):
        picture = read_picture(data)
    np.testing.assert_allclose(picture.rgb, making.encode_srgb(np.float64(light)), atol=3e-3)


def test_what_is_lighter_than_white_keeps_its_order_and_its_hue():
    samples = np.empty((1, 64, 3), np.uint16)
    samples[0, :, 0] = np.linspace(20000, 65535, 64)
    samples[0, :, 1] = samples[0, :, 2] = 20000
    data = making.png16(samples)
    data = data[:33] + chunk(*cicp(1, 16)) + data[33:]
    with pytest.warns(Notice):
        rgb = read_picture(data).rgb[0]
    assert (np.diff(rgb[:, 0]) > 0).all()
    assert rgb[-1, 0] == pytest.approx(1, abs=1e-3)
    assert (np.diff(rgb[:, 0] - rgb[:, 1]) > 0).all()


def heif(pixels: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    if kind == "AVIF":
        image.save(file, "AVIF", quality=100, subsampling="4:4:4")
    else:
        import pillow_heif

        pillow_heif.from_pillow(image).save(file, quality=-1, chroma=444, save_nclx_profile=True)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["AVIF", "HEIC"])
def test_heic_and_avif_say_their_primaries(kind):
    """Flat patches: what the compression loses is little."""
    pixels = GREYISH.repeat(16, axis=0).repeat(16, axis=1)
    data = bytearray(heif(pixels, kind))
    at = bytes(data).index(b"colrnclx") + 8
    before = read_picture(bytes(data)).rgb
    np.testing.assert_allclose(before * 255, pixels, atol=4)
    data[at : at + 4] = struct.pack(">HH", 12, 13)
    found = read_picture(bytes(data)).rgb
    np.testing.assert_allclose(found, expected(before * 255, P3_TO_XYZ), atol=2 / 255)
    data[at : at + 4] = struct.pack(">HH", 9, 16)
    with pytest.warns(Notice, match=r"is HDR \(PQ\)"):
        read_picture(bytes(data))


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + kind + data


def items(primary: int, *, tiles: int = 0) -> bytes:
    """A file of two items, of which the first has Display P3 and the second sRGB."""
    colours = b"".join(
        box(b"colr", b"nclx" + struct.pack(">HHHB", points, 13, 0, 0x80)) for points in (12, 1)
    )
    by_item = struct.pack(">I", 2) + b"".join(struct.pack(">HBB", n, 1, 0x80 | n) for n in (1, 2))
    meta = box(b"pitm", bytes(4) + struct.pack(">H", primary))
    meta += box(b"iprp", box(b"ipco", colours) + box(b"ipma", bytes(4) + by_item))
    if tiles:
        meta += box(b"iref", bytes(4) + box(b"dimg", struct.pack(">HHH", primary, 1, tiles)))
    return box(b"ftyp", b"avif" + bytes(4)) + box(b"meta", bytes(4) + meta)


@pytest.mark.parametrize(
    ("data", "converted"),
    [
        (items(1), True),
        (items(2), False),  # the first is a thumbnail or alpha
        (items(3, tiles=1), True),
        (items(3, tiles=2), False),
        (items(3), False),
        (items(1)[:-20], False),
    ],
)
def test_colours_are_those_of_the_primary_item(data, converted):
    rgb = np.array([[[200, 30, 30]]], np.uint8)
    found = declared_colours(data, {}, "photo.avif").to_srgb(rgb)
    assert np.abs(found - rgb / 255).max() > 0.02 if converted else found is rgb


def test_twelve_and_signed_bits():
    import tifffile

    signed = np.array([[0, 16384, 32767]], np.int16)
    picture = read_picture(making.tiff(signed, photometric="minisblack"))
    np.testing.assert_allclose(picture.rgb[0, :, 0], signed[0] / 32767, atol=1e-4)
    colour = np.dstack([signed, signed[:, ::-1], signed])
    picture = read_picture(making.tiff(colour, photometric="rgb"))
    np.testing.assert_allclose(picture.rgb[0, :, 1], signed[0, ::-1] / 32767, atol=1e-4)
    with pytest.raises(ImageError, match="has values from -5 to 9"):
        read_picture(making.tiff(np.array([[-5, 9]], np.int16), photometric="minisblack"))
    # Twelve bits, two samples in three bytes: 0, 4095, 2048, 1024.
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(np.zeros((1, 3), np.uint16), photometric="minisblack")
    data = bytearray(file.getvalue())
    tags = tifffile.TiffFile(io.BytesIO(bytes(data))).pages[0].tags
    for name, value in (("BitsPerSample", 12), ("ImageWidth", 4)):
        tag = tags[name]
        data[tag.valueoffset : tag.valueoffset + 2] = struct.pack("<H", value)
    start = tags["StripOffsets"].value[0]
    data[start : start + 6] = bytes([0x00, 0x0F, 0xFF, 0x80, 0x04, 0x00])
    picture = read_picture(bytes(data))
    np.testing.assert_allclose(
        picture.rgb[0, :, 0], np.array([0, 4095, 2048, 1024]) / 4095, atol=1e-4
    )


@pytest.mark.parametrize(
    ("array", "how", "described"),
    [
        (np.zeros((9, 9, 3), np.float32), {"photometric": "rgb", "compression": "zlib"},
         r"RGB, 3 channels of float 32 bits, compression \w*DEFLATE"),
        (np.zeros((9, 9, 3), np.uint16), {"photometric": "cielab"},
         "CIELAB, 3 channels of 16 bits, compression NONE"),
    ],
)  # fmt: skip
def test_a_tiff_that_of_an_unsupported_kind_is_described(array, how, described):
    with pytest.raises(ImageError, match=rf"is an unsupported kind of TIFF: {described}"):
        read_picture(making.tiff(array, **how))
