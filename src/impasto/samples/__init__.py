"""Sample pictures: Impasto's own paintings, and photos that come with scikit-image."""

from __future__ import annotations

from importlib import import_module
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from impasto.errors import OptionsError, nearest

__all__ = ["PAINTINGS", "PHOTOS", "painting", "painting_file", "photo"]

PAINTINGS: tuple[str, ...] = ("swirls", "dots", "facets", "waves", "embers")
"""The names that `painting` accepts."""

PHOTOS: tuple[str, ...] = ("astronaut", "coffee", "chelsea", "rocket")
"""The names that `photo` accepts."""


def painting(name: str) -> NDArray[np.uint8]:
    """Return a sample painting, drawn by ``scripts/sample_paintings``; CC0; 768 × 608.

    - ``swirls``: night wind over wheat, short thick strokes along a flow with vortices
    - ``dots``: a river bank in some sixty thousand dots of nearly pure colour
    - ``facets``: a still life broken into planes, ochre, umber, grey and blue
    - ``waves``: breaking waves as a coloured woodcut
    - ``embers``: fire over dark water, painted with a palette knife

    Returns:
        The picture, (height, width, 3) uint8, RGB in sRGB.

    Raises:
        OptionsError: the name is unknown.
    """
    import io

    from PIL import Image

    with Image.open(io.BytesIO(painting_file(name))) as image:
        return np.array(image.convert("RGB"))


def painting_file(name: str) -> bytes:
    """Return the JPEG file of a sample painting. Raises `OptionsError`."""
    if name not in PAINTINGS:
        raise OptionsError(f"there is no sample painting {name!r}{nearest(name, PAINTINGS)}")
    return files(__name__).joinpath(f"{name}.jpg").read_bytes()


def photo(name: str) -> NDArray[np.uint8]:
    """Return a photo from scikit-image's wheel; nothing is downloaded.

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
        raise OptionsError(f"there is no sample photo {name!r}{nearest(name, PHOTOS)}")
    data = import_module("skimage.data")
    return np.array(getattr(data, name)(), dtype=np.uint8)
