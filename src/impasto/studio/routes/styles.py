"""``/v1/styles``: what photos can be stylised in at once, and learning more of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from impasto.errors import OptionsError
from impasto.options import LearnOptions
from impasto.studio import fields, learnt, problems
from impasto.studio.multipart import Fields, Form, content
from impasto.studio.problems import Problem
from impasto.studio.routes.answers import accepted
from impasto.studio.routes.jobs import IDEMPOTENCY
from impasto.studio.routes.openapi import LOCATION, binary
from impasto.studio.routes.schemas import Client, Job, Owner, OwnStyles, Styles, TheStudio, job_of
from impasto.studio.styles import Style, own_style

router = APIRouter(prefix="/v1", tags=["Quick"])

_FORM = Form(
    {
        "painting": "The painting to learn from: JPEG, PNG, WebP, TIFF, HEIC and others.",
        "file": "Instead of a painting, the file of a style that was learnt elsewhere.",
    },
    fields.LEARN,
)
_CHANGE = (*problems.USUAL, "not-found", "cross-site", "invalid-option")

_ASK_AGAIN = {"Cache-Control": "private, no-cache"}
"""Browsers may keep it, and ask with its ETag whether it still holds."""


def _responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    found = problems.responses(*problems.USUAL, *codes)
    return {304: {"description": "The client has it: `If-None-Match` is its `ETag`."}, **found}


class NewName(BaseModel):
    """Another name for a style."""

    name: str = Field(description=fields.LEARN["name"].help, examples=["my-wave"])


class MoreTime(BaseModel):
    """How much longer to learn a style."""

    budget: float = Field(LearnOptions().seconds, gt=0, description="Seconds.")


@router.get("/styles", responses=_responses())
def list_styles(studio: TheStudio, own: OwnStyles, response: Response) -> Styles:
    """Answer all styles: your own, those that come with Impasto, and those of the studio's packs.

    Nobody else sees what you had learnt.
    """
    response.headers.update(_ASK_AGAIN)
    mine = [own_style(style) for style in own]
    return Styles(styles=[*mine, *studio.quick.styles()], default=studio.quick.default)


@router.post(
    "/styles",
    status_code=202,
    response_model=Job,
    response_description="It will be learnt, and will not be lost.",
    openapi_extra=_FORM.described(),
    responses={
        201: {"model": Job, "description": "The style was taken in.", "headers": LOCATION},
        202: {"headers": LOCATION},
        **problems.responses(
            *problems.OF_FORMS, "too-many-pixels", "bad-picture", "bad-style-file", "key-reused",
            "name-taken", "too-many-styles", "queue-full", "too-many-jobs",
        ),
    },
)  # fmt: skip
async def create_style(
    request: Request,
    studio: TheStudio,
    owner: Owner,
    client: Client,
    key: Annotated[str | None, IDEMPOTENCY] = None,
) -> Response:
    """Learn a painting as a style of your own, or take in a style that somebody else learnt.

    Learning is a job: follow it, stop it and go on with it at `/v1/jobs`. A few seconds after it
    began photos can be stylised in what is learnt so far, under the style's name.
    """
    async with _FORM.read(request, _request) as form:
        if len(form.files) != 1:
            raise OptionsError("send either --painting or --file")
        name, asked = _request(form.fields)

        def accept() -> Response:
            if "painting" in form.files:
                painting = content(form.one("painting"))
                job = learnt.accept_learning(studio, owner, painting, asked, name, key)
                return accepted(studio, job)
            job = learnt.take_in(studio, owner, content(form.one("file")), name, key)
            return accepted(studio, job, 201)

        return await studio.checked(client, accept)


@router.get("/styles/{name}", responses=_responses("not-found"))
def get_style(name: str, studio: TheStudio, own: OwnStyles, response: Response) -> Style:
    """Answer what is known of a style and of the painting it was learnt from."""
    for style in list_styles(studio, own, response).styles:
        if style.name == name:
            return style
    raise Problem("not-found", "there is no style of this name")


@router.get(
    "/styles/{name}/file",
    response_class=Response,
    responses={
        200: binary("The style, as `impasto learn` writes it.", "application/octet-stream"),
        **problems.responses(*problems.USUAL, "not-found", "not-yet"),
    },
)
def get_file(name: str, studio: TheStudio, owner: Owner) -> Response:
    """Answer one of your styles as a file, for another studio or for the command line."""
    job = studio.learnt.get(owner, name)
    data = studio.learnt.file(job)
    if data is None:
        raise Problem("not-yet", "nothing of this style is learnt yet")
    headers = {"Content-Disposition": f'attachment; filename="{job.style}.safetensors"'}
    return Response(data, headers=headers, media_type="application/octet-stream")


@router.patch("/styles/{name}", responses=problems.responses(*_CHANGE, "name-taken"))
def rename_style(name: str, change: NewName, studio: TheStudio, owner: Owner) -> Job:
    """Rename one of your styles."""
    return job_of(studio, learnt.rename(studio, studio.learnt.get(owner, name), change.name))


@router.post(
    "/styles/{name}/learn",
    status_code=202,
    responses=problems.responses(*_CHANGE, "wrong-state", "queue-full", "too-many-jobs"),
)
def learn_style(name: str, more: MoreTime, studio: TheStudio, owner: Owner) -> Job:
    """Learn one of your styles for longer, from where it stands."""
    return job_of(studio, learnt.learn_on(studio, studio.learnt.get(owner, name), more.budget))


@router.delete(
    "/styles/{name}",
    response_class=Response,
    status_code=204,
    responses={204: {"description": "It is gone."}, **problems.responses(*_CHANGE)},
)
def delete_style(name: str, studio: TheStudio, owner: Owner) -> Response:
    """Remove one of your styles; if it is being learnt, that ends."""
    studio.delete(studio.learnt.get(owner, name))
    return Response(status_code=204)


def _request(given: Fields) -> tuple[str | None, LearnOptions]:
    values: dict[str, Any] = fields.values(fields.LEARN, given)
    return values.pop("name", None), learnt.options(values)
