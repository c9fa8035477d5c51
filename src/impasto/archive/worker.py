"""Workers: read a photo, make a picture from it, write the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from threading import Lock, Semaphore
from typing import TYPE_CHECKING, Any, Protocol

from impasto.archive.filesystems import files_at, is_url
from impasto.archive.plan import Item
from impasto.errors import ImpastoError, OptionsError, OutOfMemoryError
from impasto.images.picture import Stored
from impasto.images.read import Source, read_bytes
from impasto.options import ApplyOptions, PaintOptions, ReadOptions, SaveOptions, VideoOptions
from impasto.text import reason, shown, without_password
from impasto.video.animation import (
    Animation,
    StylisedAnimation,
    can_move,
    find_animation,
    is_gif,
    stylise_animation,
)

if TYPE_CHECKING:
    from impasto.apply.network import Network
    from impasto.apply.stylised import Stylised
    from impasto.painter import Painting
    from impasto.zoo.pack import Pack

Progress = Callable[[float], None]
"""Called with the finished share of a picture, from 0 to 1."""


class Picture(Protocol):
    """The result of a photo."""

    def save(self, path: Any, **options: Any) -> None:
        """Write it. Raises `OutputError`."""


Compute = Callable[[Progress | None], Picture]
"""Makes a picture from a photo that has been read."""

Open = Callable[[Item], Compute]
"""Reads the photo of an item. Raises `ImageError`."""


class Task(Protocol):
    """How pictures are made, as plain data that can be sent to another process."""

    @property
    def save(self) -> SaveOptions:
        """How results are written."""

    def begin(self, threads: int | None, device: str | None) -> Open:
        """Load the networks and return the function that reads the photo of an item.

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


WRITERS = 4
"""The number of files that a worker writes or uploads at the same time, at most."""


class Worker:
    """Processes items; it may be called from several threads.

    One picture is computed at a time; meanwhile others are read and written.
    """

    def __init__(self, task: Task, threads: int | None = None, device: str | None = None) -> None:
        self.task = task
        self._open = task.begin(threads, device)
        self._computing = Lock()
        self.writing = Semaphore(WRITERS)
        """Held while a file is written or uploaded."""

    def __call__(self, item: Item, progress: Progress | None = None) -> Result:
        """Make one picture. Never raises: a single picture must not end a night's work."""
        began = time.monotonic()
        waited = 0.0
        try:
            if _is_there(item):
                return Result(0.0, existed=True)
            compute = self._open(item)
            asked = time.monotonic()
            with self._computing:
                waited = time.monotonic() - asked
                made = compute(progress)
            asked = time.monotonic()
            with self.writing:
                waited += time.monotonic() - asked
                if _is_there(item):
                    return Result(0.0, existed=True)
                with files_at(item.out).writing(item.out) as path:
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
    """Stylises photos and animations with a network.

    ``finish``, if given, takes the stylised picture and returns the final one, in this process.
    Animations stay animations if the format of the result supports them; else their first frame is
    stylised.
    """

    pack: Pack
    shares: Mapping[str, float]
    options: ApplyOptions
    save: SaveOptions
    read: ReadOptions
    finish: Callable[[Stylised, Source, ReadOptions], Painting] | None = None

    def begin(self, threads: int | None, device: str | None) -> Open:
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

        def read(item: Item) -> Compute:
            data = files_at(item.photo).load(item.photo, self.read)
            name = without_password(item.photo) if is_url(item.photo) else item.photo
            if can_move(item.out) and (found := find_animation(data, name, self.read)):
                return partial(self._animated, network, found)
            photo = read_bytes(data, name, self.read)
            return partial(self._picture, network, photo, item.out)

        return read

    def _picture(
        self, network: Network, photo: Stored, out: str, progress: Progress | None
    ) -> Picture:
        report = None if progress is None else (lambda done, of: progress(done / of))
        made = network.stylise(
            photo, self.options, read=self.read, progress=report, bits=self.save.bits
        )
        done = self.finish(made, photo, self.read) if self.finish else made
        return StylisedAnimation.still(done.image, done.recipe) if is_gif(out) else done

    def _animated(
        self, network: Network, animation: Animation, progress: Progress | None
    ) -> Picture:
        from impasto.video.frames import NetworkStylizer

        if self.finish:
            raise OptionsError(f"{shown(animation.name)}: --refine does not support animations")
        return stylise_animation(
            NetworkStylizer(network, self.options, self.read),
            animation,
            stability=VideoOptions().stability,
            size=self.options.size,
            read=self.read,
            progress=progress,
        )

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
            for style in (without_password(place).rstrip("/") for place in self.styles)
        ]
        return "" if all(used) and {n for u in used for n in u} == set(names) else "paintings"


@dataclass(frozen=True)
class PaintTask:
    """Paints photos one after another, each by its `PaintOrder`."""

    save: SaveOptions
    read: ReadOptions

    def begin(self, threads: int | None, device: str | None) -> Open:
        """As `Task.begin`. Networks are loaded on demand and kept."""
        from dataclasses import replace

        import torch

        from impasto.events import Step
        from impasto.head_start import begun
        from impasto.sweep.engine import SharedNets, SharingPainter

        if threads is not None:
            torch.set_num_threads(threads)
        nets = SharedNets()

        def read(item: Item) -> Compute:
            return partial(paint, item, files_at(item.photo).read(item.photo, self.read))

        def paint(item: Item, photo: Stored, progress: Progress | None) -> Picture:
            order: PaintOrder = item.order
            options = replace(order.options, device=device) if device else order.options
            began = time.monotonic()
            styles = [self._style(style) for style in order.styles]
            options, start = begun(photo, styles, options, self.read)
            painter = SharingPainter(
                nets, photo, styles, options, read=self.read, start=start, began=began
            )
            for event in painter:
                if progress and isinstance(event, Step):
                    progress(event.step / event.steps)
            return painter.painting

        return read

    def _style(self, place: str) -> Source:
        return files_at(place).read(place, self.read) if is_url(place) else place


def _is_there(item: Item) -> bool:
    """Return whether an item's result exists and must be kept."""
    return not item.overwrite and files_at(item.out).is_file(item.out)


def _differing(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return the differences: "strength 0.5, now 1.0"."""
    different: Sequence[str] = [name for name in wanted if found[name] != wanted[name]]
    return "; ".join(
        f"{name.replace('_', '-')} {shown(str(found[name]))}, now {shown(str(wanted[name]))}"
        for name in different[:3]
    )
