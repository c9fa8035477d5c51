"""Pictures, profiles and files for the tests, made without the code under test."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import png
import pytest
import tifffile
from PIL import Image

# Bruce Lindbloom's tables: Adobe RGB (1998) to XYZ, adapted to D50 by Bradford, and under D65.
ADOBE_TO_XYZ_D50 = np.array(
    [
        [0.6097559, 0.2052401, 0.1492240],
        [0.3111242, 0.6256560, 0.0632197],
        [0.0194811, 0.0608902, 0.7448387],
    ]
)
ADOBE_TO_XYZ_D65 = np.array(
    [
        [0.5767309, 0.1855540, 0.1881852],
        [0.2973769, 0.6273491, 0.0752741],
        [0.0270343, 0.0706872, 0.9911085],
    ]
)
XYZ_D65_TO_SRGB = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ]
)
ADOBE_GAMMA = 563 / 256


def encode_srgb(linear):
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def adobe_to_srgb(values):
    """Adobe RGB in [0, 1] to sRGB, through D65: another way than a profile goes."""
    return encode_srgb((values**ADOBE_GAMMA) @ (XYZ_D65_TO_SRGB @ ADOBE_TO_XYZ_D65).T)


def colours(height=12, width=10, seed=0):
    """uint8 RGB (H, W, 3) without two equal neighbours to hide a shift."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def seen(height=12, width=10, seed=0):
    """uint8 alpha (H, W) with which every pixel is seen, if only a little."""
    return np.maximum(colours(height, width, seed)[:, :, 0], 2)


def deep(height=12, width=10, channels=3, seed=0):
    """uint16 (H, W, C) whose low bytes matter; the ends of the range are in it.

    Where the last channel is alpha, every pixel is seen.
    """
    samples = np.random.default_rng(seed).integers(0, 65536, (height, width, channels))
    samples[0, 0], samples[0, 1] = 0, 65535
    if channels in (2, 4):
        samples[:, :, -1] = np.maximum(samples[:, :, -1], 300)
    return samples.astype(np.uint16)


def smooth(height=48, width=64):
    """uint8 RGB (H, W, 3) that a lossy format keeps nearly as it is."""
    y, x = np.mgrid[0:height, 0:width]
    planes = (x / width, y / height, (x + y) / (width + height))
    return (255 * np.stack(planes, axis=-1)).astype(np.uint8)


def as_bytes(image, kind, **how):
    Image.init()
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {kind}")
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def png16(samples, *, grey=False, **how):
    height, width, channels = samples.shape
    out = io.BytesIO()
    writer = png.Writer(width, height, bitdepth=16, greyscale=grey, alpha=channels in (2, 4), **how)
    writer.write(out, samples.reshape(height, -1))
    return out.getvalue()


def tiff(samples, **how):
    out = io.BytesIO()
    tifffile.imwrite(out, samples, metadata=None, **how)
    return out.getvalue()


def heic(image):
    pillow_heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    try:
        pillow_heif.from_pillow(image).save(out, quality=-1, chroma=444)
    except (RuntimeError, ValueError) as error:
        pytest.skip(f"no HEIC encoder: {error}")
    return out.getvalue()


def icns(inside):
    """A Mac icon that claims 128x128 pixels and holds a picture of its own size."""
    return b"icns" + struct.pack(">I4sI", len(inside) + 16, b"ic07", len(inside) + 8) + inside


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width, height, *, bits=8, body=b"", before=b""):
    """A PNG whose header claims a size and whose data is what is given."""
    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, bits, 2, 0, 0, 0))
    tail = chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + before + tail


def _profile(space, kind, pcs, tags):
    offset, directory, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += b"\0" * (-len(data) % 4)
        directory += struct.pack(">4sII", name.encode(), offset + len(body), len(data))
        body += data
    header = bytearray(128)
    struct.pack_into(">I", header, 0, offset + len(body))
    struct.pack_into(">I4s4s4s", header, 8, 0x02400000, kind, space, pcs)
    struct.pack_into(">6H4s", header, 24, 2000, 1, 1, 0, 0, 0, b"acsp")
    header[68:80] = _fixed(0.9642, 1.0, 0.8249)
    return bytes(header) + struct.pack(">I", len(tags)) + directory + body


def _fixed(*numbers):
    return b"".join(struct.pack(">i", round(x * 65536)) for x in numbers)


def gamma_curve(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def table_curve(gamma, count=4096):
    table = np.rint(np.linspace(0, 1, count) ** gamma * 65535).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", count) + table.tobytes()


def parametric_curve(kind, *numbers):
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _fixed(*numbers)


def srgb_parametric_curve():
    return parametric_curve(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def matrix_profile(curve, matrix=ADOBE_TO_XYZ_D50):
    tags = {f"{c}XYZ": b"XYZ \0\0\0\0" + _fixed(*matrix[:, i]) for i, c in enumerate("rgb")}
    tags |= {f"{c}TRC": curve for c in "rgb"}
    return _profile(b"RGB ", b"mntr", b"XYZ ", tags)


def grey_profile(curve):
    return _profile(b"GRAY", b"mntr", b"XYZ ", {"kTRC": curve})


def table_profile(space, inputs, lightness):
    """A profile of tables: ``lightness`` gives 0..255 for each corner of the input cube."""
    ramp = bytes(range(256))
    corners = np.ndindex(*(2,) * inputs)
    grid = b"".join(bytes([lightness(corner), 128, 128]) for corner in corners)
    lut = b"mft1\0\0\0\0" + bytes([inputs, 3, 2, 0]) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut += ramp * inputs + grid + ramp * 3
    return _profile(space, b"prtr", b"Lab ", {"A2B0": lut})


def corners():
    """uint8 RGB (40, 60, 3): red, green / blue, white quarters, upright."""
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:20, :30], picture[:20, 30:] = (255, 0, 0), (0, 255, 0)
    picture[20:, :30], picture[20:, 30:] = (0, 0, 255), (255, 255, 255)
    return picture


# How a camera must have stored an upright picture for each orientation (EXIF 2.3, tag 274: what
# the 0th row and the 0th column of the stored picture are in the upright one).
STORED = {
    1: lambda a: a,  # top, left
    2: lambda a: a[:, ::-1],  # top, right
    3: lambda a: a[::-1, ::-1],  # bottom, right
    4: lambda a: a[::-1, :],  # bottom, left
    5: lambda a: np.transpose(a, (1, 0, 2)),  # left, top
    6: lambda a: np.transpose(a[:, ::-1], (1, 0, 2)),  # right, top
    7: lambda a: np.transpose(a[::-1, ::-1], (1, 0, 2)),  # right, bottom
    8: lambda a: np.transpose(a[::-1, :], (1, 0, 2)),  # left, bottom
}


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()
