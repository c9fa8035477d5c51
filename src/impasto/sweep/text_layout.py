"""Text on a sheet: breaking it into lines that fit, and drawing it."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import ImageDraw, ImageFont

Colour = tuple[int, int, int]

INK, FAINT = (24, 24, 24), (100, 100, 100)
_LEADING = 1.3
_SPACES, _MARKS = re.compile(r"(?<= )"), re.compile(r"(?<=[,;:/=])")
"""Where lines break: after a space, or after these marks in a word longer than a line."""


@dataclass(frozen=True)
class Text:
    """A piece of text with its size in pixels and its colour. It is wrapped to fit."""

    text: str
    size: int
    colour: Colour = INK
    bold: bool = False

    @property
    def font(self) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        """The font it is drawn in."""
        return _font(self.size, self.bold)

    @property
    def height(self) -> int:
        """Height of a line in pixels."""
        return round(self.size * _LEADING)

    def lines(self, width: int, most: int = 8) -> list[str]:
        """Break it into at most ``most`` lines of ``width`` pixels; a longer text ends in dots."""
        font, lines = self.font, [""]
        for piece in _pieces(self, width):
            if font.getlength((lines[-1] + piece).rstrip()) <= width:
                lines[-1] += piece
            else:
                lines.append(piece)
        lines = [line.strip() for line in lines]
        if len(lines) > most:
            lines = [*lines[: most - 1], _shortened(lines[most - 1], font, width)]
        return lines


def height(block: Sequence[Text], width: int) -> int:
    """Return the height of pieces of text stacked vertically."""
    return sum(text.height * len(text.lines(width)) for text in block)


def widest(block: Sequence[Text], width: int) -> int:
    """Return the width of the longest line, at most ``width``."""
    return max(
        (round(text.font.getlength(line) + 0.5) for text in block for line in text.lines(width)),
        default=0,
    )


def write(
    draw: ImageDraw.ImageDraw, block: Sequence[Text], left: int, top: int, width: int, anchor: str
) -> None:
    """Draw stacked pieces of text, aligned to "left" or "middle" (``anchor``)."""
    for text in block:
        for line in text.lines(width):
            x = left + width / 2 if anchor == "middle" else left
            mark = "mm" if anchor == "middle" else "lm"
            draw.text((x, top + text.height / 2), line, text.colour, text.font, anchor=mark)
            top += text.height


@cache
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return DejaVu Sans, which comes with Matplotlib; Pillow's own font has only ASCII."""
    spec = importlib.util.find_spec("matplotlib")  # located, not imported
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, "mpl-data", "fonts", "ttf", f"DejaVuSans{'-Bold' * bold}.ttf")
        if path.is_file():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)


def _pieces(text: Text, width: int) -> list[str]:
    """Split a text where it may break, and where it must."""

    def fits(piece: str) -> bool:
        return text.font.getlength(piece.rstrip()) <= width

    words = _SPACES.split(re.sub("[ \t\r\n]+", " ", text.text.strip()))
    parts = [part for word in words for part in ([word] if fits(word) else _MARKS.split(word))]
    pieces = []
    for part in parts:
        while len(part) > 1 and not fits(part):
            length = max(1, sum(fits(part[: n + 1]) for n in range(len(part))))
            pieces.append(part[:length])
            part = part[length:]
        pieces.append(part)
    return pieces


def _shortened(line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    while line and font.getlength(f"{line}…") > width:
        line = line[:-1]
    return f"{line}…"
