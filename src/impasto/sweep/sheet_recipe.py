"""The recipe inside a sheet, and repainting one of its cells from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import impasto
from impasto.errors import ImageError, OptionsError
from impasto.images import read_recipe
from impasto.options import PaintOptions, ReadOptions
from impasto.options.checked import flag
from impasto.painter.inputs import named_files
from impasto.painter.recipe import grouped, located, recorded
from impasto.sweep.cell_cache import file_hash
from impasto.sweep.engine import Sweep
from impasto.text import shown

_LENGTHS = ("steps", "budget", "quality")
_CHANGEABLE = ("size", "scales", *_LENGTHS, "device", "precision", "max_memory", "weights", "seed")
"""Options that may be changed when a cell is painted again; the others are the cell's."""

_WAY_OUT = "give the photo and the paintings after the sheet"


def sheet_recipe(sweep: Sweep) -> dict[str, Any]:
    """Return the recipe of a sheet: axes, inputs with their hashes, options of every cell.

    Options common to all cells are stored once, because a JPEG has room for only 64 KiB.
    """
    cells = sweep.grid.cells
    files = {path for cell in cells for _, path in named_files(cell.options)}
    all_options = [cell.options.to_dict() for cell in cells]
    first, *others = all_options
    common = {k: v for k, v in first.items() if all(other[k] == v for other in others)}
    return {
        "kind": "sweep",
        "version": impasto.__version__,
        "content": recorded(sweep.photo),
        "styles": [recorded(painting) for painting in sweep.paintings],
        "style_of_painting": sweep.style_of_painting,
        "files": {path: file_hash(path) for path in sorted(files)},
        "axes": [{"option": axis.option, "values": list(axis.texts)} for axis in sweep.grid.axes],
        "options": common,
        "cells": [
            {
                "row": cell.row,
                "column": cell.column,
                "options": {k: v for k, v in options.items() if k not in common},
                "steps": sweep.results[cell.name].steps if cell.name in sweep.results else None,
            }
            for cell, options in zip(cells, all_options, strict=True)
        ],
    }


@dataclass(frozen=True)
class PickedCell:
    """One cell of an existing sheet: its pictures and options.

    ``styles`` are paths, or lists of paths that form one style, as `Painter` takes them. ``hashes``
    are those of the photo and of all paintings, ``files`` those of the files named by options.
    """

    photo: Path
    styles: tuple[Any, ...]
    hashes: tuple[str, ...]
    files: Mapping[str, str]
    options: PaintOptions

    @property
    def paths(self) -> list[Path]:
        """The photo and the paintings."""
        groups = [style if isinstance(style, list) else [style] for style in self.styles]
        return [self.photo, *(path for group in groups for path in group)]

    def check(self, recipe: Mapping[str, Any], sheet: Path) -> None:
        """Raise `ImageError` if the pictures in a painter's recipe are not those of the sheet."""
        used = [recipe["content"], *recipe["styles"]]
        if len(used) != len(self.hashes):
            raise ImageError(
                f"{shown(sheet)}: was painted from {len(self.hashes)} pictures, got {len(used)}"
            )
        pairs = [
            *zip(self.hashes, used, strict=True),
            *((self.files.get(file["name"]), file) for file in recipe["files"].values()),
        ]
        for sha256, picture in pairs:
            if picture["sha256"] != sha256:
                raise ImageError(
                    f"{shown(picture['name'])}: is not the picture that {shown(sheet)} was "
                    "painted from"
                )

    @classmethod
    def read(
        cls,
        sheet: Path,
        place: tuple[int, int],
        changes: Mapping[str, Any],
        *,
        now: Sequence[Path] = (),
        read: ReadOptions,
    ) -> Self:
        """Read the cell at row and column ``place`` from a sheet.

        ``changes`` are options that replace the cell's. ``now`` are the paths of the photo and the
        paintings if they are neither where they were nor beside the sheet. Raises `ImageError` and
        `OptionsError`.
        """
        recipe = read_recipe(sheet, read)
        if recipe.get("kind") != "sweep":
            raise ImageError(
                f"{shown(sheet)}: was not made by impasto sweep; --pick needs such a sheet"
            )
        try:
            cells = {(cell["row"], cell["column"]): cell for cell in recipe["cells"]}
            entries = [recipe["content"], *recipe["styles"]]
            names = [str(entry["name"]) for entry in entries]
            hashes = tuple(str(entry["sha256"]) for entry in entries)
            files = dict(recipe["files"])
            style_of_painting = [int(style) for style in recipe["style_of_painting"]]
            styles = grouped([Path(name) for name in names[1:]], style_of_painting)
            cell = cells.get(place)
            options = _options(recipe["options"], cell, changes) if cell else None
            rows, columns = max(cells)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ImageError(
                f"{shown(sheet)}: its recipe is incomplete or damaged ({error})"
            ) from error
        if options is None:
            raise OptionsError(
                f"--pick {place[0]},{place[1]}: the sheet has rows 1 to {rows} and columns 1 to "
                f"{columns}"
            )
        if now and len(now) != 1 + len(styles):
            raise OptionsError(
                f"{shown(sheet)}: was painted from a photo and {len(styles)} styles, got "
                f"{len(now)} files"
            )
        if now:
            return cls(now[0], tuple(now[1:]), hashes, files, options)
        photo, *paintings = [located(name, sheet.parent, _WAY_OUT) for name in names]
        return cls(photo, tuple(grouped(paintings, style_of_painting)), hashes, files, options)


def parse_pick(text: str) -> tuple[int, int]:
    """Parse the ROW,COLUMN of ``--pick``. Raises `OptionsError`."""
    row, _, column = text.partition(",")
    if not (row.strip().isdecimal() and column.strip().isdecimal()):
        raise OptionsError(f"--pick must be ROW,COLUMN such as 2,3, got {text[:80]!r}")
    return int(row), int(column)


def _options(
    common: Mapping[str, Any], cell: Mapping[str, Any], changes: Mapping[str, Any]
) -> PaintOptions:
    """Return a cell's options for a finished picture, with the changes applied."""
    for name in changes:
        if name not in _CHANGEABLE:
            allowed = ", ".join(flag(own) for own in _CHANGEABLE)
            raise OptionsError(
                f"--pick keeps the options of the cell, got {flag(name)}; it allows {allowed}"
            )
    options = {**common, **cell["options"]}
    size = options.pop("size")
    if isinstance(options["scales"], list):  # the last one was the size
        options["scales"] = [side for side in options["scales"] if side != size] or "single"
    if any(name in changes for name in _LENGTHS):
        options |= dict.fromkeys(_LENGTHS)
    elif options["budget"] is not None:  # at another size, the same time would give other steps
        options |= {"budget": None, "steps": cell["steps"]}
    return PaintOptions.from_dict({**options, **changes})
