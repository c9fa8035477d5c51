"""The facade of learning: a painting to a network that paints in its style, known ones at once.

Nothing here imports PyTorch until there is something to be learnt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from impasto.apply.network import Network
from impasto.atomic import check_output
from impasto.errors import CheckpointError, OptionsError
from impasto.images.read import Source
from impasto.nets.architecture import ORIGINAL
from impasto.options import LearnOptions, ReadOptions
from impasto.options.keywords import LearnKeywords
from impasto.text import shown
from impasto.training.painting import Painting, read_painting
from impasto.zoo import learnt, registry
from impasto.zoo.cards import plain_name
from impasto.zoo.pack import EXTENSION, Pack
from impasto.zoo.rows import Row, Rows

if TYPE_CHECKING:
    from impasto.training.trainer import Photos


def learn(
    painting: Source,
    photos: Photos = None,
    *,
    name: str | None = None,
    out: str | Path | None = None,
    body: str | None = None,
    read: ReadOptions | None = None,
    **options: Unpack[LearnKeywords],
) -> Network:
    """Learn to paint photos in the style of a painting; return the network, ready to be called.

    ``photos`` is a folder or pictures to learn on; None is the few that come with scikit-image.
    ``options`` are the fields of `LearnOptions`: ``budget=60`` is for how many seconds. With a
    ``name`` the style is kept in the user's folder of styles, as `impasto learn` does, and `load`
    knows it from then on; ``out`` is a file that it is added to. ``body`` is the network, a pack as
    `impasto train --from` takes it; None is the one that ``out`` is, or else the one that ships in
    the size that the options say.

    Raises the errors of `Learner`, and `OptionsError` for a name that is taken by another style.
    """
    from impasto.training.learner import Learner

    if out is not None:
        check_output(out, extensions=(EXTENSION,))
    learner = Learner(
        painting,
        photos,
        LearnOptions.from_dict(options),
        body=registry.find(body) if body else learnt.network_in(Path(out)) if out else None,
        name=name,
        read=read,
    )
    if name is not None:
        check_free(name, learner.painting)
    if out is not None:  # before the work, what would keep the style from being added
        there = learnt.rows_in(Path(out), learner.body.body, learner.card.name)
        row_of(learner.painting, learner.card.name, there, Path(out))
    for _ in learner:
        pass
    if name is not None:
        learnt.add(learner.rows, learnt.file_of(learner.card.name, learner.body.card.architecture))
    if out is not None:
        learnt.add(learner.rows, Path(out))
    return Network(learner.pack, {learner.card.name: 1.0})


def check_free(name: str, painting: Painting) -> None:
    """Raise `OptionsError` for a name that is the style's of another painting."""
    name = plain_name(name)
    own = learnt.find(name)
    if own is None and name in registry.catalogue():
        raise OptionsError(f"there is a style {name!r} already: give another --name")
    if own is not None and not is_style_of(own[2], painting):
        raise OptionsError(
            f"there is a style {name!r} of another painting: give another --name, or remove it "
            f"with impasto models remove {name}"
        )


def row_of(painting: Painting, name: str, rows: Sequence[Row], path: Path) -> Row | None:
    """Return the row of a name among those of a file, if there is one.

    Raises `OptionsError` if it is that of another painting, which would be lost.
    """
    found = next((row for row in rows if row.card.name == name), None)
    if found and not is_style_of(found, painting):
        raise OptionsError(
            f"{shown(path)}: has a style {name!r} of another painting: give another --name"
        )
    return found


def is_style_of(row: Row, painting: Painting) -> bool:
    """Return whether a style is that of a painting, whatever the options it was learnt with."""
    return row.card.sha256 == painting.sha256 or row.learning.get("pixels") == painting.pixels


def painting_of(row: Row, body: str) -> Path | bytes:
    """Return what a style was learnt from: the file, if it is still there, or the style's own copy.

    ``body`` is the hash of its network. Raises `OptionsError` where both are gone.
    """
    from impasto.runtime import checkpoint

    about = {name: row.learning.get(name) for name in ("pixels", *LearnOptions().asked)}
    state = learnt.state_of(learnt.key(str(about.pop("pixels")), body, about))
    if state.is_file():
        with suppress(CheckpointError, OSError):
            file = Path(str(checkpoint.read(state)[1].get("file")))
            if hashlib.sha256(file.read_bytes()).hexdigest() == row.card.sha256:
                return file
    if not row.painting:
        raise OptionsError(f"{row.card.name}: its painting is not there any more; name its file")
    return row.painting


class CachedStyle:
    """A painting that stands where the name of a style stands: learnt once, then known.

    Raises `ImageError` for what is not a painting.
    """

    def __init__(self, painting: Source, options: LearnOptions, read: ReadOptions) -> None:
        self.options = options
        self.painting = read_painting(painting, options.style_size, read)
        self.body = registry.network(options.model)
        self.row = self._known()
        """What has been learnt of it, if anything."""

    @property
    def learnt(self) -> float:
        """For how many seconds it was learnt already."""
        return float(self.row.learning.get("seconds", 0)) if self.row else 0.0

    @property
    def key(self) -> str:
        """What it is kept under."""
        return learnt.key(self.painting.pixels, self.body.body, self.options.asked)

    def keep(self, row: Row) -> None:
        """Keep what was learnt."""
        self.row = row
        learnt.cache_rows(Rows(self.body.card.architecture, self.body.body, (row,)), self.key)

    @property
    def pack(self) -> Pack:
        """The network with the style and the photo alone."""
        assert self.row
        return self.body.only([ORIGINAL]).with_rows([self.row])

    def _known(self) -> Row | None:
        """Return the row of this painting that was learnt longest."""
        kept = learnt.cached_rows(self.key)
        files: Sequence[Rows] = [entry.rows for entry in registry.learnt() if entry.rows]
        found = [
            row
            for rows in (*files, *([kept] if kept else ()))
            if rows.body == self.body.body
            for row in rows.rows
            if self._matches(row)
        ]
        return max(found, key=lambda row: float(row.learning.get("seconds", 0)), default=None)

    def _matches(self, row: Row) -> bool:
        asked = {"pixels": self.painting.pixels, **self.options.asked}
        same = all(row.learning.get(name) == value for name, value in asked.items())
        return same and isinstance(row.learning.get("seconds"), int | float)
