"""``/v1/jobs``: paintings, asked for and followed to their end."""

from __future__ import annotations

import asyncio
import math
import re
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from impasto.errors import OptionsError
from impasto.studio import fields, problems
from impasto.studio.context import Studio
from impasto.studio.jobs import UNDER_WAY
from impasto.studio.jobs import Job as StoredJob
from impasto.studio.multipart import Fields, content, read_form
from impasto.studio.problems import Problem
from impasto.studio.requests import PaintRequest
from impasto.studio.routes.answers import accepted, file_of, found
from impasto.studio.routes.openapi import LOCATION, PICTURES, binary, form_body
from impasto.studio.routes.schemas import Job, Jobs, Owner, TheStudio, job_of
from impasto.studio.validation import MAX_STYLES, accept_paint, check_request

router = APIRouter(prefix="/v1", tags=["Jobs"])

_LONGEST_KEY = 200
_FILES = {
    "photo": "The photo: JPEG, PNG, WebP, TIFF, HEIC and others.",
    "painting*": f"The painting whose style it is to have; up to {MAX_STYLES} are blended.",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": _LONGEST_KEY, "pattern": "^[!-~]+$"},
    "description": "A text of your choosing. Asked again with the same, the job that it made is "
    "answered, and no other is made.",
    "example": "painting-1729",
}
_USUAL = ("unauthorized", "rate-limited", "unavailable")
_ONE = (*_USUAL, "not-found")


@router.post(
    "/jobs",
    summary="Ask for a painting",
    operation_id="create_job",
    status_code=202,
    response_model=Job,
    response_description="The job was taken, and will not be lost.",
    openapi_extra={
        **form_body(_FILES, fields.PAINT, required=("photo", "painting")),
        "parameters": [_KEY],
    },
    responses={
        202: {"headers": LOCATION},
        **problems.responses(
            *_USUAL, "cross-site", "slow-upload", "too-large", "too-many-pixels",
            "unsupported-media-type", "invalid-option", "bad-picture", "bad-form", "unfit-format",
            "key-reused", "queue-full", "too-many-jobs", "busy",
        ),
    },
)  # fmt: skip
async def create(request: Request, studio: TheStudio, owner: Owner) -> Response:
    """Optimise a picture with the content of a photo and the style of one or more paintings.

    That takes from seconds to minutes: follow it at `/events`.
    """
    key = _checked_key(request.headers.get("idempotency-key"))
    files = {"photo": 1, "painting": MAX_STYLES}
    read = read_form(request, fields=fields.PAINT, files=files, check=_request)
    with studio.quick.place():
        async with read as form:
            photo = form.required("photo")
            form.required("painting")
            asked, styles = _request(form.fields), form.files["painting"]
            check_request(asked, studio.settings, len(styles))

            def accept() -> StoredJob:
                pictures = [content(style) for style in styles]
                return accept_paint(studio, owner, content(photo), pictures, asked, key)

            job = await studio.checked(accept)
    return await accepted(studio, job)


@router.get(
    "/jobs",
    summary="List jobs",
    operation_id="list_jobs",
    response_model=Jobs,
    responses=problems.responses(*_USUAL, "invalid-option"),
)
def listed(
    studio: TheStudio,
    owner: Owner,
    limit: Annotated[int, Query(ge=1, le=100, description="Most jobs in one answer.")] = 20,
    before: Annotated[
        float | None,
        Query(description="Only jobs made before this time, in seconds since 1970."),
    ] = None,
) -> Jobs:
    """Answer your jobs, the newest first, a page at a time."""
    if before is not None and not math.isfinite(before):
        raise OptionsError("--before must be a number of seconds")
    jobs = studio.store.jobs(owner, limit=limit + 1, before=before)
    page = jobs[:limit]
    more = f"/v1/jobs?limit={limit}&before={page[-1].created!r}" if len(jobs) > limit else None
    return Jobs(jobs=[job_of(studio, job) for job in page], next=more)


