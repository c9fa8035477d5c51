"""Logging in: browsers get a session for a key."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from impasto.studio.keys import SESSION
from impasto.studio.middleware import COOKIE
from impasto.studio.problems import Problem
from impasto.studio.routes import templates
from impasto.studio.routes.schemas import Owner, TheStudio

router = APIRouter(include_in_schema=False)

_NOT_KEPT = {"Cache-Control": "no-store"}


@router.get("/login")
async def ask(request: Request, studio: TheStudio, owner: Owner) -> Response:
    """Ask for a key, where one is needed."""
    if not studio.keys.required or owner:
        return _to_page(request)
    return _form(request)


@router.post("/login")
async def log_in(request: Request, studio: TheStudio) -> Response:
    """Give a session for a key."""
    try:
        given = parse_qs((await request.body()).decode("ascii"), max_num_fields=4)
    except ValueError:
        raise Problem("bad-form", "the form cannot be read") from None
    owner = studio.keys.owner(given.get("key", [""])[0].strip())
    if owner is None:
        return _form(request, 403, wrong=True)
    answer = _to_page(request)
    answer.set_cookie(
        COOKIE,
        studio.keys.session(owner),
        max_age=SESSION,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",  # or links from elsewhere would lead to where one logs in
    )
    return answer


@router.post("/logout")
async def log_out(request: Request, studio: TheStudio) -> Response:
    """End the session, here and in the browser."""
    cookie = request.cookies.get(COOKIE, "")
    if studio.keys.owner_of_session(cookie):
        await asyncio.to_thread(studio.ended_sessions.end, cookie)
    answer = RedirectResponse("/login", 303, _NOT_KEPT)
    answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return answer


def _to_page(request: Request) -> RedirectResponse:
    """Send a browser to the page, with the settings of the link that it came with."""
    return RedirectResponse(f"/{_query(request)}", 303, _NOT_KEPT)


def _query(request: Request) -> str:
    return f"?{request.url.query}" if request.url.query else ""


def _form(request: Request, status: int = 200, *, wrong: bool = False) -> Response:
    given = {"wrong": wrong, "query": _query(request)}
    return templates.TemplateResponse(request, "login.html", given, status, headers=_NOT_KEPT)
