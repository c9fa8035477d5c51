"""The styles that can be asked for by name: those of the known packs, looked at again on change."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from impasto.text import shown
from impasto.zoo import learnt, registry
from impasto.zoo.cards import StyleCard
from impasto.zoo.pack import EXTENSION, Pack
from impasto.zoo.registry import Shares, StyleError

_LOOK_EVERY = 0.5
"""Seconds from one look for changed files to the next, at least."""

_LONGEST = 400
"""Letters of a style or a mixture, at most."""

_NONE = "there are no styles yet: impasto train makes them, impasto import takes them over"


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


class Catalogue:
    """The known packs. A text from outside is only ever compared with their names."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: object = None
        self._looked = -math.inf
        self._entries: tuple[registry.Entry, ...] = ()

    def styles(self) -> list[Style]:
        """Return every style, in the order of looking for them."""
        found: dict[str, Style] = {}
        for entry in self._known():
            for card in entry.pack.card.styles if entry.pack else ():
                if card.name in entry.styles:
                    found.setdefault(card.name, _style(card, entry))
        return list(found.values())

    def find(self, spec: str, *, fast: bool = False) -> tuple[Pack, Shares]:
        """Return the pack that a style or a mixture is in, and the share of each of its styles.

        As `zoo.registry.resolve`, files apart: ``starry``, ``starry:0.6,wave:0.4``,
        ``turbo/starry``. Raises `StyleError` for what cannot be had, `WeightsError` for a pack that
        is broken.
        """
        where, shares = self._parsed(spec)
        return registry.choose(self._known(), where, shares, fast=fast), shares

    def painting(self, style: str) -> bytes | None:
        """Return a small copy of the painting that a style was learnt from; None if it is not here.

        Raises `StyleError` for an unknown style.
        """
        if own := learnt.find(style):
            return own[2].painting or None
        pack, _ = self.find(style)
        return registry.painting_of(pack.row(style).card)

    def lighter(self, spec: str) -> list[str]:
        """Return what names the same styles in networks of less work, the one of most work first.

        There are none where ``spec`` says which pack. Raises as `find` does.
        """
        pack, shares = self.find(spec)
        if self._parsed(spec)[0]:
            return []
        sizes = {
            entry.pack.architecture.macs: entry.pack.card.architecture
            for entry in self._known()
            if entry.pack
            and set(shares) <= set(entry.pack.styles)
            and entry.pack.architecture.macs < pack.architecture.macs
        }
        return [_spec(sizes[macs], shares) for macs in sorted(sizes, reverse=True)]

    def imported(self, spec: str) -> str:
        """Return what names these styles in a pack of the user's, or ``spec`` if none has them."""
        where, shares = self._parsed(spec)
        packs = (
            entry.name
            for entry in self._known()
            if entry.pack and not entry.bundled and set(shares) <= set(entry.pack.styles)
        )
        return spec if where else next((_spec(name, shares) for name in packs), spec)

    def _parsed(self, spec: str) -> tuple[str | None, Shares]:
        """Return the pack, None for any, and the shares by style."""
        if len(spec) > _LONGEST or EXTENSION in spec:
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
            return self._entries


def _spec(pack: str, shares: Shares) -> str:
    return ",".join(f"{pack}/{name}:{share:.9f}" for name, share in shares.items())


def _files(folder: Path) -> list[tuple[str, int, int, int]]:
    """Return what tells the packs of a folder from those of another time."""
    try:
        found = [(path.name, path.stat()) for path in folder.iterdir() if path.suffix == EXTENSION]
    except OSError:
        return []
    return sorted((name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in found)


def _style(card: StyleCard, entry: registry.Entry) -> Style:
    size = entry.pack.card.architecture if entry.pack and entry.bundled else entry.name
    about = card.title, card.painter, card.year, card.licence, card.source
    return Style(card.name, *about, size, card.group, card.words)
