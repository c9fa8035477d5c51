"""The styles that a user had learnt: a file for each, kept for good or for a while.

For good, in the user's folder of styles, is what was asked for by name. What was learnt in passing,
for a painting that stood where the name of a style stands, is kept by the hash of what it was
learnt from, at most so many and so long.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from impasto.errors import OptionsError, OutputError, WeightsError, nearest
from impasto.nets.architecture import ORIGINAL
from impasto.text import reason, shown
from impasto.zoo import registry
from impasto.zoo.cards import is_style_name, plain_name
from impasto.zoo.files import EXTENSION
from impasto.zoo.pack import Pack, read_pack, write_pack
from impasto.zoo.rows import Row, Rows, holds_rows, read_rows, write_rows

MOST_IN_PASSING = 200
"""So many styles are kept that were learnt in passing, those used last."""

LONGEST_IN_PASSING = 90 * 24 * 3600.0
"""So many seconds after it was used last, one is forgotten."""


def passing_folder() -> Path:
    """Return the folder of the styles that were learnt in passing. It need not exist."""
    from platformdirs import user_cache_path

    return user_cache_path("impasto") / "styles"


def key(pixels: str, body: str, asked: Mapping[str, Any]) -> str:
    """Return what tells one thing to learn from another: 64 hexadecimal digits."""
    about = {"pixels": pixels, "body": body, **asked}
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def state_of(key: str) -> Path:
    """Return the file that the state of a learning is kept in, for going on to the bit."""
    return passing_folder().with_name("learning") / f"{key}{EXTENSION}"


def file_of(name: str, size: str = "") -> Path:
    """Return the file that a style of the user's goes into, for a size of network.

    That of its name, unless it is another size's; then one with the size in its name.
    """
    path = registry.styles_folder() / f"{name}{EXTENSION}"
    other = any(found.architecture != size for where, found, _ in every(name) if where == path)
    return path.with_name(f"{name}.{size}{EXTENSION}") if size and other else path


def every(name: str) -> list[tuple[Path, Rows, Row]]:
    """Return the user's styles of a name, for several networks, and the files that have them."""
    return [
        (entry.path, entry.rows, row)
        for entry in registry.learnt()
        if entry.rows and not entry.bundled
        for row in entry.rows.rows
        if row.card.name == plain_name(name)
    ]


def find(name: str, size: str = "") -> tuple[Path, Rows, Row] | None:
    """Return the user's style of a name, if there is one, and the file that has it.

    With ``size``, that of a network of this size.
    """
    found = every(name)
    return next((one for one in found if size in ("", one[1].architecture)), None)


def check_name(name: str) -> None:
    """Raise `OptionsError` for what cannot be the name of a style of the user's."""
    if not is_style_name(name) or name == ORIGINAL:
        raise OptionsError(
            f"{shown(name)!r} cannot name a style: lower case letters, digits and inner hyphens do"
        )


def keep(rows: Rows, path: Path) -> None:
    """Write rows where they belong, into a folder that is made. Raises `OutputError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{shown(path.parent)}: cannot be made: {reason(error)}") from error
    write_rows(rows, path)


def network_in(path: Path | None) -> Pack | None:
    """Return the pack that a file is, which styles are to be added to; None for all other files."""
    return read_pack(path) if path and path.exists() and not holds_rows(path) else None


def rows_in(path: Path, body: str, name: str) -> tuple[Row, ...]:
    """Return the rows that a file has for a network; none of it needs to be there.

    Raises `OptionsError` for a file that has other styles than the one of that name, for another
    network: they would be lost.
    """
    if not path.exists():
        return ()
    pack = network_in(path)
    if pack and pack.body == body:
        return tuple(pack.row(style) for style in registry.styles_of(pack))
    if pack:
        raise OptionsError(f"{shown(path)}: is another network; give another file with --out")
    there = read_rows(path)
    if there.body == body:
        return there.rows
    if there.styles != (name,):
        raise OptionsError(
            f"{shown(path)}: has styles of another network; give another file with --out"
        )
    return ()


def add(rows: Rows, path: Path) -> None:
    """Put rows into a file, beside those that are in it; of the same names, in their place.

    The file may be the pack of their network: all else in it stays as it is, to the bit.
    """
    before = rows_in(path, rows.body, rows.styles[0])
    pack = network_in(path)
    if pack:
        others = [style for style in pack.styles if style not in rows.styles]
        write_pack(pack.only(others).with_rows(rows.rows), path)
        return
    kept = tuple(row for row in before if row.card.name not in rows.styles)
    keep(replace(rows, rows=(*kept, *rows.rows)), path)


def remove(name: str) -> None:
    """Forget a style of the user's, on all networks. Raises `OptionsError` where there is none."""
    for path, rows, row in _there(name):
        rest = tuple(other for other in rows.rows if other is not row)
        if rest:
            write_rows(replace(rows, rows=rest), path)
        else:
            _moved(path.unlink, path)


