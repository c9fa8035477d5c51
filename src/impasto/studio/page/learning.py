"""Learning paintings on the page: what is asked for, and how far it is."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any

from pydantic import BaseModel, Field

from impasto.options import LearnOptions
from impasto.studio.jobs import Job
from impasto.studio.learnt import accept_learning, free_name
from impasto.studio.page.context import Page


class LearnOrder(BaseModel):
    """A painting to learn, by its source, and the name of its file."""

    painting: str
    name: Annotated[str, Field(max_length=1000)] = ""


def begin(page: Page, owner: str, order: LearnOrder) -> Job:
    """Ask for a painting to be learnt. Raises `NoSuchPicture`, and as `accept_learning` does."""
    painting = page.pictures.data(owner, order.painting)
    name = free_name(page.studio, owner, PurePath(order.name).stem)
    return accept_learning(page.studio, owner, painting, LearnOptions(), name)


def progress(page: Page, owner: str) -> list[dict[str, Any]]:
    """Return how the owner's styles stand, the newest first."""
    store = page.studio.store
    return [
        {
            "name": job.style,
            "job": job.id,
            "state": job.state,
            "ahead": store.ahead(job) if job.state == "queued" else 0,
            "seconds": job.seconds,
            "budget": job.request["budget"],
            "remaining": job.remaining,
            "version": job.learnt or "",
        }
        for job in store.styles(owner)
    ]
