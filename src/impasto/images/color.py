"""Colour: the sRGB transfer function (IEC 61966-2-1), colour matching, luma and chroma."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from impasto.images.picture import Floats, Samples, Stored, eight_bits, floats


def linear_to_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Encode linear light (any shape) as sRGB values; both are in [0, 1], the rest is clipped."""
    light = np.clip(linear, 0, 1).astype(np.float32)
    return np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * light ** np.float32(1 / 2.4) - 0.055
    ).astype(np.float32)


_ROWS = 256
"""Rows processed at a time, since floats take four times the memory."""

_ENOUGH = 1_000_000
"""Pixels sampled to estimate a picture's mean colour and covariance."""

_FLOOR = 1e-6
"""Added to variances, so that the covariance of a grey or flat picture can be inverted."""


_LUMA = tuple(np.float32(weight) for weight in (0.299, 0.587, 0.114))
"""ITU-R BT.601: the first row of YIQ, used by Gatys et al. 2016 (arXiv:1606.05897)."""


def match_colours(
    rgb: NDArray[np.float32], styles: Sequence[NDArray[np.float32]], shares: Sequence[float]
) -> NDArray[np.float32]:
    """Give a picture (H, W, 3) the colour mean and covariance of the styles.

    The styles' statistics are averaged with ``shares``, which add up to 1. Of all linear maps that
    achieve this, the one that moves colours least is used (Monge; Pitié and Kokaram 2007, "The
    linear Monge-Kantorovitch linear colour mapping"). Values are sRGB, clipped to [0, 1].
    """
    mean, covariance = _statistics(rgb)
    found = [_statistics(style) for style in styles]
    target = sum(share * m for share, (m, _) in zip(shares, found, strict=True))
    spread = sum(share * c for share, (_, c) in zip(shares, found, strict=True))
    root, inverse = _power(covariance, 0.5), _power(covariance, -0.5)
    move = inverse @ _power(root @ spread @ root, 0.5) @ inverse
    offset = target - move @ mean
    matched = rgb @ move.T.astype(np.float32) + offset.astype(np.float32)
    return np.clip(matched, 0, 1, out=matched)


