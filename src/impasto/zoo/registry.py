"""Finds packs, and resolves the names of styles.

A style is named as on the command line:

- ``starry``: from the first pack that has it (quality, then standard, turbo, and others)
- ``turbo/starry``: from the packs of that size, or the pack of that name
- ``my/own.safetensors/starry``: from that file; ``my/own.safetensors`` if it has only one style
- ``starry:0.6,wave:0.4``, optionally with a pack in front: a mixture of styles from one pack

Underscores and hyphens are equivalent: ``rain_princess`` is ``rain-princess``.

Rows that were learnt on the network of a pack become styles of that pack: first the pack's own,
then the rows that come with Impasto, then the user's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from impasto.errors import OptionsError, WeightsError, nearest
from impasto.nets.architecture import ORIGINAL
from impasto.text import shown
from impasto.zoo.cards import StyleCard, plain_name
from impasto.zoo.pack import EXTENSION, Pack, read_pack
from impasto.zoo.rows import Row, Rows, holds_rows, read_rows

BUNDLED = Path(__file__).parent / "packs"
"""The folder of the packs that come with Impasto."""

FOREIGN_EXTENSIONS = (".onnx", ".pth", ".pt", ".ckpt", ".t7", ".model")
"""Extensions of network files written by other programs."""

_FIRST = ("quality", "standard", "turbo")
_FAST = "standard"
Shares = dict[str, float]


class StyleError(OptionsError):
    """A style is unknown, or a text does not name one."""


@dataclass(frozen=True)
class Entry:
    """A file in one of the known folders: a pack, or rows. ``broken`` says why it cannot be used.

    A ``pack`` includes the styles of all rows that were learnt on its network.
    """

    name: str
    path: Path
    bundled: bool
    pack: Pack | None = None
    rows: Rows | None = None
    broken: str = ""

    @property
    def styles(self) -> tuple[str, ...]:
        """The names of the styles it offers, without the photo itself."""
        return () if self.pack is None else styles_of(self.pack)

    def answers_to(self, name: str) -> bool:
        """Return whether ``name`` is the name of the pack or of its size."""
        size = self.pack.card.architecture if self.pack else None
        return name == size or plain_name(name) == plain_name(self.name)


def user_folder() -> Path:
    """Return the folder of the user's own packs. It need not exist."""
    from platformdirs import user_data_path

    return user_data_path("impasto") / "models"


def styles_folder() -> Path:
    """Return the folder of the user's own styles. It need not exist."""
    return user_folder().with_name("styles")


def folders() -> tuple[Path, ...]:
    """Return the folders of packs and styles, in search order."""
    return BUNDLED, user_folder(), styles_folder()


def styles_of(pack: Pack) -> tuple[str, ...]:
    """Return the styles of a pack, without the photo itself."""
    return tuple(name for name in pack.styles if name != ORIGINAL)


def known() -> tuple[Entry, ...]:
    """Return all packs that come with Impasto or belong to the user, in search order.

    A file that cannot be used is returned as a broken entry: neither a pack nor rows, damaged, or
    rows for a network that no pack has.
    """
    entries = [*_entries()]
    packs = [entry for entry in entries if entry.pack]
    learnt = [entry for entry in entries if entry.rows]
    found = []
    for entry in entries:
        if entry.pack:
            found.append(_with_rows(entry, learnt))
        elif entry.broken:
            found.append(entry)
        elif entry.rows and not any(_fits(entry, other) for other in packs):
            found.append(replace(entry, rows=None, broken=f"{entry.path}: {foreign(entry.rows)}"))
    return tuple(sorted(found, key=_rank))


def learnt() -> tuple[Entry, ...]:
    """Return the files of rows in the known folders; broken ones are in `known`."""
    return tuple(entry for entry in _entries() if entry.rows)


def foreign(rows: Rows) -> str:
    """Return the error message for rows whose network is missing."""
    return (
        f"was learnt on a {rows.architecture} network that is not installed; learn its paintings "
        "again with impasto learn"
    )


