"""What is to be made of what: an iterator that lists as it goes, and never holds all of it."""

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

from impasto.archive.places import Files, files_at, is_url, resolved
from impasto.errors import ImageError, OutputError
from impasto.images import EXTENSIONS, check_format, read_recipe
from impasto.images.folders import Folder, picture_extensions
from impasto.options import SaveOptions
from impasto.text import reason, shown

_OTHERWISE = ".png"
"""The format of what cannot be written in the format of its photo."""

_BATCH = 10_000
"""Names of a folder that are brought into order together."""

_SAMPLED = 4
"""Results that are there already and are looked into: whether they are of the same settings."""


@dataclass(frozen=True)
class Item:
    """A photo, the file that is to be made of it, and how, where each has a way of its own.

    ``anew`` if a file that is there is to be replaced; else it is left alone.
    """

    photo: str
    out: str
    how: Any = None
    anew: bool = False


@dataclass(frozen=True)
class There:
    """A result is there already, and passed over."""

    item: Item


@dataclass(frozen=True)
class Unreadable:
    """A folder cannot be looked into."""

    reason: str


Planned = Item | There | Unreadable


@dataclass(frozen=True)
class FolderPlan:
    """Photos, and folders of them, that go into the folder ``out`` and keep their structure.

    Iterating it lists anew. ``extension`` is the format of the results, with the dot; None is that
    of each photo; ``how`` is that of every item. Without ``overwrite`` results that are there are
    passed over; ``differs`` returns in which settings the recipe of one is another than what is to
    be made now, "" for none.

    While it lists it raises `ImageError` for a folder without pictures, and `OutputError` for two
    results of one name, for one that is an input, one of other settings, and for a format that
    cannot hold what was asked for.
    """

    photos: tuple[str, ...]
    out: str
    extension: str | None
    save: SaveOptions
    overwrite: bool = False
    how: Any = None
    differs: Callable[[Mapping[str, Any]], str] = field(default=lambda _recipe: "")

    def __iter__(self) -> Iterator[Planned]:
        """List as it goes."""
        return self._planned(look=True)

    def listed(self) -> Iterator[Planned]:
        """List without looking which results are there, unless one of them may be an input."""
        return self._planned(look=self._overlaps or self.overwrite)

    def photo_files(self, count: int) -> list[str]:
        """Return the first photos, at most ``count``."""
        found = (planned for planned in self._found(look=False) if isinstance(planned, Item))
        return [item.photo for item in islice(found, count)]

    def _planned(self, *, look: bool) -> Iterator[Planned]:
        sampled = 0
        for found in self._found(look=look):
            if not isinstance(found, There):
                yield found
                continue
            if self._overlaps or self.overwrite:
                self._check_input(found.item)
            if self.overwrite:
                yield replace(found.item, anew=True)
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
        """The folder of the results as it is put before names."""
        if is_url(self.out):
            return self.out
        return "" if Path(self.out) == Path() else str(Path(self.out))

    @cached_property
    def _roots(self) -> list[str]:
        return [photo for photo in self.photos if files_at(photo).is_folder(photo)]

    @cached_property
    def _named(self) -> dict[str, str]:
        """Photos that were named one by one, by their results."""
        found: dict[str, str] = {}
        for photo in dict.fromkeys(self.photos):
            if photo in self._roots:
                continue
            stem, ending = _split(photo.replace(os.sep, "/").rpartition("/")[2])
            if is_url(photo) and ending.lower() not in picture_extensions():
                raise ImageError(f"{shown(photo)}: no such folder")
            result = stem + self._result_ending(ending)
            check_format(result, 1, 1, self.save)
            out = self._files.join(self._base, result)
            if out in found:
                raise _conflict(found[out], photo, out)
            found[out] = photo
        return found

    @cached_property
    def _really_named(self) -> dict[str, str]:
        """Photos that were named one by one, by where they really are."""
        return {resolved(photo): photo for photo in self._named.values()}

    @cached_property
    def _overlaps(self) -> bool:
        """Whether a result may lie where inputs do."""
        if self._named:
            return True
        out = resolved(self.out)
        roots = map(resolved, self._roots)
        return any(_inside(out, root) or _inside(root, out) for root in roots)

    def _found(self, *, look: bool) -> Iterator[Planned]:
        """Yield everything; with ``look``, what has a file in its result's place as `There`."""
        roots = dict.fromkeys(self._roots)
        named = {photo: out for out, photo in self._named.items()}
        for photo in dict.fromkeys(self.photos):
            if photo in roots:
                yield from self._in_folder(photo, look=look)
            else:
                item = Item(photo, named[photo], self.how)
                yield There(item) if look and self._files.is_file(item.out) else item

    def _in_folder(self, root: str, *, look: bool) -> Iterator[Planned]:
        files, apart = files_at(root), self._apart(root)
        closed: list[ImageError] = []
        empty = True
        for folder in files.walk(root, apart, closed.append):
            if folder.endings:
                empty = False
                yield from self._right_in(folder, root, within=apart is None, look=look)
            if not empty:
                yield from _told(closed)
        if empty:
            raise closed[0] if closed else ImageError(f"{shown(root)}: holds no pictures")
        yield from _told(closed)

    def _right_in(
        self, folder: Folder, root: str, *, within: bool, look: bool
    ) -> Iterator[Planned]:
        """Yield the pictures of one folder; ``within`` it are the results, too."""
        files = files_at(root)
        inside = _relative(folder.path, root)
        into = self._files.join(self._base, inside) if inside else self._base
        endings = {ending: self._result_ending(ending) for ending in folder.endings}
        for ending in set(endings.values()):
            check_format(f"x{ending}", 1, 1, self.save)
        changed = any(ending != result for ending, result in endings.items())
        rivals = self._rivals(folder, root, inside)
        here, there = files.join(folder.path, ""), self._files.join(into, "")
        is_there = self._files.names_in(into) if look else None
        names = folder.names()
        while True:
            try:
                batch = sorted(islice(names, _BATCH))
            except OSError as error:
                told = f"{shown(folder.path)}: the folder cannot be read: {reason(error)}"
                yield Unreadable(told)
                return
            if not batch:
                return
            for name in batch:
                result = name
                if changed:
                    stem, ending = _split(name)
                    result = stem + endings[ending]
                item = Item(here + name, there + result, self.how)
                if self._named and self._is_named(item):
                    continue
                if rivals and _is_result(item, rivals, within=within):
                    continue
                yield There(item) if is_there and is_there(result) else item

    def _is_named(self, item: Item) -> bool:
        """Return whether a photo was named by itself. Raises where another has its result."""
        photo = self._named.get(item.out)
        if photo not in (None, item.photo):
            raise _conflict(str(photo), item.photo, item.out)
        return photo is not None

    def _rivals(self, folder: Folder, root: str, inside: str) -> list[_Rivals]:
        """Return where else, and with which endings, there may be a picture of the same result."""
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
        if self.extension or ending.lower() not in EXTENSIONS:
            return self.extension or _OTHERWISE
        return ending

    def _apart(self, root: str) -> str | None:
        """Return the folder of the results, if it is another than that of the photos."""
        if is_url(root) or is_url(self.out):
            return None if root.rstrip("/") == self.out.rstrip("/") else self.out
        return None if Path(self.out).is_dir() and Path(self.out).samefile(root) else self.out

    def _check_input(self, item: Item) -> None:
        """Raise `OutputError` for a result that is there and is an input."""
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
        except ImageError:  # none of ours: it is left alone
            return
        if difference:
            raise OutputError(
                f"{shown(out)}: is there already, made with other settings ({difference}); choose "
                "another folder, or say --overwrite"
            )


