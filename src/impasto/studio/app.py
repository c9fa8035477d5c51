"""The server: `create_app` puts everything together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Match

from impasto import __version__
from impasto.studio import page, problems
from impasto.studio.conditional import ConditionalMiddleware
from impasto.studio.context import Studio
from impasto.studio.metrics import Metrics
from impasto.studio.middleware import RequestMiddleware
from impasto.studio.problems import Problem
from impasto.studio.routes import (
    events,
    health,
    jobs,
    login,
    model,
    openapi,
    styles,
    stylize,
    videos,
)
from impasto.studio.settings import Settings

_ABOUT = """Photos in the style of paintings.

**Quick** (`/v1/stylize`) takes a photo through a trained network and answers the picture.
**Paint** (`/v1/jobs`) optimises a picture, which takes longer and takes any painting: it is a job,
which is not lost whatever happens to the server, and can be followed as it goes.
**Films** (`/v1/videos`) are stylised frame by frame by the same networks, as jobs, too.
**Learn** (`/v1/styles`) makes a style of your own of a painting, for Quick: a job as well.

What goes wrong is answered as `application/problem+json` with a `code` that stays, a `detail` in
one line, and the `field` of the request that is wrong.
"""
_ROUTERS = [
    module.router
    for module in (stylize, jobs, events, videos, styles, model, health, login, openapi)
]


def create_app(settings: Settings) -> FastAPI:
    """Return the server of a studio, which is its ``state.studio``. Raises as `Studio` does."""
    studio = Studio(settings)
    metrics = Metrics(studio)
    app = FastAPI(
        title="Impasto",
        description=_ABOUT,
        version=__version__,
        lifespan=_lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.studio, app.state.metrics = studio, metrics
    for router in _ROUTERS:
        app.include_router(router)
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _answer)
    app.add_middleware(RequestMiddleware, studio=studio, metrics=metrics)
    app.add_middleware(ConditionalMiddleware)
    _add_cors(app, settings)
    if settings.page:
        page.mount(app, studio)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.studio.close()


def _add_cors(app: FastAPI, settings: Settings) -> None:
    """Open the API to the pages that the settings name. Without any it is closed to all."""
    app.add_middleware(
        _Cors,
        allow_origins=list(settings.cors_origins),
        allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE"],
        allow_headers=[
            "Authorization", "X-API-Key", "Idempotency-Key", "Last-Event-ID", "Prefer",
            "Content-Type", "If-None-Match", "If-Range", "Range",
        ],
        expose_headers=["Location", "Content-Location", "Retry-After", "ETag", "Content-Range"],
    )  # fmt: skip


class _Cors(CORSMiddleware):
    """Starlette's, with refusals as problems."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer whether a page of another site may send a request."""
        answer = super().preflight_response(request_headers)
        if answer.status_code == 200:
            return answer
        refused = bytes(answer.body).decode()
        return Problem("cross-site", refused, headers={"Vary": answer.headers["vary"]}).response()


async def _answer(request: Request, error: Exception) -> Response:
    """Answer what FastAPI itself finds wrong; all other errors reach the middleware."""
    problem = problems.of(error)
    if problem.code == "method-not-allowed":  # Starlette names the methods of one route alone
        routes = (route for router in (*_ROUTERS, *page.ROUTERS) for route in router.routes)
        fitting = (r for r in routes if r.matches(request.scope)[0] is Match.PARTIAL)
        allowed = {method for route in fitting for method in getattr(route, "methods", ())}
        allowed |= {"HEAD"} if "GET" in allowed else set()
        problem.headers["Allow"] = ", ".join(sorted(allowed))
    return problems.answer(request.scope, problem)
