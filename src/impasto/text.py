"""Turns names and errors into single printable lines."""

from __future__ import annotations

import os


def shown(name: str | os.PathLike[str]) -> str:
    """Return a name as one printable line of at most about 200 characters."""
    text = os.fspath(name)
    # A file name may contain line breaks, terminal codes or invalid bytes.
    safe = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )
    return safe if len(safe) <= 200 else f"{safe[:99]}...{safe[-98:]}"


def reason(error: BaseException) -> str:
    """Return the message of an error as one line."""
    message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return shown(" ".join(message.split())) or type(error).__name__
