"""Answers that several routes give: a job, or one of its files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from starlette.responses import FileResponse, Response, StreamingResponse

from impasto.studio.context import Studio
from impasto.studio.films import clip_of
from impasto.studio.jobs import Job
from impasto.studio.problems import Problem
from impasto.studio.routes.schemas import job_of
from impasto.studio.storage import Storage

MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".gif": "image/gif",
}
"""Of the files of jobs."""

_PART = 2**20
"""Bytes of a file that are in memory at once."""


def accepted(studio: Studio, job: Job, status: int = 202) -> Response:
    """Answer that a job was taken, and where it is. It blocks, for as long as the database does."""
    said = job_of(studio, job)
    location = {"Location": said.links.self}
    return Response(said.model_dump_json(), status, location, media_type="application/json")


def file_of(
    studio: Studio, job: Job, what: str, range: str | None = None, of: str | None = None
) -> Response:
    """Answer the picture, the preview, the time-lapse, the film or the clip of a job.

    With a ``range`` a part of it, unless the file is another one by now than the one with the tag
    ``of``. It blocks, for as long as the files do. Raises `Problem` and `NoSuchJob`.
    """
    name = clip_of(studio, job) if what == "clip" else getattr(job, what)
    try:
        if name is None:
            raise FileNotFoundError
        extension = Path(name).suffix
        kind = MEDIA_TYPES[extension]
        called = f'inline; filename="impasto-{job.id[:8]}-{what}{extension}"'
        tag = f'"{job.id}-{name}"'  # a file never changes under its name
        headers = {
            "Content-Disposition": called, "Cache-Control": "private, no-cache", "ETag": tag
        }  # fmt: skip
        if path := studio.files.path(job.id, name):  # no need to read it at once
            return FileResponse(path, headers=headers, media_type=kind, stat_result=path.stat())
        asked = range if range and of in (None, tag) else ""
        status, parts, of_range = _read_in_parts(studio.files, job.id, name, asked)
        return StreamingResponse(parts, status, {**headers, **of_range}, media_type=kind)
    except FileNotFoundError:
        raise Problem("not-yet", f"this job is {job.state} and has no {what}") from None


def _read_in_parts(
    files: Storage, job: str, name: str, asked: str
) -> tuple[int, Iterator[bytes], dict[str, str]]:
    """Return the status, the bytes and the headers for a range of a file that lies elsewhere.

    A range that is not in the file is ignored, and all of the file is sent.
    """
    size = files.size(job, name)
    first, last = 0, size - 1
    if found := re.fullmatch(r"bytes=([0-9]{1,18})-([0-9]{0,18})", asked):
        first, last = int(found[1]), min(int(found[2] or last), last)
    elif found := re.fullmatch(r"bytes=-([0-9]{1,18})", asked):
        first = max(0, size - int(found[1]))
    whole = found is None or first > last
    if whole:
        first, last = 0, size - 1
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(last + 1 - first)}
    if not whole:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    starts = range(first, last + 1, _PART)
    parts = (files.read(job, name, at, min(at + _PART, last + 1)) for at in starts)
    return 200 if whole else 206, parts, headers
