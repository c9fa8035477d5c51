"""``POST /v1/stylize``: a photo in, a picture out."""

from __future__ import annotations

import asyncio
import re
import time

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from impasto.errors import OptionsError
from impasto.images.header import Header
from impasto.options import ApplyOptions
from impasto.studio import fields, problems
from impasto.studio.context import Studio
from impasto.studio.jobs import ENDED, WrongState
from impasto.studio.jobs import Job as StoredJob
from impasto.studio.learnt import Own
from impasto.studio.multipart import Fields, Filled, Form, content
from impasto.studio.problems import Problem
from impasto.studio.quick import Asked, Quick
from impasto.studio.requests import FORMATS, PaintRequest
from impasto.studio.routes.answers import accepted, file_of
from impasto.studio.routes.openapi import LOCATION, PICTURES, binary
from impasto.studio.routes.schemas import Client, Job, Owner, OwnStyles, TheStudio
from impasto.studio.routes.waiting import check_there, unless_gone
from impasto.studio.validation import accept_paint, check_picture

router = APIRouter(prefix="/v1", tags=["Quick"])

WAIT, LONGEST_WAIT = 50.0, 300.0
"""Seconds that a request with a painting waits for its picture, if it does not say, and at most."""

_LARGEST_DRAFT = 512
_PASSED_ON = ("style_scale", "seed")
"""Fields that mean the same to a painting as to a network."""

_LOOK = 0.25
_FORMAT = fields.Field("format", str, "Format of the picture.", "jpeg", FORMATS)
STYLE = fields.Field(
    "style", str,
    "A style's name, or a mixture such as `wave:0.6,starry:0.4`. Without it and without a painting "
    "the default style is taken.", None,
)  # fmt: skip
FAST = fields.Field(
    "fast", bool,
    "Whether to take a smaller network that has the style: a third of the work, and a little less "
    "of the painting.", False,
)  # fmt: skip
_FORM = Form(
    {
        "photo": "The photo: JPEG, PNG, WebP, TIFF, HEIC and others.",
        "mask": "A picture, white where the photo is painted and black where it stays. It is "
        "brought to the photo's size.",
        "painting": "Instead of a style, a painting of your own. The picture is then optimised as "
        f"a draft of at most {_LARGEST_DRAFT} pixels, which takes a while.",
    },
    {"style": STYLE, **fields.APPLY, "fast": FAST, "format": _FORMAT},
    required=("photo",),
)


@router.post(
    "/stylize",
    response_class=Response,
    openapi_extra=_FORM.described(),
    responses={
        200: binary("The picture; with a painting, Content-Location is the job.", *PICTURES),
        202: {
            "model": Job,
            "description": "The painting takes longer: its picture will be at the job.",
            "headers": LOCATION,
        },
        **problems.responses(
            *problems.OF_FORMS, "too-many-pixels", "unknown-style", "bad-picture", "unfit-format",
            "job-failed", "queue-full", "too-many-jobs", "broken-style", "not-found", "wrong-state",
        ),
    },
)  # fmt: skip
async def stylize(
    request: Request, studio: TheStudio, owner: Owner, client: Client, own: OwnStyles
) -> Response:
    """Answer the photo in a style, at once; metadata of the photo, such as where it was, is gone.

    With a `painting` of your own instead of a style, the request waits for a draft, 50 seconds or
    as long as `Prefer: wait=SECONDS` says; after that it is answered with 202 and the job.
    """
    quick = studio.quick
    async with _FORM.read(request, lambda given: ask(quick, given, own)) as form:
        if not form.file("painting"):
            asked = ask(quick, form.fields, own, quick.default or "")
            photo, mask = form.one("photo"), form.file("mask")
            return await stylised(request, studio, client, photo, asked, mask=mask)
        job = await _begin_painting(studio, owner, client, form)
    return await _wait_for(request, studio, job)


def ask(quick: Quick, given: Fields, own: Own = (), default: str | None = None) -> Asked:
    """Return what the fields of a form ask for; there may be more of them to come.

    Raises `OptionsError` for what cannot be had.
    """
    values = fields.values(_FORM.fields, given)
    format = values.pop("format", _FORMAT.default)
    style, fast = values.pop("style", default), values.pop("fast", FAST.default)
    asked = Asked(style or "", ApplyOptions(**values), format, fast, own)
    if style is not None:
        quick.check(asked)
    return asked


async def stylised(
    request: Request,
    studio: Studio,
    client: str,
    photo: UploadFile,
    asked: Asked,
    what: str = "photo",
    *,
    mask: UploadFile | None = None,
) -> Response:
    """Answer a photo in a style; a client that leaves before its turn costs nothing more."""

    def look() -> Header:
        if mask is not None:
            check_picture(content(mask), studio.settings, "the mask")
        return check_picture(content(photo), studio.settings, f"the {what}")

    def make() -> tuple[bytes, str]:
        white = None if mask is None else content(mask)
        return studio.quick.make(asked, content(photo), white)

    studio.quick.check_size(asked, await studio.checked(client, look))
    data, kind = await unless_gone(request, studio.quick.begin(client, make))
    return Response(data, media_type=kind)


async def _begin_painting(studio: Studio, owner: str, client: str, form: Filled) -> StoredJob:
    """Accept a draft of a photo in the style of a painting."""
    given, asked = form.fields, ask(studio.quick, form.fields)
    size = asked.options.size or _LARGEST_DRAFT
    wrong = {
        "--style and painting each say whose style: give one of them": given.get("style"),
        "--fast is of networks, and a painting of your own has none": asked.fast,
        "--mask needs a style, not a painting of your own": form.file("mask"),
        f"--size is at most {_LARGEST_DRAFT} with a painting; ask for a larger one at /v1/jobs": (
            size > _LARGEST_DRAFT
        ),
    }
    for text, found in wrong.items():
        if found:
            raise OptionsError(text)
    passed_on = {name: getattr(asked.options, name) for name in _PASSED_ON if given.get(name)}
    painting = PaintRequest(
        strength=asked.options.strength,
        color=asked.options.color,
        format=asked.format,
        paint={"size": size, "quality": "draft", **passed_on},
    )
    pictures = form.one("photo"), form.one("painting")

    def accept() -> StoredJob:
        photo, style = map(content, pictures)
        return accept_paint(studio, owner, photo, [style], painting)

    return await studio.checked(client, accept)


async def _wait_for(request: Request, studio: Studio, job: StoredJob) -> Response:
    """Answer the picture of a job, or the job itself if that takes too long."""
    end = time.monotonic() + _patience(request)
    while job.state not in ENDED:
        if time.monotonic() > end or studio.closing.is_set():
            return await asyncio.to_thread(accepted, studio, job)
        await asyncio.sleep(_LOOK)
        await check_there(request)
        job = await asyncio.to_thread(studio.store.job, job.id)
    if job.state == "done":
        answer = await asyncio.to_thread(file_of, studio, job, "picture")
        answer.headers["Content-Location"] = f"/v1/jobs/{job.id}"
        return answer
    if job.state == "failed":
        raise Problem("job-failed", job.error or "the painting failed")
    raise WrongState(job.state)


def _patience(request: Request) -> float:
    """Return how long a client wants to wait (RFC 7240)."""
    said = re.search(r"\bwait\s*=\s*\"?(\d{1,6})", request.headers.get("prefer", ""))
    return min(float(said[1]), LONGEST_WAIT) if said else WAIT
