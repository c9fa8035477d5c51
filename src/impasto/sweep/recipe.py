"""What a sheet carries with it, and how one of its cells is painted again from that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import impasto
from impasto.errors import ImageError, OptionsError
from impasto.images import read_recipe
from impasto.images.picture import Stored
from impasto.options import PaintOptions, ReadOptions
from impasto.options.checked import flag
from impasto.painter.inputs import named_files
from impasto.sweep.engine import Sweep
from impasto.sweep.kept import hash_of
from impasto.text import shown

_LENGTHS = ("steps", "budget", "quality")
_OWN = ("size", "scales", *_LENGTHS, "device", "precision", "max_memory", "weights", "seed")
"""What may be said of a cell that is painted again; all else is its own."""


def recipe_of(sweep: Sweep) -> dict[str, Any]:
    """Return what is kept in a sheet: axes, inputs with their hashes, options of every cell.

    What all cells have in common is said once: a JPEG has room for 64 KiB.
    """
    cells = sweep.grid.cells
    files = {path for cell in cells for _, path in named_files(cell.options)}
    all_options = [cell.options.to_dict() for cell in cells]
    first, *others = all_options
    common = {k: v for k, v in first.items() if all(other[k] == v for other in others)}
    return {
        "kind": "sweep",
        "version": impasto.__version__,
        "content": _named(sweep.photo),
        "styles": [_named(painting) for painting in sweep.paintings],
        "style_of_painting": sweep.style_of_painting,
        "files": {path: hash_of(path) for path in sorted(files)},
        "axes": [{"option": axis.option, "values": list(axis.said)} for axis in sweep.grid.axes],
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
class Picked:
    """One cell of a sheet that was painted before: what from, and how.

    ``styles`` are paths, or lists of those of one style, as `Painter` takes them; ``hashes`` those
    of the photo and of all paintings, ``files`` those of the files that options name.
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
        """Raise `ImageError` if a painter's pictures, by its recipe, are not the sheet's."""
        used = [recipe["content"], *recipe["styles"]]
        if len(used) != len(self.hashes):
            raise ImageError(
                f"{shown(sheet)} was painted from {len(self.hashes)} pictures, here are {len(used)}"
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
        said: Mapping[str, Any],
        *,
        now: Sequence[Path] = (),
        read: ReadOptions,
    ) -> Self:
        """Read row and column ``place`` from a sheet.

        ``said`` are options that replace the cell's; ``now`` is where the photo and the paintings
        are, if not where they were or beside the sheet. Raises `ImageError` and `OptionsError`.
        """
        recipe = read_recipe(sheet, read)
        if recipe.get("kind") != "sweep":
            raise ImageError(f"{shown(sheet)}: is not a sheet of impasto sweep: --pick needs one")
        try:
            cells = {(cell["row"], cell["column"]): cell for cell in recipe["cells"]}
            recorded = [recipe["content"], *recipe["styles"]]
            names = [str(entry["name"]) for entry in recorded]
            hashes = tuple(str(entry["sha256"]) for entry in recorded)
            style_of_painting, files = (
                [int(style) for style in recipe["style_of_painting"]],
                dict(recipe["files"]),
            )
            styles = _grouped([Path(name) for name in names[1:]], style_of_painting)
            cell = cells.get(place)
            options = _options(recipe["options"], cell, said) if cell else None
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
                f"{shown(sheet)} is of a photo and {len(styles)} styles, got {len(now)} files"
            )
        if now:
            return cls(now[0], tuple(now[1:]), hashes, files, options)
        photo, *paintings = [_found(name, sheet.parent) for name in names]
        return cls(photo, tuple(_grouped(paintings, style_of_painting)), hashes, files, options)


def read_place(text: str) -> tuple[int, int]:
    """Read ROW,COLUMN as ``--pick`` takes it. Raises `OptionsError`."""
    row, _, column = text.partition(",")
    if not (row.strip().isdecimal() and column.strip().isdecimal()):
        raise OptionsError(f"--pick takes ROW,COLUMN such as 2,3, got {text[:80]!r}")
    return int(row), int(column)


def _options(
    common: Mapping[str, Any], cell: Mapping[str, Any], said: Mapping[str, Any]
) -> PaintOptions:
    """Return a cell's options at the size of a finished picture, or at what is said."""
    for name in said:
        if name not in _OWN:
            allowed = ", ".join(flag(own) for own in _OWN)
            raise OptionsError(
                f"--pick paints a cell with its own options, got {flag(name)}; allowed: {allowed}"
            )
    options = {**common, **cell["options"]}
    size = options.pop("size")
    if isinstance(options["scales"], list):  # it ended at the size
        options["scales"] = [side for side in options["scales"] if side != size] or "single"
    if any(name in said for name in _LENGTHS):
        options |= dict.fromkeys(_LENGTHS)
    elif options["budget"] is not None:  # so long at this size would be other steps
        options |= {"budget": None, "steps": cell["steps"]}
    return PaintOptions.from_dict({**options, **said})


def _grouped(
    paintings: Sequence[Path], style_of_painting: Sequence[int]
) -> list[Path | list[Path]]:
    """Return pictures as styles: those of one style together."""
    pairs = list(zip(paintings, style_of_painting, strict=True))
    groups = [
        [path for path, own in pairs if own == style] for style in sorted(set(style_of_painting))
    ]
    return [group if len(group) > 1 else group[0] for group in groups]


def _found(name: str, folder: Path) -> Path:
    for candidate in (Path(name), folder / Path(name).name):
        if candidate.is_file():
            return candidate
    raise ImageError(
        f"{shown(name)}: not found here nor in {shown(folder)}; name photo and paintings after "
        "the sheet"
    )


def _named(picture: Stored) -> dict[str, str]:
    return {"name": picture.name, "sha256": picture.sha256}
