"""What everything on the page works with, and how it speaks of what went wrong."""

from __future__ import annotations

import asyncio
import functools
import html
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import gradio as gr

from impasto.errors import ImpastoError
from impasto.studio.context import Studio
from impasto.studio.jobs import QueueFull, WrongState
from impasto.studio.page.shelf import Shelf
from impasto.studio.page.sources import Sources
from impasto.studio.quick import StylizerBusy

log = logging.getLogger("impasto.studio")

_AT_ONCE = 4
"""Photos that are received at once."""

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True)
class Desk:
    """The studio, and what the page keeps beside it."""

    studio: Studio
    shelf: Shelf
    sources: Sources
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    """Held by those whose photo is received and read."""

    @classmethod
    def of(cls, studio: Studio) -> Desk:
        """Set up the page's part of a studio."""
        shelf = Shelf(studio.files.home / "page")
        return cls(studio, shelf, Sources(studio, shelf))

    def owner(self, request: gr.Request) -> str:
        """Return whose request it is, as the door found out. Raises `Unable`."""
        if not request.username:
            raise Unable("You are not logged in any more. Reload the page.")
        return str(request.username)


class Unable(Exception):  # noqa: N818 - it is said to people, not to programs
    """Something cannot be done; the text says why, in plain words."""


def in_words(error: Exception) -> str:
    """Say what went wrong to somebody who knows nothing of the inside."""
    if isinstance(error, Unable):
        return str(error)
    if isinstance(error, StylizerBusy):
        return "The studio is busy with other photos. Try again in a moment."
    if isinstance(error, QueueFull):
        whose = "The studio has" if error.what == "queue" else "You have"
        return f"{whose} {error.most} paintings under way already. Wait for one, or cancel one."
    if isinstance(error, KeyError):
        return "That is not there any more."
    if isinstance(error, WrongState):
        return f"That cannot be done now: it is {error}."
    if isinstance(error, ImpastoError):
        return str(error).replace("<memory>: ", "The picture ").replace("--", "")
    log.exception("the page could not do something", exc_info=error)
    return "Something went wrong in the studio. Its log says more."


def warn(text: str) -> None:
    """Show a warning. Gradio would take it for HTML, and parts of it are from outside."""
    gr.Warning(html.escape(text, quote=False), title="Sorry", duration=8)


def plainly(handler: Handler) -> Handler:
    """Have a handler of events warn in plain words, and change nothing, when it fails."""

    @functools.wraps(handler)
    def careful(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except Exception as error:
            warn(in_words(error))
            return gr.skip()

    return careful  # type: ignore[return-value]
