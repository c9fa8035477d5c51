"""The painter: pictures and options in, events and a painting out."""

from __future__ import annotations

from impasto.painter.painter import Companion, Painter, read_layouts
from impasto.painter.painting import Painting
from impasto.painter.sources import Sources, Start

__all__ = ["Companion", "Painter", "Painting", "Sources", "Start", "read_layouts"]
