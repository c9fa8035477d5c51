"""The page of the studio: one HTML document, plain ES modules, and the routes that they call.

There is no framework and no build step: a browser runs the files in ``assets`` as they are.
"""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from impasto.studio.context import Studio
from impasto.studio.page import jobs, learning, quick, routes, views
from impasto.studio.page.pictures import Page

__all__ = ["mount", "router"]

router = APIRouter(include_in_schema=False)
router.include_router(views.router)
for _part in (routes, quick, jobs, learning):
    router.include_router(_part.router, prefix="/studio")


def mount(app: FastAPI, studio: Studio) -> None:
    """Add the page and its routes to an app."""
    app.state.page = Page(studio)
    app.include_router(router)
