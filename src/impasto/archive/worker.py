"""Workers: read a photo, make a picture from it, write the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from impasto.archive.filesystems import files_at, is_url
from impasto.archive.plan import Item
from impasto.errors import ImpastoError, OutOfMemoryError
from impasto.images.picture import Stored
from impasto.images.read import Source
from impasto.options import ApplyOptions, PaintOptions, ReadOptions, SaveOptions
from impasto.text import reason, shown

if TYPE_CHECKING:
    from impasto.zoo.pack import Pack

Progress = Callable[[float], None]
"""Called with the finished share of a picture, from 0 to 1."""


class Picture(Protocol):
    """The result of a photo."""

    def save(self, path: Any, **options: Any) -> None:
        """Write it. Raises `OutputError`."""


MakePicture = Callable[[Item, Stored, Progress | None], Picture]


class Task(Protocol):
    """How pictures are made, as plain data that can be sent to another process."""

    @property
    def read(self) -> ReadOptions:
        """Limits for photos."""

    @property
    def save(self) -> SaveOptions:
        """How results are written."""

    def begin(self, threads: int | None, device: str | None) -> MakePicture:
        """Load the networks and return the function that makes a picture.

        ``threads`` is the number of CPU threads to use, None for all; ``device`` replaces the one
        in the options. Raises errors that would affect every photo.
        """


@dataclass(frozen=True)
class Result:
    """The result of an item: its seconds, and its error in one line, "" for none.

    ``existed`` if the output file existed already, because another process had written it.
    """

    seconds: float
    error: str = ""
    existed: bool = False


class Worker:
    """Processes items; it may be called from several threads.

    One picture is computed at a time; meanwhile others are read and written.
    """

    def __init__(self, task: Task, threads: int | None = None, device: str | None = None) -> None:
        self.task = task
        self._make = task.begin(threads, device)
        self._computing = Lock()
        self.writing = Lock()
        """Held while a file is written."""

    def __call__(self, item: Item, progress: Progress | None = None) -> Result:
        """Make one picture. Never raises: a single picture must not end a night's work."""
        began = time.monotonic()
        waited = 0.0
        try:
            if _is_there(item):
                return Result(0.0, existed=True)
            photo = files_at(item.photo).read(item.photo, self.task.read)
            queued = time.monotonic()
            with self._computing:
                waited = time.monotonic() - queued
                made = self._make(item, photo, progress)
            with self.writing, files_at(item.out).writing(item.out) as path:
                if _is_there(item):
                    return Result(0.0, existed=True)
                made.save(path, **self.task.save.to_dict())
        except OutOfMemoryError as error:
            wrong = f"{shown(item.photo)}: {error}"
        except ImpastoError as error:
            wrong = " ".join(str(error).split())
        except Exception as error:
            wrong = f"{shown(item.photo)}: {type(error).__name__}: {reason(error)}"
        else:
            wrong = ""
        return Result(time.monotonic() - began - waited, wrong)


@dataclass(frozen=True)
class StyliseTask:
    """Stylises photos with a network.

    ``finish``, if given, takes the stylised picture and returns the final one, in this process.
    """

    pack: Pack
    shares: Mapping[str, float]
    options: ApplyOptions
    save: SaveOptions
    read: ReadOptions
    finish: Callable[[Any, Source, ReadOptions], Picture] | None = None

    def begin(self, threads: int | None, device: str | None) -> MakePicture:
        """As `Task.begin`."""
        from impasto.apply.network import Network

        o = self.options
        network = Network(
            self.pack,
            self.shares,
            backend=o.backend,
            device=device or o.device,
            threads=threads,
        )
        network.check(o, self.read)

        def make(_item: Item, photo: Stored, progress: Progress | None) -> Picture:
            report = None if progress is None else (lambda done, of: progress(done / of))
            made = network.stylise(photo, o, read=self.read, progress=report, bits=self.save.bits)
            return self.finish(made, photo, self.read) if self.finish else made

        return make

    def differs(self, recipe: Mapping[str, Any]) -> str:
        """Return the settings in which a result's recipe differs, "" for none."""
        rows = {name: self.pack.row(name).sha256 for name in self.shares}
        wanted = {
            "shares": dict(self.shares),
            "strength": self.options.strength,
            "color": self.options.color,
            "style_scale": self.options.style_scale,
            "seed": self.options.seed,
            "size": self.options.size,
        }
        found = {name: recipe.get(name) for name in wanted}
        model = recipe.get("model")
        if not isinstance(model, dict) or model.get("body") != self.pack.body:
            return "another network"
        if found == wanted and model.get("rows") != rows:
            return "another training of the style"
        return _differing(found, wanted)


@dataclass(frozen=True)
class PaintOrder:
    """The paintings and the options for one photo."""

    styles: tuple[str, ...]
    options: PaintOptions

    def differs(self, recipe: Mapping[str, Any]) -> str:
        """Return the settings in which a result's recipe differs, "" for none."""
        options = recipe.get("options")
        if recipe.get("kind") != "paint" or not isinstance(options, dict):
            return "not painted"
        ours, started = self.options.to_dict(), recipe.get("start") is not None
        machine = {"device", "precision", "max_memory", *({"scales"} if started else ())}
        names = [f.name for f in fields(PaintOptions) if f.name not in machine]
        difference = _differing({n: options.get(n) for n in names}, {n: ours[n] for n in names})
        return difference or self._other_styles(recipe.get("styles"))

    def _other_styles(self, recorded: Any) -> str:
        try:
            names = [str(entry["name"]) for entry in recorded]
        except (TypeError, KeyError):
            return "paintings"
        used = [
            [name for name in names if name == style or name.startswith(f"{style}/")]
            for style in (place.rstrip("/") for place in self.styles)
        ]
        return "" if all(used) and {n for u in used for n in u} == set(names) else "paintings"


@dataclass(frozen=True)
class PaintTask:
    """Paints photos one after another, each by its `PaintOrder`."""

    save: SaveOptions
    read: ReadOptions

    def begin(self, threads: int | None, device: str | None) -> MakePicture:
        """As `Task.begin`. Networks are loaded on demand and kept."""
        from dataclasses import replace

        import torch

        from impasto.events import Step
        from impasto.stylize import begun
        from impasto.sweep.engine import SharedNets, SharingPainter

        if threads is not None:
            torch.set_num_threads(threads)
        nets = SharedNets()

        def make(item: Item, photo: Stored, progress: Progress | None) -> Picture:
            order: PaintOrder = item.order
            options = replace(order.options, device=device) if device else order.options
            options, start = begun(photo, options, self.read)
            styles = [self._style(style) for style in order.styles]
            painter = SharingPainter(nets, photo, styles, options, read=self.read, start=start)
            for event in painter:
                if progress and isinstance(event, Step):
                    progress(event.step / event.steps)
            return painter.painting

        return make

    def _style(self, place: str) -> Source:
        return files_at(place).read(place, self.read) if is_url(place) else place


def _is_there(item: Item) -> bool:
    """Return whether an item's result exists and must be kept."""
    return not item.overwrite and files_at(item.out).is_file(item.out)


def _differing(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return the differences: "strength 0.5, now 1.0"."""
    different: Sequence[str] = [name for name in wanted if found[name] != wanted[name]]
    return "; ".join(
        f"{name.replace('_', '-')} {found[name]}, now {wanted[name]}" for name in different[:3]
    )
