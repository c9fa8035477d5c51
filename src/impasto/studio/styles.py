"""The styles that can be asked for by name: those of the known packs, looked at again on change."""

from __future__ import annotations

import math
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from impasto.errors import OptionsError, WeightsError, nearest
from impasto.nets.architecture import ORIGINAL
from impasto.text import shown
from impasto.zoo import registry
from impasto.zoo.cards import StyleCard, plain_name
from impasto.zoo.pack import EXTENSION, Pack

_LOOK_EVERY = 0.5
"""Seconds from one look for changed files to the next, at least."""

_LONGEST = 400
_MOST = 16
_SHARE = re.compile(r"[0-9]{0,9}(?:\.[0-9]{0,9})?")
_NONE = "there are no styles yet: impasto train makes them, impasto import takes them over"

Shares = dict[str, float]


@dataclass(frozen=True)
class Style:
    """A style that can be asked for by name, and the painting it was trained on."""

    name: str
    title: str
    painter: str
    year: str
    licence: str
    source: str
    pack: str
    """The size of the network, or the name of the user's own pack."""


class Catalogue:
    """The known packs. A text from outside is only ever compared with their names."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: object = None
        self._looked = -math.inf
        self._entries: tuple[registry.Entry, ...] = ()
        self._styles: dict[str, Style] = {}
        self._packs: dict[tuple[object, ...], Pack] = {}

    def styles(self) -> list[Style]:
        """Return every style, in the order of looking for them."""
        with self._lock:
            self._look()
            return list(self._styles.values())

    def find(self, spec: str, *, fast: bool = False) -> tuple[Pack, Shares]:
        """Return the pack that a style or a mixture is in, and the share of each of its styles.

        ``spec`` is as `zoo.registry` says, files apart: ``starry``, ``starry:0.6,wave:0.4``,
        ``turbo/starry``; and so is ``fast``. Raises `OptionsError` for what cannot be had,
        `WeightsError` for a pack that is broken.
        """
        with self._lock:
            self._look()
            if not self._entries:
                raise OptionsError(_NONE)
            where, shares = _parsed(spec)
            key = (where, fast, *shares)
            if key not in self._packs:
                self._check(where, shares)
                names = ",".join(f"{where}/{name}" if where else name for name in shares)
                self._packs[key] = registry.resolve(names, fast=fast)[0]
            return self._packs[key], shares

    def lighter(self, spec: str) -> list[str]:
        """Return what names the same styles in networks of less work, the one of most work first.

        There are none where ``spec`` says which pack. Raises as `find` does.
        """
        pack, shares = self.find(spec)
        if _parsed(spec)[0]:
            return []
        with self._lock:
            packs = [entry.pack for entry in self._entries if entry.pack]
        sizes = {
            other.architecture.macs: other.card.architecture
            for other in packs
            if set(shares) <= set(other.styles) and other.architecture.macs < pack.architecture.macs
        }
        return [
            ",".join(f"{sizes[macs]}/{name}:{share:.9f}" for name, share in shares.items())
            for macs in sorted(sizes, reverse=True)
        ]

    def _check(self, where: str, shares: Shares) -> None:
        """Look for names before any file is read: those from outside may be any text."""
        styles = [name for entry in self._entries for name in entry.styles]
        packs = [entry for entry in self._entries if entry.answers_to(where)]
        if where and not packs:
            known = [entry.name for entry in self._entries]
            raise OptionsError(f"there is no pack {shown(where)!r}{nearest(where, known)}")
        if packs and all(entry.pack is None for entry in packs):
            raise WeightsError(packs[0].broken)
        for name in shares:
            if name not in styles and name != ORIGINAL:
                raise OptionsError(f"there is no style {shown(name)!r}{nearest(name, styles)}")

    def _look(self) -> None:
        """Read the packs again if a file of theirs came, went or changed."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        seen = [_files(folder) for folder in registry.folders()]
        if seen == self._seen:
            return
        self._entries = registry.known()
        self._styles, self._packs = {}, {}
        for entry in self._entries:
            for card in entry.pack.card.styles if entry.pack else ():
                if card.name in entry.styles:
                    self._styles.setdefault(card.name, _style(card, entry))
        self._seen = seen


def _parsed(spec: str) -> tuple[str, Shares]:
    """Return the pack, "" for any, and the shares by style."""
    wrong = OptionsError(
        f"{shown(spec)!r} is not a style; say a name, or a mixture such as starry:0.6,wave:0.4"
    )
    parts = spec.split(",") if len(spec) <= _LONGEST and EXTENSION not in spec else []
    if not 0 < len(parts) <= _MOST:
        raise wrong
    shares: Shares = {}
    packs = set()
    for part in parts:
        name, colon, share = (piece.strip() for piece in plain_name(part).partition(":"))
        pack, _, name = name.rpartition("/")
        if not name or name in shares or not _SHARE.fullmatch(share) or share == ".":
            raise wrong
        packs |= {pack} - {""}
        shares[name] = float(share or 0) if colon else 1.0
    if len(packs) > 1 or not sum(shares.values()) > 0:
        raise wrong
    return next(iter(packs), ""), shares


def _files(folder: Path) -> object:
    """Return what tells the packs of a folder from those of another time."""
    try:
        found = [path for path in folder.iterdir() if path.suffix == EXTENSION]
        return sorted((path.name, *_stamp(path)) for path in found)
    except OSError:
        return []


def _stamp(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _style(card: StyleCard, entry: registry.Entry) -> Style:
    size = entry.pack.card.architecture if entry.pack and entry.bundled else entry.name
    return Style(card.name, card.title, card.painter, card.year, card.licence, card.source, size)
