"""How the server is: for those who look after it."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from impasto.errors import OutputError
from impasto.studio import liveness, problems
from impasto.studio.context import Studio
from impasto.studio.jobs import new_id
from impasto.studio.routes.schemas import Health, Readiness, TheStudio

log = logging.getLogger("impasto.studio")

router = APIRouter(tags=["Operation"])


@router.get("/healthz")
async def health() -> Health:
    """Answer as long as the server answers at all."""
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Not now."}})
def readiness(studio: TheStudio, response: Response) -> Readiness:
    """Look at all that the server needs."""
    workers = _workers(studio)
    found = {"database": workers is not None, "files": _files(studio), "workers": bool(workers)}
    ready = all(found.values()) and not studio.closing.is_set()
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, **found)


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Requests, times, jobs, memory.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problems.responses("unauthorized"),
    },
)
def metrics(request: Request) -> Response:
    """Answer what is counted and measured."""
    text = request.app.state.metrics.text()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _workers(studio: Studio) -> int | None:
    """Return how many workers live, on all machines; None if the database does not answer."""
    try:
        return liveness.count(studio.engine)
    except SQLAlchemyError as error:
        log.warning("not ready: the database: %s", error)
        return None


def _files(studio: Studio) -> bool:
    """Really write: what is mounted may be read-only, full or gone."""
    id = new_id()
    try:
        studio.files.put(id, "probe", b"probe")
        found = studio.files.get(id, "probe") == b"probe"
        studio.files.remove(id)
    except (OSError, OutputError) as error:
        log.warning("not ready: the files: %s", error)
        return False
    return found
