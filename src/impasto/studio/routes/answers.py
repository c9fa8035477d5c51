"""Answers that several routes give: a job, or one of its files."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from pathlib import Path

from starlette.responses import FileResponse, Response

from impasto.studio.context import Studio
from impasto.studio.jobs import Job
from impasto.studio.problems import Problem
from impasto.studio.routes.schemas import job_of

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".mp4": "video/mp4",
}
"""Of the files of jobs."""


def found(studio: Studio, id: str, owner: str) -> Job:
    """Return a job of the owner's; that of somebody else is as unknown as none. Raises `Problem`.

    It blocks, for as long as the database does.
    """
    with suppress(KeyError):
        if _ID.fullmatch(id):
            return studio.store.job(id, owner)
    raise Problem("not-found", "there is no job of this id")


async def accepted(studio: Studio, job: Job) -> Response:
    """Answer that a job was taken, and where it is."""
    said = await asyncio.to_thread(job_of, studio, job)
    return Response(
        said.model_dump_json(),
        202,
        headers={"Location": said.links.self},
        media_type="application/json",
    )


async def file_of(studio: Studio, job: Job, what: str) -> Response:
    """Answer the picture, the preview or the time-lapse of a job. Raises `Problem`."""
    name: str | None = getattr(job, what)
    try:
        if name is None:
            raise FileNotFoundError
        return await asyncio.to_thread(_file, studio, job.id, name, what)
    except FileNotFoundError:
        raise Problem("not-yet", f"this job is {job.state} and has no {what}") from None


def _file(studio: Studio, id: str, name: str, what: str) -> Response:
    extension = Path(name).suffix
    kind = MEDIA_TYPES[extension]
    called = f'inline; filename="impasto-{id[:8]}-{what}{extension}"'
    headers = {"Content-Disposition": called, "Cache-Control": "private, no-cache"}
    with studio.files.reading(id, name) as path:
        if path.is_relative_to(studio.files.home):  # it stays: no need to read it at once
            stat = path.stat()
            return FileResponse(path, headers=headers, media_type=kind, stat_result=stat)
        return Response(path.read_bytes(), headers=headers, media_type=kind)
