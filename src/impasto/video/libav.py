"""PyAV, imported when needed, and its errors as Impasto's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from impasto.errors import ImpastoError, MissingExtraError
from impasto.text import reason


def import_av() -> ModuleType:
    """Return PyAV. Raises `MissingExtraError`."""
    try:
        import av
    except ImportError as error:
        raise MissingExtraError("Video", "video") from error
    return av


def converted(frame: Any, **how: Any) -> Any:
    """Return a frame in another format or size, rounded to nearest.

    ``how`` contains the arguments of PyAV's reformatter.
    """
    kinds = import_av().video.reformatter.Interpolation
    exact = kinds.LANCZOS | kinds.ACCURATE_RND | kinds.FULL_CHR_H_INT
    return (
        import_av().video.reformatter.VideoReformatter().reformat(frame, interpolation=exact, **how)
    )


@contextmanager
def translated(kind: type[ImpastoError], what: str) -> Iterator[None]:
    """Convert FFmpeg's errors to Impasto's: ``what`` and the reason."""
    av = import_av()
    try:
        yield
    except (av.error.FFmpegError, ValueError) as error:
        text = getattr(error, "strerror", None) or reason(error)
        raise kind(f"{what}: {text}") from error