def body_of(rows: Rows) -> Pack:
    """Return the pack of the network that rows were learnt on. Raises `WeightsError`."""
    for entry in _entries():
        if entry.pack and _belongs(rows, entry.pack):
            return entry.pack
    raise WeightsError(f"{rows.name}: {foreign(rows)}")


def groups_of(entries: Iterable[Entry]) -> list[str]:
    """Return the groups of the styles, sorted."""
    cards = (card for entry in entries if entry.pack for card in entry.pack.card.styles)
    return sorted({card.group for card in cards} - {""})


def check_group(group: str | None, entries: Iterable[Entry]) -> None:
    """Raise `OptionsError` for a group without styles; upper and lower case are the same."""
    groups = groups_of(entries)
    if group is not None and group.lower() not in {name.lower() for name in groups}:
        raise OptionsError(f"there is no group {group!r}{nearest(group, groups)}")


def matching(
    entries: Iterable[Entry], search: str | None = None, group: str | None = None
) -> tuple[Entry, ...]:
    """Filter entries to styles that match all words of ``search`` and belong to ``group``.

    The search ignores case and covers all texts of a style's card.
    """
    words = (search or "").lower().split()
    if not words and group is None:
        return tuple(entries)
    found = []
    for entry in entries:
        if entry.pack is None:
            continue
        names = [
            card.name
            for card in entry.pack.card.styles
            if card.name in entry.styles
            and (group is None or card.group.lower() == group.lower())
            and all(word in _searchable(card) for word in words)
        ]
        if names:
            kept = [ORIGINAL, *names] if entry.pack.has_original else names
            found.append(replace(entry, pack=entry.pack.only(kept)))
    return tuple(found)


def _searchable(card: StyleCard) -> str:
    texts = (card.name, card.title, card.painter, card.year, card.group, card.words)
    return " ".join(texts).lower()


def catalogue(
    where: str | None = None, search: str | None = None, group: str | None = None
) -> dict[str, Pack]:
    """Return all available styles by name, each with the pack it comes from.

    ``where`` restricts this to a size, a pack's name or its file; ``search`` and ``group`` are as
    in `matching`. Raises `OptionsError` for an unknown pack or group, `WeightsError` for a broken
    pack.
    """
    entries = _answering(where)
    check_group(group, entries)
    found: dict[str, Pack] = {}
    packs = {entry.path: entry.pack for entry in entries}
    for entry in matching(entries, search, group):
        for style in entry.styles:
            pack = packs[entry.path]
            if pack is not None:
                found.setdefault(style, pack)
    return found


def find(where: str) -> Pack:
    """Return the pack of a file, a pack's name or a size; for a size, bundled packs come first.

    It does not include rows that were learnt on its network. Raises `OptionsError` for an unknown
    pack, `WeightsError` for a broken one.
    """
    path = next(entry.path for entry in _answering(where) if entry.pack is not None)
    return read_pack(path)


def shipped(size: str) -> Pack | None:
    """Return the bundled pack of a size without learnt rows; None if there is none."""
    for entry in _entries():
        if entry.bundled and entry.pack and entry.pack.card.architecture == size:
            return entry.pack
    return None


def network(size: str) -> Pack:
    """As `shipped`, but raise `OptionsError` if there is none."""
    pack = shipped(size)
    if pack is None:
        raise OptionsError(f"this copy of Impasto comes without a network of size {size}")
    return pack


def resolve(spec: str, *, fast: bool = False) -> tuple[Pack, Shares]:
    """Return the pack that ``spec`` refers to, and the share of each of its styles, as given.

    With ``fast``, the search starts at the size standard instead of quality.

    Raises `StyleError` for a malformed ``spec`` or an unknown name, suggesting the nearest known
    one, and `WeightsError` for a file that is not a pack.
    """
    where, shares = parse(spec)
    if where is not None and where.endswith(EXTENSION):
        return _from_file(where, shares)
    return choose(known(), where, shares, fast=fast), shares


