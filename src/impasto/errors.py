"""Impasto's exceptions, as one tree. Every message is one line that a user can act on.

ImpastoError
├── OptionsError        an option is unknown, out of range, or conflicts with another
├── ImageError          a picture cannot be read, is not a picture, or is over a limit
├── OutputError         a result cannot be written to the requested place
├── WeightsError        network weights are missing, corrupt or not what they claim to be
├── CheckpointError     a checkpoint is missing, corrupt or belongs to another run
├── DivergedError       the optimisation reached values that are not finite and could not recover
├── OutOfMemoryError    the memory of the machine or of its device is too small
├── StudioError         a studio cannot be reached, or refuses what it was asked for
└── MissingExtraError   an optional library is needed; the message names the extra to install
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class ImpastoError(Exception):
    """The base class of all errors that Impasto raises deliberately."""


class Notice(Warning):
    """Something that the user should know, but that is not an error."""


class OptionsError(ImpastoError):
    """An option is unknown, out of range, or conflicts with another."""


class ImageError(ImpastoError):
    """A picture cannot be read, is not a picture, or is over a limit."""


class OutputError(ImpastoError):
    """A result cannot be written to the requested place."""


class WeightsError(ImpastoError):
    """Network weights are missing, corrupt or not what they claim to be."""


class CheckpointError(ImpastoError):
    """A checkpoint is missing, corrupt or belongs to another run."""


class DivergedError(ImpastoError):
    """The optimisation reached values that are not finite and could not recover."""


class OutOfMemoryError(ImpastoError):
    """The memory of the machine or of its device is too small."""


class StudioError(ImpastoError):
    """A studio cannot be reached, or refuses what it was asked for."""


class MissingExtraError(ImpastoError):
    """An optional library is needed; the message names the extra to install."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, extra)  # unchanged, so that it can be pickled

    def __str__(self) -> str:
        what, extra = self.args
        return f"{what} needs an extra: pip install 'impasto[{extra}]'"


_MEMORY_SIGNS = (
    "out of memory", "allocate memory", "not enough memory", "failed to allocate", "bad_alloc",
    "bad allocation", "unable to allocate", "alloc_failed",
)  # fmt: skip
"""Parts of error messages, in lower case: PyTorch on CPU, CUDA and MPS, ONNX Runtime, oneDNN."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception, from any library, means that memory ran out.

    PyTorch has a class for this on GPUs, but raises a plain `RuntimeError` on the CPU.
    """
    if isinstance(error, MemoryError | OutOfMemoryError):
        return True
    return not isinstance(error, ImpastoError) and any(
        sign in str(error).lower() for sign in _MEMORY_SIGNS
    )


@contextmanager
def in_memory(way_out: str) -> Iterator[None]:
    """Turn any out-of-memory exception into an `OutOfMemoryError` that suggests ``way_out``."""
    try:
        yield
    except ImpastoError:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(f"out of memory: {way_out}") from error


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, or the list of known names."""
    names = [str(k) for k in known]
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; choose from {', '.join(names)}"
