"""Inline pictures of a page: data URIs, and values as colours."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.explain.explanation import Floats
from impasto.images import fit

_LOSSY = 48
"""Maps with a longer side than this are stored lossily, smaller ones losslessly."""


@dataclass(frozen=True)
class InlineImage:
    """An inline picture: a data URI, and its size in pixels."""

    uri: str
    width: int
    height: int


def photograph(rgb: Floats, *, side: int | None = None, quality: int = 82) -> InlineImage:
    """Return RGB (h, w, 3) in [0, 1] as WebP, its long side at most ``side`` pixels."""
    pixels = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
    return _webp(Image.fromarray(pixels), side, quality)


def map_of(values: Floats, largest: float, side: int) -> InlineImage:
    """Return a feature map (h, w) in colour: dark for 0, bright from ``largest``."""
    picture = _coloured(values / max(largest, 1e-30), "magma")
    if max(picture.size) > _LOSSY:
        return _webp(picture.convert("RGB"), side, quality=70)
    return _png(picture)


def matrix(shares: Floats, colours: str) -> InlineImage:
    """Return a matrix (k, k) of values in [0, 1] in colour, one pixel per entry."""
    return _png(_coloured(shares, colours))


def scale_bar(colours: str) -> InlineImage:
    """Return a picture of a colour scale from left to right."""
    return _png(_coloured(np.linspace(0, 1, 128, dtype=np.float32)[None], colours))


def _coloured(shares: Floats, colours: str) -> Image.Image:
    levels = np.rint(np.nan_to_num(np.clip(shares, 0, 1)) * 255).astype(np.uint8)
    picture = Image.fromarray(levels).convert("P")
    picture.putpalette(_palette(colours).tobytes())
    return picture


@cache
def _palette(colours: str) -> NDArray[np.uint8]:
    """Return 256 RGB colours of a matplotlib colour map."""
    from matplotlib import colormaps

    rgba = colormaps[colours](np.arange(256))
    palette: NDArray[np.uint8] = np.rint(np.asarray(rgba)[:, :3] * 255).astype(np.uint8)
    return palette


def _webp(picture: Image.Image, side: int | None, quality: int) -> InlineImage:
    if side is not None and max(picture.size) > side:
        picture = picture.resize(fit(*picture.size, side), Image.Resampling.LANCZOS)
    return _inline(picture, "WEBP", quality=quality, method=6)


def _png(picture: Image.Image) -> InlineImage:
    return _inline(picture, "PNG", optimize=True)


def _inline(picture: Image.Image, kind: str, **how: int) -> InlineImage:
    data = io.BytesIO()
    picture.save(data, kind, **how)
    text = base64.b64encode(data.getvalue()).decode("ascii")
    return InlineImage(f"data:image/{kind.lower()};base64,{text}", *picture.size)
