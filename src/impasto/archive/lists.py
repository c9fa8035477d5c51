"""Lists of paintings: each row has a photo, styles, options and an output file."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from impasto.archive.filesystems import files_at, is_url, resolved
from impasto.archive.plan import Item, Planned, Skipped
from impasto.archive.worker import PaintOrder
from impasto.errors import ImageError, ImpastoError, OptionsError, OutputError, nearest
from impasto.images import EXTENSIONS, check_format, read_recipe
from impasto.options import PaintOptions, SaveOptions
from impasto.options.sweep import read_value
from impasto.text import reason, shown, without_password

KINDS = (".csv", ".jsonl")
MAX_BYTES = 256 * 2**20

_OWN = ("photo", "styles", "out")
_OPTIONS = tuple(f.name for f in fields(PaintOptions))
_INSTEAD = (("steps", "budget", "quality"), ("size", "canvas"))
"""Groups of options: one in a row replaces any of its group in the common options."""


@dataclass(frozen=True)
class ListPlan:
    """The checked rows of a list. Its iteration yields items to paint, and finished ones."""

    items: tuple[Item, ...]
    overwrite: bool = False

    def __iter__(self) -> Iterator[Planned]:
        """Skip results with the same settings; paint those with other settings again."""
        for item in self.items:
            made = not self.overwrite and _is_made(item)
            # A file that appears meanwhile, and that Impasto did not make, is kept.
            ours = is_url(item.out) or _recipe(item.out) is not None
            yield Skipped(item) if made else replace(item, overwrite=ours)


def read_list(
    path: Path,
    common: PaintOptions,
    out: str | None,
    save: SaveOptions,
    *,
    overwrite: bool = False,
) -> ListPlan:
    """Read a list of paintings and check all rows.

    A CSV file has the columns photo, styles (separated by semicolons) and out, and one for each
    option that varies. An empty cell means the ``common`` option. In a file of JSON lines, each
    line is an object with photo, styles (a string or a list), options (an object) and out. Names
    are relative to the list; the results go into the folder ``out``, if given. A row without out
    gets a name from its photo and first style.

    Raises `ImageError` if the file is not a list, and `OptionsError` or `OutputError` with the row
    (counted from 1 for the first line, as in an editor or a spreadsheet) and the field.
    """
    folder = str(path.parent)
    items: list[Item] = []
    outs: dict[str, int] = {}
    photos: set[str] = set()
    for number, row in _rows(path):
        try:
            item = _item(row, common, folder, out)
            _check_files(item, save)
        except ImpastoError as error:
            raise type(error)(f"{shown(path)}: row {number}: {error}") from error
        place = resolved(item.out)
        if place in outs:
            raise OutputError(
                f"{shown(path)}: row {number}: out: {shown(item.out)} is also the output of row "
                f"{outs[place]}"
            )
        outs[place] = number
        photos |= {item.photo, *item.order.styles}
        items.append(item)
    inputs = set(map(resolved, photos))
    for place, number in outs.items():
        if place in inputs:
            raise OutputError(
                f"{shown(path)}: row {number}: out: {shown(place)} is also an input; choose "
                "another name"
            )
    if not items:
        raise ImageError(f"{shown(path)}: contains no rows")
    return ListPlan(tuple(items), overwrite)


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the number and the fields of each row: photo, styles, options and out."""
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise OptionsError(f"{shown(path)}: is not a list of paintings; use {' or '.join(KINDS)}")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise OptionsError(f"{shown(path)}: has more than {MAX_BYTES:,} bytes")
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _of_csv(file, path) if kind == ".csv" else _of_json(file, path)
    except FileNotFoundError as error:
        raise ImageError(f"{shown(path)}: no such file") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImageError(f"{shown(path)}: cannot be read as a list: {reason(error)}") from error


