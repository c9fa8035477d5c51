"""Quick: stylising a photo at once, and keeping the result."""

from __future__ import annotations

import time
from typing import Any

from pydantic import BaseModel

from impasto.errors import OptionsError
from impasto.options import ApplyOptions
from impasto.studio.jobs import Job, new_id
from impasto.studio.page.context import Page
from impasto.studio.page.pictures import NamedPicture, shrunk, size_of
from impasto.studio.previews import LONG_SIDE

_FORMAT, _EXTENSION = "jpeg", "jpg"


class QuickSettings(BaseModel):
    """The settings of Quick. Their bounds are those of `ApplyOptions`."""

    style: str
    size: int
    strength: float = 1.0
    color: str = "style"
    style_scale: float = 1.0
    seed: int = 0

    def options(self, largest: int) -> ApplyOptions:
        """Return the options of the network. Raises `OptionsError`."""
        if self.size > largest:
            raise OptionsError(f"--size is at most {largest} here, got {self.size}")
        return ApplyOptions(**self.model_dump(exclude={"style"}))


class QuickOrder(BaseModel):
    """What the page asks for: a photo by its source, and whether a draft will do."""

    photo: str
    settings: QuickSettings
    draft: bool = False


class QuickResult(BaseModel):
    """What of an answer is needed to keep the picture."""

    source: str
    photo: NamedPicture
    settings: QuickSettings


def stylise(page: Page, owner: str, order: QuickOrder) -> dict[str, Any]:
    """Stylise a photo and store the picture in the cache; return what the page shows of it.

    It runs in a thread of `Quick`. Where a draft will do, the answer says whether it is one.
    """
    began = time.monotonic()
    quick = page.studio.quick
    photo = page.pictures.data(owner, order.photo)
    wanted = order.settings.style, order.settings.options(page.studio.settings.max_size)
    style, options = quick.draft(photo, *wanted) if order.draft else wanted
    data, _ = quick.make(photo, style, options, _FORMAT)
    width, height = size_of(data)
    return {
        **order.model_dump(),
        "source": f"cache:{page.cache.put(owner, data)}",
        "draft": (style, options) != wanted,
        "width": width,
        "height": height,
        "seconds": time.monotonic() - began,
    }


def keep(page: Page, owner: str, result: QuickResult) -> Job:
    """Put a result into the history. Raises `KeyError` if it or its photo was removed."""
    studio = page.studio
    result.settings.options(studio.settings.max_size)
    kind, _, token = result.source.partition(":")
    if kind != "cache":
        raise KeyError(result.source)
    data = page.cache.get(owner, token)
    width, height = size_of(data)
    picture, preview = f"picture-1.{_EXTENSION}", "preview-1-1.jpg"
    files = {
        "photo": page.pictures.data(owner, result.photo.source),
        picture: data,
        preview: shrunk(data, LONG_SIDE),
    }
    id = new_id()
    for name, content in files.items():
        studio.files.put(id, name, content)
    return studio.store.keep(
        owner,
        "apply",
        {**result.settings.model_dump(), "format": _FORMAT},
        id=id,
        width=width,
        height=height,
        picture=picture,
        preview=preview,
        pictures={"photo": result.photo.model_dump()},
    )
