"""A picture in memory, and conversion of arrays to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import ImageError
from impasto.text import shown

Floats = NDArray[np.float32]

Samples = NDArray[Any]
"""Values of a picture: float32 in [0, 1], or uint8."""


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """A picture: sRGB values, and transparency separately.

    ``rgb`` is float32 of shape (H, W, 3), colour order RGB, sRGB-encoded, in [0, 1]. Transparent
    pixels have the colours of the visible ones around them. ``alpha`` is float32 of shape (H, W) in
    [0, 1], 1 being opaque, or None if the source has no transparency. ``name`` is the path as the
    user wrote it, or ``"<memory>"``; ``sha256`` is the hash of the file, or of the array if there
    was no file.
    """

    rgb: Floats
    alpha: Floats | None
    name: str
    sha256: str

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.rgb.shape[0])

    def __repr__(self) -> str:
        """Name, size, whether there is transparency, and the start of the hash."""
        alpha = " with alpha" if self.alpha is not None else ""
        return f"<Picture {self.name!r} {self.width}x{self.height}{alpha} {self.sha256[:8]}>"


@dataclass(frozen=True, eq=False, repr=False)
class Stored:
    """A picture at the bit depth of its source: 8 bits take a quarter of the memory of floats.

    As `Picture`, except that ``rgb`` and ``alpha`` are uint8 if the source has 8 bits.
    """

    rgb: Samples
    alpha: Samples | None
    name: str
    sha256: str

    @property
    def picture(self) -> Picture:
        """The picture as floats."""
        alpha = None if self.alpha is None else floats(self.alpha)
        return Picture(floats(self.rgb), alpha, self.name, self.sha256)

    def cut(self, width: int, height: int) -> Stored:
        """Return the largest centred crop with the aspect ratio width to height."""
        h, w, _ = self.rgb.shape
        wide = min(w, max(1, round(h * width / height)))
        high = min(h, max(1, round(w * height / width)))
        rows = slice((h - high) // 2, (h - high) // 2 + high)
        columns = slice((w - wide) // 2, (w - wide) // 2 + wide)
        alpha = None if self.alpha is None else self.alpha[rows, columns]
        return replace(self, rgb=self.rgb[rows, columns], alpha=alpha)


def floats(samples: Samples) -> Floats:
    """Return samples as float32 in [0, 1]; floats are not copied."""
    return scaled(samples, 255) if samples.dtype == np.uint8 else samples


def eight_bits(samples: Samples) -> NDArray[np.uint8]:
    """Return samples as uint8, rounded to nearest; uint8 is not copied."""
    if samples.dtype == np.uint8:
        return samples
    return np.rint(samples * np.float32(255)).astype(np.uint8)


def split(array: NDArray[Any], name: str) -> tuple[Samples, Samples | None]:
    """Split an array into RGB (H, W, 3) and alpha (H, W) or None.

    Accepts (H, W), (H, W, 1), (H, W, 2), (H, W, 3) and (H, W, 4): grey or RGB, with or without
    alpha; uint8, uint16 or float in [0, 1]. Anything else raises `ImageError`. uint8 stays uint8,
    and RGB in uint8 is not copied; everything else becomes float32 in [0, 1].
    """
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or 0 in array.shape:
        raise ImageError(
            f"{shown(name)}: an array of shape {array.shape} is not a picture; "
            "give (H, W), (H, W, 3) or (H, W, 4)"
        )
    values: Samples = unit_samples(array, name)
    colours = values.shape[2] - 1 if values.shape[2] in (2, 4) else values.shape[2]
    alpha = values[:, :, -1].copy() if values.shape[2] in (2, 4) else None
    rgb = np.broadcast_to(values[:, :, :colours], (*values.shape[:2], 3))
    if values.dtype == np.uint8:
        return np.ascontiguousarray(rgb), alpha
    return np.array(rgb, dtype=np.float32, order="C"), alpha


def unit_samples(array: NDArray[Any], name: str) -> Samples:
    """As `unit`, but leave uint8 as it is."""
    return array if array.dtype == np.uint8 else unit(array, name)


def unit(array: NDArray[Any], name: str) -> Floats:
    """Return uint8, uint16 or float values as float32 in [0, 1], else raise `ImageError`."""
    if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
        top = np.iinfo(array.dtype).max
        return scaled(array, top)
    if array.dtype.kind != "f":
        raise ImageError(
            f"{shown(name)}: values of type {array.dtype} are not supported; "
            "give uint8, uint16 or floats from 0 to 1"
        )
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError(f"{shown(name)}: holds values that are not finite (NaN or infinity)")
    # Resampling and colour transforms may overshoot slightly by rounding.
    if low < -1e-3 or high > 1 + 1e-3:
        raise ImageError(
            f"{shown(name)}: float values range from {low:g} to {high:g}; scale them to 0 to 1"
        )
    if low >= 0 and high <= 1:
        return array.astype(np.float32, copy=False)
    clipped: Floats = np.clip(array, 0, 1).astype(np.float32)
    return clipped


def scaled(array: NDArray[Any], top: int) -> Floats:
    """Return whole numbers from 0 to ``top`` as float32 from 0 to 1."""
    values: Floats = np.divide(array, np.float32(top), dtype=np.float32)
    return values
