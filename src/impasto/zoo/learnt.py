"""Styles that the user had learnt, one file each: stored permanently or cached.

A style that was given a name is stored in the user's folder of styles. A style that was learnt from
a painting given in place of a style's name goes to a cache, under a hash of what it was learnt
from. The cache is limited in number and age.
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

MAX_CACHED = 200
"""The most styles in the cache; those used least recently are deleted first."""

MAX_CACHE_AGE = 90 * 24 * 3600.0
"""Seconds after its last use when a cached style is deleted."""


def cache_folder() -> Path:
    """Return the folder of the cached styles. It need not exist."""
    from platformdirs import user_cache_path

    return user_cache_path("impasto") / "styles"


def key(pixels: str, body: str, asked: Mapping[str, Any]) -> str:
    """Return the cache key of a painting, a network and options: 64 hexadecimal digits."""
    about = {"pixels": pixels, "body": body, **asked}
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def state_of(key: str) -> Path:
    """Return the file that holds the optimiser's state, so that learning can continue exactly."""
    return cache_folder().with_name("learning") / f"{key}{EXTENSION}"


def file_of(name: str, size: str = "") -> Path:
    """Return the file for one of the user's styles, for a size of network.

    It is named after the style. If that file belongs to another size, the size is added.
    """
    path = registry.styles_folder() / f"{name}{EXTENSION}"
    other = any(found.architecture != size for where, found, _ in every(name) if where == path)
    return path.with_name(f"{name}.{size}{EXTENSION}") if size and other else path


def every(name: str) -> list[tuple[Path, Rows, Row]]:
    """Return the user's styles with this name, one for each network, and their files."""
    return [
        (entry.path, entry.rows, row)
        for entry in registry.learnt()
        if entry.rows and not entry.bundled
        for row in entry.rows.rows
        if row.card.name == plain_name(name)
    ]


def find(name: str, size: str = "") -> tuple[Path, Rows, Row] | None:
    """Return the user's style with this name and its file, or None.

    ``size`` restricts it to networks of that size.
    """
    found = every(name)
    return next((one for one in found if size in ("", one[1].architecture)), None)


def check_name(name: str) -> None:
    """Raise `OptionsError` if ``name`` cannot be the name of a user's style."""
    if not is_style_name(name) or name == ORIGINAL:
        raise OptionsError(
            f"{shown(name)!r} cannot name a style; use lower case letters, digits and inner hyphens"
        )


def keep(rows: Rows, path: Path) -> None:
    """Write rows to ``path`` and create its folder if needed. Raises `OutputError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{shown(path.parent)}: cannot be created: {reason(error)}") from error
    write_rows(rows, path)


def network_in(path: Path | None) -> Pack | None:
    """Read the pack in a file that styles will be added to; None if the file holds no pack."""
    return read_pack(path) if path and path.exists() and not holds_rows(path) else None


def rows_in(path: Path, body: str, name: str) -> tuple[Row, ...]:
    """Return the rows that a file has for a network; none if the file does not exist.

    Raises `OptionsError` if the file holds other styles for another network, which would be lost.
    """
    if not path.exists():
        return ()
    pack = network_in(path)
    if pack and pack.body == body:
        return tuple(pack.row(style) for style in registry.styles_of(pack))
    if pack:
        raise OptionsError(f"{shown(path)}: holds another network; give another file with --out")
    there = read_rows(path)
    if there.body == body:
        return there.rows
    if there.styles != (name,):
        raise OptionsError(
            f"{shown(path)}: has styles of another network; give another file with --out"
        )
    return ()


def add(rows: Rows, path: Path) -> None:
    """Add rows to a file, replacing those with the same names.

    The file may be the pack of their network; everything else in it stays bit for bit the same.
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
    """Delete a user's style for all networks. Raises `OptionsError` if there is none."""
    for path, rows, row in _require(name):
        rest = tuple(other for other in rows.rows if other is not row)
        if rest:
            write_rows(replace(rows, rows=rest), path)
        else:
            _change(path.unlink, path)


def rename(old: str, new: str) -> None:
    """Rename a user's style. Raises `OptionsError` if there is none or the new name is taken."""
    found = _require(old)
    old, new = plain_name(old), plain_name(new)
    check_name(new)
    if new in registry.catalogue() or find(new):
        raise OptionsError(f"there is already a style {new!r}; choose another name")
    for path, rows, row in found:
        renamed = replace(row, card=replace(row.card, name=new))
        write_rows(
            replace(rows, rows=tuple(renamed if one is row else one for one in rows.rows)), path
        )
        target = path.with_name(f"{new}{path.name.removeprefix(old)}")
        if path.name.startswith(f"{old}.") and len(rows.rows) == 1 and not target.exists():
            _change(partial(path.rename, target), path)


def packs_of(body: str) -> Iterator[Pack]:
    """Yield the packs with this body: with all stored rows first, then with each cached one."""
    found = [entry.pack for entry in registry.known() if entry.pack and entry.pack.body == body]
    yield from found
    for pack in found[:1]:
        for _, path in sorted(_used(cache_folder()), reverse=True):
            with suppress(WeightsError):
                rows = read_rows(path)
                if rows.body == body:
                    yield pack.only([ORIGINAL]).with_rows(rows.rows)


def _change(act: Callable[[], object], path: Path) -> None:
    try:
        act()
    except OSError as error:
        raise OutputError(f"{shown(path)}: cannot be changed: {reason(error)}") from error


def cached_rows(key: str) -> Rows | None:
    """Return the cached rows of a key and mark them as used; None if there are none."""
    path = cache_folder() / f"{key}{EXTENSION}"
    try:
        rows = read_rows(path)
    except WeightsError:
        return None
    with suppress(OSError):
        os.utime(path)
    return rows


def cache_rows(rows: Rows, key: str) -> None:
    """Cache rows, and delete what is too old or over the limit."""
    keep(rows, cache_folder() / f"{key}{EXTENSION}")
    tidy(cache_folder())


def tidy(folder: Path) -> None:
    """Delete the files of a cache folder that are too old or over the limit."""
    old = time.time() - MAX_CACHE_AGE
    for place, (used, path) in enumerate(sorted(_used(folder), reverse=True)):
        if place >= MAX_CACHED or used < old:
            path.unlink(missing_ok=True)


def clear_cache() -> int:
    """Delete all cached styles; return how many there were."""
    found = _used(cache_folder())
    for _, path in found:
        path.unlink(missing_ok=True)
    return len(found)


def count_cached() -> int:
    """Return the number of cached styles."""
    return len(_used(cache_folder()))


def _used(folder: Path) -> list[tuple[float, Path]]:
    """Return the files of a cache folder, with the time when each was last used."""
    found = []
    with suppress(OSError):
        for path in folder.iterdir():
            if path.suffix == EXTENSION:
                with suppress(OSError):
                    found.append((path.stat().st_mtime, path))
    return found


def _require(name: str) -> list[tuple[Path, Rows, Row]]:
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
            f"{shown(name)!r} is not one of your own styles{shipped}{nearest(name, own)}"
        )
    return found