def choose(
    entries: Sequence[Entry], where: str | None, shares: Shares, *, fast: bool = False
) -> Pack:
    """Return the first pack that has all styles of a mixture; raise as `resolve` if none has.

    ``where`` is the name of a pack or a size to which the search is limited.
    """
    if fast and where is not None:
        raise OptionsError(f"{where}/ names a pack, which conflicts with --fast; leave one out")
    candidates = _named(entries, where)
    if fast:
        candidates = sorted(candidates, key=lambda entry: _rank(entry) < _FIRST.index(_FAST))
    for entry in candidates:
        if entry.pack is not None and set(shares) <= set(entry.pack.styles):
            return entry.pack
    raise _not_found(shares, where, candidates)


def _answering(where: str | None) -> Sequence[Entry]:
    """Return the packs to search. Raises `WeightsError` if all with a name are broken."""
    if where is not None and where.endswith(EXTENSION):
        return [Entry(Path(where).stem, Path(where), False, opened(where))]
    return _named(known(), where)


def _named(entries: Sequence[Entry], where: str | None) -> Sequence[Entry]:
    """Return the packs that answer to a name, or all of them without a name."""
    if where is None:
        return entries
    found = [entry for entry in entries if entry.answers_to(where)]
    if not found:
        raise StyleError(
            f"there is no pack {shown(where)!r}{_suggest(where, _pack_names(entries))}"
        )
    if all(entry.pack is None for entry in found):
        raise WeightsError(found[0].broken)
    return found


def parse(spec: str) -> tuple[str | None, Shares]:
    """Return the pack, if ``spec`` names one, and the shares, if it names styles.

    Raises `StyleError` for a malformed ``spec``; names are not looked up.
    """
    if Path(spec).suffix.lower() in FOREIGN_EXTENSIONS:
        raise StyleError(
            f"{shown(spec)}: is a file of another program, not a style; packs end in {EXTENSION}; "
            "impasto import converts .pth checkpoints of pytorch/examples"
        )
    file = re.fullmatch(rf"(.*{re.escape(EXTENSION)})(?:/(.*))?", spec, re.DOTALL)
    if file:
        return file[1], _shares(file[2].split(","), spec) if file[2] else {}
    parts = [part.strip().rpartition("/") for part in spec.split(",")]
    packs = {pack for pack, slash, _ in parts if slash}
    if len(packs) > 1:
        raise StyleError(
            f"{shown(spec)!r} mixes packs; all styles of a mixture must be from one pack"
        )
    return next(iter(packs), None), _shares([style for _, _, style in parts], spec)


def _shares(parts: Iterable[str], spec: str) -> Shares:
    shares: Shares = {}
    for part in parts:
        style, colon, number = (piece.strip() for piece in plain_name(part).partition(":"))
        try:
            share = float(number) if colon else 1.0
        except ValueError:
            share = math.nan
        if not style or not 0 <= share < math.inf:
            raise StyleError(
                f"{shown(part)!r} is not a style; give a name, or a mixture such as "
                "starry:0.6,wave:0.4"
            )
        if style in shares:
            raise StyleError(f"{shown(spec)!r} names {shown(style)} twice")
        shares[style] = share
    if not sum(shares.values()) > 0:
        raise StyleError(f"the shares of {shown(spec)!r} are all 0; at least one must be above 0")
    return shares


def opened(path: str) -> Pack:
    """Return the pack in a file; for a file of rows, their network with the photo and the rows."""
    if not holds_rows(path):
        return read_pack(path)
    rows = read_rows(path)
    return replace(body_of(rows).only([ORIGINAL]).with_rows(rows.rows), name=path)


def _from_file(path: str, shares: Shares) -> tuple[Pack, Shares]:
    pack = opened(path)
    styles = styles_of(pack)
    if not shares and len(styles) == 1:
        return pack, {styles[0]: 1.0}
    if not shares:
        raise StyleError(f"{path} has {len(styles)} styles; give {path}/STYLE, {_listed(styles)}")
    for style in shares:
        if style not in pack.styles:
            raise StyleError(f"{path} has no style {style!r}{nearest(style, styles)}")
    return pack, shares


