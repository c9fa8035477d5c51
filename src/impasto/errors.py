"""What can go wrong, as one tree. Every message is one line that a user can act on.

ImpastoError
├── OptionsError        an option is unknown, out of range, or conflicts with another
├── ImageError          a picture cannot be read, is no picture, or is over a limit
├── OutputError         a result cannot be written where it was asked for
├── WeightsError        network weights are missing, corrupt or not what they claim
├── CheckpointError     a checkpoint is missing, corrupt or belongs to another run
├── DivergedError       the optimisation left the realm of finite numbers and could not return
└── MissingExtraError   an optional library is needed; the message names the extra to install
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ImpastoError(Exception):
    """The base of every error Impasto raises on purpose."""


class Notice(Warning):
    """Something that somebody ought to know, and that is no error."""


class OptionsError(ImpastoError):
    """An option is unknown, out of range, or conflicts with another."""


class ImageError(ImpastoError):
    """A picture cannot be read, is no picture, or is over a limit."""


class OutputError(ImpastoError):
    """A result cannot be written where it was asked for."""


class WeightsError(ImpastoError):
    """Network weights are missing, corrupt or not what they claim to be."""


class CheckpointError(ImpastoError):
    """A checkpoint is missing, corrupt or belongs to another run."""


class DivergedError(ImpastoError):
    """The optimisation left the realm of finite numbers and could not return."""


class MissingExtraError(ImpastoError):
    """An optional library is needed; the message names the extra to install."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, extra)  # as given, so that it can be pickled

    def __str__(self) -> str:
        what, extra = self.args
        return f"{what} needs an extra: pip install 'impasto[{extra}]'"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, or the list of known names."""
    names = [str(k) for k in known]
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; choose from {', '.join(names)}"
