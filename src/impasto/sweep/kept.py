"""Where finished cells are kept, so that a sweep that was stopped does not paint them again."""

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
    """A finished cell: its picture (H, W, 3) in 8 bits, and its numbers.

    ``losses`` are those of the painter's own objective, in which cells may differ; ``measures``
    are those of `impasto.metrics`. ``seconds`` are those of the steps.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    steps: int
    seconds: float
    losses: Mapping[str, float]
    measures: Mapping[str, float]

    @classmethod
    def of(cls, painting: Painting, measures: Mapping[str, float]) -> Result:
        """Take it from a painting."""
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
        """Return all but the picture as plain data."""
        return {
            "steps": self.steps,
            "seconds": self.seconds,
            "losses": dict(self.losses),
            "measures": dict(self.measures),
        }


class Kept:
    """A folder of finished cells, each a painting with its recipe and its numbers.

    A cell goes by a key: a hash of all that its picture depends on. So what was painted for one
    sheet is there for a larger one. The folder is made when the first cell is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def check(self) -> None:
        """Raise `OutputError` if the folder cannot be one."""
        if self.folder.exists() and not self.folder.is_dir():
            raise OutputError(
                f"{shown(self.folder)}: finished pictures go there; it is not a folder"
            )

    def picture(self, key: str) -> Path:
        """Return where a finished cell is."""
        return self.folder / f"{key}.png"

    def state(self, key: str) -> Path:
        """Return where the state of a cell under way is; its folder is there."""
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{shown(self.folder)}: cannot be made: {reason(error)}") from error
        return self.folder / f"{key}.checkpoint"

    def find(self, key: str) -> Result | None:
        """Return a cell that is finished; None for one that is not, or whose file is damaged."""
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

    def keep(self, key: str, painting: Painting, result: Result) -> None:
        """Write a finished cell. Raises `OutputError`."""
        recipe = {
            **painting.recipe,
            "save": SaveOptions().to_dict(),
            "sweep": {"key": key, **result.numbers()},
        }
        state = self.state(key)
        save_picture(painting.rgb, self.picture(key), alpha=painting.alpha, recipe=recipe)
        state.unlink(missing_ok=True)


def key_of(
    options: PaintOptions,
    weights: str,
    pictures: Sequence[Stored],
    style_of_painting: Sequence[int],
) -> str:
    """Return what a cell goes by: all that its picture depends on, as 16 letters.

    ``weights`` is the hash of the network's file; ``pictures`` are the photo and the paintings,
    ``style_of_painting`` says which style each of these is of. Files that options name count by
    their content.
    """
    depends = {
        "version": impasto.__version__,
        "options": options.to_dict(),
        "weights": weights,
        "pictures": [picture.sha256 for picture in pictures],
        "style_of_painting": list(style_of_painting),
        "files": [(what, hash_of(path)) for what, path in named_files(options)],
    }
    text = json.dumps(depends, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hash_of(path: str) -> str:
    """Return the SHA-256 of a file. Raises `ImageError`."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise ImageError(f"{shown(path)}: cannot be read: {reason(error)}") from error