def _statistics(rgb: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    stride = max(1, round((rgb.shape[0] * rgb.shape[1] / _ENOUGH) ** 0.5))
    pixels = rgb[::stride, ::stride].reshape(-1, 3).astype(np.float64)
    centred = pixels - pixels.mean(axis=0)
    return pixels.mean(axis=0), centred.T @ centred / len(pixels) + _FLOOR * np.eye(3)


def _power(matrix: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.maximum(values, 1e-12) ** power @ vectors.T)


def luma(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the luma Y of YIQ, (H, W) in [0, 1], of encoded sRGB values (H, W, 3)."""
    red, green, blue = (weight * rgb[:, :, k] for k, weight in enumerate(_LUMA))
    red += green
    red += blue
    return red


def is_grey(rgb: Samples) -> bool:
    """Return whether a picture (H, W, 3) has no visible colour: chroma of at most 1 %."""
    top = np.iinfo(rgb.dtype).max if rgb.dtype.kind == "u" else 1
    return all(
        float(np.ptp(rgb[row : row + _ROWS].astype(np.float32), axis=2).max()) <= 0.01 * top
        for row in range(0, len(rgb), _ROWS)
    )


def make_grey_(rgb: Samples) -> None:
    """Turn a picture (H, W, 3), uint8 or floats in [0, 1], grey in place, keeping its luma."""
    top = 255 if rgb.dtype == np.uint8 else 1
    for row in range(0, len(rgb), _ROWS):
        found = luma(rgb[row : row + _ROWS].astype(np.float32))
        rgb[row : row + _ROWS] = (np.rint(found) if top == 255 else found)[:, :, None]


def grey(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the grey picture (H, W, 3) of the same luma."""
    return np.repeat(luma(rgb)[:, :, None], 3, axis=2)


DARK = 8 / 255
"""A mask that is nowhere lighter than this has no visible effect."""


def levels(mask: Floats) -> str:
    """Describe the range of a mask's values, for error messages."""
    return f"levels {255 * mask.min():.0f} to {255 * mask.max():.0f} of 255"


def whiteness(picture: Stored) -> Floats:
    """Return how white a mask is, (H, W) in [0, 1]; transparent pixels count as black."""
    found = luma(floats(picture.rgb))
    return found if picture.alpha is None else found * floats(picture.alpha)


def whiteness_in_bytes(picture: Stored) -> NDArray[np.uint8]:
    """Return `whiteness` in 8 bits, computed a few rows at a time, for memory."""
    found = np.empty(picture.rgb.shape[:2], np.uint8)
    for row in range(0, len(found), _ROWS):
        rows = slice(row, row + _ROWS)
        alpha = None if picture.alpha is None else picture.alpha[rows]
        found[rows] = eight_bits(whiteness(replace(picture, rgb=picture.rgb[rows], alpha=alpha)))
    return found


def with_luma(rgb: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace the luma of a picture (H, W, 3) by another (H, W), keeping its chroma; all in [0, 1].

    In YIQ, adding the same value to red, green and blue leaves the chroma (I, Q) unchanged. Where
    the result would leave [0, 1], the chroma is scaled down just enough: the hue stays, and the
    luma is exact.
    """
    chroma = rgb - luma(rgb)[:, :, None]
    red, green, blue = chroma.transpose(2, 0, 1)
    highest = np.maximum(np.maximum(red, green), blue)
    lowest = np.minimum(np.minimum(red, green), blue)
    tiny = np.float32(1e-9)
    room = np.minimum((1 - target) / np.maximum(highest, tiny), target / np.maximum(-lowest, tiny))
    chroma *= np.minimum(room, 1)[:, :, None]
    chroma += target[:, :, None]
    return np.clip(chroma, 0, 1, out=chroma)


def with_histogram(rgb: NDArray[np.float32], of: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a picture (H, W, 3) with the histograms of another, channel by channel."""
    from skimage.exposure import match_histograms

    return np.asarray(match_histograms(rgb, of, channel_axis=2), np.float32)


def with_lightness(rgb: NDArray[np.float32], of: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a picture (H, W, 3) with the CIELAB lightness L* of another of the same size."""
    return _in_lab(rgb, of, lambda own, other: np.dstack([other[..., :1], own[..., 1:]]))


def with_hue(rgb: NDArray[np.float32], of: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a picture (H, W, 3) with the CIELAB hue of another of the same size.

    Lightness and chroma stay. Where the other picture is grey and has no hue, the result is grey.
    """

    def mixed(own: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
        chroma = np.hypot(own[..., 1], own[..., 2])
        theirs = np.hypot(other[..., 1], other[..., 2])
        # Below a just noticeable difference the direction is noise.
        share = chroma / np.maximum(theirs, 1e-6) * np.minimum(theirs / _JUST_NOTICEABLE, 1)
        return np.dstack([own[..., :1], other[..., 1:] * share[..., None]])

    return _in_lab(rgb, of, mixed)


_JUST_NOTICEABLE = 2.3
"""Colour difference in CIELAB (Mahy et al. 1994)."""


def _in_lab(
    rgb: NDArray[np.float32],
    other: NDArray[np.float32],
    mix: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Mix two pictures in CIELAB; the result is clipped to sRGB."""
    from skimage.color import lab2rgb, rgb2lab

    mixed = np.empty_like(rgb)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about clipped colours
        for top in range(0, len(rgb), _ROWS):
            rows = slice(top, top + _ROWS)
            mixed[rows] = lab2rgb(mix(rgb2lab(rgb[rows]), rgb2lab(other[rows])))
    return np.clip(mixed, 0, 1, out=mixed)
