"""``POST /v1/videos``: a clip in, a stylised film out, as a job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from impasto.errors import OptionsError
from impasto.studio import fields, problems
from impasto.studio.context import Studio
from impasto.studio.films import FORMATS, FilmRequest, accept_film, clip_of
from impasto.studio.jobs import new_id
from impasto.studio.learnt import Own
from impasto.studio.multipart import Fields, Form, place
from impasto.studio.problems import Problem
from impasto.studio.routes.answers import accepted
from impasto.studio.routes.jobs import IDEMPOTENCY
from impasto.studio.routes.openapi import LOCATION
from impasto.studio.routes.schemas import Client, Job, Owner, OwnStyles, TheStudio
from impasto.studio.routes.stylize import FAST, STYLE
from impasto.text import shown
from impasto.video.libav import import_av

router = APIRouter(prefix="/v1", tags=["Films"])

_LONGEST_NAME = 200

_AGAIN = fields.Field(
    "again", str, "Instead of a clip, the id of an earlier film of yours: its clip is taken.", None
)
_NAME = fields.Field("name", str, "What lists call the clip.", "Clip")
_FORMAT = fields.Field("format", str, "Format of the film.", FORMATS[0], FORMATS)
_FORM = Form(
    {"clip": "The clip: MP4, MOV, WebM, MKV, GIF or animated WebP."},
    {
        "style": STYLE, **fields.VIDEO, "fast": FAST, "format": _FORMAT, "again": _AGAIN,
        "name": _NAME,
    },
)  # fmt: skip


@router.post(
    "/videos",
    status_code=202,
    response_model=Job,
    response_description="The film will be stylised, and will not be lost.",
    openapi_extra=_FORM.described(),
    responses={
        202: {"headers": LOCATION},
        **problems.responses(
            *problems.OF_FORMS, "unknown-style", "bad-film", "key-reused", "queue-full",
            "too-many-jobs", "not-found", "broken-style",
        ),
    },
)  # fmt: skip
async def create_film(
    request: Request,
    studio: TheStudio,
    owner: Owner,
    client: Client,
    own: OwnStyles,
    key: Annotated[str | None, IDEMPOTENCY] = None,
) -> Response:
    """Stylise a clip frame by frame without flicker, and keep its sound.

    It is a job: follow it at `/events`, stop it and go on with it at `/v1/jobs`. With `end=2` and a
    small `size` it is a quick look; `again` then takes the same clip without sending it again.
    """
    import_av()  # before a clip is received that nothing here can read
    incoming = studio.files.incoming
    async with _FORM.read(request, lambda given: _request(studio, given, own), incoming) as form:
        clip, again = form.file("clip"), form.fields.get("again")
        if (clip is None) == (not again):
            raise OptionsError("send either --clip, the file of a clip, or --again")
        asked = _request(studio, form.fields, own)
        name = shown(form.fields.get("name") or _NAME.default)[:_LONGEST_NAME]

        def accept() -> Response:
            if clip:
                clip.file.flush()
            with nullcontext(place(clip)) if clip else _clip_of(studio, owner, str(again)) as path:
                job = accept_film(studio, owner, path, asked, key, name)
            return accepted(studio, job)

        return await studio.checked(client, accept)


@contextmanager
def _clip_of(studio: Studio, owner: str, id: str) -> Iterator[Path]:
    """Give a copy of the clip of an earlier job. Raises `NoSuchJob`."""
    path = studio.files.incoming / new_id()
    try:
        studio.files.fetch(id, clip_of(studio, studio.store.job(id, owner)), path)
        yield path
    except FileNotFoundError:
        raise Problem("not-found", "the clip of this job no longer exists") from None
    finally:
        path.unlink(missing_ok=True)


def _request(studio: Studio, given: Fields, own: Own) -> FilmRequest:
    """Return what the fields of a form ask for; there may be more of them to come."""
    values = {"style": studio.quick.default or "", **fields.values(_FORM.fields, given)}
    request = FilmRequest.of(values, own)
    studio.quick.check(request.asked)
    return request
