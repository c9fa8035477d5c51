"""``/studio/quick``: stylising a photo at once, keeping the result, painting on it."""

from __future__ import annotations

import base64
import binascii
import io
import time
from typing import Annotated, Any

from fastapi import APIRouter, Request
from PIL import ImageOps
from pydantic import BaseModel, Field

from impasto.errors import OptionsError
from impasto.options import ApplyOptions
from impasto.studio.page.pictures import (
    NamedPicture,
    NoSuchPicture,
    Page,
    ThePage,
    recipe_of,
    shrunk,
    size_of,
)
from impasto.studio.page.uploads import upright
from impasto.studio.previews import LONG_SIDE
from impasto.studio.quick import Asked
from impasto.studio.requests import PaintRequest
from impasto.studio.routes.schemas import Client, Owner
from impasto.studio.routes.waiting import unless_gone
from impasto.studio.settings import Settings
from impasto.studio.styles import LONGEST, own_style
from impasto.studio.validation import accept_paint, at_most, check_picture

router = APIRouter(prefix="/studio", include_in_schema=False)

_FORMAT, _EXTENSION = "jpeg", "jpg"

_MADE = ("cache:", "job:")
"""The sources of pictures that have a recipe of ours, if they have one."""

_LONGEST_MASK = 192 * 2**10
"""Letters of a mask, at most: the page's own have a twentieth of that."""


class QuickSettings(BaseModel):
    """The settings of Quick. Their bounds are those of `ApplyOptions`."""

    style: Annotated[str, Field(max_length=LONGEST)]
    size: int
    strength: float = 1.0
    color: str = "style"
    style_scale: float = 1.0
    seed: int = 0
    mask: Annotated[str | None, Field(max_length=_LONGEST_MASK)] = None
    """A PNG in base64: white where the photo is painted, black where it stays as it is."""

    def options(self, largest: int) -> ApplyOptions:
        """Return the options of the network. Raises `OptionsError`."""
        at_most("size", self.size, largest)
        return ApplyOptions(**self.model_dump(exclude={"style", "mask"}))

    def mask_file(self, settings: Settings) -> bytes | None:
        """Return the mask as the bytes of a picture file. Raises `OptionsError`, `ImageError`."""
        if self.mask is None:
            return None
        try:
            data = base64.b64decode(self.mask, validate=True)
        except binascii.Error:
            raise OptionsError("--mask must be a PNG file in base64") from None
        check_picture(data, settings, "the mask")
        return data


def styles(page: Page, owner: str) -> list[dict[str, Any]]:
    """Return all styles that can be used by now; ``version`` changes with a style's network."""
    quick, mine = page.studio.quick, page.studio.learnt.of(owner)
    shared = [(style, quick.check(Asked(style.name)).sha256[:12]) for style in quick.styles()]
    # No two jobs have one id: a browser never shows the style that had the name before.
    ready = [style for style in mine if style.rows]
    own = [(own_style(style), f"{style.job.id}-{style.job.learnt}") for style in ready]
    return [
        {
            "name": style.name,
            "about": ", ".join(filter(None, (style.title, style.painter, style.year))),
            "group": style.group,
            "words": style.words,
            "version": version,
        }
        for style, version in (*own, *shared)
    ]


def mixed(style: str) -> list[str]:
    """Return the names in a style such as ``wave:0.6,kiss:0.4``."""
    return [share.partition(":")[0] for share in style.split(",")]


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


@router.get("/styles")
def listed(page: ThePage, owner: Owner) -> dict[str, Any]:
    """Answer all styles that can be used by now."""
    return {"styles": styles(page, owner)}


@router.post("/quick")
async def stylise(
    request: Request, page: ThePage, owner: Owner, client: Client, order: QuickOrder
) -> dict[str, Any]:
    """Stylise a photo, store the picture in the cache, and answer what the page shows of it.

    Where a draft will do, the answer says whether it is one. A browser that leaves before its turn
    costs nothing more.
    """
    work = page.studio.quick.begin(client, lambda: _stylised(page, owner, order))
    return await unless_gone(request, work)


