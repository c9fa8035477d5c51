"""The page itself: its document, its scripts and its style sheet."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import cache
from mimetypes import guess_type
from typing import Any

import jinja2
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from impasto import samples
from impasto.errors import ImpastoError
from impasto.studio.jobs import UNDER_WAY, NoSuchJob
from impasto.studio.page import controls, jobs, quick
from impasto.studio.page.pictures import ASSETS, SAMPLES, NoSuchPicture, Page, ThePage
from impasto.studio.problems import Problem
from impasto.studio.routes.schemas import Owner

router = APIRouter(include_in_schema=False)

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'self'",
        "frame-ancestors 'none'",
    )
)
_NO_PAINTING = "This painting was deleted, or it is not yours."
_NEVER = {"Cache-Control": "no-store"}
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}


@router.get("/")
@router.get("/painting/{id}")
def page(request: Request, page: ThePage, owner: Owner, id: str | None = None) -> Response:
    """Answer the page, with the settings of its link or with a painting."""
    studio = page.studio
    try:
        status, opens = 200, opening(page, owner, request.url.query, id)
    except NoSuchJob:
        status, opens = 404, {**opening(page, owner, ""), "complaints": [_NO_PAINTING]}
    largest = studio.settings.max_size
    document = _template().render(
        version=version(),
        modules=[name for name in _assets() if name.endswith(".js")],
        keys=studio.keys.required,
        samples=SAMPLES,
        paintings=samples.PAINTINGS,
        styles=quick.styles(page, owner),
        default=studio.quick.default,
        largest=largest,
        most_pixels=studio.settings.max_pixels,
        sliders={mode: controls.sliders(mode, largest) for mode in controls.MODES},
        colors=controls.COLORS,
        qualities=controls.qualities(studio.settings.max_steps),
        quality=controls.QUALITY,
        opening=opens,
    )
    return HTMLResponse(document, status, headers={"Content-Security-Policy": _POLICY, **_NEVER})


@router.get("/studio/assets/{version}/{name:path}")
def asset(name: str) -> Response:
    """Answer a script, the style sheet or a picture of the page."""
    if name not in _assets():
        raise Problem("not-found", "there is nothing at this address")
    return Response(_assets()[name], media_type=guess_type(name)[0], headers=_FOREVER)


def opening(page: Page, owner: str, query: str, id: str | None = None) -> dict[str, Any]:
    """Return what the page shows first: a painting, the settings of a link, or what is under way.

    Raises `NoSuchJob` if the owner has no painting ``id``.
    """
    studio = page.studio
    if id is not None:
        job = studio.store.job(id, owner)
        if job.kind == "learn":
            raise NoSuchJob(id)
        found: dict[str, Any] = {"complaints": (), "settings": {}}
        with suppress(NoSuchPicture, ImpastoError):  # its photo is gone: what is left is shown
            found |= jobs.made_with(page, job)
        return {**found, "job": job.id}
    styles = [style["name"] for style in quick.styles(page, owner)]
    settings, complaints = controls.read(query, styles=styles, largest=studio.settings.max_size)
    found = {"complaints": complaints}
    if not settings:
        for job in studio.store.jobs(owner, learnt=False):
            if job.state in UNDER_WAY and not job.wish:
                with suppress(NoSuchPicture, ImpastoError):  # its photo is gone: the page opens
                    return {**found, **jobs.made_with(page, job), "job": job.id}
    found["mode"] = settings.pop("mode", None if styles else "paint")
    if painting := settings.pop("painting", None):
        found["paintings"] = [{"source": f"painting:{painting}", "name": painting}]
    return {**found, "settings": settings}


@cache
def version() -> str:
    """Return a hash of all assets: browsers keep them under addresses that have it."""
    return hashlib.sha256(b"".join(_assets().values())).hexdigest()[:12]


@cache
def _assets() -> dict[str, bytes]:
    paths = sorted(path for path in ASSETS.rglob("*.*"))
    return {path.relative_to(ASSETS).as_posix(): path.read_bytes() for path in paths}


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(ASSETS.parent)
    environment = jinja2.Environment(autoescape=True, loader=loader, trim_blocks=True)
    return environment.get_template("index.html")
