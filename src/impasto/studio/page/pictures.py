"""The pictures of the page, found by their source:

- ``sample:coffee``, ``painting:swirls``: a photo or a painting that comes with Impasto
- ``swatch:wave``: a sample photo in a style, which is only shown
- ``cache:TOKEN``: an upload or a quick result
- ``job:ID``, ``photo:ID``, ``style:ID:0``: a job's picture as it is now, its photo, its paintings

A source must exist and belong to the owner who asks.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, Request
from PIL import Image, ImageOps
from pydantic import BaseModel, Field

from impasto import samples
from impasto.errors import ImageError, OutputError
from impasto.images import check_format
from impasto.images.encode import Job as Encoding
from impasto.images.encode import jpeg, png, webp
from impasto.images.header import measure
from impasto.images.opening import open_image
from impasto.images.recipe import recipe_in
from impasto.options import ApplyOptions, SaveOptions
from impasto.studio.context import Studio
from impasto.studio.jobs import UNDER_WAY, Job
from impasto.studio.learnt import Own
from impasto.studio.page.cache import PictureCache
from impasto.studio.page.uploads import CHECKED, upright
from impasto.studio.previews import LONG_SIDE
from impasto.studio.problems import Problem
from impasto.studio.quick import Asked

SIDES = (160, 640, 1280, 4096)
"""Long sides at which pictures are shown; the last is for zooming in."""

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


FORMATS: Mapping[str, Callable[[Encoding], bytes]] = {"png": png, "jpeg": jpeg, "webp": webp}
"""The formats in which pictures are saved from the page."""


class NamedPicture(BaseModel):
    """A picture by its source, and what its owner calls it."""

    source: str
    name: Annotated[str, Field(max_length=200)]


class NoSuchPicture(Problem):
    """There is no such picture any more, or it is somebody else's."""

    def __init__(self) -> None:
        super().__init__("not-found", "this no longer exists")


class Page:
    """The studio, and the pictures of the page. Raises `NoSuchPicture` for an unknown source.

    No picture needs a check here: it was checked when it was uploaded, or is our own.
    """

    def __init__(self, studio: Studio) -> None:
        self.studio, self.cache = studio, PictureCache(studio.files.home / "page")
        self._swatches: dict[str, bytes] = {}
        self._making = threading.Lock()

    def data(self, owner: str, source: str, *, small: bool = False) -> bytes:
        """Return a picture as it is stored; of a job a preview if ``small``."""
        kind, _, name = source.partition(":")
        find: dict[str, Callable[[], bytes]] = {
            "sample": lambda: _sample(name),
            "painting": lambda: _painting(name),
            "cache": lambda: self.cache.get(owner, name),
            "job": lambda: self._of_job(owner, name, small=small),
            "photo": lambda: self._file(owner, name, "photo"),
            "style": lambda: self._file(owner, *_painting_of(name)),
        }
        try:
            return find[kind]()
        except KeyError:
            raise NoSuchPicture from None

    def small(self, owner: str, source: str, side: int) -> bytes:
        """Return a JPEG of a picture, no side longer than ``side``."""
        kind, _, name = source.partition(":")
        if kind == "swatch":  # here alone: `data` runs in threads of `Quick`, which make swatches
            return shrunk(self._swatch(owner, name), side)
        return shrunk(self.data(owner, source, small=side <= LONG_SIDE), side)

    def look(self, owner: str, style: str, source: str) -> bytes:
        """Return a small JPEG of a picture in a style; it runs in a thread of `Quick`."""
        own = [one for one in self.studio.learnt.of(owner) if one.name == style and one.rows]
        if not own:
            self._check(style)
        asked = Asked(style, ApplyOptions(size=_SWATCH_SIDE), own=own)
        data, _ = self.studio.quick.make(asked, self.data(owner, source))
        return shrunk(data, SIDES[0])

    def _of_job(self, owner: str, id: str, *, small: bool) -> bytes:
        name = None
        while True:  # a newer preview may replace the file before it is read
            newest = current(self.studio.store.job(id, owner), small=small)
            if newest is None or newest == name:
                raise KeyError(id)
            name = newest
            with suppress(KeyError):
                return self._file(owner, id, name)

    def _file(self, owner: str, id: str, name: str) -> bytes:
        self.studio.store.job(id, owner)
        try:
            return self.studio.files.get(id, name)
        except (FileNotFoundError, ValueError):
            raise KeyError(name) from None

    def _swatch(self, owner: str, style: str) -> bytes:
        """Return a sample photo in a style; of the owner's own it is kept nowhere."""
        for own in self.studio.learnt.of(owner):
            if own.name == style:
                if own.rows is None:
                    return own.painting
                return self._stylised(style, [own])
        key = f"{style} {self._check(style)}"
        with self._making:
            if key not in self._swatches:
                self._swatches[key] = shrunk(self._stylised(style), SIDES[0])
            return self._swatches[key]

    def _check(self, style: str) -> str:
        """Return the hash of the network of a style of all. Raises `NoSuchPicture`."""
        if style not in {known.name for known in self.studio.quick.styles()}:
            raise NoSuchPicture
        return self.studio.quick.check(Asked(style)).sha256

    def _stylised(self, style: str, own: Own = ()) -> bytes:
        quick = self.studio.quick
        return quick.stylise(_swatch_photo(), style, own=own, size=_SWATCH_SIDE)[0]


async def _page(request: Request) -> Page:
    page: Page = request.app.state.page
    return page


ThePage = Annotated[Page, Depends(_page)]
"""The page of the app."""


def current(job: Job, *, small: bool) -> str | None:
    """Return the name of the file that shows a job as it is now, of a preview if ``small``."""
    if small or job.state in UNDER_WAY:
        return job.preview or job.picture
    return job.picture or job.preview


def size_of(data: bytes) -> tuple[int, int]:
    """Return the width and the height of a picture, in pixels. Raises `ImageError`."""
    return measure(data, CHECKED)


def saved(data: bytes, format: str) -> bytes:
    """Return a picture file in one of the `FORMATS`, with its recipe if that fits.

    Raises `OutputError` if the format cannot hold the picture.
    """
    stored = open_image(data)
    if stored is not None and stored.format == format.upper():
        return data
    size = size_of(data)
    check_format(f"result.{format}", *size)
    planes = np.asarray(upright(data, max(size)))
    rgb, alpha = planes[:, :, :3], planes[:, :, 3] if planes.shape[2] == 4 else None
    with suppress(OutputError):
        recipe = recipe_of(data) or None
        return FORMATS[format](Encoding(rgb, alpha, SaveOptions(), recipe, "the picture"))
    return FORMATS[format](Encoding(rgb, alpha, SaveOptions(), None, "the picture"))


def recipe_of(data: bytes) -> Mapping[str, Any]:
    """Return the recipe of a picture, without any if it has none."""
    try:
        return recipe_in(data, "the picture", CHECKED)
    except ImageError:
        return {}


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


@cache
def _swatch_photo() -> bytes:
    photo = Image.fromarray(samples.photo(_SWATCH_PHOTO))
    side = _SWATCH_SIDE, _SWATCH_SIDE
    return _png(ImageOps.fit(photo, side, Image.Resampling.LANCZOS))


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
