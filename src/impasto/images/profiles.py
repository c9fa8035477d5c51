"""ICC colour profiles: converts embedded profiles to sRGB; a broken one counts as sRGB."""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from impasto.images.color import linear_to_srgb

_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}
"""Pillow's modes and the ICC names of their colour spaces."""

_SRGB_TO_XYZ = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
"""Linear sRGB to XYZ under D50, the white point of ICC profiles (Bradford adaptation)."""


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """Return an sRGB profile, the same bytes every time."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # A creation date would make the files of equal pictures differ.
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


def to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Return an 8-bit RGB, L, CMYK or LAB image as sRGB in mode RGB.

    Relative colorimetric with black point compensation, as browsers and photo editors do.
    """
    if icc and image.mode in _SPACES:
        try:
            return _through_profile(image, icc)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # A picture with a broken profile can still be read.
    return image if image.mode == "RGB" else image.convert("RGB")


def _through_profile(image: Image.Image, icc: bytes) -> Image.Image:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    if profile.profile.xcolor_space.strip() != _SPACES[image.mode]:
        raise ValueError("the profile is for another colour space")
    transform = _transform(profile, image.mode)
    if image.mode == "RGB" and _changes_nothing(transform):
        return image
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:
        raise ValueError("no result")
    return converted


def _transform(profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        profile,
        ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile())),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Return whether a transform leaves 16×16×16 sRGB colours unchanged, up to rounding."""
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(64, 64, 3)
    after = ImageCms.applyTransform(Image.fromarray(colours), transform)
    return bool(np.abs(np.asarray(after, dtype=int) - colours).max() <= 1)


def is_srgb(icc: bytes) -> bool:
    """Return whether an RGB profile is sRGB, up to rounding; a broken one counts as sRGB."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if profile.profile.xcolor_space.strip() != "RGB":
            return True
        return _changes_nothing(_transform(profile, "RGB"))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return True


def floats_to_srgb(values: NDArray[np.float32], icc: bytes) -> NDArray[np.float32] | None:
    """Convert float32 (H, W, 3) or (H, W, 1) in [0, 1] to sRGB (H, W, 3) at full precision.

    Uses the matrix and tone curves of the profile (ICC.1:2010, 8.3 and 8.4, section F.3). Returns
    None if the profile has none or is broken; the caller then falls back to 8 bits.
    """
    try:
        tags = _tags(icc)
        if "A2B0" in tags or icc[20:24] != b"XYZ ":
            return None
        if values.shape[2] == 1:
            light = _apply_curve(values[:, :, 0], tags["kTRC"])
            return np.repeat(linear_to_srgb(light)[:, :, None], 3, axis=2)
        matrix = np.stack([_xyz(tags[f"{c}XYZ"]) for c in "rgb"], axis=1)
        curves = [tags[f"{c}TRC"] for c in "rgb"]
        light = np.stack([_apply_curve(values[:, :, i], curves[i]) for i in range(3)], axis=-1)
    except (KeyError, ValueError, IndexError, struct.error):
        return None
    to_linear_srgb = (np.linalg.inv(_SRGB_TO_XYZ) @ matrix).astype(np.float32)
    return linear_to_srgb(light @ to_linear_srgb.T)


def _tags(icc: bytes) -> dict[str, bytes]:
    (count,) = struct.unpack_from(">I", icc, 128)
    if count > 100:
        raise ValueError("too many tags for a profile")
    entries = [struct.unpack_from(">4sII", icc, 132 + 12 * i) for i in range(count)]
    return {name.decode("latin-1"): icc[start : start + size] for name, start, size in entries}


def _fixed(data: bytes, offset: int, count: int) -> NDArray[np.float64]:
    """Read s15Fixed16 numbers."""
    return np.array(struct.unpack_from(f">{count}i", data, offset)) / 65536


def _xyz(tag: bytes) -> NDArray[np.float64]:
    return _fixed(tag, 8, 3)


def _apply_curve(values: NDArray[np.float32], tag: bytes) -> NDArray[np.float32]:
    """Apply a ``curv`` or ``para`` tone curve (ICC.1:2010, 10.5 and 10.15) to [0, 1]."""
    if tag[:4] not in (b"para", b"curv"):
        raise ValueError("not a tone curve")
    curve = _parametric if tag[:4] == b"para" else _sampled
    linear = curve(values, tag).astype(np.float32)
    if not np.isfinite(linear).all():
        raise ValueError("a tone curve with values that are not finite")
    return linear


def _sampled(values: NDArray[np.float32], tag: bytes) -> NDArray[Any]:
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return values
    if count == 1:
        (gamma,) = struct.unpack_from(">H", tag, 12)
        return np.asarray(values ** np.float32(gamma / 256))
    table = np.frombuffer(tag, ">u2", count, offset=12) / 65535
    return np.interp(values, np.linspace(0, 1, count), table)


def _parametric(values: NDArray[np.float32], tag: bytes) -> NDArray[Any]:
    (kind,) = struct.unpack_from(">H", tag, 8)
    if kind > 4:
        raise ValueError("not a parametric curve")
    # All kinds in one form: (a x + b)^g + e from d on, c x + f below.
    given = [float(x) for x in _fixed(tag, 12, (1, 3, 4, 5, 7)[kind])]
    g, a, b, c, d, e, f = (*given, *(1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)[len(given) :])
    if kind in (1, 2):
        if a == 0:
            raise ValueError("a flat curve")
        # The fourth parameter is added on both sides of the bend at -b / a.
        c, d, e, f = 0.0, -b / a, c, c
    power = np.maximum(a * values + b, 0) ** np.float32(g) + e
    return np.where(values >= d, power, c * values + f)
