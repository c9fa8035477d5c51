"""Pictures to start with at once: paintings drawn by code, and photos that scikit-image ships.

Importing this module does no work; a painter and its libraries are loaded when called.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from impasto.errors import OptionsError, nearest

__all__ = ["PAINTINGS", "PHOTOS", "painting", "photo"]

PAINTINGS: tuple[str, ...] = ("swirls", "dots", "facets", "waves", "embers")
"""The paintings `painting` knows."""

PHOTOS: tuple[str, ...] = ("astronaut", "coffee", "chelsea", "rocket")
"""The photos `photo` knows."""

MIN_SIDE, MAX_SIDE = 16, 4096
"""The sides of a painting, in pixels."""


def painting(name: str, width: int = 768, height: int = 608, seed: int = 0) -> NDArray[np.uint8]:
    """Paint a sample picture; the same arguments give the same picture.

    - ``swirls``: night wind over wheat, short thick strokes along a flow with vortices
    - ``dots``: a river bank in divided tone, some sixty thousand dots of nearly pure colour
    - ``facets``: a still life broken into planes, ochre, umber, grey and blue
    - ``waves``: breaking waves as a coloured woodcut
    - ``embers``: fire over dark water in slabs of a palette knife

    Brush strokes grow with the picture: twice the size is the same painting, seen closer.

    Returns:
        The picture, (height, width, 3) uint8, RGB in sRGB.

    Raises:
        OptionsError: the name is unknown, a side is out of range or the seed is negative.
    """
    if name not in PAINTINGS:
        raise OptionsError(f"painting: no painting is called {name!r}{nearest(name, PAINTINGS)}")
    for field, side in (("width", width), ("height", height)):
        if not MIN_SIDE <= side <= MAX_SIDE:
            raise OptionsError(f"{field}: got {side}, allowed are {MIN_SIDE} to {MAX_SIDE} pixels")
    if seed < 0:
        raise OptionsError(f"seed: got {seed}, allowed are 0 and above")
    rng = np.random.default_rng([seed, PAINTINGS.index(name)])
    painter = import_module(f"impasto.samples.{name}")
    picture: NDArray[np.uint8] = painter.paint(width, height, rng)
    return picture


def photo(name: str) -> NDArray[np.uint8]:
    """Return a photo that ships inside scikit-image's wheel; nothing is downloaded.

    - ``astronaut``: Eileen Collins, by NASA; public domain; 512 × 512
    - ``coffee``: a cup of espresso, by Rachel Michetti; CC0; 600 × 400
    - ``chelsea``: a cat, by Stéfan van der Walt; CC0; 451 × 300
    - ``rocket``: a Falcon 9 at dusk, by SpaceX; CC0; 640 × 427

    Returns:
        The photo, (height, width, 3) uint8, RGB in sRGB.

    Raises:
        OptionsError: the name is unknown.
    """
    if name not in PHOTOS:
        raise OptionsError(f"photo: no photo is called {name!r}{nearest(name, PHOTOS)}")
    data = import_module("skimage.data")
    return np.array(getattr(data, name)(), dtype=np.uint8)
