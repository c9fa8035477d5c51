"""Contact sheets: several pictures in a grid, each with a label below it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from impasto.images.resize import resize

GAP = 12
"""Pixels between the pictures and around the grid."""

_PAPER, _INK = (252, 252, 250), (32, 32, 32)
_TALLEST = 2
"""The largest height, in column widths; taller pictures are scaled down and centred."""


def contact_sheet(
    tiles: Sequence[tuple[str, NDArray[np.float32]]], columns: int, width: int = 1600
) -> NDArray[np.uint8]:
    """Lay out pictures in a grid on white, row by row, each with its label below it.

    ``tiles`` are pairs of a label and RGB, float32 (H, W, 3) in [0, 1]. Aspect ratios are kept; a
    label too long for its column ends in an ellipsis. Returns (height, ``width``, 3) RGB;
    `sheet_width` gives the width at which pictures keep their size. Raises `ValueError` if there
    are no tiles, or if the columns would be narrower than 16 pixels.
    """
    cell = (width - GAP) // max(columns, 1) - GAP
    if not tiles or columns < 1 or cell < 16:
        raise ValueError(f"{len(tiles)} pictures do not fit into {columns} columns on {width} px")
    letter = min(28, max(10, cell // 14))
    font, line = ImageFont.load_default(letter), round(letter * 1.5)
    rows = [
        [(label, _fitted(rgb, cell)) for label, rgb in tiles[first : first + columns]]
        for first in range(0, len(tiles), columns)
    ]
    heights = [max(picture.height for _, picture in row) for row in rows]
    sheet = Image.new("RGB", (width, sum(heights) + len(rows) * (line + GAP) + GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    foot = 0
    for row, height in zip(rows, heights, strict=True):
        foot += GAP + height
        for column, (label, picture) in enumerate(row):
            middle = GAP + column * (cell + GAP) + cell // 2
            sheet.paste(picture, (middle - picture.width // 2, foot - picture.height))
            text = _shortened(label, font, cell)
            draw.text((middle, foot + line / 2), text, _INK, font, anchor="mm")
        foot += line
    return np.array(sheet)


def sheet_width(columns: int, tile: int) -> int:
    """Return the width of a sheet with pictures ``tile`` pixels wide."""
    return columns * (tile + GAP) + GAP


def _fitted(rgb: NDArray[np.float32], cell: int) -> Image.Image:
    """Scale a picture to the largest size that fits into a column."""
    h, w, _ = rgb.shape
    scale = min(cell / w, cell * _TALLEST / h)
    scaled = resize(rgb, max(1, round(w * scale)), max(1, round(h * scale)))
    return Image.fromarray(np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8))


def _shortened(label: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Return a label as one line, shortened to fit into ``width`` pixels.

    Letters lose their accents, which Pillow's font does not have.
    """
    letters = unicodedata.normalize("NFKD", " ".join(label.split()))
    label = "".join(letter for letter in letters if not unicodedata.combining(letter))
    if font.getlength(label) <= width:
        return label
    while label and font.getlength(f"{label}…") > width:
        label = label[:-1]
    return f"{label}…"
