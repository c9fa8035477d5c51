"""The styles that can be asked for by name: those of the known packs, looked at again on change."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from impasto.nets.architecture import ORIGINAL
from impasto.studio.learnt import Own, OwnStyle
from impasto.text import shown
from impasto.zoo import registry
from impasto.zoo.cards import StyleCard
from impasto.zoo.exemplars import Exemplar, texture
from impasto.zoo.pack import EXTENSION, Pack
from impasto.zoo.registry import Shares, StyleError
from impasto.zoo.rows import Rows

_LOOK_EVERY = 0.5
"""Seconds from one look for changed files to the next, at least."""

LONGEST = 400
"""Letters of a style or a mixture, at most."""

_NONE = "there are no styles yet: impasto train makes them, impasto import takes them over"


YOURS = "Your styles"
"""The group of the styles that are the owner's alone."""


@dataclass(frozen=True)
class Style:
    """A style that a photo can be painted in at once."""

    name: Annotated[str, Field(description="What requests call it.", examples=["wave"])]
    title: Annotated[str, Field(description="The painting it was learnt from.")]
    painter: Annotated[str, Field(description="Who painted that.", examples=["Hokusai"])]
    year: Annotated[str, Field(description="When.", examples=["1831"])]
    licence: Annotated[str, Field(description="The licence of that picture.")]
    source: Annotated[str, Field(description="Where that picture is from.")]
    pack: Annotated[str, Field(description="The network that has it.", examples=["quality"])]
    group: Annotated[str, Field(description="The kind of painting.", examples=["Prints"])]
    words: Annotated[str, Field(description="More words to find it by.", examples=["blue sea"])]
    job: Annotated[str | None, Field(description="The job that learns it, if it is your own.")] = (
        None
    )
    ready: Annotated[bool, Field(description="Whether photos can be stylised in it by now.")] = True


