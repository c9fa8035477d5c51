"""Where pictures of the page come from, by names that say so.

- ``sample:coffee``, ``painting:swirls``: those that come with Impasto
- ``swatch:wave``: a sample photo in a shipped style
- ``shelf:TOKEN``: what somebody sent in, or a quick result
- ``job:ID``, ``photo:ID``, ``style:ID:0``: a job's picture as it is now, its photo, its paintings

All of them are checked against what there is, and against whose it is.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto import samples
from impasto.images import fit
from impasto.studio.context import Studio
from impasto.studio.jobs import UNDER_WAY, Job
from impasto.studio.page.look import ASSETS
from impasto.studio.page.shelf import Shelf
from impasto.studio.previews import LONG_SIDE
from impasto.studio.storage import Storage

SIDES = (160, 640, 1280)
"""Long sides at which pictures are shown."""

SAMPLES = (
    {"name": "astronaut", "width": 512, "height": 512},
    {"name": "coffee", "width": 600, "height": 400},
    {"name": "chelsea", "width": 451, "height": 300},
    {"name": "rocket", "width": 640, "height": 427},
)
"""The sample photos, as the page offers them: to measure them would load them all."""

_SWATCH_PHOTO = "chelsea"
_SWATCH_SIDE = 320


class Sources:
    """Finds the bytes of pictures, and makes small copies. Raises `KeyError` for what is not there.

    What is read here was checked when it came in, or was made by us.
    """

    def __init__(self, studio: Studio, shelf: Shelf) -> None:
        self._studio, self._shelf = studio, shelf
        self._swatches: dict[tuple[str, str], bytes] = {}
        self._making = threading.Lock()

    def data(self, owner: str, source: str) -> bytes:
        """Return a picture as it is kept."""
        kind, _, name = source.partition(":")
        find: dict[str, Callable[[], bytes]] = {
            "sample": lambda: sample(name),
            "painting": lambda: self._painting(name),
            "swatch": lambda: self._swatch(name),
            "shelf": lambda: self._shelf.get(owner, name),
            "job": lambda: self._made(owner, name, small=False),
            "photo": lambda: self._of_job(owner, name, "photo"),
            "style": lambda: self._of_job(owner, *_parted(name)),
        }
        if kind not in find:
            raise KeyError(source)
        return find[kind]()

    def small(self, owner: str, source: str, side: int) -> bytes:
        """Return a JPEG of a picture, no side longer than ``side``."""
        kind, _, name = source.partition(":")
        if kind == "swatch":
            return self._swatch(name)
        if kind == "painting" and side <= SIDES[0] and name in samples.PAINTINGS:
            return (ASSETS / "paintings" / f"{name}.jpg").read_bytes()
        if kind == "job":
            return shrunk(self._made(owner, name, small=side <= LONG_SIDE), side)
        return shrunk(self.data(owner, source), side)

    def download(self, owner: str, source: str, what: str) -> tuple[str, bytes]:
        """Return a name to save a file under, and the file: a ``picture`` or a ``timelapse``."""
        kind, _, name = source.partition(":")
        if kind != "job":
            return "impasto.jpg", self.data(owner, source)
        job = self._studio.store.job(name, owner)
        found = {"picture": job.picture, "timelapse": job.timelapse}.get(what)
        if found is None:
            raise KeyError(what)
        title = "impasto-time-lapse" if what == "timelapse" else "impasto"
        ending = found.rpartition(".")[2]
        return f"{title}.{ending}", _file(self._studio.files, name, found)

    def _made(self, owner: str, id: str, *, small: bool) -> bytes:
        job = self._studio.store.job(id, owner)
        name = shown(job, small=small)
        if name is None:
            raise KeyError(id)
        return _file(self._studio.files, id, name)

    def _of_job(self, owner: str, id: str, name: str) -> bytes:
        self._studio.store.job(id, owner)
        return _file(self._studio.files, id, name)

    def _painting(self, name: str) -> bytes:
        with self._making:  # it takes seconds, once
            return painting(name)

    def _swatch(self, name: str) -> bytes:
        key = name, self.swatch_version(name)
        with self._making:
            if key not in self._swatches:
                self._swatches[key] = self._make_swatch(name)
            return self._swatches[key]

    def swatch_version(self, name: str) -> str:
        """Return what tells a style from another of its name. Raises `KeyError`."""
        if name not in {style.name for style in self._studio.quick.styles()}:
            raise KeyError(name)
        return self._studio.quick.hash_of(name)[:12]

    def _make_swatch(self, style: str) -> bytes:
        photo = _cropped(samples.photo(_SWATCH_PHOTO), _SWATCH_SIDE)
        data, _ = self._studio.quick.stylise(_png(photo), style, format="jpeg")
        return shrunk(data, SIDES[0])


def shown(job: Job, *, small: bool) -> str | None:
    """Return the name of the file that shows a job as it is now; ``small`` if that will do."""
    if small or job.state in UNDER_WAY:
        return job.preview or job.picture
    return job.picture or job.preview


@lru_cache(len(samples.PHOTOS))
def sample(name: str) -> bytes:
    """Return a sample photo as a PNG file."""
    if name not in samples.PHOTOS:
        raise KeyError(name)
    return _png(samples.photo(name))


@lru_cache(len(samples.PAINTINGS))
def painting(name: str) -> bytes:
    """Return a sample painting as a PNG file."""
    if name not in samples.PAINTINGS:
        raise KeyError(name)
    return _png(samples.painting(name))


def shrunk(data: bytes, side: int) -> bytes:
    """Return a JPEG of a picture that is ours, no side longer than ``side``."""
    with Image.open(io.BytesIO(data)) as image:
        return _jpeg(image, side)


def _jpeg(image: Image.Image, side: int) -> bytes:
    image.draft("RGB", (side, side))  # a JPEG is decoded at a size near that one
    if max(image.size) > side:
        image = image.resize(fit(*image.size, side), Image.Resampling.LANCZOS, reducing_gap=3)
    if image.mode != "RGB":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88)
    return file.getvalue()


def _png(rgb: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _cropped(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return the middle of a picture as a square of ``side`` pixels."""
    height, width, _ = rgb.shape
    most = min(height, width)
    top, left = (height - most) // 2, (width - most) // 2
    square = Image.fromarray(rgb[top : top + most, left : left + most])
    return np.asarray(square.resize((side, side), Image.Resampling.LANCZOS))


def _parted(name: str) -> tuple[str, str]:
    """Take ``ID:0`` apart into the id and the file's name."""
    id, _, number = name.partition(":")
    if not (number.isascii() and number.isdecimal() and len(number) <= 2):
        raise KeyError(name)
    return id, f"style-{int(number)}"


def _file(files: Storage, id: str, name: str) -> bytes:
    try:
        return files.get(id, name)
    except (FileNotFoundError, ValueError):
        raise KeyError(name) from None
