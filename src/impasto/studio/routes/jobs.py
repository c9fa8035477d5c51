"""``/v1/jobs``: paintings, asked for and followed to their end."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from impasto.studio import fields, problems
from impasto.studio.multipart import Fields, Form, content
from impasto.studio.requests import PaintRequest
from impasto.studio.routes.answers import accepted, file_of
from impasto.studio.routes.openapi import FILMS, LOCATION, PICTURES, binary
from impasto.studio.routes.schemas import Client, Job, Jobs, Owner, TheJob, TheStudio, job_of
from impasto.studio.validation import MAX_STYLES, accept_paint

router = APIRouter(prefix="/v1", tags=["Jobs"])

_FORM = Form(
    {
        "photo": "The photo: JPEG, PNG, WebP, TIFF, HEIC and others.",
        "painting": f"The painting whose style it is to have; up to {MAX_STYLES} are blended.",
    },
    fields.PAINT,
    required=("photo", "painting"),
    most={"painting": MAX_STYLES},
)
IDEMPOTENCY = Header(
    alias="Idempotency-Key",
    max_length=200,
    pattern="^[!-~]+$",
    description="A text of your choosing. Asked again with the same, the job that it made is "
    "answered, and no other is made.",
)
_BEFORE = Query(
    pattern=r"^[0-9]{1,12}(\.[0-9]{1,12})?_[A-Za-z0-9_-]{1,64}$",
    description="Where the page begins, as `next` of the page before has it: the time in seconds "
    "since 1970 and the id of that page's last job.",
)
_RANGE = Header(alias="Range", description="The bytes to answer, such as `bytes=0-999`.")
_IF_RANGE = Header(alias="If-Range", include_in_schema=False)
_ONE = (*problems.USUAL, "not-found")


@router.post(
    "/jobs",
    status_code=202,
    response_model=Job,
    response_description="The job was taken, and will not be lost.",
    openapi_extra=_FORM.described(),
    responses={
        202: {"headers": LOCATION},
        **problems.responses(
            *problems.OF_FORMS, "too-many-pixels", "bad-picture", "unfit-format", "key-reused",
            "queue-full", "too-many-jobs",
        ),
    },
)  # fmt: skip
async def create_job(
    request: Request,
    studio: TheStudio,
    owner: Owner,
    client: Client,
    key: Annotated[str | None, IDEMPOTENCY] = None,
) -> Response:
    """Optimise a picture with the content of a photo and the style of one or more paintings.

    That takes from seconds to minutes: follow it at `/events`.
    """
    async with _FORM.read(request, _request) as form:
        asked = _request(form.fields)

        def accept() -> Response:
            pictures = [content(style) for style in form.files["painting"]]
            photo = content(form.one("photo"))
            return accepted(studio, accept_paint(studio, owner, photo, pictures, asked, key))

        return await studio.checked(client, accept)


@router.get("/jobs", responses=problems.responses(*problems.USUAL, "invalid-option"))
def list_jobs(
    studio: TheStudio,
    owner: Owner,
    limit: Annotated[int, Query(ge=1, le=100, description="Most jobs in one answer.")] = 20,
    before: Annotated[str | None, _BEFORE] = None,
) -> Jobs:
    """Answer your jobs, the newest first, a page at a time."""
    time, _, id = (before or "").partition("_")
    place = (float(time), id) if before else None
    jobs = studio.store.jobs(owner, limit=limit + 1, before=place)
    page = jobs[:limit]
    last = f"{page[-1].created!r}_{page[-1].id}" if len(jobs) > limit else None
    more = last and f"/v1/jobs?limit={limit}&before={last}"
    return Jobs(jobs=[job_of(studio, job) for job in page], next=more)


@router.get("/jobs/{id}", responses=problems.responses(*_ONE))
def get_job(job: TheJob, studio: TheStudio) -> Job:
    """Answer a job as it stands."""
    return job_of(studio, job)


async def _range(
    range: Annotated[str | None, _RANGE] = None, of: Annotated[str | None, _IF_RANGE] = None
) -> tuple[str | None, str | None]:
    return range, of


Range = Annotated[tuple[str | None, str | None], Depends(_range)]
"""The bytes of a file that are asked for, and of which version of it."""


def _file(answer: str, *kinds: str) -> dict[str, Any]:
    """Return what is said of a route that answers a file of a job."""
    responses = {
        200: binary(answer, *kinds),
        206: binary("The range of it that was asked for.", *kinds),
        304: {"description": "The client has it: `If-None-Match` is its `ETag`."},
        **problems.responses(*_ONE, "not-yet", "bad-range"),
    }
    return {"response_class": Response, "responses": responses}


@router.get("/jobs/{id}/picture", **_file("The finished picture, or what it was then.", *PICTURES))
def get_picture(job: TheJob, studio: TheStudio, range: Range) -> Response:
    """Answer the picture of a job that is done or was stopped, in full size."""
    return file_of(studio, job, "picture", *range)


@router.get("/jobs/{id}/preview", **_file("The picture of a moment ago, small.", "image/jpeg"))
def get_preview(job: TheJob, studio: TheStudio, range: Range) -> Response:
    """Answer what is there of the picture so far."""
    return file_of(studio, job, "preview", *range)


@router.get("/jobs/{id}/timelapse", **_file("How the picture came to be.", "video/mp4"))
def get_timelapse(job: TheJob, studio: TheStudio, range: Range) -> Response:
    """Answer a film of the painting; ranges of it can be asked for, as players do."""
    return file_of(studio, job, "timelapse", *range)


@router.get(
    "/jobs/{id}/film", **_file("The film; ranges of it can be asked for, as players do.", *FILMS)
)
def get_film(job: TheJob, studio: TheStudio, range: Range) -> Response:
    """Answer the film of a job that is done, or of one that was stopped, as far as it went."""
    return file_of(studio, job, "film", *range)


@router.get(
    "/jobs/{id}/clip", **_file("The clip as it was sent; ranges of it can be asked for.", *FILMS)
)
def get_clip(job: TheJob, studio: TheStudio, range: Range) -> Response:
    """Answer what a film is made of."""
    return file_of(studio, job, "clip", *range)


@router.post("/jobs/{id}/stop", responses=problems.responses(*_ONE, "cross-site", "wrong-state"))
def stop_job(job: TheJob, studio: TheStudio) -> Job:
    """Have a job stop where it is, within a step; its picture so far is kept, and it can go on."""
    return job_of(studio, studio.store.stop(job.id, job.owner))


@router.post(
    "/jobs/{id}/go-on",
    responses=problems.responses(*_ONE, "cross-site", "wrong-state", "queue-full", "too-many-jobs"),
)
def resume_job(job: TheJob, studio: TheStudio) -> Job:
    """Queue a stopped job again; it goes on from where it stopped."""
    return job_of(studio, studio.store.go_on(job.id, job.owner))


@router.delete(
    "/jobs/{id}",
    response_class=Response,
    status_code=204,
    responses={
        202: {"model": Job, "description": "It was under way and is cancelled, within a step."},
        204: {"description": "It had ended, and is gone with all its files."},
        **problems.responses(*_ONE, "cross-site"),
    },
)
def delete_job(job: TheJob, studio: TheStudio) -> Response:
    """Cancel a job that is under way; remove one that has ended or was stopped."""
    left = studio.delete(job)
    return accepted(studio, left) if left else Response(status_code=204)


def _request(given: Fields) -> PaintRequest:
    return PaintRequest.of(fields.values(fields.PAINT, given))
