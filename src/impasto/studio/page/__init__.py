"""The page of the studio: one HTML document, plain ES modules, and the routes that they call.

There is no framework and no build step: a browser runs the files in ``assets`` as they are.
"""

from __future__ import annotations

from fastapi import FastAPI

from impasto.studio.context import Studio
from impasto.studio.page.context import Page
from impasto.studio.page.routes import router as routes
from impasto.studio.page.views import router as views

__all__ = ["ROUTERS", "mount"]

ROUTERS = (views, routes)


def mount(app: FastAPI, studio: Studio) -> None:
    """Add the page and its routes to an app."""
    app.state.page = Page(studio)
    for router in ROUTERS:
        app.include_router(router)
