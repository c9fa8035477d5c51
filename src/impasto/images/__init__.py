"""Reads, resizes and saves pictures. Importing this does not import torch.

`impasto.images.tensors` converts to and from PyTorch and is imported separately.
"""

from __future__ import annotations

from impasto.images.color import match_colours
from impasto.images.picture import Picture
from impasto.images.read import read_picture
from impasto.images.recipe import read_recipe
from impasto.images.resize import fit, resize, with_pixel_count
from impasto.images.write import EXTENSIONS, check_format, save_picture

__all__ = [
    "EXTENSIONS",
    "Picture",
    "check_format",
    "fit",
    "match_colours",
    "read_picture",
    "read_recipe",
    "resize",
    "save_picture",
    "with_pixel_count",
]
