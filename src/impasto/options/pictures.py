"""Limits for reading pictures, and options for writing them."""

from __future__ import annotations

from dataclasses import dataclass

from impasto.errors import OptionsError
from impasto.options.checked import Checked, option, quoted

MAX_SIDE = 65_500
"""The longest side of any picture, in pixels: the limit of libjpeg."""


@dataclass(frozen=True, kw_only=True)
class ReadOptions(Checked):
    """Limits for pictures from outside."""

    max_pixels: int = option(128_000_000, "Largest number of pixels of a picture to read.")
    max_bytes: int = option(256 * 2**20, "Largest picture file to read, in bytes.")

    def __post_init__(self) -> None:
        """Check the limits."""
        self._integer("max_pixels", 1, 2**40)
        self._integer("max_bytes", 1, 2**50)


@dataclass(frozen=True, kw_only=True)
class SaveOptions(Checked):
    """How a picture is written. The file extension determines the format."""

    jpeg_quality: int = option(95, "Quality of JPEG, WebP and AVIF output, 1 to 100.")
    bits: int = option(8, "Bits per channel: 8, or 16 for PNG and TIFF.")

    def __post_init__(self) -> None:
        """Check the values."""
        self._integer("jpeg_quality", 1, 100)
        if isinstance(self.bits, float) or self.bits not in (8, 16):
            raise OptionsError(f"--bits must be 8 or 16, got {quoted(self.bits)}")
