"""Plans: photos and their output files, listed while the work goes on, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

from impasto.archive.filesystems import Files, files_at, is_url, resolved
from impasto.errors import ImageError, OutputError
from impasto.images import EXTENSIONS, check_format, read_recipe
from impasto.images.folders import Folder, picture_extensions
from impasto.options import SaveOptions
from impasto.text import reason, shown

_OTHERWISE = ".png"
"""The output format if a photo's own format cannot be written."""

_BATCH = 10_000
"""How many names of a folder are sorted at a time."""

_SAMPLED = 4
"""How many existing results are checked for different settings."""


@dataclass(frozen=True)
class Item:
    """A photo, its output file, and an order with the settings, if they differ between items.

    Without ``overwrite``, an existing output file is kept.
    """

    photo: str
    out: str
    order: Any = None
    overwrite: bool = False


@dataclass(frozen=True)
class Skipped:
    """A result exists already, and its item is skipped."""

    item: Item


@dataclass(frozen=True)
class UnreadableFolder:
    """A folder cannot be read."""

    reason: str


Planned = Item | Skipped | UnreadableFolder


@dataclass(frozen=True)
class FolderPlan:
    """Photos and folders of photos, with results in the folder ``out`` in the same structure.

    Each iteration lists the folders again. ``extension`` is the format of the results, with the
    dot; None keeps the format of each photo if it is one of ``formats``. Every item gets ``order``.
    Without ``overwrite``, existing results are skipped. ``differs`` takes the recipe of an existing
    result and returns how it differs from the current settings, "" if it does not.

    The iteration raises `ImageError` for a folder without pictures. It raises `OutputError` if two
    photos have the same result, if a result is an input or was made with other settings, and if
    the format does not support the options.
    """

    photos: tuple[str, ...]
    out: str
    extension: str | None
    save: SaveOptions
    overwrite: bool = False
    order: Any = None
    formats: tuple[str, ...] = EXTENSIONS
    differs: Callable[[Mapping[str, Any]], str] = field(default=lambda _recipe: "")

    def __iter__(self) -> Iterator[Planned]:
        """List the items, step by step."""
        return self._planned(look=True)

    def listed(self) -> Iterator[Planned]:
        """List without a check for existing results, unless one of them may be an input."""
        return self._planned(look=self._overlaps or self.overwrite)

    def photo_files(self, count: int) -> list[str]:
        """Return the first photos, at most ``count``."""
        found = (planned for planned in self._found(look=False) if isinstance(planned, Item))
        return [item.photo for item in islice(found, count)]

    def _planned(self, *, look: bool) -> Iterator[Planned]:
        sampled = 0
        for found in self._found(look=look):
            if not isinstance(found, Skipped):
                yield found
                continue
            if self._overlaps or self.overwrite:
                self._check_input(found.item)
            if self.overwrite:
                yield replace(found.item, overwrite=True)
                continue
            if sampled < _SAMPLED and not is_url(self.out):
                self._check_settings(found.item.out)
                sampled += 1
            yield found

    @cached_property
    def _files(self) -> Files:
        return files_at(self.out)

    @cached_property
    def _base(self) -> str:
        """The folder of the results, as a prefix of names."""
        if is_url(self.out):
            return self.out
        return "" if Path(self.out) == Path() else str(Path(self.out))

    @cached_property
    def _roots(self) -> list[str]:
        return [photo for photo in self.photos if files_at(photo).is_folder(photo)]

    @cached_property
    def _named(self) -> dict[str, str]:
        """The photos that were named individually, by their results."""
        found: dict[str, str] = {}
        for photo in dict.fromkeys(self.photos):
            if photo in self._roots:
                continue
            stem, ending = _split(photo.replace(os.sep, "/").rpartition("/")[2])
            if is_url(photo) and ending.lower() not in picture_extensions():
                raise ImageError(f"{shown(photo)}: no such folder")
            result = stem + self._result_ending(ending)
            check_format(result, 1, 1, self.save, extensions=self.formats)
            out = self._files.join(self._base, result)
            if out in found:
                raise _conflict(found[out], photo, out)
            found[out] = photo
        return found

    @cached_property
    def _really_named(self) -> dict[str, str]:
        """The photos that were named individually, by their real paths."""
        return {resolved(photo): photo for photo in self._named.values()}

    @cached_property
    def _overlaps(self) -> bool:
        """Whether a result may be in a folder of inputs."""
        if self._named:
            return True
        out = resolved(self.out)
        roots = map(resolved, self._roots)
        return any(_inside(out, root) or _inside(root, out) for root in roots)

    def _found(self, *, look: bool) -> Iterator[Planned]:
        """Yield all items; with ``look``, those with an existing result as `Skipped`."""
        roots = dict.fromkeys(self._roots)
        named = {photo: out for out, photo in self._named.items()}
        for photo in dict.fromkeys(self.photos):
            if photo in roots:
                yield from self._in_folder(photo, look=look)
            else:
                item = Item(photo, named[photo], self.order)
                yield Skipped(item) if look and self._files.is_file(item.out) else item

    def _in_folder(self, root: str, *, look: bool) -> Iterator[Planned]:
        files, apart = files_at(root), self._separate_out(root)
        errors: list[ImageError] = []
        empty = True
        for folder in files.walk(root, apart, errors.append):
            if folder.endings:
                empty = False
                yield from self._right_in(folder, root, within=apart is None, look=look)
            if not empty:
                yield from _unreadable(errors)
        if empty:
            raise errors[0] if errors else ImageError(f"{shown(root)}: contains no pictures")
        yield from _unreadable(errors)

    def _right_in(
        self, folder: Folder, root: str, *, within: bool, look: bool
    ) -> Iterator[Planned]:
        """Yield the pictures of one folder. ``within``: the results are in the same folder."""
        files = files_at(root)
        inside = _relative(folder.path, root)
        into = self._files.join(self._base, inside) if inside else self._base
        endings = {ending: self._result_ending(ending) for ending in folder.endings}
        for ending in set(endings.values()):
            check_format(f"x{ending}", 1, 1, self.save, extensions=self.formats)
        changed = any(ending != result for ending, result in endings.items())
        rivals = self._rivals(folder, root, inside)
        here, there = files.join(folder.path, ""), self._files.join(into, "")
        is_there = self._files.names_in(into) if look else None
        names = folder.names()
        while True:
            try:
                batch = sorted(islice(names, _BATCH))
            except OSError as error:
                yield UnreadableFolder(
                    f"{shown(folder.path)}: the folder cannot be read: {reason(error)}"
                )
                return
            if not batch:
                return
            for name in batch:
                result = name
                if changed:
                    stem, ending = _split(name)
                    result = stem + endings[ending]
                item = Item(here + name, there + result, self.order)
                if self._named and self._is_named(item):
                    continue
                if rivals and _is_result(item, rivals, within=within):
                    continue
                yield Skipped(item) if is_there and is_there(result) else item

    def _is_named(self, item: Item) -> bool:
        """Return whether a photo was named individually. Raises if another has its result."""
        photo = self._named.get(item.out)
        if photo not in (None, item.photo):
            raise _conflict(str(photo), item.photo, item.out)
        return photo is not None

    def _rivals(self, folder: Folder, root: str, inside: str) -> list[_Rivals]:
        """Return the folders and extensions of pictures that may have the same result."""
        folders = [(files_at(root), folder)]
        for other in self._roots:
            files = files_at(other)
            path = files.join(other, inside) if inside else other
            if other != root and files.is_folder(path):
                folders.append((files, files.scan(path)))
        found = []
        for files, each in folders:
            endings = {
                ending: [
                    other
                    for other in sorted(each.endings)
                    if (each is not folder or other != ending)
                    and self._result_ending(other) == self._result_ending(ending)
                ]
                for ending in folder.endings
            }
            if any(endings.values()):
                found.append(_Rivals(files, each.path, endings))
        return found

    def _result_ending(self, ending: str) -> str:
        if self.extension or ending.lower() not in self.formats:
            return self.extension or _OTHERWISE
        return ending

    def _separate_out(self, root: str) -> str | None:
        """Return the folder of the results if it differs from that of the photos."""
        if is_url(root) or is_url(self.out):
            return None if root.rstrip("/") == self.out.rstrip("/") else self.out
        return None if Path(self.out).is_dir() and Path(self.out).samefile(root) else self.out

    def _check_input(self, item: Item) -> None:
        """Raise `OutputError` if an existing result is an input."""
        real, out = resolved(item.out), resolved(self.out)
        photo = item.photo if real == resolved(item.photo) else self._really_named.get(real)
        if photo is not None:
            raise _is_input(item.out, photo)
        for root in map(resolved, self._roots):
            made = _inside(out, root) and _inside(real, out)
            if _inside(real, root) and not made:
                raise _is_input(item.out, real)

    def _check_settings(self, out: str) -> None:
        try:
            difference = self.differs(read_recipe(out))
        except ImageError:  # not made by Impasto
            return
        if difference:
            raise OutputError(
                f"{shown(out)}: already exists, made with other settings ({difference}); choose "
                "another folder, or use --overwrite"
            )


