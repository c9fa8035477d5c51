"""What the routes of the page share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from impasto.studio.context import Studio
from impasto.studio.page.cache import PictureCache
from impasto.studio.page.pictures import Pictures


class Page:
    """The studio, and what the page keeps beside it."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.cache = PictureCache(studio.files.home / "page")
        self.pictures = Pictures(studio, self.cache)


async def _page(request: Request) -> Page:
    page: Page = request.app.state.page
    return page


ThePage = Annotated[Page, Depends(_page)]
"""The page of the app."""
