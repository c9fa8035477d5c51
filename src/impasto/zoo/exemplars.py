"""Exemplars: pictures from which a style can be optimised.

For a style that the user learnt, this is a copy of its painting. The paintings of the bundled
styles do not come with Impasto; textures stand in for them. Each was synthesised from noise so that
its Gram matrices are those of the painting (Gatys, Ecker and Bethge 2015, arXiv:1505.07376).
`scripts/textures.py` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from impasto.zoo.cards import StyleCard

TEXTURES = Path(__file__).with_name("textures")
"""The folder of the textures, which are named after the hashes of the paintings."""

TEXTURE_SCALE = 0.5
"""The side of a texture, relative to a square painting with strokes of the same size."""


@dataclass(frozen=True)
class Exemplar:
    """A picture, as a file or its bytes, and the ``scale`` for `PaintOptions.style_scale`."""

    source: Path | bytes
    scale: float = 1.0

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()


def texture(style: StyleCard) -> Exemplar | None:
    """Return the texture for the painting that a style was learnt from; None if there is none."""
    path = TEXTURES / texture_name(style)
    return Exemplar(path, TEXTURE_SCALE) if style.sha256 and path.is_file() else None


def texture_name(style: StyleCard) -> str:
    """Return the file name of the texture for a style's painting."""
    return f"{style.sha256[:16]}.webp"
