"""A cache of finished cells, so that a resumed sweep does not paint them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import impasto
from impasto.errors import ImageError, OutputError
from impasto.images import read_recipe, save_picture
from impasto.images.picture import Stored, eight_bits
from impasto.images.read import read_stored
from impasto.metrics.measures import NAMES
from impasto.options import PaintOptions, SaveOptions
from impasto.painter import Painting
from impasto.painter.inputs import named_files
from impasto.text import reason, shown

LOSSES = ("loss", "content", "style", "tv")


@dataclass(frozen=True, eq=False)
class Result:
    """A finished cell: its 8-bit picture (H, W, 3) and its numbers.

    ``losses`` come from the painter's objective, which may differ between cells; ``measures`` come
    from `impasto.metrics`. ``seconds`` is the time that the steps took.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    steps: int
    seconds: float
    losses: Mapping[str, float]
    measures: Mapping[str, float]

    @classmethod
    def of(cls, painting: Painting, measures: Mapping[str, float]) -> Result:
        """Build the result of a painting."""
        last = painting.losses[-1]
        return cls(
            rgb=eight_bits(painting.rgb),
            alpha=None if painting.alpha is None else eight_bits(painting.alpha),
            steps=len(painting.losses),
            seconds=last.seconds,
            losses={name: getattr(last, name) for name in LOSSES},
            measures=dict(measures),
        )

    def numbers(self) -> dict[str, Any]:
        """Return everything but the picture as plain data."""
        return {
            "steps": self.steps,
            "seconds": self.seconds,
            "losses": dict(self.losses),
            "measures": dict(self.measures),
        }


class CellCache:
    """A folder of finished cells, each a painting with its recipe and its numbers.

    The key of a cell is a hash of everything that its picture depends on. So a larger sheet reuses
    the cells of a smaller one. The folder is created when the first cell is saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def check(self) -> None:
        """Raise `OutputError` if the path exists and is not a folder."""
        if self.folder.exists() and not self.folder.is_dir():
            raise OutputError(
                f"{shown(self.folder)}: is not a folder; finished pictures are saved there"
            )

    def picture(self, key: str) -> Path:
        """Return the path of a finished cell."""
        return self.folder / f"{key}.png"

    def state(self, key: str) -> Path:
        """Return the path for the state of a cell; create the folder."""
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{shown(self.folder)}: cannot be created: {reason(error)}"
            ) from error
        return self.folder / f"{key}.checkpoint"

    def find(self, key: str) -> Result | None:
        """Return a finished cell, or None if it is not finished or its file is damaged."""
        path = self.picture(key)
        if not path.is_file():
            return None
        try:
            found, numbers = read_stored(path), read_recipe(path)["sweep"]
            if numbers["key"] != key:
                return None
            return Result(
                rgb=eight_bits(found.rgb),
                alpha=None if found.alpha is None else eight_bits(found.alpha),
                steps=int(numbers["steps"]),
                seconds=float(numbers["seconds"]),
                losses={name: float(numbers["losses"][name]) for name in LOSSES},
                measures={name: float(numbers["measures"][name]) for name in NAMES},
            )
        except (ImageError, KeyError, TypeError, ValueError):
            return None

    def save(self, key: str, painting: Painting, result: Result) -> None:
        """Save a finished cell. Raises `OutputError`."""
        recipe = {
            **painting.recipe,
            "save": SaveOptions().to_dict(),
            "sweep": {"key": key, **result.numbers()},
        }
        state = self.state(key)
        save_picture(painting.rgb, self.picture(key), alpha=painting.alpha, recipe=recipe)
        state.unlink(missing_ok=True)


def cell_key(
    options: PaintOptions,
    weights: str,
    pictures: Sequence[Stored],
    style_of_painting: Sequence[int],
) -> str:
    """Return the key of a cell: a hash, 16 letters, of everything that its picture depends on.

    ``weights`` is the hash of the network's file. ``pictures`` are the photo and the paintings;
    ``style_of_painting`` is the style index of each painting. Files named by options count by
    their content.
    """
    depends = {
        "version": impasto.__version__,
        "options": options.to_dict(),
        "weights": weights,
        "pictures": [picture.sha256 for picture in pictures],
        "style_of_painting": list(style_of_painting),
        "files": [(what, file_hash(path)) for what, path in named_files(options)],
    }
    text = json.dumps(depends, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_hash(path: str) -> str:
    """Return the SHA-256 of a file. Raises `ImageError`."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise ImageError(f"{shown(path)}: cannot be read: {reason(error)}") from error
