"""Ctrl-C that lets the current step finish."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import typer

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


@contextmanager
def gentle_interrupt(what: str = "this step") -> Iterator[Callable[[], bool]]:
    """Finish the current step on the first Ctrl-C; stop at once on the second."""
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
