"""Ctrl-C that lets what is under way come to its end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import typer

INTERRUPTED = 130
"""The exit code of what Ctrl-C ended."""


@contextmanager
def gentle_interrupt(what: str = "this step") -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl-C finish the step under way; a second one stops at once."""
    interrupted = False

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        typer.echo(f"\nimpasto: finishing {what} (Ctrl-C again to stop at once)", err=True)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield lambda: interrupted
    finally:
        signal.signal(signal.SIGINT, before)
