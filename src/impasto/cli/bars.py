"""The progress bar that all commands draw."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn


def bar(console: Console, *middle: ProgressColumn, hidden: bool = False) -> Progress:
    """Return a bar as wide as the console: what is done, ``middle``, and the field ``left``.

    It goes away when it stops; ``hidden`` ones are never seen.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        *middle,
        TextColumn("[bold]{task.fields[left]}"),
        console=console,
        disable=hidden,
        transient=True,
        expand=True,
    )


def losses_bar(console: Console, *, hidden: bool) -> Progress:
    """Return a bar with the share that is done, and the field ``losses``."""
    return bar(console, TaskProgressColumn(), TextColumn("{task.fields[losses]}"), hidden=hidden)
