"""What the routes of the page share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Self

from fastapi import Depends, Request

from impasto.studio.context import Studio
from impasto.studio.page.cache import PictureCache
from impasto.studio.page.pictures import Pictures

_UPLOADS = 4
"""Uploads that are received at once."""


@dataclass(frozen=True)
class Page:
    """The studio, and what the page keeps beside it."""

    studio: Studio
    cache: PictureCache
    pictures: Pictures
    uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_UPLOADS))
    """Held while an upload is received and read: the others wait here, not in memory."""

    @classmethod
    def of(cls, studio: Studio) -> Self:
        """Set up the page of a studio."""
        cache = PictureCache(studio.files.home / "page")
        return cls(studio, cache, Pictures(studio, cache))


async def _page(request: Request) -> Page:
    page: Page = request.app.state.page
    return page


ThePage = Annotated[Page, Depends(_page)]
"""The page of the app."""
