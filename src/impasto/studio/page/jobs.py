"""Jobs as the page shows them, orders for new ones, and settings to make one again."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from impasto.events import Losses
from impasto.options.paint import QUALITIES
from impasto.studio.jobs import Job, needed
from impasto.studio.page.context import Page
from impasto.studio.page.pictures import current, size_of
from impasto.studio.page.quick import QuickSettings
from impasto.studio.requests import PaintRequest
from impasto.studio.validation import MAX_STYLES, accept_paint

MOST_JOBS = 480
"""Jobs in one answer: the page shows no older ones."""

MOST_ROWS = 400
"""Rows of losses in one answer: a plot shows no more."""


class PaintSettings(BaseModel):
    """The settings of Paint. Their bounds are those of `PaintRequest`."""

    size: int
    quality: str
    strength: float = 1.0
    color: str = "style"
    style_scale: float = 1.0


class PaintOrder(BaseModel):
    """A painting as the page orders it, the pictures by their sources."""

    photo: str
    paintings: Annotated[list[str], Field(min_length=1, max_length=MAX_STYLES)]
    settings: PaintSettings


def begin(page: Page, owner: str, order: PaintOrder) -> Job:
    """Order a painting. Raises `KeyError`, and as `accept_paint` does."""
    request, find = PaintRequest.of(order.settings.model_dump()), page.pictures.data
    photo = find(owner, order.photo)
    styles = [find(owner, painting) for painting in order.paintings]
    return accept_paint(page.studio, owner, photo, styles, request)


def listed(page: Page, owner: str, limit: int) -> dict[str, Any]:
    """Return the owner's jobs, the newest first, without cancelled ones, and if there are more."""
    limit = min(limit, MOST_JOBS)
    found = page.studio.store.jobs(owner, limit=limit + 1, cancelled=False, learnt=False)
    more = limit < min(len(found), MOST_JOBS)
    return {"jobs": [_summary(job) for job in found[:limit]], "more": more}


def progress(page: Page, job: Job, after: int) -> dict[str, Any]:
    """Return how a job stands, with the losses of its steps after ``after``."""
    store = page.studio.store
    rows = store.losses(job.id, after) if job.kind == "paint" else []
    return {
        **_summary(job),
        "version": current(job, small=False) or "",
        "wish": job.wish,
        "ahead": store.ahead(job) if job.state == "queued" else 0,
        "seconds": job.seconds,
        "remaining": job.remaining,
        "waiting": job.waiting,
        "width": job.width,
        "height": job.height,
        "picture": bool(job.picture),
        "timelapse": bool(job.timelapse),
        "error": job.error,
        "rows": [(row.step, row.loss, row.content, row.style, row.scale) for row in thinned(rows)],
    }


def settle(page: Page, job: Job) -> None:
    """Make a stopped painting a finished one. Raises `NoSuchJob`, `WrongState`."""
    settled, files = page.studio.store.settle(job.id, job.owner), page.studio.files
    files.sweep(job.id, needed(settled))


def again(page: Page, job: Job) -> dict[str, Any]:
    """Return the mode, the pictures and the settings that a job was made with.

    Raises `KeyError` if its photo is gone.
    """
    id, source = job.id, f"photo:{job.id}"
    width, height = size_of(page.pictures.data(job.owner, source))
    photo = {"source": source, "name": "Photo", "width": width, "height": height}
    if job.kind == "apply":
        settings = QuickSettings.model_validate(job.request).model_dump()
        return {"mode": "quick", "photo": photo, "settings": settings}
    names = [name for name in page.studio.files.names(id) if name.startswith("style-")]
    paintings = [
        {"source": f"style:{id}:{number}", "name": f"painting {number + 1}"}
        for number in range(len(names))
    ]
    return {
        "mode": "paint",
        "photo": photo,
        "paintings": paintings,
        "settings": _settings_of(PaintRequest.of(job.request)).model_dump(),
    }


def thinned(rows: list[Losses], most: int = MOST_ROWS) -> list[Losses]:
    """Return at most ``most`` of the rows, the last among them."""
    stride = max(1, -(-len(rows) // most))
    return rows[::-1][::stride][::-1]


def _summary(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "title": str(job.request.get("style") or "painting"),
        "created": job.created,
        "step": job.step,
        "steps": job.steps,
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