@dataclass(frozen=True)
class _Rivals:
    """A folder, and for each extension the others that lead to the same result."""

    files: Files
    path: str
    endings: Mapping[str, Sequence[str]]


def _is_result(item: Item, rivals: Sequence[_Rivals], *, within: bool) -> bool:
    """Return whether a picture is the result of another. Raises if two have the same result."""
    photo, out = item.photo, item.out
    stem, ending = _split(os.path.basename(photo))  # noqa: PTH119 (URLs, too)
    for rival in rivals:
        for other_ending in rival.endings.get(ending, ()):
            other = rival.files.join(rival.path, stem + other_ending)
            if other == photo or not rival.files.is_file(other):
                continue
            if within and out == photo and _is_ours(out):
                return True
            if not (within and other == out and _is_ours(out)):
                raise _conflict(min(other, photo), max(other, photo), out)
    return False


class Survey:
    """Lists a plan in a thread beside the work, to count its items and find its errors.

    ``total`` counts all items, done or not; it is None until all are listed.
    """

    def __init__(self, plan: FolderPlan) -> None:
        self.total: int | None = None
        self._plan, self._stop = plan, Flag()
        self._error: Exception | None = None
        self._thread = Thread(target=self._count, daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for the end, at most for ``seconds``. Raises the error of the plan, if any."""
        self._thread.join(seconds)
        self.check()

    @property
    def wrong(self) -> bool:
        """Whether the plan has an error."""
        return self._error is not None

    def check(self) -> None:
        """Raise the error of the plan, if any."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _count(self) -> None:
        total = 0
        try:
            for planned in self._plan.listed():
                total += not isinstance(planned, UnreadableFolder)
                if self._stop.is_set():
                    return
            self.total = total
        except Exception as error:  # it is raised where somebody hears of it
            self._error = error


@dataclass(frozen=True)
class Known:
    """Takes the place of a `Survey` where everything is counted and checked already."""

    total: int
    wrong: bool = False

    def check(self) -> None:
        """As `Survey.check`."""

    def close(self) -> None:
        """As `Survey.close`."""


def _unreadable(errors: list[ImageError]) -> Iterator[UnreadableFolder]:
    while errors:
        yield UnreadableFolder(str(errors.pop(0)))


def _is_ours(place: str) -> bool:
    """Return whether a picture has a recipe, so was made by Impasto."""
    try:
        return Path(place).is_file() and bool(read_recipe(place))
    except ImageError:
        return False


def _conflict(one: str, other: str, out: str) -> OutputError:
    return OutputError(
        f"{shown(one)} and {shown(other)} would both become {shown(out)}; put them into separate "
        "folders"
    )


def _is_input(out: str, photo: str) -> OutputError:
    return OutputError(f"{shown(out)}: is also an input ({shown(photo)}); choose another folder")


def _inside(place: str, folder: str) -> bool:
    mark = "/" if is_url(folder) else os.sep
    return place == folder or place.startswith(folder.rstrip(mark) + mark)


def _relative(folder: str, root: str) -> str:
    """Return the path of a folder relative to a root; "" for the root itself."""
    if is_url(root):
        return folder[len(root.rstrip("/")) :].strip("/")
    found = os.path.relpath(folder, root)
    return "" if found == os.curdir else found


def _split(name: str) -> tuple[str, str]:
    return os.path.splitext(name)  # noqa: PTH122 (a million of them)
