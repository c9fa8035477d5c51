"""Suppresses the warnings and log messages of the decoders."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_DECODERS = ("PIL", "tifffile", "pillow_heif")
_CATEGORIES = (UserWarning, RuntimeWarning, DeprecationWarning, FutureWarning, ResourceWarning)
_NULL = logging.NullHandler()

_lock = threading.Lock()
_stack = ExitStack()
_inside = 0


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the decoders' warnings, and their log messages if no handler is configured.

    The filters of `warnings` apply to the whole process. Threads that decode at the same time
    therefore share one change: the first to enter makes it, the last to leave undoes it.
    """
    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            _hush()
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _stack.close()


def _hush() -> None:
    _stack.enter_context(warnings.catch_warnings())
    # Only the decoders' warnings: those of other threads and our own notices still get through.
    modules = "|".join((*_DECODERS, r"impasto\.images"))
    for category in _CATEGORIES:
        warnings.filterwarnings("ignore", module=rf"({modules})(\.|$)", category=category)
    for name in _DECODERS:
        logger = logging.getLogger(name)
        logger.addHandler(_NULL)
        _stack.callback(logger.removeHandler, _NULL)
