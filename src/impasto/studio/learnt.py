"""Styles that clients had learnt, or took in from a friend: each is a job of kind ``learn``.

Its files are the painting (``style-0``), the newest row, and the state to learn on from. A style
belongs to the owner of the job: it is found among theirs only.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from impasto.errors import ImageError, ImpastoError, OptionsError, WeightsError
from impasto.nets.architecture import ORIGINAL
from impasto.options import LearnOptions
from impasto.studio.database import lock
from impasto.studio.jobs import (
    IS_STYLE,
    UNDER_WAY,
    Guard,
    Job,
    JobStore,
    NoSuchJob,
    WrongState,
    jobs,
)
from impasto.studio.settings import Settings
from impasto.studio.storage import Storage
from impasto.studio.validation import at_most, check_picture, fingerprint, named
from impasto.text import shown
from impasto.training.naming import slug
from impasto.training.painting import Painting, read_painting
from impasto.zoo import registry
from impasto.zoo.cards import MAX_NAME, StyleCard, plain_name
from impasto.zoo.learnt import check_name
from impasto.zoo.rows import Row, Rows, parsed, serialised

if TYPE_CHECKING:
    from impasto.studio.context import Studio

log = logging.getLogger("impasto.studio")

PAINTING = "style-0"
"""The file of the painting."""

STEERED = ("budget", "distance", "style_size", "model")
"""The fields of `LearnOptions` that a request may set."""

MAX_FILE = 2**20
"""The largest file of a style that is taken in, in bytes."""

MEMORY = 3 * 2**29
"""What learning a style takes at most, in bytes: 1.1 GB were measured at the largest size."""

_LARGEST = 1024
"""The largest side at which a painting is learnt, in pixels."""

_CACHED = 512
"""Rows in memory, some 10 kB each."""

_PLAIN = 3
"""Where no channel of a painting spans more than this, of 255, there is nothing to learn."""

_LONGEST_TEXT = 200
_MOST = 1e9
"""The largest count or number of seconds that the record of a foreign style may claim."""


class NameTaken(Exception):  # noqa: N818
    """There is a style of this name already."""


class TooManyStyles(Exception):  # noqa: N818
    """The owner has as many styles as the settings allow."""


class StyleFileError(ImpastoError):
    """A file that was sent in is not one of a style that can be used here."""


class NoSuchStyle(KeyError):  # noqa: N818
    """The owner has no style of this name."""


@dataclass(frozen=True)
class OwnStyle:
    """A style of an owner; without ``rows`` nothing has been learnt yet."""

    job: Job
    rows: Rows | None
    files: Storage = field(repr=False)

    @property
    def painting(self) -> bytes:
        """The painting, as it was sent in. Raises `NoSuchStyle` if it was removed meanwhile."""
        try:
            return self.files.get(self.job.id, PAINTING)
        except FileNotFoundError:
            raise NoSuchStyle(self.name) from None

    @property
    def name(self) -> str:
        """What requests call it."""
        return str(self.job.style)

    @property
    def row(self) -> Row | None:
        """What was learnt, under that name."""
        if self.rows is None:
            return None
        row = self.rows.rows[0]
        return replace(row, card=replace(row.card, name=self.name))


Own = Sequence[OwnStyle]
"""The styles of one owner."""


class LearntStyles:
    """Finds the styles of an owner, and keeps their rows in memory: no file changes once written.

    Rows are held by job and file, so nobody is given a row of somebody else's.
    """

    def __init__(self, store: JobStore, files: Storage) -> None:
        self._store, self._files = store, files
        self._kept = lru_cache(_CACHED)(self._without_painting)
        self._latest: dict[str, Own] = {}

    def of(self, owner: str) -> Own:
        """Return an owner's styles, the newest first.

        While the database does not answer, they are those of the last time.
        """
        try:
            found = self.now(owner)
        except SQLAlchemyError as error:
            log.warning("the database does not answer: %s", type(error).__name__)
            return self._latest.get(owner, ())
        self._latest[owner] = found
        return found

    def now(self, owner: str) -> Own:
        """As `of`, but raises `SQLAlchemyError` while the database does not answer."""
        return [
            OwnStyle(job, self._newest(job, self._kept), self._files)
            for job in self._store.styles(owner)
        ]

    def get(self, owner: str, name: str) -> Job:
        """Return the job of a style. Raises `NoSuchStyle`."""
        for job in self._store.styles(owner):
            if job.style == plain_name(name):
                return job
        raise NoSuchStyle(name)

    def file(self, job: Job) -> bytes | None:
        """Return the file of a style, as `impasto learn --out` writes it; None before its first."""
        rows = self._newest(job, self._load)
        if rows is None:
            return None
        row = rows.rows[0]
        named = replace(row, card=replace(row.card, name=str(job.style)))
        return serialised(replace(rows, rows=(named,)))

    def _newest(self, job: Job, load: Callable[[str, str], Rows]) -> Rows | None:
        """Load the row of a job; a newer one may replace it meanwhile."""
        while job.learnt is not None:
            try:
                return load(job.id, job.learnt)
            except FileNotFoundError:
                name = job.learnt
                try:
                    job = self._store.job(job.id)
                except NoSuchJob:  # the style was removed
                    break
                if job.learnt == name:
                    break
            except WeightsError as error:
                log.error("style of job %s: %s", job.id, error)
                break
        return None

    def _load(self, job: str, name: str) -> Rows:
        return parsed(self._files.get(job, name))

    def _without_painting(self, job: str, name: str) -> Rows:
        rows = self._load(job, name)
        return replace(rows, rows=tuple(replace(row, painting=b"") for row in rows.rows))


def options(request: Mapping[str, Any]) -> LearnOptions:
    """Return the options of a request. Raises `OptionsError`."""
    return LearnOptions.from_dict(dict(request))


def check_own_name(studio: Studio, name: str) -> str:
    """Return the name of a new style as it is stored. Raises `OptionsError`, `NameTaken`."""
    name = plain_name(name)
    check_name(name)
    if name in {style.name for style in studio.quick.styles()}:
        raise NameTaken(name)
    return name


def accept_learning(
    studio: Studio,
    owner: str,
    painting: bytes,
    asked: LearnOptions,
    name: str | None = None,
    key: str | None = None,
) -> Job:
    """Check and take a job that learns a style; its files are there before the job is.

    Raises `OptionsError`, `ImageError`, `NameTaken`, `TooManyStyles`, `QueueFull`, `KeyReused`.
    """
    bounds = studio.settings
    request = {one: getattr(asked, one) for one in STEERED} | {"budget": asked.seconds}
    at_most("budget", asked.seconds, bounds.max_learn)
    at_most("style-size", asked.style_size, _LARGEST)
    if bounds.max_memory < MEMORY:
        raise OptionsError(f"styles cannot be learnt here: IMPASTO_MAX_MEMORY is under {MEMORY:,}")
    mark = fingerprint([painting], name, request)
    if earlier := studio.store.by_key(owner, key, mark):
        return earlier
    style = check_own_name(studio, name) if name else free_name(studio, owner)
    registry.network(asked.model)  # raises an error if there is none
    check_picture(painting, bounds, "the painting")
    _read(painting, asked.style_size, bounds)
    return studio.accept(
        owner, "learn", request, {PAINTING: painting}, key=key, fingerprint=mark, style=style,
        guard=_room(owner, style, bounds.max_styles),
    )  # fmt: skip


def take_in(
    studio: Studio, owner: str, data: bytes, name: str | None = None, key: str | None = None
) -> Job:
    """Take in the file of a style that somebody else learnt; nothing in it is trusted.

    Raises `StyleFileError`, `OptionsError`, `NameTaken`, `TooManyStyles`, `KeyReused`.
    """
    mark = fingerprint([data], name)
    if earlier := studio.store.by_key(owner, key, mark):
        return earlier
    rows, picture = _checked(data, studio.settings)
    if not studio.quick.catalogue.has_network(rows):
        raise StyleFileError(f"the file {registry.foreign(rows)}")
    row, file = rows.rows[0], "row-0-0.safetensors"
    style = check_own_name(studio, name or row.card.name)
    seconds = float(row.learning.get("seconds", 0))
    request = {
        "budget": seconds, "distance": row.card.distance or None, "model": rows.architecture,
        "style_size": LearnOptions().style_size,
    }  # fmt: skip
    return studio.accept(
        owner, "learn", request, {PAINTING: picture, file: serialised(rows)}, done=True,
        guard=_room(owner, style, studio.settings.max_styles),
        key=key, fingerprint=mark, style=style, learnt=file, seconds=seconds,
    )  # fmt: skip


def learn_on(studio: Studio, job: Job, budget: float) -> Job:
    """Queue a style again, to be learnt for longer. Raises `OptionsError`, `WrongState`."""
    at_most("budget", budget, studio.settings.max_learn)
    if job.state in UNDER_WAY:
        raise WrongState(job.state)
    request = {**job.request, "budget": job.seconds + budget}
    return studio.store.learn_on(job.id, job.owner, request)


def rename(studio: Studio, job: Job, name: str) -> Job:
    """Rename a style. Raises `OptionsError`, `NameTaken`, `NoSuchJob`."""
    if plain_name(name) != job.style:
        style = check_own_name(studio, name)
        with studio.engine.begin() as connection:
            lock(connection)
            _room(job.owner, style)(connection)
            theirs = (jobs.c.id == job.id) & (jobs.c.owner == job.owner)
            connection.execute(sa.update(jobs).where(theirs).values(style=style))
    return studio.store.job(job.id, job.owner)


def _room(owner: str, name: str, most: float = math.inf) -> Guard:
    """Return a guard that raises `NameTaken` or `TooManyStyles`."""

    def check(connection: sa.Connection) -> None:
        query = sa.select(jobs.c.style).where(IS_STYLE, jobs.c.owner == owner)
        names = connection.execute(query).scalars().all()
        if name in names:
            raise NameTaken(name)
        if len(names) >= most:
            raise TooManyStyles(most)

    return check


def free_name(studio: Studio, owner: str, wanted: str = "") -> str:
    """Return a name that no style has, made of any text; numbered if need be."""
    taken = {style.name for style in studio.quick.styles()}
    taken |= {ORIGINAL, *(str(job.style) for job in studio.store.styles(owner))}
    stem = slug(wanted)[: MAX_NAME - 4].strip("-") or "style"
    names = (stem, *(f"{stem}-{number}" for number in range(2, 1000)))
    return next((name for name in names if name not in taken), stem)


def _read(data: bytes, size: int, settings: Settings) -> Painting:
    """Read a painting as learning does. Raises `ImageError`."""
    with named("the painting"):
        painting = read_painting(data, size, settings.limits)
    spans = painting.rgb.max(axis=(0, 1)).astype(int) - painting.rgb.min(axis=(0, 1))
    if spans.max() <= _PLAIN:
        raise ImageError("the painting has one colour only: there is no style to learn from it")
    return painting


def _checked(data: bytes, settings: Settings) -> tuple[Rows, bytes]:
    """Return the style in a foreign file, and its painting as a picture file of our own."""
    if len(data) > MAX_FILE:
        raise StyleFileError(f"the file has {len(data):,} bytes; at most {MAX_FILE:,} are allowed")
    try:
        rows = parsed(data, "the file")
    except WeightsError as error:
        raise StyleFileError(str(error).replace("the file: ", "the file ")) from None
    if len(rows.rows) != 1:
        raise StyleFileError(f"the file has {len(rows.rows)} styles; send a file with one")
    row = rows.rows[0]
    if not row.painting:
        raise StyleFileError("the file has no copy of its painting")
    try:
        painting = read_painting(row.painting, LearnOptions().style_size, settings.limits)
    except ImageError:
        raise StyleFileError("the copy of the painting in the file cannot be read") from None
    clean = Row(_clean(row.card), row.tensors, _record(row.learning), painting.copy)
    return replace(rows, rows=(clean,), name="<memory>"), painting.copy


def _clean(card: StyleCard) -> StyleCard:
    """Return a card with short texts in one line, and numbers that can be used."""
    texts = ("title", "painter", "year", "licence", "source", "group", "words")
    plain = {name: shown(" ".join(getattr(card, name).split()))[:_LONGEST_TEXT] for name in texts}
    weight = card.weight if 0 < card.weight <= _MOST else 0.0
    distance = card.distance if 0.05 <= card.distance <= 2 else 0.0
    numbers = {"name": card.name, "grey": card.grey, "weight": weight, "distance": distance}
    return StyleCard.from_dict({**plain, **numbers})


def _record(learning: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a record that count on when it is learnt on."""
    found = {name: learning.get(name) for name in ("seconds", "steps", "crops")}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MOST
    }