def _not_found(shares: Shares, where: str | None, entries: Sequence[Entry]) -> StyleError:
    """Return the error for styles that no pack provides."""
    styles = list(dict.fromkeys(style for entry in entries for style in entry.styles))
    broken = sum(entry.pack is None for entry in entries)
    hint = f" ({broken} broken: see impasto models)" if broken else ""
    for style in shares:
        if style in (*styles, ORIGINAL):
            continue
        for entry in entries:
            if entry.answers_to(style) and entry.pack is not None:
                listed = _listed(entry.styles)
                return StyleError(f"{style} is a pack; give {style}/STYLE, {listed}")
        within = f" in {where}" if where else ""
        return StyleError(
            f"there is no style {shown(style)!r}{within}{_suggest(style, styles)}{hint}"
        )
    return StyleError(
        f"no pack has all of {shown(', '.join(shares))}; all styles of a mixture must be from one "
        "pack"
    )


def _suggest(name: str, names: Sequence[str]) -> str:
    if not names:
        return ": there are no packs yet; create one with impasto train or impasto import"
    return nearest(name, names)


def _listed(names: Sequence[str]) -> str:
    return f"where STYLE is one of {', '.join(names)}" if names else "but it has none"


def _pack_names(entries: Iterable[Entry]) -> list[str]:
    sizes = [entry.pack.card.architecture for entry in entries if entry.pack]
    return list(dict.fromkeys([*sizes, *(entry.name for entry in entries)]))


def _packs(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder with the extension of packs, sorted; none if it is missing."""
    try:
        yield from sorted(path for path in folder.iterdir() if path.suffix == EXTENSION)
    except OSError:
        return


def _entries() -> Iterator[Entry]:
    """Yield the files in the known folders, packs without learnt rows."""
    for folder in folders():
        for path in _packs(folder):
            yield _entry(path, bundled=folder == BUNDLED)


def _entry(path: Path, *, bundled: bool) -> Entry:
    try:
        found = _read(path, _state(path))
    except WeightsError as error:
        return Entry(path.stem, path, bundled, broken=str(error))
    if isinstance(found, Rows):
        return Entry(path.stem, path, bundled, rows=found)
    return Entry(path.stem, path, bundled, found)


def _state(path: Path) -> tuple[int, ...]:
    """Return numbers that change with the file."""
    try:
        found = path.stat()
    except OSError:
        return ()  # reading it says why
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@lru_cache(maxsize=64)  # all are read one after the other, so fewer than there are would be none
def _read(path: Path, _: tuple[int, ...]) -> Pack | Rows:
    """Read a file, once as long as it does not change. Raises `WeightsError`."""
    return read_rows(path) if holds_rows(path) else read_pack(path)


def _with_rows(entry: Entry, learnt: Sequence[Entry]) -> Entry:
    """Add the styles of matching rows to a pack's entry; on a name clash the first one wins."""
    assert entry.pack
    rows: dict[str, Row] = {}
    for other in learnt:
        if other.rows and _fits(other, entry):
            for row in other.rows.rows:
                rows.setdefault(row.card.name, row)
    new = [row for name, row in rows.items() if name not in entry.pack.styles]
    return replace(entry, pack=entry.pack.with_rows(new)) if new else entry


def _fits(learnt: Entry, entry: Entry) -> bool:
    return bool(learnt.rows and entry.pack and _belongs(learnt.rows, entry.pack))


def _belongs(rows: Rows, pack: Pack) -> bool:
    return rows.architecture == pack.card.architecture and rows.body == pack.body


def _rank(entry: Entry) -> int:
    size = entry.pack.card.architecture if entry.pack else ""
    return _FIRST.index(size) if size in _FIRST else len(_FIRST)