@dataclass(frozen=True)
class _Rivals:
    """A folder, and by the ending of a photo those of others in it that have the same result."""

    files: Files
    path: str
    endings: Mapping[str, Sequence[str]]


def _is_result(item: Item, rivals: Sequence[_Rivals], *, within: bool) -> bool:
    """Return whether a picture was made of another. Raises where two would have one result."""
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
    """Goes through a plan beside the work: how much there is, and what is wrong with it.

    ``total`` counts all that is planned, done or not; it is None until all of it was seen.
    """

    def __init__(self, plan: FolderPlan) -> None:
        self.total: int | None = None
        self._plan, self._stop = plan, Flag()
        self._error: Exception | None = None
        self._thread = Thread(target=self._count, daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for it so long at most. Raises what it found to be wrong."""
        self._thread.join(seconds)
        self.check()

    @property
    def wrong(self) -> bool:
        """Whether it found something to be wrong."""
        return self._error is not None

    def check(self) -> None:
        """Raise what it found to be wrong."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join()

    def _count(self) -> None:
        total = 0
        try:
            for planned in self._plan.listed():
                total += not isinstance(planned, Unreadable)
                if self._stop.is_set():
                    return
            self.total = total
        except Exception as error:  # it is raised where somebody hears of it
            self._error = error


@dataclass(frozen=True)
class Known:
    """In place of a `Survey`, where all is counted and checked already."""

    total: int
    wrong: bool = False

    def check(self) -> None:
        """As `Survey.check`."""

    def close(self) -> None:
        """As `Survey.close`."""


def _told(closed: list[ImageError]) -> Iterator[Unreadable]:
    while closed:
        yield Unreadable(str(closed.pop(0)))


def _is_ours(place: str) -> bool:
    """Return whether a picture was made by Impasto: it has a recipe."""
    try:
        return Path(place).is_file() and bool(read_recipe(place))
    except ImageError:
        return False


def _conflict(one: str, other: str, out: str) -> OutputError:
    return OutputError(
        f"{shown(one)} and {shown(other)} would both become {shown(out)}; give them folders of "
        "their own"
    )


def _is_input(out: str, photo: str) -> OutputError:
    return OutputError(f"{shown(out)}: is also an input ({shown(photo)}); choose another folder")


def _inside(place: str, folder: str) -> bool:
    mark = "/" if is_url(folder) else os.sep
    return place == folder or place.startswith(folder.rstrip(mark) + mark)


def _relative(folder: str, root: str) -> str:
    """Return where a folder is below a root; "" for the root itself."""
    if is_url(root):
        return folder[len(root.rstrip("/")) :].strip("/")
    found = os.path.relpath(folder, root)
    return "" if found == os.curdir else found


def _split(name: str) -> tuple[str, str]:
    return os.path.splitext(name)  # noqa: PTH122 (a million of them)
