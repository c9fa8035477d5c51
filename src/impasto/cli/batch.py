"""Which photo becomes which file: one photo a file, several or folders a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.atomic import check_output
from impasto.errors import ImageError, OptionsError, OutputError, nearest
from impasto.images import EXTENSIONS, check_format, read_recipe
from impasto.images.folders import pictures_in
from impasto.options import SaveOptions
from impasto.text import reason, shown

_OTHERWISE = ".png"
"""The format of what cannot be written in the format of its photo."""


ANIMATIONS = (".gif", ".webp")
"""What pictures that move are written as."""

_KNOWN = tuple(dict.fromkeys((*EXTENSIONS, *ANIMATIONS)))


@dataclass(frozen=True)
class Task:
    """A photo, and the file that is to be made of it."""

    photo: Path
    out: Path


def plan(
    photos: Sequence[Path],
    out: str,
    form: str | None,
    save: SaveOptions,
    unreadable: Callable[[ImageError], None],
) -> tuple[list[Task], bool]:
    """Return what is to be made of what, and whether it goes into a folder, which is made.

    A folder inside that cannot be looked into is handed to ``unreadable``.

    Raises what is wrong before anything is done: `ImageError` for photos that are not there and
    folders without any, `OutputError` for two results of one name, one that is an input, and
    one that cannot be written; `OptionsError` for an unknown ``form``.
    """
    try:
        return _plan(photos, out, form, save, unreadable)
    except (OSError, ValueError) as error:  # a name that is too long, a folder that is closed
        raise OutputError(f"{shown(out)}: cannot be written: {reason(error)}") from error


def _plan(
    photos: Sequence[Path],
    out: str,
    form: str | None,
    save: SaveOptions,
    unreadable: Callable[[ImageError], None],
) -> tuple[list[Task], bool]:
    for photo in photos:
        if not photo.exists():
            raise ImageError(f"{shown(photo)}: no such file")
    target = Path(out)
    several = len(photos) > 1 or photos[0].is_dir()
    if not several and not target.is_dir() and not out.endswith(("/", os.sep)):
        if form is not None:
            raise OptionsError("--format is for a folder; the name of a file says its own")
        check_output(target, extensions=_KNOWN, inputs=photos)
        _check_format(target, save)
        return [Task(photos[0], target)], False
    if target.suffix.lower() in _KNOWN and not target.is_dir():
        raise OutputError(f"{shown(out)}: is not a folder; several photos go into one")
    tasks = list(dict.fromkeys(_into_folder(photos, target, _extension(form), unreadable)))
    _check_names(tasks)
    for extension in {task.out.suffix.lower() for task in tasks}:
        _check_format(target / f"x{extension}", save)
    make_folder(target)
    check_output(target / f"x{_OTHERWISE}", extensions=EXTENSIONS)
    return tasks, True


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises `OutputError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise OutputError(f"{shown(folder)}: cannot be made: {reason(error)}") from error


def _check_format(path: Path, save: SaveOptions) -> None:
    """Raise `OutputError` for what a format cannot hold."""
    if path.suffix.lower() != ".gif":
        check_format(path, 1, 1, save)
    elif save.bits == 16:
        raise OutputError(f"{shown(path)}: --bits 16 is for .png and .tif")


def _extension(form: str | None) -> str | None:
    known = [extension[1:] for extension in _KNOWN]
    if form is not None and form not in known:
        raise OptionsError(f"--format does not know {form!r}{nearest(form, known)}")
    return None if form is None else f".{form}"


def _into_folder(
    photos: Sequence[Path],
    out: Path,
    extension: str | None,
    unreadable: Callable[[ImageError], None],
) -> Iterator[Task]:
    """Yield a task for each photo; those found in folders keep their place in them."""
    for given in photos:
        if not given.is_dir():
            yield Task(given, out / _named(Path(given.name), extension))
            continue
        closed: list[ImageError] = []
        found = list(pictures_in(given, without=_apart(out, given), unreadable=closed.append))
        if not found:
            raise closed[0] if closed else ImageError(f"{shown(given)}: holds no pictures")
        for error in closed:
            unreadable(error)
        tasks = [Task(photo, out / _named(photo.relative_to(given), extension)) for photo in found]
        if _apart(out, given) is None:  # what was made before is not a photo
            files = {task.photo.resolve(): task.out.resolve() for task in tasks}
            made = {out for photo, out in files.items() if out != photo and _is_ours(out)}
            tasks = [task for task in tasks if task.photo.resolve() not in made]
        yield from tasks


def _named(place: Path, extension: str | None) -> Path:
    if extension or place.suffix.lower() not in _KNOWN:
        return place.with_suffix(extension or _OTHERWISE)
    return place


def _is_ours(path: Path) -> bool:
    """Return whether a picture was made by Impasto: it has a recipe."""
    try:
        return path.is_file() and bool(read_recipe(path))
    except ImageError:
        return False


def _apart(out: Path, given: Path) -> Path | None:
    """Return the folder of the results, if it is another than that of the photos."""
    return None if out.is_dir() and out.samefile(given) else out


def _check_names(tasks: Sequence[Task]) -> None:
    """Raise `OutputError` where two results would be one file, or one is a photo."""
    sources: dict[Path, Path] = {}
    for task in tasks:
        other = sources.setdefault(task.out, task.photo)
        if other != task.photo:
            raise OutputError(
                f"{shown(other)} and {shown(task.photo)} would both become {shown(task.out)}; "
                "give them folders of their own"
            )
    inputs = {_identity(task.photo): task.photo for task in tasks if task.photo.exists()}
    for task in tasks:
        same = inputs.get(_identity(task.out)) if task.out.exists() else None
        if same is not None:
            raise OutputError(
                f"{shown(task.out)}: is also an input ({shown(same)}); choose another folder"
            )


def _identity(path: Path) -> tuple[int, int]:
    """Return what distinguishes a file, whatever name or link leads to it."""
    found = path.stat()
    return found.st_dev, found.st_ino