def _of_csv(file: Iterable[str], path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.reader(file, strict=True)
    columns = [column.strip() for column in next(reader, [])]
    names = [_column(column, path) for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise OptionsError(f"{shown(path)}: row 1: the column {name} appears twice")
    for cells in reader:
        number = reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{shown(path)}: row {number}"
        if len(cells) > len(names):
            raise OptionsError(
                f"{where}: has {len(cells)} fields, but there are {len(names)} columns"
            )
        found = {n: c.strip() for n, c in zip(names, cells, strict=False) if c.strip()}
        row: dict[str, Any] = {name: found.pop(name) for name in _OWN if name in found}
        if "styles" in row:
            row["styles"] = [part.strip() for part in row["styles"].split(";") if part.strip()]
        try:
            row["options"] = {n: read_value(n, text, before="") for n, text in found.items()}
        except OptionsError as error:
            raise OptionsError(f"{where}: {error}") from error
        yield number, row


def _column(column: str, path: Path) -> str:
    name = column.replace("-", "_")
    name = "styles" if name == "style" else name
    if name not in (*_OWN, *_OPTIONS):
        known = (*_OWN, *_OPTIONS)
        hint = nearest(name, known)
        raise OptionsError(f"{shown(path)}: row 1: unknown column {column!r}{hint}")
    return name


def _of_json(file: Iterable[str], path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise OptionsError(
                f"{shown(path)}: row {number}: is not a JSON object: {reason(error)}"
            ) from error
        if not isinstance(row, dict):
            raise OptionsError(f"{shown(path)}: row {number}: is not a JSON object")
        for name in row:
            if name not in (*_OWN, "options"):
                hint = nearest(name, (*_OWN, "options"))
                raise OptionsError(f"{shown(path)}: row {number}: unknown field {name!r}{hint}")
        yield number, row


def _item(row: Mapping[str, Any], common: PaintOptions, folder: str, out: str | None) -> Item:
    photo = _text(row, "photo")
    styles = row.get("styles")
    several = [styles] if isinstance(styles, str) else styles
    if not isinstance(several, list) or not several or not all(_is_name(s) for s in several):
        raise OptionsError("styles: must name at least one painting")
    options = row.get("options", {})
    if not isinstance(options, dict):
        raise OptionsError("options: must be an object of names and values")
    named = _text(row, "out") if row.get("out") is not None else _called(photo, several[0])
    return Item(
        _placed(photo, folder),
        _placed(named, out or folder),
        PaintOrder(tuple(_placed(style, folder) for style in several), _options(common, options)),
    )


def _options(common: PaintOptions, row: Mapping[str, Any]) -> PaintOptions:
    """Return the options of a row: the common ones, overridden by its own."""
    # Defaults that depend on these are left out: a row may set others.
    leading = {name: getattr(common, name) for name in ("preset", "optimizer", "style_loss")}
    usual, plain = PaintOptions(**leading).to_dict(), PaintOptions(preset=common.preset)
    found = {n: v for n, v in common.to_dict().items() if v != usual[n]}
    found |= {n: v for n, v in leading.items() if n == "preset" or v != getattr(plain, n)}
    mine = {name.replace("-", "_"): value for name, value in row.items()}
    for group in _INSTEAD:
        if mine.keys() & set(group):
            found = {name: value for name, value in found.items() if name not in group}
    return PaintOptions.from_dict({**found, **mine})


def _check_files(item: Item, save: SaveOptions) -> None:
    for field, places in (("photo", [item.photo]), ("styles", item.order.styles)):
        for place in places:
            if not is_url(place) and not _exists(place):
                raise ImageError(f"{field}: {shown(place)}: no such file")
    try:
        check_format(item.out, 1, 1, save)
    except OutputError as error:
        raise OutputError(f"out: {error}") from error
    there = not is_url(item.out) and _exists(item.out)
    if there and _recipe(item.out) is None:
        raise OutputError(
            f"out: {shown(item.out)} already exists and was not made by Impasto; choose another "
            "name"
        )


def _is_made(item: Item) -> bool:
    """Return whether a row's result exists with the same settings (not checked in stores)."""
    if is_url(item.out):
        return files_at(item.out).is_file(item.out)
    recipe = _recipe(item.out)
    if recipe is None or item.order.differs(recipe):
        return False
    content = recipe.get("content")
    return isinstance(content, dict) and content.get("name") == without_password(item.photo)


def _exists(place: str) -> bool:
    return os.path.exists(place)  # noqa: PTH110 (a name may be too long for the disk)


def _recipe(out: str) -> Mapping[str, Any] | None:
    try:
        return read_recipe(out)
    except ImageError:
        return None


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not _is_name(value):
        raise OptionsError(f"{name}: must be the name of a file, got {value!r}")
    return str(value)


def _is_name(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(value) and b"\0" not in os.fsencode(value)
    except ValueError:  # characters that no file name can have
        return False


def _placed(name: str, folder: str) -> str:
    """Return the place of a name that is relative to a folder."""
    if is_url(name):
        return name
    if is_url(folder):
        return files_at(folder).join(folder, name)
    return str(Path(folder) / name)


def _called(photo: str, style: str) -> str:
    names = (Path(place.rpartition("/")[2]).stem for place in (photo, style))
    return f"{'-'.join(names)}{EXTENSIONS[0]}"