@router.get(
    "/jobs/{id}",
    summary="Look at a job",
    operation_id="get_job",
    response_model=Job,
    responses=problems.responses(*_ONE),
)
def one(id: str, studio: TheStudio, owner: Owner) -> Job:
    """Answer a job as it stands."""
    return job_of(studio, found(studio, id, owner))


def _add_file(what: str, called: str, text: str, answer: str, *kinds: str) -> None:
    """Add the route of one of a job's files."""

    async def file(id: str, studio: TheStudio, owner: Owner) -> Response:
        return await file_of(studio, await asyncio.to_thread(found, studio, id, owner), what)

    router.add_api_route(
        f"/jobs/{{id}}/{what}",
        file,
        summary=f"Get the {called}",
        description=text,
        operation_id=f"get_{what}",
        response_class=Response,
        responses={200: binary(answer, *kinds), **problems.responses(*_ONE, "not-yet")},
    )


_add_file(
    "picture", "picture", "Answer the picture in full size, in the format that was asked for.",
    "The finished picture, or of a stopped job what it was then.", *PICTURES,
)  # fmt: skip
_add_file(
    "preview", "latest preview", "Answer what is there of the picture so far.",
    "The picture as it was a moment ago, small.", "image/jpeg",
)  # fmt: skip
_add_file(
    "timelapse", "time-lapse",
    "Answer a film of the painting; ranges of it can be asked for, as players do.",
    "How the picture came to be.", "video/mp4",
)  # fmt: skip


@router.post(
    "/jobs/{id}/stop",
    summary="Stop a job",
    operation_id="stop_job",
    response_model=Job,
    responses=problems.responses(*_ONE, "cross-site", "wrong-state"),
)
def stop(id: str, studio: TheStudio, owner: Owner) -> Job:
    """Have a job stop where it is, within a step; its picture so far is kept, and it can go on."""
    found(studio, id, owner)
    return job_of(studio, studio.store.stop(id, owner))


@router.post(
    "/jobs/{id}/go-on",
    summary="Have a stopped job go on",
    operation_id="resume_job",
    response_model=Job,
    responses=problems.responses(*_ONE, "cross-site", "wrong-state", "queue-full", "too-many-jobs"),
)
def go_on(id: str, studio: TheStudio, owner: Owner) -> Job:
    """Queue a stopped job again; it goes on from where it stopped."""
    found(studio, id, owner)
    bounds = studio.settings
    job = studio.store.go_on(id, owner, max_queue=bounds.max_queue, max_jobs=bounds.max_jobs)
    return job_of(studio, job)


@router.delete(
    "/jobs/{id}",
    summary="Cancel or remove a job",
    operation_id="delete_job",
    response_class=Response,
    status_code=204,
    responses={
        202: {"model": Job, "description": "It was under way and is cancelled, within a step."},
        204: {"description": "It had ended, and is gone with all its files."},
        **problems.responses(*_ONE, "cross-site"),
    },
)
async def delete(id: str, studio: TheStudio, owner: Owner) -> Response:
    """Cancel a job that is under way; remove one that has ended or was stopped."""
    job = await asyncio.to_thread(_delete, studio, id, owner)
    return Response(status_code=204) if job is None else await accepted(studio, job)


def _delete(studio: Studio, id: str, owner: str) -> StoredJob | None:
    """Return the job that was cancelled; None if it was removed."""
    if found(studio, id, owner).state not in UNDER_WAY and studio.forget(id):
        return None
    return studio.store.cancel(id, owner)


def _request(given: Fields) -> PaintRequest:
    return PaintRequest.of(fields.values(fields.PAINT, given))


def _checked_key(key: str | None) -> str | None:
    if key is not None and not re.fullmatch(rf"[!-~]{{1,{_LONGEST_KEY}}}", key):
        text = f"Idempotency-Key must be 1 to {_LONGEST_KEY} visible letters"
        raise Problem("invalid-option", text, field="Idempotency-Key")
    return key
