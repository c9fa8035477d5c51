"""Learning paintings on the page: what is ordered, and how far it is."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from impasto.options import LearnOptions
from impasto.studio.learnt import accept_learning, free_name
from impasto.studio.page.pictures import ThePage
from impasto.studio.routes.schemas import Owner

router = APIRouter(prefix="/studio", include_in_schema=False)


class LearnOrder(BaseModel):
    """A painting to learn, by its source, and the name of its file."""

    painting: str
    name: Annotated[str, Field(max_length=1000)] = ""


@router.post("/styles")
def begin(page: ThePage, owner: Owner, order: LearnOrder) -> dict[str, str | None]:
    """Have a painting learnt, and answer the job and the name of the style.

    Raises `NoSuchPicture`, and as `accept_learning` does.
    """
    painting = page.data(owner, order.painting)
    name = free_name(page.studio, owner, PurePath(order.name).stem)
    job = accept_learning(page.studio, owner, painting, LearnOptions(), name)
    return {"job": job.id, "name": job.style}


@router.get("/learning")
def progress(page: ThePage, owner: Owner) -> dict[str, Any]:
    """Answer how the owner's styles stand, the newest first."""
    store = page.studio.store
    found = [
        {
            "name": job.style,
            "job": job.id,
            "state": job.state,
            "ahead": store.ahead(job),
            "seconds": job.seconds,
            "budget": job.request["budget"],
            "remaining": job.remaining,
            "version": job.learnt or "",
        }
        for job in store.styles(owner)
    ]
    return {"styles": found}
