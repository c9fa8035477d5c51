"""The workers of a server: child processes, started again when they die."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping

from impasto.studio.settings import Settings

log = logging.getLogger("impasto.studio")

_SOONEST, _LATEST = 0.25, 30.0
"""Seconds from the death of a worker to the next start: twice as long each time."""

_WELL = 5.0
"""Seconds after which a worker that ran counts as healthy."""

_LOOKS = 0.1

_OURS = {"host", "port", "api_keys", "open_to_all", "cors_origins", "hosts", "proxies"}
"""The settings that only the server needs. Workers hear nothing of keys."""


class Workers:
    """As many processes that paint as ``settings.workers`` says.

    They die with this process, however it dies, and keep their work before that if they can.
    """

    def __init__(self, settings: Settings) -> None:
        self._children = [_Child(number, settings) for number in range(settings.workers)]
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="workers", daemon=True)

    def start(self) -> None:
        """Start them all, and look after them from now on."""
        for child in self._children:
            child.start()
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Have them keep their work and leave; after ``timeout`` seconds they are gone."""
        if self._ending.is_set():
            return
        self._ending.set()
        end = time.monotonic() + timeout
        if self._thread.ident is not None:
            self._thread.join()
        for child in self._children:
            child.ask_to_leave()
        for child in self._children:
            child.wait(end - time.monotonic())

    def _watch(self) -> None:
        while not self._ending.wait(_LOOKS):
            for child in self._children:
                child.look()


class _Child:
    """One of them. Its standard input is the tie: it ends when this process does."""

    def __init__(
        self, number: int, settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._number, self._clock = number, clock
        self._environment = _environment(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = _SOONEST
        self._next: float | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        command = [sys.executable, "-P", "-m", "impasto.studio.worker", "--tied"]
        self._process = subprocess.Popen(
            [*command, "--slot", str(self._number)],
            stdin=subprocess.PIPE,
            process_group=0,  # Ctrl-C is for the server, which has its workers leave
            env=self._environment,
        )
        self._started, self._next = self._clock(), None

    def look(self) -> None:
        """Start it again if it died and its time has come."""
        now = self._clock()
        if self.alive:
            return
        if self._next is None:
            well = now - self._started > _WELL
            self._pause = _SOONEST if well else min(2 * self._pause, _LATEST)
            self._next = now + self._pause
            status = self._process.returncode if self._process else None
            log.warning(
                "worker %d ended with status %s; the next starts in %.1f s",
                self._number, status, self._pause,
            )  # fmt: skip
            self._close()
        elif now >= self._next:
            try:
                self.start()
            except OSError as error:  # no memory for another process, say
                log.warning("worker %d cannot be started: %s", self._number, error.strerror)
                self._next = now + _LATEST

    def ask_to_leave(self) -> None:
        if self._process:
            self._process.terminate()

    def wait(self, seconds: float) -> None:
        if self._process:
            try:
                self._process.wait(max(0.0, seconds))
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._close()

    def _close(self) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.close()


def _environment(settings: Settings) -> Mapping[str, str]:
    """Return the environment of a worker: ours, with the settings as they are here."""
    threads = str(settings.threads_each)
    ours = {name: value for name, value in os.environ.items() if not name.startswith("IMPASTO_")}
    given = settings.model_dump(exclude=_OURS)
    theirs = {f"IMPASTO_{name.upper()}": str(value) for name, value in given.items()}
    return {**ours, **theirs, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
