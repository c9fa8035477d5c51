"""Films: read and written a frame at a time, painted without flicker, with their sound."""

from __future__ import annotations

from impasto.video.events import FilmStarted, FramePainted, VideoEvent
from impasto.video.reading import Film
from impasto.video.stylizer import VideoStylizer, stylize_video

__all__ = [
    "Film",
    "FilmStarted",
    "FramePainted",
    "VideoEvent",
    "VideoStylizer",
    "stylize_video",
]