class Catalogue:
    """The known packs. A text from outside is only ever compared with their names."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: object = None
        self._looked = -math.inf
        self._entries: tuple[registry.Entry, ...] = ()
        self._paintings: dict[str, bytes] = {}
        self._cards: dict[str, StyleCard] = {}

    def styles(self) -> list[Style]:
        """Return every style, in the order of looking for them."""
        found: dict[str, Style] = {}
        for entry in self._known():
            if entry.pack:
                pack = entry.pack.card.architecture if entry.bundled else entry.name
                for card in entry.pack.card.styles:
                    if card.name in entry.styles:
                        found.setdefault(card.name, _style(card, pack))
        return list(found.values())

    def has_network(self, rows: Rows) -> bool:
        """Return whether the network that rows were learnt on is known."""
        return any(_belong(rows, entry.pack) for entry in self._known())

    def find(self, spec: str, *, fast: bool = False, own: Own = ()) -> tuple[Pack, Shares]:
        """Return the pack that a style or a mixture is in, and the share of each of its styles.

        As `zoo.registry.resolve`, files apart: ``starry``, ``starry:0.6,wave:0.4``,
        ``turbo/starry``. ``own`` are the styles of who asks; their names come first. Raises
        `StyleError` for what cannot be had, `WeightsError` for a pack that is broken.
        """
        where, shares = self._parsed(spec)
        entries: Sequence[registry.Entry] = self._known()
        if named := [style for style in own if style.name in shares]:
            entries = [_with_own(entry, named, shares) for entry in entries]
            for style in named:
                if not any(style.name in entry.styles for entry in entries):
                    raise StyleError(f"{style.name} is not learnt yet: wait for its first result")
        return registry.choose(entries, where, shares, fast=fast), shares

    def exemplar(self, style: str) -> Exemplar | None:
        """Return a picture from which a style can be optimised; None if there is none."""
        self._known()
        if painting := self._paintings.get(style):
            return Exemplar(painting)
        return texture(self._cards[style]) if style in self._cards else None

    def lighter(self, spec: str, own: Own = ()) -> list[str]:
        """Return what names the same styles in networks of less work, the one of most work first.

        There are none where ``spec`` says which pack, or names an ``own`` style, which is in one.
        Raises as `find` does.
        """
        pack, shares = self.find(spec, own=own)
        if self._parsed(spec)[0] or any(style.name in shares for style in own):
            return []
        sizes = {
            entry.pack.architecture.macs: entry.pack.card.architecture
            for entry in self._known()
            if entry.pack
            and set(shares) <= set(entry.pack.styles)
            and entry.pack.architecture.macs < pack.architecture.macs
        }
        return [_spec(sizes[macs], shares) for macs in sorted(sizes, reverse=True)]

    def imported(self, spec: str, own: Own = ()) -> str:
        """Return what names these styles in a pack of the user's, or ``spec`` if none has them.

        So does ``spec`` that says which pack, or names an ``own`` style.
        """
        where, shares = self._parsed(spec)
        packs = (
            entry.name
            for entry in self._known()
            if entry.pack and not entry.bundled and set(shares) <= set(entry.pack.styles)
        )
        if where or any(style.name in shares for style in own):
            return spec
        return next((_spec(name, shares) for name in packs), spec)

    def _parsed(self, spec: str) -> tuple[str | None, Shares]:
        """Return the pack, None for any, and the shares by style."""
        if len(spec) > LONGEST or EXTENSION in spec:
            raise StyleError(f"{shown(spec)!r} is not a style; say a name of /v1/styles")
        if not self._known():
            raise StyleError(_NONE)
        return registry.parse(spec)

    def _known(self) -> tuple[registry.Entry, ...]:
        """Return the packs, read again if a file of theirs came, went or changed."""
        with self._lock:
            now = time.monotonic()
            if now - self._looked >= _LOOK_EVERY:
                self._looked = now
                seen = [_files(folder) for folder in registry.folders()]
                if seen != self._seen:
                    self._entries, self._seen = registry.known(), seen
                    self._paintings = {
                        row.card.name: row.painting
                        for entry in registry.learnt()
                        if entry.rows
                        for row in entry.rows.rows
                    }
                    self._cards = {
                        card.name: card
                        for entry in reversed(self._entries)
                        if entry.pack
                        for card in entry.pack.card.styles
                    }
            return self._entries


def _spec(pack: str, shares: Shares) -> str:
    return ",".join(f"{pack}/{name}:{share:.9f}" for name, share in shares.items())


def own_style(own: OwnStyle) -> Style:
    """Return what is told of a style of the owner's."""
    card = own.row.card if own.row else StyleCard(name=own.name)
    size = own.rows.architecture if own.rows else str(own.job.request["model"])
    told = _style(replace(card, group=YOURS), size)
    return replace(told, job=own.job.id, ready=own.row is not None)


def _belong(rows: Rows, pack: Pack | None) -> bool:
    """Return whether rows were learnt on the network of a pack."""
    return bool(pack and pack.card.architecture == rows.architecture and pack.body == rows.body)


def _with_own(entry: registry.Entry, own: Own, shares: Shares) -> registry.Entry:
    """Return an entry with those of ``own`` that fit, and with what they are mixed with.

    The hash of the pack tells it from those of all other owners, mixtures and rows.
    """
    pack = entry.pack
    fitting = [style for style in own if style.rows and _belong(style.rows, pack)]
    if pack is None or not fitting:
        return entry
    names = {style.name for style in fitting}
    others = [n for n in pack.styles if n == ORIGINAL or (n in shares and n not in names)]
    parts = [
        pack.sha256,
        *others,
        *(f"{own.name} {own.job.id} {own.job.learnt}" for own in fitting),
    ]
    made = pack.only(others).with_rows([style.row for style in fitting if style.row])
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return replace(entry, pack=replace(made, sha256=digest))


def _files(folder: Path) -> list[tuple[str, int, int, int]]:
    """Return what tells the packs of a folder from those of another time."""
    try:
        found = [(path.name, path.stat()) for path in folder.iterdir() if path.suffix == EXTENSION]
    except OSError:
        return []
    return sorted((name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in found)


def _style(card: StyleCard, pack: str) -> Style:
    about = card.title, card.painter, card.year, card.licence, card.source
    return Style(card.name, *about, pack, card.group, card.words)
