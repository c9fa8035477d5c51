"""Transparency: colours under transparent pixels must not affect the result.

Files store colours for transparent pixels too: black, white, or the background that was cut out.
Two pictures that look the same must be painted the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import ImageError
from impasto.images.picture import Floats, Samples, Stored, floats
from impasto.images.resize import resize
from impasto.text import shown

_HIDDEN = 1
"""Alpha, of 255, up to which a pixel counts as invisible."""

_ROWS = 256
"""Rows processed at a time (an even number), since floats take four times the memory."""


def fill_hidden(rgb: Samples, alpha: Samples | None) -> Samples:
    """Return RGB (H, W, 3) whose transparent pixels continue the visible colours around them.

    ``alpha`` is (H, W). The picture is averaged to ever smaller sizes, each pixel weighted by its
    alpha, and an invisible pixel takes its colour from the first size that has one there (the
    pull-push algorithm of Gortler et al. 1996, "The Lumigraph", section 3.4). Visible pixels stay
    bit for bit the same; a picture with none becomes grey.
    """
    if alpha is None:
        return rgb
    hidden = _hidden(alpha)
    if not hidden.any():
        return rgb
    coarse = _pulled(*_first_means(rgb, alpha, hidden))
    colours = np.rint(coarse * 255).astype(np.uint8)  # in steps of 8 bits in either depth
    filled = rgb.copy()
    height, width = alpha.shape
    for top in range(0, height, _ROWS):
        rows = slice(top, min(top + _ROWS, height))
        found = colours[rows.start // 2 : (rows.stop + 1) // 2].repeat(2, axis=0).repeat(2, axis=1)
        found = found[: rows.stop - rows.start, :width]
        where = hidden[rows]
        filled[rows][where] = (found if rgb.dtype == np.uint8 else floats(found))[where]
    return filled


def seen_part(stored: Stored) -> Stored:
    """Crop a picture to its visible pixels. Raises `ImageError` if there are none."""
    if stored.alpha is None:
        return stored
    seen = ~_hidden(stored.alpha)
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        raise ImageError(f"{shown(stored.name)}: is transparent all over; nothing is visible")
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return replace(stored, rgb=stored.rgb[box], alpha=stored.alpha[box])


def partly(alpha: Samples | None) -> Samples | None:
    """Return alpha, or None if the picture is fully opaque."""
    top = 255 if alpha is not None and alpha.dtype == np.uint8 else 1
    return None if alpha is None or alpha.min() == top else alpha


def seen_channels(stored: Stored) -> Floats:
    """Return the visible part of a picture as floats: (H, W, 3), or (H, W, 4) unless opaque.

    Raises `ImageError` if nothing is visible.
    """
    part = seen_part(stored)
    alpha = partly(part.alpha)
    return floats(part.rgb) if alpha is None else np.dstack([floats(part.rgb), floats(alpha)])


def seen_colours(stored: Stored) -> Floats:
    """Return the visible colours, as (1, n, 3) or (H, W, 3), for colour statistics."""
    if partly(stored.alpha) is None:
        return floats(stored.rgb)
    assert stored.alpha is not None
    return floats(stored.rgb[floats(stored.alpha) >= 0.5 * float(floats(stored.alpha).max())][None])


def on_white(rgb: Floats, alpha: NDArray[Any] | None) -> Floats:
    """Return RGB (H, W, 3) in [0, 1] composited on white by its alpha (H, W)."""
    if alpha is None:
        return rgb
    share = floats(alpha)[:, :, None]
    return rgb * share + (1 - share)


def _hidden(alpha: Samples) -> NDArray[np.bool_]:
    return np.asarray(alpha <= (_HIDDEN if alpha.dtype == np.uint8 else _HIDDEN / 255))


def _first_means(rgb: Samples, alpha: Samples, hidden: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the means of colour times alpha, and of alpha, over blocks of 2×2 pixels."""
    height, width = alpha.shape
    half = (height + 1) // 2, (width + 1) // 2
    colours, weights = np.empty((*half, 3), np.float32), np.empty((*half, 1), np.float32)
    for top in range(0, height, _ROWS):
        rows = slice(top, top + _ROWS)
        into = slice(top // 2, (top + _ROWS) // 2)
        weight = np.where(hidden[rows], np.float32(0), floats(alpha[rows]))[:, :, None]
        weights[into] = _halved(weight)
        colours[into] = _halved(floats(rgb[rows]) * weight)
    return colours, weights


def _pulled(colours: Floats, weights: Floats) -> Floats:
    """Return mean colours, taken from a coarser size where nothing is visible."""
    height, width, _ = colours.shape
    if height * width == 1:
        coarse = np.full(colours.shape, 0.5, np.float32)
    else:
        half = (width + 1) // 2, (height + 1) // 2
        smaller = _pulled(*(resize(values, *half, soft=True) for values in (colours, weights)))
        coarse = resize(smaller, width, height, soft=True)
    mean = colours / np.maximum(weights, np.float32(1e-9))
    return np.clip(np.where(weights > 1e-6, mean, coarse), 0, 1)


def _halved(values: Floats) -> Floats:
    """Average blocks of 2×2 pixels of (H, W, C); odd sides are padded with zeros."""
    height, width, channels = values.shape
    if height % 2 or width % 2:
        values = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    squares = values.reshape((height + 1) // 2, 2, (width + 1) // 2, 2, channels)
    return np.asarray(squares.mean(axis=(1, 3), dtype=np.float32))
