"""Jobs as the page shows them, and what it may do with them."""

from __future__ import annotations

from typing import Any

from impasto.events import Losses
from impasto.studio.jobs import FINAL, Job
from impasto.studio.page.desk import Desk, Unable
from impasto.studio.page.sources import shown

MOST_ROWS = 400
"""Rows of losses in one answer: a plot shows no more."""


def summary(job: Job) -> dict[str, Any]:
    """Return what a list of jobs tells of one."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "title": str(job.request.get("style") or "painting"),
        "created": job.created,
        "step": job.step,
        "steps": job.steps,
        "version": shown(job, small=True) or "",
    }


def progress(desk: Desk, owner: str, id: str, after: int) -> dict[str, Any]:
    """Return how a job stands, with the losses of its steps after ``after``. Raises `KeyError`."""
    job = desk.studio.store.job(id, owner)
    rows = desk.studio.store.losses(id, after) if job.kind == "paint" else []
    return {
        **summary(job),
        "version": shown(job, small=False) or "",
        "wish": job.wish,
        "ahead": desk.studio.store.ahead(job) if job.state == "queued" else 0,
        "seconds": job.seconds,
        "remaining": job.remaining,
        "width": job.width,
        "height": job.height,
        "picture": bool(job.picture),
        "timelapse": bool(job.timelapse),
        "error": job.error,
        "rows": [_plotted(row) for row in thinned(rows)],
    }


def listed(desk: Desk, owner: str, limit: int) -> list[dict[str, Any]]:
    """Return the owner's jobs, the newest first, without those that were given up."""
    found = desk.studio.store.jobs(owner, limit=limit)
    return [summary(job) for job in found if job.state != "cancelled" and job.wish != "cancel"]


def thinned(rows: list[Losses], most: int = MOST_ROWS) -> list[Losses]:
    """Return about ``most`` of the rows, the last among them."""
    stride = max(1, -(-len(rows) // most))
    return rows[::-1][::stride][::-1]


def remove(desk: Desk, owner: str, id: str) -> None:
    """Forget an ended job of the owner's, and its files. Raises `KeyError`, `Unable`."""
    job = desk.studio.store.job(id, owner)
    if job.state not in (*FINAL, "stopped"):
        raise Unable("It is under way: cancel it first.")
    desk.studio.forget(id)


def settle(desk: Desk, owner: str, id: str) -> None:
    """Take a stopped painting for done. Raises `KeyError`, `WrongState`."""
    desk.studio.store.settle(id, owner)
    files = desk.studio.files
    states = [name for name in files.names(id) if name.startswith("checkpoint-")]
    if states:
        files.remove(id, *states)


def _plotted(row: Losses) -> list[float]:
    return [row.step, row.loss, row.content, row.style, row.scale]
