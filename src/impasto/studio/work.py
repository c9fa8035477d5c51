"""The bench of a worker: what DBOS hands it, one job at a time, and what it does beside."""

from __future__ import annotations

import ctypes
import gc
import logging
import threading
from collections.abc import Callable
from contextlib import suppress

import sqlalchemy as sa
import torch
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer
from sqlalchemy.exc import SQLAlchemyError

from impasto.studio import queue
from impasto.studio.executor import carry_out
from impasto.studio.jobs import ClaimLost, JobStore
from impasto.studio.maintenance import Cleanup, Rescue
from impasto.studio.runner import WorkerContext, WorkerLeaving
from impasto.studio.settings import Settings
from impasto.studio.storage import Storage

log = logging.getLogger("impasto.studio")

_LOOKS = 2.0
_SWEEPS = 600.0
"""Seconds from one look after abandoned jobs to the next, and from one tidying up."""

_TO_LEAVE = 7.0
"""Seconds that a running step and a checkpoint may take when the worker is to leave."""

_TO_RELEASE = 1.5
"""Seconds to tell the database so, when they took longer."""


class Bench:
    """Where a worker works. ``name`` is its own; it is to leave when ``leaving`` is set."""

    def __init__(
        self,
        settings: Settings,
        engine: sa.Engine,
        files: Storage,
        name: str,
        leaving: threading.Event,
    ) -> None:
        store = JobStore(engine, queue.enqueuer(engine))
        self._shop = WorkerContext(settings, store, files, files.scratch(name), name, leaving)
        self._engine, self._leaving = engine, leaving
        self._rescue = Rescue(engine, store)
        self._janitor = Cleanup(engine, store, files, settings.keep)
        self._one_at_a_time = threading.Lock()

    def open(self) -> None:
        """Begin to work, in threads of its own."""
        torch.set_num_threads(self._shop.settings.threads_each)
        DBOS(
            config=DBOSConfig(
                name=queue.APPLICATION,
                system_database_engine=self._engine,
                dbos_system_schema=queue.SCHEMA,
                serializer=DBOSPortableJSONSerializer(),
                application_version=queue.VERSION,
                executor_id=self._shop.worker,
                run_migrations=False,
                log_level="WARNING",
            )
        )

        # However often workers are killed, their workflows are not given up for that.
        @DBOS.workflow(name=queue.WORKFLOW, max_recovery_attempts=None)
        def paint(job: str, run: int) -> None:
            self._paint(job, run)

        DBOS.listen_queues([queue.QUEUE])
        DBOS.launch()
        self._again_and_again("rescue", _LOOKS, self._rescue.look)
        self._again_and_again("janitor", _SWEEPS, self._janitor.sweep)

    def leave(self) -> None:
        """Wait until the job at hand is put down; if that takes too long, let go of it."""
        if self._one_at_a_time.acquire(timeout=_TO_LEAVE):
            return
        thread = threading.Thread(target=self._release, daemon=True)
        thread.start()
        thread.join(_TO_RELEASE)

    def _paint(self, job: str, run: int) -> None:
        if not self._leaving.is_set():
            try:
                with self._one_at_a_time:
                    carry_out(self._shop, job, run)
                    _give_back_memory()
                return
            except WorkerLeaving:
                pass
        threading.Event().wait()  # until the process ends: to DBOS the workflow is not done

    def _release(self) -> None:
        if claim := self._shop.claim:
            with suppress(ClaimLost, SQLAlchemyError):
                self._shop.store.release(claim)

    def _again_and_again(self, name: str, seconds: float, act: Callable[[], object]) -> None:
        def repeat() -> None:
            while True:
                try:
                    act()
                except SQLAlchemyError as error:
                    log.warning("the database does not answer: %s", type(error).__name__)
                except Exception:
                    log.exception("the %s failed, and tries again", name)
                if self._leaving.wait(seconds):
                    return

        threading.Thread(target=repeat, name=name, daemon=True).start()


def _give_back_memory() -> None:
    """Give back to the system what a painting freed, or the next ones would find less room.

    Six paintings of 400 pixels leave 1.3 GB with the C library, of which 0.4 are in use.
    """
    gc.collect()
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
