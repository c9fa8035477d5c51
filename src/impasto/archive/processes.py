"""Workers of this machine: this process itself, or several of a few threads each."""

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

from impasto.archive.engine import Answered, Lost, News, Ready
from impasto.archive.makers import Answer, Making, Progress, Worker
from impasto.archive.plan import Item
from impasto.errors import ImpastoError
from impasto.options import ApplyOptions
from impasto.options.apply import AUTO
from impasto.runtime.machine import available, processors
from impasto.text import reason

DEPTH = 2
"""Items that a worker has at once on a CPU: while one is computed, another is read or written."""

DEPTH_ON_A_GPU = 4
"""The same where a GPU computes: reading and writing take longer than that."""

_MEMORY = 2 * 2**30
"""Bytes that a worker may come to take: a network, and a picture in one pass."""

_TICK = 0.2
"""Seconds after which `Pool.wait` returns in any case."""

_GRACE = 2.0
"""Seconds in which a worker that is to end at once may finish writing a file."""


@dataclass(frozen=True)
class Layout:
    """How many processes work, with how many threads each, None for all, on which devices."""

    jobs: int
    threads: int | None
    devices: tuple[str, ...] = ()

    @property
    def depth(self) -> int:
        """Items that each has at once."""
        return DEPTH_ON_A_GPU if self.devices else DEPTH


def lay_out(options: ApplyOptions, most: int | None = None) -> Layout:
    """Choose the processes: one for each GPU, else one for each core, as many as memory allows.

    There are never more than ``most``, None for no limit.
    On a CPU processes of one thread each are faster than one that has several: they never wait for
    each other.
    """
    devices = _gpus(options.device) if options.backend != "onnx" else ()
    if options.jobs != AUTO:
        jobs = int(options.jobs)
    elif devices:
        jobs = len(devices)
    else:
        jobs = max(1, min(processors(), available() // _MEMORY))
    jobs = jobs if most is None else min(jobs, most)
    return Layout(jobs, max(1, processors() // jobs), devices)


def _gpus(device: str) -> tuple[str, ...]:
    """Return the GPUs that a device means; none where it is the CPU."""
    from impasto.apply.backends import has_cuda

    if device == "cpu" or (device == "auto" and not has_cuda()):
        return ()
    if device not in ("auto", "cuda"):
        return (device,)
    import torch

    return tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()))


class Here:
    """A pool of one worker: this process. Its work is done while it is waited for."""

    depth = 1

    def __init__(self, worker: Worker, progress: Progress | None = None) -> None:
        self._worker, self._progress = worker, progress
        self._news: list[News] = []
        self._item: Item | None = None

    def start(self) -> int:
        """As `Pool.start`."""
        self._news.append(Ready(0))
        return 1

    def give(self, worker: int, item: Item) -> None:
        """As `Pool.give`."""
        assert worker == 0
        self._item = item

    def wait(self) -> Sequence[News]:
        """As `Pool.wait`, but that it returns when the picture is made."""
        news, self._news = self._news, []
        if self._item:
            item, self._item = self._item, None
            news.append(Answered(0, item.out, self._worker(item, self._progress)))
        return news

    def close(self, *, at_once: bool) -> None:
        """As `Pool.close`."""


@dataclass
class _Hand:
    """A process, and the way to talk with it."""

    process: SpawnProcess
    connection: Connection
    ready: bool = False


class Processes:
    """A pool of processes of this machine.

    Ctrl-C does not reach them: whoever started them says when they end. When that one is killed
    they end by themselves.
    """

    def __init__(self, making: Making, layout: Callable[[], Layout]) -> None:
        self.depth = DEPTH
        self._making, self._lay_out = making, layout
        self._hands: list[_Hand] = []

    def start(self) -> int:
        """As `Pool.start`: now that there is something to do, the processes are chosen."""
        self._layout = self._lay_out()
        self.depth = self._layout.depth
        for number in range(self._layout.jobs):
            self._hands.append(self._started(number))
        return len(self._hands)

    def give(self, worker: int, item: Item) -> None:
        """As `Pool.give`."""
        with suppress(OSError):  # that it ended comes with the news
            self._hands[worker].connection.send(item)

    def wait(self) -> Sequence[News]:
        """As `Pool.wait`."""
        numbers = {hand.connection: number for number, hand in enumerate(self._hands)}
        found: list[News] = []
        for connection in wait(list(numbers), _TICK):
            assert isinstance(connection, Connection)
            found += self._heard(numbers[connection])
        return found

    def close(self, *, at_once: bool) -> None:
        """As `Pool.close`."""
        for hand in self._hands:
            if at_once or not hand.ready:
                hand.process.terminate()
            hand.connection.close()
        for hand in self._hands:
            hand.process.join(_GRACE)
            hand.process.kill()
            hand.process.join()
        self._hands.clear()

    def _heard(self, number: int) -> Iterator[News]:
        hand = self._hands[number]
        try:
            while hand.connection.poll():
                said: Any = hand.connection.recv()
                if isinstance(said, Exception):
                    raise said
                if said is None:
                    hand.ready = True
                    yield Ready(number)
                else:
                    yield Answered(number, *said)
        except (EOFError, OSError):  # it ended, perhaps in the middle of an answer
            hand.connection.close()
            hand.process.join()
            self._hands[number] = self._started(number)
            yield Lost(number, _how(hand.process.exitcode), hand.ready)

    def _started(self, number: int) -> _Hand:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        devices = self._layout.devices
        device = devices[number % len(devices)] if devices else None
        told = (theirs, self._making, self._layout.threads, device, self.depth)
        process = context.Process(target=serve, args=told, daemon=True)
        with _deaf(), _environment(OMP_NUM_THREADS=str(self._layout.threads or processors())):
            process.start()
        theirs.close()
        return _Hand(process, ours)


def serve(
    connection: Connection, making: Making, threads: int | None, device: str | None, depth: int
) -> None:
    """Make what comes through a connection, until that is closed; the work of a process.

    It says None when it is ready, or the exception that keeps it from working; then, for each item,
    the place of the result and the answer.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # nobody is here to read them
    try:
        worker = Worker(making, threads, device)
    except ImpastoError as error:
        connection.send(error)
        return
    except Exception as error:
        connection.send(ImpastoError(f"{type(error).__name__}: {reason(error)}"))
        return

    def leave(*_: Any) -> None:
        worker.writing.acquire(timeout=_GRACE)  # a file that is being written is finished
        os._exit(0)

    signal.signal(signal.SIGTERM, leave)
    talking = Lock()

    def make(item: Item) -> None:
        answer: Answer = worker(item)
        with talking, suppress(OSError):
            connection.send((item.out, answer))

    with suppress(EOFError, OSError), ThreadPoolExecutor(depth) as hands:
        connection.send(None)
        while True:
            hands.submit(make, connection.recv())
    leave()


@contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that never hear of Ctrl-C; what comes meanwhile is heard here after all."""
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
    """Set variables of the environment for a while."""
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


def _how(code: int | None) -> str:
    """Return how a process ended."""
    if code is not None and code < 0:
        with suppress(ValueError):
            name = signal.Signals(-code).name
            return "killed, perhaps for memory" if name == "SIGKILL" else f"ended by {name}"
    return f"ended with exit code {code}"
