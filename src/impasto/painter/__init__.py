"""The painter: pictures and options in, events and a painting out."""

from __future__ import annotations

from impasto.painter.inputs import Inputs, Start
from impasto.painter.painter import Companion, Painter, read_layouts, started_from_picture
from impasto.painter.painting import Painting

__all__ = [
    "Companion",
    "Inputs",
    "Painter",
    "Painting",
    "Start",
    "read_layouts",
    "started_from_picture",
]
