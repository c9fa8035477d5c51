"""Ways to make pictures that need no network, and tell or break as tests want them to."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from impasto.archive.filesystems import files_at
from impasto.archive.plan import Item
from impasto.archive.worker import Compute, Open, Progress
from impasto.errors import ImageError, OptionsError
from impasto.options import ReadOptions, SaveOptions


@dataclass(frozen=True)
class Copied:
    """A picture that is written as it is."""

    text: str

    def save(self, path: Any, **_options: Any) -> None:
        Path(path).write_text(self.text)


@dataclass(frozen=True)
class Fake:
    """Writes the name of the photo. What is called after a signal gets it; "once" only once.

    ``broken`` cannot begin; "gone" has the process end before it begins. ``marks`` is a file that
    is not there yet, for what is to happen once.
    """

    read: ReadOptions = field(default_factory=ReadOptions)
    save: SaveOptions = field(default_factory=SaveOptions)
    broken: str = ""
    marks: str = ""

    def begin(self, threads: int | None, device: str | None) -> Open:
        del threads, device
        if self.broken == "gone":
            os._exit(3)
        if self.broken:
            raise OptionsError(self.broken)

        def opened(item: Item) -> Compute:
            photo = files_at(item.photo).read(item.photo, self.read)

            def copied(progress: Progress | None) -> Copied:
                stem = Path(item.photo).stem
                if progress:
                    progress(0.5)
                if stem.startswith("bad"):
                    raise ImageError(f"{item.photo}: is bad")
                if stem.startswith("kill") or (stem.startswith("once") and _first(self.marks)):
                    os.kill(os.getpid(), signal.SIGKILL)
                return Copied(f"{os.getpid()} {photo.sha256}")

            return copied

        return opened


def _first(mark: str) -> bool:
    """Whether it is the first time, for all processes that ask."""
    try:
        Path(mark).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def photos(folder: Path, *names: str, draw: Callable[..., Any]) -> Path:
    """Make a folder of tiny photos, links to one."""
    folder.mkdir(parents=True, exist_ok=True)
    first = folder / ".first.png"
    draw(first, 8, 8)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(first)
    return folder