def _stylised(page: Page, owner: str, order: QuickOrder) -> dict[str, Any]:
    began = time.monotonic()
    quick, own = page.studio.quick, page.studio.learnt.of(owner)
    photo = page.data(owner, order.photo)
    options = order.settings.options(page.studio.settings.max_size)
    wanted = Asked(order.settings.style, options, _FORMAT, own=own)
    asked = quick.draft(wanted, photo) if order.draft else wanted
    data, _ = quick.make(asked, photo, order.settings.mask_file(page.studio.settings))
    width, height = size_of(data)
    return {
        **order.model_dump(),
        "source": f"cache:{page.cache.put(owner, data)}",
        "draft": asked != wanted,
        "finishable": quick.finishable(order.settings.style, own),
        "width": width,
        "height": height,
        "seconds": time.monotonic() - began,
    }


def inverted(mask: bytes, side: int) -> bytes:
    """Return a mask with black and white exchanged, as a PNG file no longer than ``side``.

    Raises `ImageError`.
    """
    file = io.BytesIO()
    ImageOps.invert(upright(mask, side).convert("L")).save(file, "PNG")
    return file.getvalue()


class FinishOrder(QuickResult):
    """A result that is to be painted on for a number of seconds."""

    seconds: Annotated[float, Field(ge=1, le=600)]


@router.post("/quick/finish")
def finish(page: ThePage, owner: Owner, order: FinishOrder) -> dict[str, str]:
    """Order a painting that begins with a result, with exemplars of its styles; answer its id.

    Raises `NoSuchPicture` if the result or its photo was removed, and as `accept_paint` does.
    """
    find, settings = page.data, order.settings
    start = {"start": find(owner, order.source)}
    if not order.source.startswith(_MADE) or "shares" not in recipe_of(start["start"]):
        raise OptionsError("--source must be a result of Quick")
    if mask := settings.mask_file(page.studio.settings):
        start["freeze"] = inverted(mask, max(size_of(start["start"])))
    exemplars = page.studio.quick.exemplars(settings.style, page.studio.learnt.of(owner))
    request = PaintRequest.of(
        {
            "size": max(size_of(start["start"])),
            "budget": order.seconds,
            "strength": settings.strength,
            "color": settings.color,
            "style_scale": [settings.style_scale * exemplar.scale for exemplar, _ in exemplars],
            "blend": [share for _, share in exemplars],
        }
    )
    photo = find(owner, order.photo.source)
    names = [{"source": f"swatch:{name}", "name": name} for name in mixed(settings.style)]
    pictures = {"photo": order.photo.model_dump(), "paintings": names}
    styles = [exemplar.data for exemplar, _ in exemplars]
    job = accept_paint(page.studio, owner, photo, styles, request, pictures=pictures, start=start)
    return {"id": job.id}


@router.post("/quick/keep")
def keep(page: ThePage, owner: Owner, result: QuickResult) -> dict[str, str]:
    """Put a result into the history, and answer its id there.

    Raises `NoSuchPicture` if it or its photo was removed.
    """
    studio = page.studio
    result.settings.options(studio.settings.max_size)
    if not result.source.startswith("cache:"):
        raise NoSuchPicture
    data = page.data(owner, result.source)
    width, height = size_of(data)
    picture, preview = f"picture-1.{_EXTENSION}", "preview-1-1.jpg"
    files = {
        "photo": page.data(owner, result.photo.source),
        picture: data,
        preview: shrunk(data, LONG_SIDE),
    }
    request = {**result.settings.model_dump(), "format": _FORMAT}
    job = studio.accept(
        owner, "apply", request, files, done=True, width=width, height=height, picture=picture,
        preview=preview, pictures={"photo": result.photo.model_dump()},
    )  # fmt: skip
    return {"id": job.id}
