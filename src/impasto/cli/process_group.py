"""The processes of a training: started by torchrun, or by this module on a CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from impasto.errors import ImpastoError, OptionsError
from impasto.options import TrainOptions

if TYPE_CHECKING:
    from torch.distributed import Store  # type: ignore[attr-defined]

_AUTO, _MAX_PROCESSES = "auto", 64
_HERE = "127.0.0.1"

_PLACE = "IMPASTO_PLACE"
"""The environment variable that tells a process its rank, the number of processes and a port."""

_TIMEOUT = 30
"""Seconds that the other processes have to end after the first."""

_TICK = 0.2
"""Seconds between looks at the other processes while they start."""


@contextmanager
def process_group(processes: str, options: TrainOptions, styles: int) -> Iterator[bool]:
    """Join the processes of a training; yield whether this is the first one.

    Under torchrun, join its processes. Else, on a CPU, start the same command again for each
    additional process: two processes with one thread each are faster than one process with two
    threads, which wait for each other at every layer.
    """
    import torch

    from impasto.runtime.device import choose_device

    if "LOCAL_RANK" in os.environ:
        on_cuda = choose_device(options.device).type == "cuda"
        if on_cuda:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        with _joined("nccl" if on_cuda else "gloo") as first:
            yield first
        return
    if place := os.environ.get(_PLACE):
        with _meeting(place) as first:
            yield first
        return
    count = _count(processes, options, styles)
    if count == 1:
        yield True
    else:
        with _started(count) as first:
            yield first


def _count(processes: str, options: TrainOptions, styles: int) -> int:
    """Return the number of processes: as requested, or the best for the CPU's threads."""
    import torch

    from impasto.runtime.device import choose_device
    from impasto.training.trainer import arranged

    on_cpu = choose_device(options.device).type == "cpu"
    if processes != _AUTO:
        if not processes.isdecimal() or not 1 <= int(processes) <= _MAX_PROCESSES:
            raise OptionsError(
                f"--processes must be auto or 1 to {_MAX_PROCESSES}, got {processes!r}"
            )
        if int(processes) > 1 and not on_cpu:
            raise OptionsError("--processes needs --device cpu; for several GPUs use torchrun")
        return int(processes)
    if not on_cpu:
        return 1
    threads = torch.get_num_threads()
    photos, _ = arranged(options, styles, "cpu")
    counts = [n for n in range(1, min(threads, photos) + 1) if photos % n == 0]
    return max(counts, key=lambda n: (n * (threads // n), n))


@contextmanager
def _started(count: int) -> Iterator[bool]:
    """Start the other processes, each with its share of the threads, and join them."""
    import torch
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    before = torch.get_num_threads()
    threads = max(1, before // count)
    # Listens before the others start, so nobody else can take its port.
    store = TCPStore(_HERE, 0, count, is_master=True, wait_for_workers=False)
    command = [sys.executable, "-c", "from impasto.cli.main import run; run()", *sys.argv[1:]]
    others = [
        subprocess.Popen(
            command,
            env={
                **os.environ,
                _PLACE: f"{rank}/{count}/{store.port}",
                "OMP_NUM_THREADS": str(threads),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # the first process reports errors
        )
        for rank in range(1, count)
    ]
    torch.set_num_threads(threads)
    try:
        _await(others, store)
        with _joined("gloo", rank=0, world_size=count, store=store) as first:
            yield first
    except BaseException:
        for other in others:
            other.kill()
        raise
    finally:
        torch.set_num_threads(before)
        for other in others:
            with suppress(subprocess.TimeoutExpired):
                other.wait(timeout=_TIMEOUT)
            other.kill()
            other.wait()


def _await(others: Sequence[subprocess.Popen[bytes]], store: Store) -> None:
    """Wait until the other processes are ready to join, however long they need to start.

    PyTorch would wait half an hour for one that has ended; raises `ImpastoError` instead.
    """
    ready = [_ready(rank) for rank in range(1, len(others) + 1)]
    while not store.check(ready):
        for other in others:
            with suppress(subprocess.TimeoutExpired):
                code = other.wait(timeout=_TICK / len(others))
                raise ImpastoError(
                    f"a process of the training ended while it started (exit code {code}); "
                    "--processes 1 needs no others"
                )


@contextmanager
def _meeting(place: str) -> Iterator[bool]:
    """Join as one of the processes that `_started` started."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    rank, count, port = (int(number) for number in place.split("/"))
    store = TCPStore(_HERE, port, count, is_master=False, wait_for_workers=False)
    store.set(_ready(rank), "")
    with _joined("gloo", rank=rank, world_size=count, store=store) as first:
        yield first


def _ready(rank: int) -> str:
    """Return the key in the store that says that a process is ready to join."""
    return f"ready/{rank}"


@contextmanager
def _joined(backend: str, **place: Any) -> Iterator[bool]:
    """Be one of the processes in ``place``, or as environment variables say."""
    from torch import distributed as dist

    dist.init_process_group(backend, **place)
    try:
        yield dist.get_rank() == 0
    finally:
        with suppress(RuntimeError):
            dist.destroy_process_group()
