"""The labelled sheet of a sweep: values along its sides, pictures in its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from impasto.images.picture import Stored, eight_bits
from impasto.sweep.cell_cache import Result
from impasto.sweep.grid import Cell, Grid
from impasto.sweep.text_layout import FAINT, Text, height, widest, write

_GAP = 16
_PAPER, _EMPTY = (252, 252, 250), (232, 232, 230)
_NARROWEST = 180
"""Minimum width of a column in pixels: labels need room even if the pictures are small."""

_SMALLEST, _LARGEST = 13, 32
"""Limits of the font size in pixels."""

_ACROSS = 110
"""The most font heights that fit into the width: a sheet is viewed as a whole."""

_THUMBNAIL = 0.5
"""Height of photo and paintings in the header, relative to a cell."""

_SHOWN = 4
"""The most paintings shown in the header."""


class GridSheet:
    """Lays out and draws a sheet.

    ``size`` is the width and height of the cells' pictures. ``pictures`` are the photo and the
    paintings; ``title`` is the text beside them, ``foot`` the text below. The font grows with the
    sheet, so that it is readable when the whole sheet is on a screen.
    """

    def __init__(
        self,
        grid: Grid,
        size: tuple[int, int],
        pictures: Sequence[Stored],
        *,
        title: Sequence[str],
        foot: str,
    ) -> None:
        self.grid = grid
        self._picture = size
        self._shown = pictures[: 1 + _SHOWN]
        self._slot = max(size[0], _NARROWEST)
        columns = len(grid.rows[0])
        across = columns * (self._slot + _GAP) + _GAP
        letter = min(max(self._slot / 16, across / _ACROSS), self._slot / 9, _LARGEST)
        self._letter = max(_SMALLEST, round(letter))
        self._small = max(_SMALLEST, round(0.85 * self._letter))
        self._row_heads = [self._head_of_row(row[0]) for row in grid.rows] if grid.down else []
        room = round(0.8 * self._slot)
        self._side = max((widest(head, room) for head in self._row_heads), default=-_GAP) + _GAP
        self._column_heads = [self._head_of_column(cell) for cell in grid.rows[0]]
        self.width = self._side + across
        self._title = [Text(line, self._letter) for line in title]
        self._foot = [Text(foot, self._small, FAINT)]
        self._plan()

    def _plan(self) -> None:
        """Compute the heights of all parts."""
        inner = self.width - 2 * _GAP
        room = inner // 2 - _GAP * len(self._shown)
        aspects = [_aspect(picture) for picture in self._shown]
        tall = min(round(_THUMBNAIL * self._picture[1]), int(room / sum(aspects)))
        self._thumbnails = [(max(1, round(tall * aspect)), max(1, tall)) for aspect in aspects]
        self._top = _GAP + max(tall, height(self._title, inner // 2)) + _GAP
        self._heads = max(height(head, self._slot) for head in self._column_heads) + _GAP // 2
        last = self.grid.cells[-1]
        caption = height([self._captioned(last, 0.0123, 0.0123)], self._slot)
        self._row = max(
            self._picture[1] + 2 + caption,
            max((height(head, self._side) for head in self._row_heads), default=0),
        )
        rows = len(self.grid.rows) * (self._row + _GAP)
        self.height = self._top + self._heads + rows + height(self._foot, inner) + _GAP

    def draw(
        self,
        results: Mapping[str, Result],
        failed: Mapping[str, str],
    ) -> NDArray[np.uint8]:
        """Return the sheet, (height, width, 3) RGB.

        ``results`` are finished cells and ``failed`` the reasons of failed ones, by cell name.
        """
        sheet = Image.new("RGB", (self.width, self.height), _PAPER)
        draw = ImageDraw.Draw(sheet)
        left = _GAP
        for picture, size in zip(self._shown, self._thumbnails, strict=True):
            image = Image.fromarray(eight_bits(picture.rgb))
            sheet.paste(image.resize(size, Image.Resampling.LANCZOS), (left, _GAP))
            left += size[0] + _GAP
        write(draw, self._title, left, _GAP, self.width - left - _GAP, "left")
        for column, head in enumerate(self._column_heads):
            write(draw, head, self._left(column), self._top, self._slot, "middle")
        for row, cells in enumerate(self.grid.rows):
            top = self._top + self._heads + row * (self._row + _GAP)
            if self._row_heads:
                write(draw, self._row_heads[row], _GAP, top, self._side, "left")
            for column, cell in enumerate(cells):
                self._draw_cell(sheet, draw, cell, (self._left(column), top), results, failed)
        foot = self.height - _GAP - height(self._foot, self.width - 2 * _GAP)
        write(draw, self._foot, _GAP, foot, self.width - 2 * _GAP, "left")
        return np.array(sheet)

    def _left(self, column: int) -> int:
        return self._side + _GAP + column * (self._slot + _GAP)

    def _draw_cell(
        self,
        sheet: Image.Image,
        draw: ImageDraw.ImageDraw,
        cell: Cell,
        corner: tuple[int, int],
        results: Mapping[str, Result],
        failed: Mapping[str, str],
    ) -> None:
        left, top = corner
        width, tall = self._picture
        place = (left + (self._slot - width) // 2, top)
        result = results.get(cell.name)
        if result:
            sheet.paste(_on_paper(result), place)
        else:
            draw.rectangle((*place, place[0] + width - 1, top + tall - 1), _EMPTY)
            message = failed.get(cell.name, "not painted yet")
            write(draw, [Text(message, self._small)], place[0] + 4, top + 4, width - 8, "left")
        caption = self._caption(cell, result)
        write(draw, [caption], left, top + tall + 2, self._slot, "middle")

    def _caption(self, cell: Cell, result: Result | None) -> Text:
        if result is None:
            return Text(cell.name, self._small, FAINT)
        m = result.measures
        return self._captioned(cell, m["vgg_content"], m["vgg_style"])

    def _captioned(self, cell: Cell, content: float, style: float) -> Text:
        # A no-break space keeps a number next to its name.
        numbers = f"{cell.name} · content\N{NBSP}{content:#.2g} · style\N{NBSP}{style:#.2g}"
        return Text(numbers, self._small, FAINT)

    def _head_of_column(self, cell: Cell) -> list[Text]:
        return self._head(self.grid.across.option, cell.labels[self.grid.across.name])

    def _head_of_row(self, cell: Cell) -> list[Text]:
        heads = [self._head(axis.option, cell.labels[axis.name]) for axis in self.grid.down]
        return [text for head in heads for text in head]

    def _head(self, option: str, value: str) -> list[Text]:
        return [Text(option, self._small, FAINT), Text(value, self._letter, bold=True)]


def _aspect(picture: Stored) -> float:
    """Return width over height, clamped so that panoramas do not fill the header."""
    h, w, _ = picture.rgb.shape
    return float(min(max(w / h, 0.2), 4))


def _on_paper(result: Result) -> Image.Image:
    """Return a picture on the paper colour."""
    image = Image.fromarray(result.rgb)
    if result.alpha is None:
        return image
    paper = Image.new("RGB", image.size, _PAPER)
    paper.paste(image, mask=Image.fromarray(result.alpha))
    return paper
