"""Impasto: neural style transfer.

>>> import impasto
>>> painting = impasto.paint("photo.jpg", "starry.jpg", size=640)  # doctest: +SKIP
>>> painting.save("out.png")  # doctest: +SKIP

Names are imported when first used, so that ``import impasto`` is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.lazy import exports

if TYPE_CHECKING:
    from impasto.apply.network import Network, load
    from impasto.client import Client
    from impasto.errors import (
        CheckpointError,
        DivergedError,
        ImageError,
        ImpastoError,
        MissingExtraError,
        OptionsError,
        OutOfMemoryError,
        OutputError,
        StudioError,
        WeightsError,
    )
    from impasto.learning import learn
    from impasto.options import (
        CheckpointOptions,
        LearnOptions,
        PaintOptions,
        ReadOptions,
        SaveOptions,
    )
    from impasto.painter import Painter, Painting
    from impasto.stylize import paint, rerun, train
    from impasto.training.learner import Learner
    from impasto.video.stylizer import VideoStylizer, stylize_video

__version__ = "0.3.0"

_HOMES = {
    "apply.network": ("Network", "load"),
    "client": ("Client",),
    "errors": (
        "CheckpointError",
        "DivergedError",
        "ImageError",
        "ImpastoError",
        "MissingExtraError",
        "OptionsError",
        "OutOfMemoryError",
        "OutputError",
        "StudioError",
        "WeightsError",
    ),
    "learning": ("learn",),
    "options": (
        "CheckpointOptions",
        "LearnOptions",
        "PaintOptions",
        "ReadOptions",
        "SaveOptions",
    ),
    "painter": ("Painter", "Painting"),
    "stylize": ("paint", "rerun", "train"),
    "training.learner": ("Learner",),
    "video.stylizer": ("VideoStylizer", "stylize_video"),
}

__getattr__ = exports(__name__, _HOMES)

__all__ = [
    "CheckpointError",
    "CheckpointOptions",
    "Client",
    "DivergedError",
    "ImageError",
    "ImpastoError",
    "LearnOptions",
    "Learner",
    "MissingExtraError",
    "Network",
    "OptionsError",
    "OutOfMemoryError",
    "OutputError",
    "PaintOptions",
    "Painter",
    "Painting",
    "ReadOptions",
    "SaveOptions",
    "StudioError",
    "VideoStylizer",
    "WeightsError",
    "__version__",
    "learn",
    "load",
    "paint",
    "rerun",
    "stylize_video",
    "train",
]


def __dir__() -> list[str]:
    return __all__
