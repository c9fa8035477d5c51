"""Learns a style from a painting; the high-level interface.

PyTorch is imported only when there is something to learn.
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
    """Learn the style of a painting; return a network that paints in it, ready to be called.

    ``photos`` is a folder or a list of pictures to learn on; None means the few that come with
    scikit-image. ``options`` are the fields of `LearnOptions`, such as ``budget=60`` (seconds).
    With a ``name`` the style is stored in the user's folder of styles, as by `impasto learn`, so
    that `load` finds it; ``out`` is a file to which it is added. ``body`` is the network, given as
    for `impasto train --from`; None means the one in ``out``, or else the bundled one of the size
    in the options.

    Raises the errors of `Learner`, and `OptionsError` if another style has that name.
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
    if out is not None:  # fail before the work starts if the style cannot be added
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
    """Raise `OptionsError` if the style of another painting has this name."""
    name = plain_name(name)
    own = learnt.find(name)
    if own is None and name in registry.catalogue():
        raise OptionsError(f"there is already a style {name!r}; give another --name")
    if own is not None and not is_style_of(own[2], painting):
        raise OptionsError(
            f"there is already a style {name!r} of another painting; give another --name, or "
            f"remove it with impasto models remove {name}"
        )


def row_of(painting: Painting, name: str, rows: Sequence[Row], path: Path) -> Row | None:
    """Return the row with this name among those of a file, if there is one.

    Raises `OptionsError` if it belongs to another painting and would be lost.
    """
    found = next((row for row in rows if row.card.name == name), None)
    if found and not is_style_of(found, painting):
        raise OptionsError(
            f"{shown(path)}: has a style {name!r} of another painting; give another --name"
        )
    return found


def is_style_of(row: Row, painting: Painting) -> bool:
    """Return whether a style was learnt from this painting, with any options."""
    return row.card.sha256 == painting.sha256 or row.learning.get("pixels") == painting.pixels


def painting_of(row: Row, body: str) -> Path | bytes:
    """Return a style's painting: the file, if it still exists, or the copy inside the style.

    ``body`` is the hash of its network. Raises `OptionsError` if there is neither.
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
        raise OptionsError(f"{row.card.name}: its painting no longer exists; give its file")
    return row.painting


class CachedStyle:
    """The style of a painting that is given in place of a style's name: learnt once, then cached.

    Raises `ImageError` if the painting cannot be used.
    """

    def __init__(self, painting: Source, options: LearnOptions, read: ReadOptions) -> None:
        self.options = options
        self.painting = read_painting(painting, options.style_size, read)
        self.body = registry.network(options.model)
        self.row = self._known()
        """The style, if it has been learnt before."""

    @property
    def learnt(self) -> float:
        """How long it has been learnt, in seconds."""
        return float(self.row.learning.get("seconds", 0)) if self.row else 0.0

    @property
    def key(self) -> str:
        """Its key in the cache."""
        return learnt.key(self.painting.pixels, self.body.body, self.options.asked)

    def keep(self, row: Row) -> None:
        """Store the style in the cache."""
        self.row = row
        learnt.cache_rows(Rows(self.body.card.architecture, self.body.body, (row,)), self.key)

    @property
    def pack(self) -> Pack:
        """The network with only this style and the photo."""
        assert self.row
        return self.body.only([ORIGINAL]).with_rows([self.row])

    def _known(self) -> Row | None:
        """Return the row of this painting that was learnt for the longest time."""
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
