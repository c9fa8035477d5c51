"""What the routes of the page share."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Depends, Request

from impasto.studio.context import Studio
from impasto.studio.page.cache import PictureCache
from impasto.studio.page.pictures import Pictures

_UPLOADS = 4
"""Uploads that are received at once."""


class Page:
    """The studio, and what the page keeps beside it."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.cache = PictureCache(studio.files.home / "page")
        self.pictures = Pictures(studio, self.cache)
        self.uploads = asyncio.Semaphore(_UPLOADS)
        """Held while an upload is received and read: the others wait here, not in memory."""


async def _page(request: Request) -> Page:
    page: Page = request.app.state.page
    return page


ThePage = Annotated[Page, Depends(_page)]
"""The page of the app."""
