"""Logging in: browsers get a session for a key."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from impasto.studio.keys import SESSION, owner_of
from impasto.studio.middleware import COOKIE
from impasto.studio.problems import Problem
from impasto.studio.routes.schemas import TheStudio

router = APIRouter(include_in_schema=False)

_FORM = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Impasto</title>
<style>
  :root { font: 1.1rem/1.5 system-ui, sans-serif; }
  body { display: grid; place-items: center; min-height: 90vh; margin: 0; background: #faf7f0; }
  form { display: grid; gap: 1rem; width: min(22rem, 86vw); color: #221d18; }
  h1 { margin: 0; font: italic 700 2.2rem Georgia, serif; }
  input, button { font: inherit; padding: .6rem .8rem; border-radius: .5rem; }
  input { border: 1px solid #8888; }
  button { border: 0; background: #a53d1c; color: #fff; cursor: pointer; }
  .wrong { color: #c0341d; margin: 0; }
</style>
<form method="post" action="/login">
  <h1>Impasto</h1>
  <label for="key">Your key</label>
  <input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
  <!-- wrong -->
  <button>Open the studio</button>
</form>
</html>
"""
_WRONG = '<p class="wrong" role="alert">This key is not known.</p>'
_NOT_KEPT = {"Cache-Control": "no-store"}


@router.get("/login")
async def ask(request: Request, studio: TheStudio) -> Response:
    """Ask for a key, where one is needed."""
    if not studio.keys.required or owner_of(request):
        return RedirectResponse("/", 303, _NOT_KEPT)
    return HTMLResponse(_FORM, headers=_NOT_KEPT)


@router.post("/login")
async def log_in(request: Request, studio: TheStudio) -> Response:
    """Give a session for a key."""
    try:
        given = parse_qs((await request.body()).decode("ascii"), max_num_fields=4)
    except ValueError:
        raise Problem("bad-form", "the form cannot be read") from None
    owner = studio.keys.owner(given.get("key", [""])[0].strip())
    if owner is None:
        return HTMLResponse(_FORM.replace("<!-- wrong -->", _WRONG), 403, headers=_NOT_KEPT)
    answer = RedirectResponse("/", 303, _NOT_KEPT)
    answer.set_cookie(
        COOKIE,
        studio.keys.session(owner),
        max_age=SESSION,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/logout")
async def log_out() -> Response:
    """Have the browser forget its session."""
    answer = RedirectResponse("/login", 303, _NOT_KEPT)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer
