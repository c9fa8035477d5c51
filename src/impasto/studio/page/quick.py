"""Quick: what a network makes of the photo, at once, and keeping it."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from PIL import Image

from impasto.errors import OptionsError
from impasto.options import ApplyOptions
from impasto.studio.jobs import Job, new_id
from impasto.studio.page.desk import Desk, Unable
from impasto.studio.page.sources import shrunk
from impasto.studio.previews import LONG_SIDE

FORMAT = "jpeg"
_EXTENSION = "jpg"
_OPTIONS = ("strength", "color", "style_scale", "seed", "size")
"""The fields of `ApplyOptions` that the page sets."""


@dataclass(frozen=True)
class QuickSettings:
    """What the sliders say."""

    style: str
    strength: float
    color: str
    size: int
    style_scale: float = 1.0
    seed: int = 0

    @classmethod
    def of(cls, given: Mapping[str, Any], largest: int) -> QuickSettings:
        """Check what a browser sent. Raises `OptionsError`."""
        style = given.get("style")
        options = ApplyOptions(
            strength=given.get("strength", 1.0),
            color=given.get("color", "style"),
            style_scale=given.get("style_scale", 1.0),
            seed=given.get("seed", 0),
            size=given.get("size"),
        )
        if not isinstance(style, str) or options.size is None or options.size > largest:
            raise OptionsError(f"style and a size up to {largest} are needed")
        found = {name: getattr(options, name) for name in _OPTIONS}
        return cls(style, **found)

    @property
    def options(self) -> ApplyOptions:
        """What a network is asked for."""
        return ApplyOptions(**{name: getattr(self, name) for name in _OPTIONS})


def look(desk: Desk, owner: str, photo: str, settings: QuickSettings) -> dict[str, Any]:
    """Answer at once, while somebody still moves a slider: as `finish`, or a draft of that."""
    data = desk.sources.data(owner, photo)
    style, options = desk.studio.quick.draft(data, settings.style, settings.options)
    draft = (style, options) != (settings.style, settings.options)
    return {**_made(desk, owner, data, style, options), **_told(photo, settings, draft=draft)}


def finish(desk: Desk, owner: str, photo: str, settings: QuickSettings) -> dict[str, Any]:
    """Stylise a photo and lay the picture on the shelf; return what the stage shows."""
    data = desk.sources.data(owner, photo)
    made = _made(desk, owner, data, settings.style, settings.options)
    return {**made, **_told(photo, settings, draft=False)}


def keep(desk: Desk, owner: str, result: Mapping[str, Any]) -> Job:
    """Put a quick result into the history; ``result`` is what the stage shows, from a browser.

    Raises `KeyError` when the result or its photo is not there any more.
    """
    studio = desk.studio
    settings = QuickSettings.of(result, studio.settings.max_size)
    kind, _, token = str(result.get("source")).partition(":")
    if kind != "shelf" or result.get("draft"):
        raise Unable("Only a finished quick result can be kept.")
    data = desk.shelf.get(owner, token)
    photo = desk.sources.data(owner, str(result.get("photo")))
    width, height = _size(data)
    id = new_id()
    files = {
        "photo": photo,
        f"picture-1.{_EXTENSION}": data,
        "preview-1-1.jpg": shrunk(data, LONG_SIDE),
    }
    for name, content in files.items():
        studio.files.put(id, name, content)
    request = {**asdict(settings), "format": FORMAT}
    columns = {"picture": f"picture-1.{_EXTENSION}", "preview": "preview-1-1.jpg"}
    return studio.store.keep(owner, "apply", request, id=id, width=width, height=height, **columns)


def _made(
    desk: Desk, owner: str, photo: bytes, style: str, options: ApplyOptions
) -> dict[str, Any]:
    began = time.monotonic()
    chosen = {name: getattr(options, name) for name in _OPTIONS}
    data, _ = desk.studio.quick.stylise(photo, style, format=FORMAT, **chosen)
    token = desk.shelf.put(owner, data)
    width, height = _size(data)
    seconds = time.monotonic() - began
    return {"source": f"shelf:{token}", "width": width, "height": height, "seconds": seconds}


def _told(photo: str, settings: QuickSettings, *, draft: bool) -> dict[str, Any]:
    return {"photo": photo, "draft": draft, **asdict(settings)}


def _size(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        return image.size
