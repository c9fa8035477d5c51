"""``/studio/jobs``: jobs as the page shows them, and settings to make one again; new paintings."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from impasto.events import Losses
from impasto.options.paint import MAX_STEPS, QUALITIES
from impasto.studio.jobs import Job, needed
from impasto.studio.page.pictures import NamedPicture, Page, ThePage, current, size_of
from impasto.studio.page.quick import QuickSettings, mixed
from impasto.studio.requests import PaintRequest
from impasto.studio.routes.schemas import Owner, TheJob
from impasto.studio.validation import MAX_STYLES, accept_paint

router = APIRouter(prefix="/studio", include_in_schema=False)

MOST_JOBS = 480
"""Jobs in one answer: the page shows no older ones."""

MOST_ROWS = 400
"""Rows of losses in one answer: a plot shows no more."""

_SUMMARY = ("id", "kind", "state", "created", "step", "steps")
_PROGRESS = ("wish", "seconds", "remaining", "waiting", "width", "height", "film", "error")
"""Columns that the page is told as they are."""


class PaintSettings(BaseModel):
    """The settings of Paint. Their bounds are those of `PaintRequest`."""

    size: int
    quality: str
    strength: float = 1.0
    color: str = "style"
    style_scale: float = 1.0


class PaintOrder(BaseModel):
    """A painting as the page orders it."""

    photo: NamedPicture
    paintings: Annotated[list[NamedPicture], Field(min_length=1, max_length=MAX_STYLES)]
    settings: PaintSettings


@router.post("/paint")
def begin(page: ThePage, owner: Owner, order: PaintOrder) -> dict[str, str]:
    """Order a painting, and answer its id. Raises `NoSuchPicture`, and as `accept_paint` does."""
    request, find = PaintRequest.of(order.settings.model_dump()), page.data
    photo = find(owner, order.photo.source)
    styles = [find(owner, painting.source) for painting in order.paintings]
    pictures = order.model_dump(include={"photo", "paintings"})
    job = accept_paint(page.studio, owner, photo, styles, request, pictures=pictures)
    return {"id": job.id}


@router.post("/jobs/{id}/again")
def again(page: ThePage, job: TheJob) -> dict[str, str]:
    """Order a painting once more, with all that its request says, and answer the id of the new one.

    Raises `NoSuchPicture` if its pictures are gone, and as `accept_paint` does.
    """
    request, find = PaintRequest.of(job.request), page.data
    files = page.studio.files
    photo = find(job.owner, f"photo:{job.id}")
    styles = [find(job.owner, source) for source in _style_sources(page, job)]
    began = {"start", "freeze"} & set(files.names(job.id))
    start = {name: files.get(job.id, name) for name in began}
    new = accept_paint(
        page.studio, job.owner, photo, styles, request, pictures=job.pictures, start=start
    )
    return {"id": new.id}


@router.get("/jobs")
def listed(page: ThePage, owner: Owner, limit: Annotated[int, Query(ge=1)] = 24) -> dict[str, Any]:
    """Answer the owner's jobs, the newest first, without cancelled ones, and if there are more."""
    limit = min(limit, MOST_JOBS)
    found = page.studio.store.jobs(owner, limit=limit + 1, cancelled=False, learnt=False)
    more = limit < min(len(found), MOST_JOBS)
    return {"jobs": [_summary(job) for job in found[:limit]], "more": more}


@router.get("/jobs/{id}")
def progress(
    page: ThePage, job: TheJob, after: Annotated[int, Query(ge=0, le=MAX_STEPS)] = 0
) -> dict[str, Any]:
    """Answer how a job stands, with the losses of its steps after ``after``."""
    store = page.studio.store
    rows = store.losses(job.id, after) if job.kind == "paint" else []
    return {
        **_summary(job),
        **{name: getattr(job, name) for name in _PROGRESS},
        "version": current(job, small=False) or "",
        "ahead": store.ahead(job),
        "picture": bool(job.picture),
        "timelapse": bool(job.timelapse),
        "clip": job.request.get("clip"),
        "look": job.request.get("end"),
        "rows": [(row.step, row.loss, row.content, row.style, row.scale) for row in thinned(rows)],
    }


@router.post("/jobs/{id}/settle", status_code=204)
def settle(page: ThePage, job: TheJob) -> None:
    """Make a stopped painting a finished one. Raises `NoSuchJob`, `WrongState`."""
    settled, files = page.studio.store.settle(job.id, job.owner), page.studio.files
    files.sweep(job.id, needed(settled))


@router.get("/jobs/{id}/settings")
def made_with(page: ThePage, job: TheJob) -> dict[str, Any]:
    """Answer the mode, the pictures and the settings that a job was made with.

    Raises `NoSuchPicture` if its photo is gone.
    """
    source = f"photo:{job.id}"
    width, height = size_of(page.data(job.owner, source))
    pictures = job.pictures or {}
    photo = _picture(source, pictures.get("photo"), "Photo") | {"width": width, "height": height}
    if job.kind == "apply":
        settings = QuickSettings.model_validate(job.request).model_dump()
        return {"mode": "quick", "photo": photo, "settings": settings}
    if job.kind == "video":
        of_clip = job.request["clip"]
        side = job.request["size"] or max(of_clip["width"], of_clip["height"])
        wanted = QuickSettings.model_validate({**job.request, "size": side})
        photo |= {"width": of_clip["width"], "height": of_clip["height"]}
        return {"mode": "quick", "photo": photo, "settings": wanted.model_dump(exclude={"mask"})}
    sources = enumerate(_style_sources(page, job), 1)
    named = pictures.get("paintings", [])
    return {
        "mode": "paint",
        "photo": photo,
        "paintings": [
            _picture(source, picture, f"painting {number}")
            for (number, source), picture in zip_longest(sources, named)
        ],
        "settings": _settings_of(PaintRequest.of(job.request)).model_dump(),
    }


def thinned(rows: list[Losses], most: int = MOST_ROWS) -> list[Losses]:
    """Return at most ``most`` of the rows, the last among them."""
    stride = max(1, -(-len(rows) // most))
    return rows[::-1][::stride][::-1]


def _style_sources(page: Page, job: Job) -> list[str]:
    names = [name for name in page.studio.files.names(job.id) if name.startswith("style-")]
    return [f"style:{job.id}:{number}" for number in range(len(names))]


def _picture(source: str, known: Mapping[str, str] | None, name: str) -> dict[str, Any]:
    """Return a picture of a job for the page. A sample stays the sample."""
    if known is None:
        return {"source": source, "name": name}
    sample = known["source"].startswith(("sample:", "painting:"))
    return {"source": known["source"] if sample else source, "name": known["name"]}


def _summary(job: Job) -> dict[str, Any]:
    pictures = job.pictures or {}
    names = [painting["name"] for painting in pictures.get("paintings", [])]
    if job.kind in ("apply", "video"):
        names = mixed(str(job.request["style"]))
    return {
        **{name: getattr(job, name) for name in _SUMMARY},
        "photo": pictures.get("photo", {}).get("name", "Photo"),
        "styles": names or ["Painting"],
        "version": current(job, small=True) or "",
    }


def _settings_of(order: PaintRequest) -> PaintSettings:
    """Return the page's settings for an order: the nearest quality to a number of steps."""
    options = order.options()
    steps, scale = options.total_steps, options.style_scale
    return PaintSettings(
        size=options.size,
        quality=min(QUALITIES, key=lambda quality: abs(QUALITIES[quality] - steps)),
        strength=order.strength,
        color=order.color,
        style_scale=scale[0] if isinstance(scale, tuple) else scale,
    )
