"""What the API answers, as OpenAPI tells it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Request
from pydantic import BaseModel, Field

from impasto.studio.context import Studio
from impasto.studio.jobs import Job as StoredJob
from impasto.studio.learnt import Own
from impasto.studio.styles import Style

JOB = "q7Vv0m1pT3sJfW8LxZ2aBcDe"
"""An id in examples."""

_AT = "2026-03-01T12:00:00Z"
_WHEN = "When it was {}."


# Asynchronous, though they wait for nothing: FastAPI calls all others in threads.


async def _studio(request: Request) -> Studio:
    studio: Studio = request.app.state.studio
    return studio


async def _owner(request: Request) -> str:
    owner: str = request.state.owner  # as the middleware found out
    return owner


def _own(request: Request) -> Own:
    """Return the styles of who asks."""
    studio: Studio = request.app.state.studio
    return studio.learnt.of(request.state.owner)


async def _client(request: Request) -> str:
    client: str = request.state.client
    return client


def _job(id: str, request: Request) -> StoredJob:
    """Return a job of the owner's; that of somebody else is as unknown as none."""
    studio: Studio = request.app.state.studio
    return studio.store.job(id, request.state.owner)


TheStudio = Annotated[Studio, Depends(_studio)]
"""The studio of the app."""

Owner = Annotated[str, Depends(_owner)]
"""Whose request it is."""

OwnStyles = Annotated[Own, Depends(_own)]
"""The styles that are the owner's alone."""

Client = Annotated[str, Depends(_client)]
"""Who counts as one client: a key or, without keys, an address."""

TheJob = Annotated[StoredJob, Depends(_job)]
"""The job that the address names."""


class Styles(BaseModel):
    """All styles, in the order of looking for them; your own come first."""

    styles: list[Style]
    default: str | None = Field(description="The one that is taken when none is named.")


class JobError(BaseModel):
    """Why a job failed."""

    code: str = Field(description="For programs.", examples=["image-error"])
    detail: str = Field(description="In one line.")


class Links(BaseModel):
    """Where to find what belongs to a job; null is not there (yet)."""

    self: str
    events: str
    preview: str | None
    picture: str | None
    timelapse: str | None
    film: str | None
    clip: str | None
    style: str | None


class Job(BaseModel):
    """A painting that was asked for, as it stands."""

    id: str = Field(description="Nobody can guess it.")
    kind: Literal["paint", "apply", "learn", "video"] = Field(
        description="`apply` are quick results kept, `learn` are styles, `video` are films."
    )
    state: Literal["queued", "running", "stopped", "done", "failed", "cancelled"] = Field(
        description="`queued` and `running` are under way, `stopped` can go on, the rest is final."
    )
    wish: Literal["", "stop", "cancel"] = Field(
        description="What was asked of it and will be done within a step."
    )
    created: datetime = Field(description=_WHEN.format("accepted"))
    started: datetime | None = Field(description=_WHEN.format("begun"))
    ended: datetime | None = Field(description=_WHEN.format("stopped or ended"))
    ahead: int = Field(description="Jobs that wait before it.")
    step: int = Field(description="Steps done; frames, of a film.")
    steps: int = Field(description="Steps in all, as planned now; 0 is not known yet.")
    loss: float | None = Field(description="What is left to be minimised.")
    seconds: float = Field(description="Time worked at it.")
    remaining: float | None = Field(description="Seconds that it will still take, about.")
    waiting: Literal["", "disk"] = Field(
        description="What a running job waits for: `disk` is room on the disk of the server."
    )
    width: int = Field(description="Pixels across; 0 is not known yet.")
    height: int = Field(description="Pixels down; 0 is not known yet.")
    order: dict[str, Any] = Field(description="What was asked for.")
    style: str | None = Field(description="The name of the style that it learns.")
    error: JobError | None
    links: Links


class Jobs(BaseModel):
    """A page of jobs, the newest first."""

    jobs: list[Job]
    next: str | None = Field(description="Where the next page is; null after the last.")


class Health(BaseModel):
    """The server is there."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether the server can do its work, and what it needs for that."""

    ready: bool
    database: bool = Field(description="Whether the database answers.")
    files: bool = Field(description="Whether files can be written and read.")
    workers: bool = Field(description="Whether a worker lives, here or on another machine.")


def job_of(studio: Studio, job: StoredJob) -> Job:
    """Return what the API tells of a job."""
    here = f"/v1/jobs/{job.id}"
    files = {
        name: f"{here}/{name}" if getattr(job, name) else None
        for name in ("preview", "picture", "timelapse", "film")
    }
    told = {
        **asdict(job),
        "ahead": studio.store.ahead(job),
        "order": job.request,
        "error": {"code": job.error_code, "detail": job.error or ""} if job.error_code else None,
        "links": {
            "self": here,
            "events": f"{here}/events",
            **files,
            "clip": f"{here}/clip" if job.kind == "video" else None,
            "style": f"/v1/styles/{job.style}" if job.style else None,
        },
    }
    return Job.model_validate(told)


JOB_EXAMPLE: dict[str, Any] = {
    "id": JOB, "kind": "paint", "state": "running", "wish": "", "created": _AT, "started": _AT,
    "ended": None, "ahead": 0, "step": 40, "steps": 150, "loss": 0.132, "seconds": 9.5,
    "remaining": 26.0, "waiting": "", "width": 640, "height": 480, "error": None, "style": None,
    "order": {"size": 640, "quality": "good", "strength": 1.0, "format": "png"},
    "links": {
        "self": f"/v1/jobs/{JOB}", "events": f"/v1/jobs/{JOB}/events",
        "preview": f"/v1/jobs/{JOB}/preview", "picture": None, "timelapse": None,
        "film": None, "clip": None, "style": None,
    },
}  # fmt: skip
