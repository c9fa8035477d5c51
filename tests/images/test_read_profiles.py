"""Embedded profiles against tables and formulas that use no colour engine."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms

from images import making
from impasto.images import read_picture

CURVES = {
    "gamma": making.gamma_curve(making.ADOBE_GAMMA),
    "table": making.table_curve(making.ADOBE_GAMMA),
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_wide_gamut_becomes_srgb(kind):
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:] = (120, 180, 90)
    how = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    profile = making.matrix_profile(CURVES["gamma"])
    picture = read_picture(
        making.as_bytes(Image.fromarray(pixels), kind, icc_profile=profile, **how)
    )
    expected = making.adobe_to_srgb(pixels / 255)
    assert np.abs(expected - pixels / 255).max() > 0.05  # the profile matters
    np.testing.assert_allclose(picture.rgb, expected, atol=2 / 255)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("write", [making.png16, making.tiff])
def test_sixteen_bits_stay_sixteen_through_a_profile(write, curve):
    samples = making.deep(20, 20)
    profile = making.matrix_profile(CURVES[curve])
    if write is making.tiff:
        data = making.tiff(samples, photometric="rgb", iccprofile=profile)
    else:
        data = with_iccp(making.png16(samples), profile)
    expected = making.adobe_to_srgb(samples / 65535)
    np.testing.assert_allclose(read_picture(data).rgb, expected, atol=6e-4)
    # No step of an 8-bit value on the way: more levels than 8 bits have.
    ramp = np.repeat(np.arange(4096, dtype=np.uint16)[None, :, None] + 20000, 3, axis=2)
    data = with_iccp(making.png16(ramp), profile)
    assert len(np.unique(read_picture(data).rgb[0, :, 1])) > 4000


def with_iccp(data, profile):
    import zlib

    return data[:33] + making.chunk(b"iCCP", b"p\0\0" + zlib.compress(profile)) + data[33:]


def test_a_parametric_curve_is_its_formula():
    # sRGB's own curve on Adobe's primaries.
    samples = making.deep(20, 20)
    profile = making.matrix_profile(making.srgb_parametric_curve())
    v = samples / 65535
    linear = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    light = linear @ (making.XYZ_D65_TO_SRGB @ making.ADOBE_TO_XYZ_D65).T
    rgb = read_picture(with_iccp(making.png16(samples), profile)).rgb
    np.testing.assert_allclose(rgb, making.encode_srgb(light), atol=8e-4)


@pytest.mark.parametrize(
    "curve",
    [
        making.gamma_curve(making.ADOBE_GAMMA),
        making.table_curve(1.8),
        b"curv" + bytes(8),  # the identity
        making.parametric_curve(0, 2.2),
        making.parametric_curve(1, 2.0, 1.1, -0.1),
        making.srgb_parametric_curve(),
    ],
    ids=["gamma", "table", "identity", "para 0", "para 1", "para 3"],
)
def test_both_depths_agree(curve):
    # Eight bits go through the colour engine, sixteen through our own arithmetic.
    pixels = making.colours(16, 16)
    profile = making.matrix_profile(curve)
    shallow = read_picture(making.as_bytes(Image.fromarray(pixels), "PNG", icc_profile=profile))
    deep = read_picture(with_iccp(making.png16(pixels.astype(np.uint16) * 257), profile))
    np.testing.assert_allclose(shallow.rgb, deep.rgb, atol=2 / 255)


@pytest.mark.parametrize("bits", [8, 16])
def test_an_srgb_profile_changes_no_value(bits):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = making.colours()
    if bits == 8:
        data = making.as_bytes(Image.fromarray(pixels), "PNG", icc_profile=profile)
        np.testing.assert_array_equal(np.rint(read_picture(data).rgb * 255), pixels)
    else:
        samples = making.deep()
        data = with_iccp(making.png16(samples), profile)
        np.testing.assert_array_equal(np.rint(read_picture(data).rgb * 65535.0), samples)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_grey_profile(bits):
    profile = making.grey_profile(making.gamma_curve(1.0))
    samples = making.deep(16, 16, 1)
    if bits == 8:
        image = Image.fromarray((samples[:, :, 0] >> 8).astype(np.uint8))
        data = making.as_bytes(image, "PNG", icc_profile=profile)
        expected = making.encode_srgb((samples >> 8) / 255)
    else:
        data = with_iccp(making.png16(samples, grey=True), profile)
        expected = making.encode_srgb(samples / 65535)
    rgb = read_picture(data).rgb
    tolerance = 1e-4 if bits == 16 else 1.5 / 255
    np.testing.assert_allclose(rgb, np.broadcast_to(expected, rgb.shape), atol=tolerance)


def test_parametric_curves_that_lift_black_are_their_formulas():
    samples = making.deep(16, 16, 1)
    x = samples / 65535
    for numbers, light in (
        ((2, 2.0, 1.0, -0.1, 0.19), np.where(x >= 0.1, (x - 0.1) ** 2 + 0.19, 0.19)),
        (
            (4, 2.0, 0.8, 0.1, 0.3, 0.1, 0.15, 0.05),
            np.where(x >= 0.1, (0.8 * x + 0.1) ** 2 + 0.15, 0.3 * x + 0.05),
        ),
    ):
        profile = making.grey_profile(making.parametric_curve(*numbers))
        rgb = read_picture(with_iccp(making.png16(samples, grey=True), profile)).rgb
        np.testing.assert_allclose(rgb[:, :, :1], making.encode_srgb(light), atol=1e-4)


def test_a_cmyk_profile_says_what_the_inks_are():
    # By this profile only black ink is seen, so full cyan is white paper.
    profile = making.table_profile(b"CMYK", 4, lambda corner: 0 if corner[3] else 255)
    for kind, how in (("TIFF", {}), ("JPEG", {"quality": 100})):
        image = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
        picture = read_picture(making.as_bytes(image, kind, icc_profile=profile, **how))
        assert picture.rgb.min() > 0.98, kind


def test_a_profile_of_tables_at_sixteen_bits():
    # Lightness is all red: green and blue are not seen.
    profile = making.table_profile(b"RGB ", 3, lambda corner: 255 * corner[0])
    samples = np.zeros((4, 4, 3), np.uint16)
    samples[:2, :, 0] = 65535
    samples[:, :, 1] = 30000
    rgb = read_picture(with_iccp(making.png16(samples), profile)).rgb
    assert rgb[:2].min() > 0.98
    assert rgb[2:].max() < 0.02


def test_alpha_survives_a_profile():
    profile = making.matrix_profile(CURVES["gamma"])
    pixels = np.dstack((making.colours(), making.seen(seed=1)))
    picture = read_picture(making.as_bytes(Image.fromarray(pixels), "PNG", icc_profile=profile))
    np.testing.assert_array_equal(np.rint(picture.alpha * 255), pixels[:, :, 3])
    expected = making.adobe_to_srgb(pixels[:, :, :3] / 255)
    np.testing.assert_allclose(picture.rgb, expected, atol=2.5 / 255)


@pytest.mark.parametrize(
    "profile",
    [
        b"this is not a profile",
        making.matrix_profile(CURVES["gamma"])[:200],
        making.matrix_profile(b"junk" * 5),
        making.grey_profile(CURVES["gamma"]),  # for another colour space
        making.matrix_profile(making.parametric_curve(9, 1.0)),
        b"\xff" * 3000,
    ],
    ids=["text", "cut", "no curve", "grey", "no such curve", "ones"],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_a_broken_profile_is_ignored(bits, profile):
    if bits == 8:
        pixels = making.colours()
        data = making.as_bytes(Image.fromarray(pixels), "PNG", icc_profile=profile)
        np.testing.assert_array_equal(np.rint(read_picture(data).rgb * 255), pixels)
    else:
        samples = making.deep()
        data = with_iccp(making.png16(samples), profile)
        np.testing.assert_array_equal(np.rint(read_picture(data).rgb * 65535.0), samples)
