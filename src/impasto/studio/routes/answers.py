"""Answers that several routes give: a job, or one of its files."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import FileResponse, Response

from impasto.studio.context import Studio
from impasto.studio.jobs import Job
from impasto.studio.problems import Problem
from impasto.studio.routes.schemas import job_of

MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".mp4": "video/mp4",
}
"""Of the files of jobs."""


def accepted(studio: Studio, job: Job, status: int = 202) -> Response:
    """Answer that a job was taken, and where it is. It blocks, for as long as the database does."""
    said = job_of(studio, job)
    location = {"Location": said.links.self}
    return Response(said.model_dump_json(), status, location, media_type="application/json")


def file_of(studio: Studio, job: Job, what: str) -> Response:
    """Answer the picture, the preview or the time-lapse of a job. Raises `Problem`.

    It blocks, for as long as the files do.
    """
    name: str | None = getattr(job, what)
    try:
        if name is None:
            raise FileNotFoundError
        extension = Path(name).suffix
        kind = MEDIA_TYPES[extension]
        called = f'inline; filename="impasto-{job.id[:8]}-{what}{extension}"'
        headers = {
            "Content-Disposition": called,
            "Cache-Control": "private, no-cache",
            "ETag": f'"{job.id}-{name}"',  # a file never changes under its name
        }
        if path := studio.files.path(job.id, name):  # no need to read it at once
            return FileResponse(path, headers=headers, media_type=kind, stat_result=path.stat())
        return Response(studio.files.get(job.id, name), headers=headers, media_type=kind)
    except FileNotFoundError:
        raise Problem("not-yet", f"this job is {job.state} and has no {what}") from None
