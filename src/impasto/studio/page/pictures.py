"""The pictures of the page, found by their source:

- ``sample:coffee``, ``painting:swirls``: a photo or a painting that comes with Impasto
- ``swatch:wave``: a sample photo in a style
- ``cache:TOKEN``: an upload or a quick result
- ``job:ID``, ``photo:ID``, ``style:ID:0``: a job's picture as it is now, its photo, its paintings

A source must exist and belong to the owner who asks.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageOps

from impasto import samples
from impasto.images.header import measure
from impasto.options import ApplyOptions
from impasto.studio.context import Studio
from impasto.studio.jobs import UNDER_WAY, Job
from impasto.studio.page.cache import PictureCache
from impasto.studio.page.uploads import CHECKED, upright
from impasto.studio.previews import LONG_SIDE

SIDES = (160, 640, 1280)
"""Long sides at which pictures are shown."""

ASSETS = Path(__file__).parent / "assets"
"""The scripts, the style sheet and the pictures of the page itself."""

SAMPLES = (
    {"name": "astronaut", "width": 512, "height": 512},
    {"name": "coffee", "width": 600, "height": 400},
    {"name": "chelsea", "width": 451, "height": 300},
    {"name": "rocket", "width": 640, "height": 427},
)
"""The sample photos with their sizes: to measure them would load them all."""

_SWATCH_PHOTO, _SWATCH_SIDE = "chelsea", 320


class Pictures:
    """Finds pictures, and makes small copies. Raises `KeyError` for an unknown source.

    No picture needs a check here: it was checked when it was uploaded, or is our own.
    """

    def __init__(self, studio: Studio, cache: PictureCache) -> None:
        self._studio, self._cache = studio, cache
        self._swatches: dict[str, bytes] = {}
        self._making = threading.Lock()

    def data(self, owner: str, source: str) -> bytes:
        """Return a picture as it is stored."""
        kind, _, name = source.partition(":")
        find: dict[str, Callable[[], bytes]] = {
            "sample": lambda: _sample(name),
            "painting": lambda: _painting(name),
            "swatch": lambda: self._swatch(name),
            "cache": lambda: self._cache.get(owner, name),
            "job": lambda: self._of_job(owner, name),
            "photo": lambda: self._file(owner, name, "photo"),
            "style": lambda: self._file(owner, *_painting_of(name)),
        }
        if kind not in find:
            raise KeyError(source)
        return find[kind]()

    def small(self, owner: str, source: str, side: int) -> bytes:
        """Return a JPEG of a picture, no side longer than ``side``."""
        kind, _, name = source.partition(":")
        if kind == "job":
            return shrunk(self._of_job(owner, name, small=side <= LONG_SIDE), side)
        return shrunk(self.data(owner, source), side)

    def look(self, owner: str, style: str, source: str) -> bytes:
        """Return a small JPEG of a picture in a style; it runs in a thread of `Quick`."""
        self.swatch_version(style)
        options = ApplyOptions(size=_SWATCH_SIDE)
        data, _ = self._studio.quick.make(self.data(owner, source), style, options, "jpeg")
        return shrunk(data, SIDES[0])

    def swatch_version(self, style: str) -> str:
        """Return a hash that changes with the network of a style. Raises `KeyError`."""
        if style not in {known.name for known in self._studio.quick.styles()}:
            raise KeyError(style)
        return self._studio.quick.hash_of(style)[:12]

    def _of_job(self, owner: str, id: str, *, small: bool = False) -> bytes:
        name = None
        while True:  # a newer preview may replace the file before it is read
            newest = current(self._studio.store.job(id, owner), small=small)
            if newest is None or newest == name:
                raise KeyError(id)
            name = newest
            with suppress(KeyError):
                return self._file(owner, id, name)

    def _file(self, owner: str, id: str, name: str) -> bytes:
        self._studio.store.job(id, owner)
        try:
            return self._studio.files.get(id, name)
        except (FileNotFoundError, ValueError):
            raise KeyError(name) from None

    def _swatch(self, style: str) -> bytes:
        key = f"{style} {self.swatch_version(style)}"
        with self._making:
            if key not in self._swatches:
                photo = Image.fromarray(samples.photo(_SWATCH_PHOTO))
                square = ImageOps.fit(photo, (_SWATCH_SIDE, _SWATCH_SIDE), Image.Resampling.LANCZOS)
                data, _ = self._studio.quick.stylise(_png(square), style, format="jpeg")
                self._swatches[key] = shrunk(data, SIDES[0])
            return self._swatches[key]


def current(job: Job, *, small: bool) -> str | None:
    """Return the name of the file that shows a job as it is now, of a preview if ``small``."""
    if small or job.state in UNDER_WAY:
        return job.preview or job.picture
    return job.picture or job.preview


def size_of(data: bytes) -> tuple[int, int]:
    """Return the width and the height of a picture, in pixels. Raises `ImageError`."""
    return measure(data, CHECKED)


def shrunk(data: bytes, side: int) -> bytes:
    """Return a JPEG of a picture, no side longer than ``side``, on white."""
    image = upright(data, side)
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88)
    return file.getvalue()


@lru_cache(len(samples.PHOTOS))
def _sample(name: str) -> bytes:
    if name not in samples.PHOTOS:
        raise KeyError(name)
    return _png(Image.fromarray(samples.photo(name)))


def _painting(name: str) -> bytes:
    if name not in samples.PAINTINGS:
        raise KeyError(name)
    return samples.painting_file(name)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _painting_of(name: str) -> tuple[str, str]:
    """Split ``ID:0`` into the job's id and the name of the file."""
    found = re.fullmatch(r"([^:]+):([0-9]{1,2})", name)
    if not found:
        raise KeyError(name)
    return found[1], f"style-{found[2]}"
