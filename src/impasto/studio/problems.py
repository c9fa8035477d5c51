"""What goes wrong, said as ``application/problem+json`` (RFC 9457) with a code that stays."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from impasto.errors import (
    ImageError,
    MissingExtraError,
    OptionsError,
    OutputError,
    WeightsError,
)
from impasto.images.header import TooManyPixels
from impasto.studio.fair_pool import PoolFull
from impasto.studio.films import FilmError
from impasto.studio.jobs import KeyReused, NoSuchJob, QueueFull, WrongState
from impasto.studio.learnt import NameTaken, NoSuchStyle, StyleFileError, TooManyStyles
from impasto.studio.room import is_disk_full
from impasto.zoo.registry import StyleError

log = logging.getLogger("impasto.studio")

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Kind:
    """A kind of problem: its status, and what it says of itself."""

    status: int
    title: str
    example: str


KINDS = {
    "invalid-option": Kind(422, "An option is wrong", "strength must be at least 0, got -1"),
    "unknown-style": Kind(422, "There is no such style", "there is no style 'wav'"),
    "bad-picture": Kind(422, "It is not a picture", "the photo is damaged"),
    "bad-form": Kind(422, "The form cannot be read", "the form ends in the middle"),
    "unfit-format": Kind(422, "The format cannot hold it", "a side of 20,000 pixels is too long"),
    "bad-film": Kind(422, "It is not a film", "the clip has only sound; give a film"),
    "job-failed": Kind(422, "The painting failed", "the style picture is too small"),
    "key-reused": Kind(422, "The idempotency key is taken", "this key came with another request"),
    "bad-style-file": Kind(422, "It is not a file of a style", "the file has 3 styles"),
    "unauthorized": Kind(401, "A key is needed", "send Authorization: Bearer KEY, or X-API-Key"),
    "cross-site": Kind(
        403, "The request comes from another site", "https://other.org may not do this"
    ),
    "not-found": Kind(404, "Nothing was found", "there is no job of this id"),
    "not-yet": Kind(404, "It is not available yet", "this job is running and has no picture"),
    "method-not-allowed": Kind(405, "This cannot be done here", "GET is not possible here"),
    "slow-upload": Kind(408, "The upload is too slow", "nothing was received for 30 seconds"),
    "wrong-state": Kind(409, "The job's state does not allow it", "it is done already"),
    "name-taken": Kind(409, "There is a style of this name", "there is a style 'wave' already"),
    "too-many-styles": Kind(409, "You have too many styles", "you have 50 styles, the most"),
    "too-large": Kind(
        413, "The request is too large", "a request may have at most 67,108,864 bytes"
    ),
    "too-many-pixels": Kind(413, "The picture has too many pixels", "the photo has 9000x9000"),
    "unsupported-media-type": Kind(
        415, "The media type is not supported", "send multipart/form-data"
    ),
    "bad-range": Kind(416, "The range is not in the file", "the Range header asks for no bytes"),
    "wrong-host": Kind(421, "The studio has another name", "a.example is not one of its names"),
    "busy": Kind(429, "Too many photos wait", "too many photos wait to be stylised"),
    "queue-full": Kind(429, "Too many jobs wait", "100 jobs wait already"),
    "too-many-jobs": Kind(429, "You have too many jobs", "10 of your jobs are under way already"),
    "too-many-streams": Kind(429, "Too many streams are open", "100 streams are open already"),
    "rate-limited": Kind(429, "Too many requests", "more than 600 requests a minute"),
    "internal": Kind(500, "An internal error", "the log of the studio says more"),
    "broken-style": Kind(500, "The style is broken", "the log of the studio says more"),
    "unavailable": Kind(503, "The studio cannot do this now", "the database does not answer"),
}

USUAL = ("unauthorized", "rate-limited", "unavailable")
"""The problems of every route."""

OF_FORMS = (
    *USUAL, "cross-site", "slow-upload", "too-large", "unsupported-media-type", "invalid-option",
    "bad-form", "busy",
)  # fmt: skip
"""Those of routes that are sent a form."""

RETRY_SOON, RETRY_LATER = 5, 30
"""Seconds in ``Retry-After``: when photos wait, and when jobs do."""

_LOG = "the log of the studio says more"
_KNOWN = (WeightsError, OutputError, SQLAlchemyError)
"""Errors that need no traceback in the log."""


class Problem(Exception):  # noqa: N818 - it is what is answered
    """Ends a request with a problem. ``field`` is what of the request is wrong."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.code, self.detail, self.field = code, " ".join(detail.split()), field
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """The status of the answer."""
        return KINDS[self.code].status

    def to_dict(self) -> dict[str, Any]:
        """Return what is answered."""
        data: dict[str, Any] = {
            "type": f"urn:impasto:problem:{self.code}",
            "title": KINDS[self.code].title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        return data if self.field is None else {**data, "field": self.field}

    def response(self) -> Response:
        """Return the answer."""
        body = json.dumps(self.to_dict()).encode()
        return Response(body, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def too_many(code: str, detail: str, retry: int) -> Problem:
    """Return a problem that goes away after ``retry`` seconds."""
    return Problem(code, detail, headers={"Retry-After": str(retry)})


def of(error: Exception) -> Problem:
    """Return the problem that an error is to somebody outside; nothing of the inside is told."""
    match error:
        case Problem():
            return error
        case HTTPException():
            codes = {kind.status: code for code, kind in reversed(KINDS.items())}
            code = codes.get(error.status_code, "invalid-option")
            text = error.detail if error.status_code != 404 else "there is nothing at this address"
            return Problem(code, str(text), headers=error.headers)
        case RequestValidationError():
            first = error.errors()[0]
            field = next(part for part in reversed(first["loc"]) if isinstance(part, str))
            return Problem("invalid-option", f"{field}: {first['msg']}", field=field)
        case NoSuchJob():
            return Problem("not-found", "there is no job of this id")
        case PoolFull():
            return too_many("busy", "too many photos wait to be stylised", RETRY_SOON)
        case QueueFull(what="queue"):
            return too_many("queue-full", f"{error.most} jobs wait already", RETRY_LATER)
        case QueueFull():
            text = f"{error.most} of your jobs are under way already"
            return too_many("too-many-jobs", text, RETRY_LATER)
        case KeyReused():
            return Problem("key-reused", "this idempotency key came with another request")
        case WrongState():
            return Problem("wrong-state", f"this cannot be done to a job that is {error}")
        case NameTaken():
            text = f"there is a style {str(error)!r} already: choose another name"
            return Problem("name-taken", text, field="name")
        case TooManyStyles():
            text = f"you have {error} styles, and no more are allowed: remove one first"
            return Problem("too-many-styles", text)
        case NoSuchStyle():
            return Problem("not-found", "you have no style of this name")
        case StyleFileError():
            return Problem("bad-style-file", str(error), field="file")
        case FilmError():
            return Problem("bad-film", str(error), field="clip")
        case OptionsError():
            return _of_options(error)
        case ImageError():
            return _of_image(error)
        case MissingExtraError():
            return Problem("unavailable", str(error))
        case OutputError() if str(error).startswith("result."):
            return Problem("unfit-format", str(error).partition(": ")[2], field="format")
    log.error("a request failed: %s", error, exc_info=not isinstance(error, _KNOWN) and error)
    match error:
        case WeightsError():
            return Problem("broken-style", f"this style cannot be read; {_LOG}")
        case _ if isinstance(error, OutputError) or is_disk_full(error):
            return Problem("unavailable", f"nothing can be written now; {_LOG}")
        case SQLAlchemyError():
            text = "the database does not answer; try again in a moment"
            return Problem("unavailable", text, headers={"Retry-After": str(RETRY_SOON)})
    return Problem("internal", f"something went wrong inside; {_LOG}")


def answer(scope: Scope, problem: Problem) -> Response:
    """Return what a client of this part of the studio understands."""
    if scope["path"].startswith("/model/"):  # as IBM's Model Asset Exchange says it
        status = 400 if problem.status == 422 else problem.status
        data = {"status": "error", "message": problem.detail}
        return JSONResponse(data, status, headers=problem.headers)
    return problem.response()


def _of_options(error: OptionsError) -> Problem:
    """Name the field as the request has it: ``--style-weight`` is ``style_weight``."""
    text = str(error).replace("<memory>: ", "")
    text = re.sub(r"--([a-z][a-z-]*)", lambda flag: flag[1].replace("-", "_"), text)
    if isinstance(error, StyleError):
        return Problem("unknown-style", text, field="style")
    named = re.search(r"--([a-z][a-z-]*)|unknown option '([^']*)'", str(error))
    field = named and (named[1].replace("-", "_") if named[1] else named[2])
    return Problem("invalid-option", text, field=field)


def _of_image(error: ImageError) -> Problem:
    code = "too-many-pixels" if isinstance(error, TooManyPixels) else "bad-picture"
    text = str(error).replace("<memory>: ", "the picture ").replace("--", "")
    field = re.match(r"the (photo|painting|mask) ", text)
    return Problem(code, text, field=field[1] if field else "photo")


def responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI is to say of these problems: an answer for each status."""
    found: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        kind = KINDS[code]
        content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
        empty = {"description": "", "content": {MEDIA_TYPE: content}}
        answer = found.setdefault(kind.status, empty)
        said = f"`{code}`: {kind.title.lower()}"
        answer["description"] = f"{answer['description']}; {said}".removeprefix("; ")
        example = Problem(code, kind.example).to_dict()
        answer["content"][MEDIA_TYPE]["examples"][code] = {"value": example}
        if kind.status in (429, 503):
            retry = {"schema": {"type": "integer"}, "description": "Seconds to wait."}
            answer["headers"] = {"Retry-After": retry}
    return found


class Body(BaseModel):
    """What went wrong, as RFC 9457 has it. `code` stays what it is between versions."""

    type: str = Field(description="The code as a URN.")
    title: str = Field(description="The kind of problem, in words.")
    status: int = Field(description="The status of the answer.")
    code: str = Field(description="For programs.", json_schema_extra={"enum": [*KINDS]})
    detail: str = Field(description="What is wrong this time, in one line.")
    field: str = Field("", description="What of the request is wrong.")
