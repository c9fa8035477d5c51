"""The page of the studio: one HTML document, plain ES modules, and the routes that they call.

There is no framework and no build step: a browser runs the files in ``assets`` as they are.
"""

from __future__ import annotations

from fastapi import FastAPI

from impasto.studio.context import Studio
from impasto.studio.page import jobs, learning, quick, routes, views
from impasto.studio.page.pictures import Page

__all__ = ["ROUTERS", "mount"]

ROUTERS = tuple(module.router for module in (views, routes, quick, jobs, learning))


def mount(app: FastAPI, studio: Studio) -> None:
    """Add the page and its routes to an app."""
    app.state.page = Page(studio)
    for router in ROUTERS:
        app.include_router(router)