def rename(old: str, new: str) -> None:
    """Give a style of the user's another name. Raises `OptionsError` for one that is taken."""
    found = _there(old)
    old, new = plain_name(old), plain_name(new)
    check_name(new)
    if new in registry.catalogue() or find(new):
        raise OptionsError(f"there is a style {new!r} already")
    for path, rows, row in found:
        renamed = replace(row, card=replace(row.card, name=new))
        write_rows(
            replace(rows, rows=tuple(renamed if one is row else one for one in rows.rows)), path
        )
        target = path.with_name(f"{new}{path.name.removeprefix(old)}")
        if path.name.startswith(f"{old}.") and len(rows.rows) == 1 and not target.exists():
            _moved(partial(path.rename, target), path)


def packs_of(body: str) -> Iterator[Pack]:
    """Yield the packs whose styles share a body: with all known rows, then those in passing."""
    found = [entry.pack for entry in registry.known() if entry.pack and entry.pack.body == body]
    yield from found
    for pack in found[:1]:
        for _, path in sorted(_used(passing_folder()), reverse=True):
            with suppress(WeightsError):
                rows = read_rows(path)
                if rows.body == body:
                    yield pack.only([ORIGINAL]).with_rows(rows.rows)


def _moved(act: Callable[[], object], path: Path) -> None:
    try:
        act()
    except OSError as error:
        raise OutputError(f"{shown(path)}: cannot be changed: {reason(error)}") from error


def in_passing(key: str) -> Rows | None:
    """Return what was learnt in passing under a fingerprint, and note that it was used."""
    path = passing_folder() / f"{key}{EXTENSION}"
    try:
        rows = read_rows(path)
    except WeightsError:
        return None
    with suppress(OSError):
        os.utime(path)
    return rows


def keep_in_passing(rows: Rows, key: str) -> None:
    """Keep what was learnt in passing, and forget what is old or too much."""
    keep(rows, passing_folder() / f"{key}{EXTENSION}")
    tidy(passing_folder())


def tidy(folder: Path) -> None:
    """Forget what is old or too much in a folder of what was learnt."""
    old = time.time() - LONGEST_IN_PASSING
    for place, (used, path) in enumerate(sorted(_used(folder), reverse=True)):
        if place >= MOST_IN_PASSING or used < old:
            path.unlink(missing_ok=True)


def clear_passing() -> int:
    """Forget all that was learnt in passing; return how many styles that were."""
    found = _used(passing_folder())
    for _, path in found:
        path.unlink(missing_ok=True)
    return len(found)


def count_passing() -> int:
    """Return how many styles are kept that were learnt in passing."""
    return len(_used(passing_folder()))


def _used(folder: Path) -> list[tuple[float, Path]]:
    """Return the files of a folder of rows, and when each was used last."""
    found = []
    with suppress(OSError):
        for path in folder.iterdir():
            if path.suffix == EXTENSION:
                with suppress(OSError):
                    found.append((path.stat().st_mtime, path))
    return found


def _there(name: str) -> list[tuple[Path, Rows, Row]]:
    found = every(name)
    if not found:
        own = [
            style
            for entry in registry.learnt()
            if entry.rows and not entry.bundled
            for style in entry.rows.styles
        ]
        shipped = " (it comes with Impasto)" if name in registry.catalogue() else ""
        raise OptionsError(
            f"{shown(name)!r} is not a style that you had learnt{shipped}{nearest(name, own)}"
        )
    return found
