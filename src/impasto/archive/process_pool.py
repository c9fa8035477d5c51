"""Workers on this machine: this process, or several processes with few threads each."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Lock
from typing import Any

from impasto.archive.engine import Completed, PoolEvent, Ready, WorkerDied
from impasto.archive.plan import Item
from impasto.archive.worker import WRITERS, Progress, Task, Worker
from impasto.errors import ImpastoError
from impasto.options import ApplyOptions
from impasto.options.apply import AUTO
from impasto.runtime.machine import available, processors
from impasto.text import reason

DEPTH = 2
"""Items in progress per worker on a CPU: one is computed while another is read or written."""

DEPTH_OF_SLOW_FILES = 4
"""The same on a GPU or with uploads, where reading and writing take longer than computing."""

_MEMORY = 2 * 2**30
"""Bytes that a worker may need, for a network and a picture in one pass."""

_TICK = 0.2
"""Seconds after which `Pool.wait` returns in any case."""

_GRACE = 2.0
"""Seconds that a worker has to finish writing a file when it is ended at once."""


@dataclass(frozen=True)
class Layout:
    """The number of processes, the threads of each (None for all), and their devices."""

    jobs: int
    threads: int | None
    devices: tuple[str, ...] = ()
    uploads: bool = False
    """Whether results are uploaded."""

    @property
    def depth(self) -> int:
        """Items in progress per process."""
        return DEPTH_OF_SLOW_FILES if self.devices or self.uploads else DEPTH


def lay_out(options: ApplyOptions, most: int | None = None, *, uploads: bool = False) -> Layout:
    """Choose the processes: one per GPU, else one per core, as many as fit into memory.

    ``most`` is the maximum, None for no limit. On a CPU, several processes with one thread each
    are faster than one process with several threads, because they never wait for each other.
    """
    devices = _gpus(options.device) if options.backend != "onnx" else ()
    if options.jobs != AUTO:
        jobs = int(options.jobs)
    elif devices:
        jobs = len(devices)
    else:
        jobs = max(1, min(processors(), available() // _MEMORY))
    jobs = jobs if most is None else min(jobs, most)
    return Layout(jobs, max(1, processors() // jobs), devices, uploads)


def _gpus(device: str) -> tuple[str, ...]:
    """Return the GPUs that a device option means; none for the CPU."""
    from impasto.apply.backends import has_cuda

    if device == "cpu" or (device == "auto" and not has_cuda()):
        return ()
    if device not in ("auto", "cuda"):
        return (device,)
    import torch

    return tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()))


class InProcessPool:
    """A pool of one worker: this process. `wait` does the work."""

    depth = 1

    def __init__(self, worker: Worker, progress: Progress | None = None) -> None:
        self._worker, self._progress = worker, progress
        self._events: list[PoolEvent] = []
        self._item: Item | None = None

    def start(self) -> int:
        """As `Pool.start`."""
        self._events.append(Ready(0))
        return 1

    def submit(self, worker: int, item: Item) -> None:
        """As `Pool.submit`."""
        assert worker == 0
        self._item = item

    def wait(self) -> Sequence[PoolEvent]:
        """As `Pool.wait`, but returns when the picture is finished."""
        events, self._events = self._events, []
        if self._item:
            item, self._item = self._item, None
            events.append(Completed(0, item.out, self._worker(item, self._progress)))
        return events

    def close(self, *, at_once: bool) -> None:
        """As `Pool.close`."""


@dataclass
class _Child:
    """A process and the connection to it."""

    process: SpawnProcess
    connection: Connection
    ready: bool = False


class ProcessPool:
    """A pool of processes on this machine.

    They ignore Ctrl-C: their parent decides when they end. If the parent is killed, they exit.
    """

    def __init__(self, task: Task, layout: Callable[[], Layout]) -> None:
        self.depth = DEPTH
        self._task, self._lay_out = task, layout
        self._children: list[_Child] = []

    def start(self) -> int:
        """As `Pool.start`. The layout is chosen here, when it is known that there is work."""
        self._layout = self._lay_out()
        self.depth = self._layout.depth
        for number in range(self._layout.jobs):
            self._children.append(self._start_process(number))
        return len(self._children)

    def submit(self, worker: int, item: Item) -> None:
        """As `Pool.submit`."""
        with suppress(OSError):  # if it died, `wait` reports it
            self._children[worker].connection.send(item)

    def wait(self) -> Sequence[PoolEvent]:
        """As `Pool.wait`."""
        numbers = {child.connection: number for number, child in enumerate(self._children)}
        found: list[PoolEvent] = []
        for connection in wait(list(numbers), _TICK):
            assert isinstance(connection, Connection)
            found += self._handle(numbers[connection])
        return found

    def close(self, *, at_once: bool) -> None:
        """As `Pool.close`."""
        for child in self._children:
            if at_once or not child.ready:
                child.process.terminate()
            child.connection.close()
        for child in self._children:
            child.process.join(_GRACE)
            child.process.kill()
            child.process.join()
        self._children.clear()

    def _handle(self, number: int) -> Iterator[PoolEvent]:
        child = self._children[number]
        try:
            while child.connection.poll():
                message: Any = child.connection.recv()
                if isinstance(message, Exception):
                    raise message
                if message is None:
                    child.ready = True
                    yield Ready(number)
                else:
                    yield Completed(number, *message)
        except (EOFError, OSError):  # it ended, perhaps in the middle of a message
            child.connection.close()
            child.process.join()
            self._children[number] = self._start_process(number)
            yield WorkerDied(number, _cause(child.process.exitcode), child.ready)

    def _start_process(self, number: int) -> _Child:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        devices = self._layout.devices
        device = devices[number % len(devices)] if devices else None
        arguments = (theirs, self._task, self._layout.threads, device, self.depth)
        process = context.Process(target=serve, args=arguments, daemon=True)
        with (
            _interrupts_blocked(),
            _environment(OMP_NUM_THREADS=str(self._layout.threads or processors())),
        ):
            process.start()
        theirs.close()
        return _Child(process, ours)


def serve(
    connection: Connection, task: Task, threads: int | None, device: str | None, depth: int
) -> None:
    """Process the items from a connection until it is closed; the main function of a process.

    It first sends None when it is ready, or the exception that prevents that. For each item it
    sends the output file and the `Result`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # they would be printed by every process
    try:
        worker = Worker(task, threads, device)
    except ImpastoError as error:
        connection.send(error)
        return
    except Exception as error:
        connection.send(ImpastoError(f"{type(error).__name__}: {reason(error)}"))
        return

    def leave(*_: Any) -> None:
        # Finish the files that are being written.
        all(worker.writing.acquire(timeout=_GRACE) for _ in range(WRITERS))
        os._exit(0)

    signal.signal(signal.SIGTERM, leave)
    sending = Lock()

    def make(item: Item) -> None:
        result = worker(item)
        with sending, suppress(OSError):
            connection.send((item.out, result))

    with suppress(EOFError, OSError), ThreadPoolExecutor(depth) as executor:
        connection.send(None)
        while True:
            executor.submit(make, connection.recv())
    leave()


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block Ctrl-C while processes start, so that they ignore it; this process gets it later."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables for the block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _cause(code: int | None) -> str:
    """Return how a process ended."""
    if code is not None and code < 0:
        with suppress(ValueError):
            name = signal.Signals(-code).name
            return "killed, perhaps out of memory" if name == "SIGKILL" else f"ended by {name}"
    return f"exit code {code}"
