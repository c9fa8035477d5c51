"""A process that paints: ``python -m impasto.studio.worker``, and ``impasto worker``.

DBOS hands it runs of jobs, one after the other. It takes over what dead workers left, tidies up,
and on SIGTERM keeps its work and leaves within ten seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

from impasto.errors import ImpastoError
from impasto.studio import queue, slots
from impasto.studio.database import connect
from impasto.studio.settings import Settings, read
from impasto.studio.storage import Storage

log = logging.getLogger("impasto.studio")

_SLOT_PATIENCE = 10.0
"""Seconds for a worker that was replaced to leave its slot."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a worker with the settings of the environment. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="impasto.studio.worker", description=__doc__)
    parser.add_argument("--slot", type=int, help="Which slot to take; else the first that is free.")
    parser.add_argument("--tied", action="store_true", help="Leave when standard input ends.")
    given = parser.parse_args(argv)
    try:
        run(read(), slot=given.slot, tied=given.tied)
    except ImpastoError as error:
        print(f"impasto worker: {error}", file=sys.stderr)  # noqa: T201 - it is a command
        return 1


def run(settings: Settings, *, slot: int | None = None, tied: bool = False) -> NoReturn:
    """Be a worker until told to leave, and end the process then. Call it from its main thread.

    ``tied`` is for workers that somebody started: they leave when standard input ends, as it does
    when that process dies. Raises `OutputError`, `OptionsError`.
    """
    leaving, working = threading.Event(), threading.Event()

    def leave(*_: object) -> None:
        leaving.set()
        if not working.is_set():
            os._exit(0)  # there is nothing to keep

    _listen_for_the_end(leave, tied=tied)
    files, url = Storage(settings.data), settings.database_url
    studio = hashlib.sha256(url.render_as_string(hide_password=True).encode()).hexdigest()[:16]
    held = slots.take(files.home / "workers" / studio, slot, _SLOT_PATIENCE)
    _set_up_logging(settings.log_level, held.number)
    engine = connect(url)
    queue.prepare(engine)
    from impasto.studio import work  # PyTorch: loaded when all else is well

    bench = work.Bench(settings, engine, files, held.name, leaving)
    working.set()
    bench.open()
    log.info("ready")
    leaving.wait()
    log.info("leaving")
    bench.leave()
    logging.shutdown()
    os._exit(0)  # a workflow that is to go on elsewhere must not end here


def _listen_for_the_end(leave: Callable[..., None], *, tied: bool) -> None:
    signal.signal(signal.SIGTERM, leave)
    if not tied:
        signal.signal(signal.SIGINT, leave)
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started us

    def wait() -> None:
        with suppress(OSError):
            while os.read(0, 1024):
                pass
        leave()

    threading.Thread(target=wait, name="tied", daemon=True).start()


def _set_up_logging(level: str, number: int) -> None:
    from uvicorn.logging import DefaultFormatter

    handler = logging.StreamHandler()
    handler.setFormatter(DefaultFormatter(f"%(levelprefix)s worker {number}: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("impasto").setLevel(level.upper())
    dbos = logging.getLogger("dbos")
    dbos.handlers[:], dbos.propagate = [handler], False  # it would add one of its own


if __name__ == "__main__":
    sys.exit(main())
