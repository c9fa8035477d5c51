"""The colours of a painting: changes to the inputs before, and to the picture after painting."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from impasto.images import match_colours
from impasto.images.color import (
    grey,
    luma,
    with_histogram,
    with_hue,
    with_lightness,
    with_luma,
)
from impasto.images.picture import Floats
from impasto.options import PaintOptions


class Colours:
    """Applies the options ``color`` and ``color_strength`` to pictures.

    Pictures are float32 (H, W, 3) sRGB in [0, 1].
    """

    def __init__(self, options: PaintOptions) -> None:
        self._strength = options.color_strength
        self._of_photo = _OF_PHOTO.get(options.color)
        self._of_style = _OF_STYLE.get(options.color)
        self._at_the_end = _AT_THE_END.get(options.color)

    @property
    def at_the_end(self) -> bool:
        """Whether the finished picture is changed."""
        return self._at_the_end is not None

    def photo(self, photo: Floats) -> Floats:
        """Return the photo for the network."""
        return self._mixed(photo, self._of_photo(photo)) if self._of_photo else photo

    def style(self, style: Floats, photo: Floats) -> Floats:
        """Return a painting for the network; ``photo`` may have any size."""
        return self._mixed(style, self._of_style(style, photo)) if self._of_style else style

    def picture(self, picture: Floats, photo: Floats) -> Floats:
        """Return the final picture, given the photo at the same size."""
        if not self._at_the_end:
            return picture
        return self._mixed(picture, self._at_the_end(picture, photo))

    def _mixed(self, before: Floats, after: Floats) -> Floats:
        if self._strength == 1:
            return after
        return before + np.float32(self._strength) * (after - before)


def _matched(style: Floats, photo: Floats) -> Floats:
    """Give a painting the photo's colours: Gatys et al. 2016 (arXiv:1606.05897), section 4.1."""
    return match_colours(style, [photo], [1.0])


def _grey_like(style: Floats, photo: Floats) -> Floats:
    """Return a painting in grey, with the mean and deviation of the photo's luma.

    Gatys et al. 2016 (arXiv:1606.05897), section 4.2.
    """
    ours, theirs = luma(style), luma(photo)
    scale = theirs.std() / max(float(ours.std()), 1e-6)
    levels = np.clip((ours - ours.mean()) * scale + theirs.mean(), 0, 1)
    return np.repeat(levels[:, :, None].astype(np.float32), 3, axis=2)


_OF_PHOTO: dict[str, Callable[[Floats], Floats]] = {"luminance": grey}

_OF_STYLE: dict[str, Callable[[Floats, Floats], Floats]] = {
    "match": _matched,
    "histogram": with_histogram,
    "luminance": _grey_like,
}

_AT_THE_END: dict[str, Callable[[Floats, Floats], Floats]] = {
    "photo": lambda picture, photo: with_lightness(photo, picture),
    "hue": with_hue,
    "luminance": lambda picture, photo: with_luma(photo, luma(picture)),
}
