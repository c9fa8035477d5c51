"""Turns names and errors into single printable lines."""

from __future__ import annotations

import os
import re

_PASSWORD = re.compile(r"(://[^/\s:@]*):[^/\s]*@")


def without_password(text: str) -> str:
    """Return a text with "***" in place of the passwords in its URLs."""
    return _PASSWORD.sub(r"\1:***@", text)


def shown(name: str | os.PathLike[str]) -> str:
    """Return a name as one printable line of at most about 200 characters, without passwords."""
    text = without_password(os.fspath(name))
    # A file name may contain line breaks, terminal codes or invalid bytes.
    safe = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )
    return safe if len(safe) <= 200 else f"{safe[:99]}...{safe[-98:]}"


def reason(error: BaseException) -> str:
    """Return the message of an error as one line."""
    message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return shown(" ".join(message.split())) or type(error).__name__
