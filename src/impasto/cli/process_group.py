"""The processes of a training: started by torchrun, or by this module on a CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING

from impasto.errors import ImpastoError, OptionsError
from impasto.options import TrainOptions

if TYPE_CHECKING:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

_AUTO, _MAX_PROCESSES = "auto", 64
_HERE = "127.0.0.1"

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
    from impasto.runtime.device import choose_device

    if "LOCAL_RANK" in os.environ:
        on_cuda = choose_device(options.device).type == "cuda"
        with _joined(on_cuda=on_cuda) as first:
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
    address = {"MASTER_ADDR": _HERE, "MASTER_PORT": str(store.port), "WORLD_SIZE": str(count)}
    command = [sys.executable, "-c", "from impasto.cli.main import run; run()", *sys.argv[1:]]
    others = [
        subprocess.Popen(
            command,
            env={**os.environ, **address, **_rank(rank), "OMP_NUM_THREADS": str(threads)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # the first process reports errors
        )
        for rank in range(1, count)
    ]
    own = address | _rank(0)
    os.environ |= own
    torch.set_num_threads(threads)
    try:
        with _joined(on_cuda=False, others=others, store=store) as first:
            yield first
    except BaseException:
        for other in others:
            other.kill()
        raise
    finally:
        torch.set_num_threads(before)
        for name in own:
            del os.environ[name]
        for other in others:
            with suppress(subprocess.TimeoutExpired):
                other.wait(timeout=_TIMEOUT)
            other.kill()
            other.wait()


def _rank(rank: int) -> dict[str, str]:
    return {"RANK": str(rank), "LOCAL_RANK": str(rank)}


@contextmanager
def _joined(
    *,
    on_cuda: bool,
    others: Sequence[subprocess.Popen[bytes]] = (),
    store: TCPStore | None = None,
) -> Iterator[bool]:
    """Join the processes described by environment variables.

    ``others`` are those that this process started, which meet at its ``store``. Raises
    `ImpastoError` if one of them ends before all have joined.
    """
    import torch
    from torch import distributed as dist

    if on_cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    if store:
        _join(others, store)
    else:
        dist.init_process_group("nccl" if on_cuda else "gloo")
    try:
        yield dist.get_rank() == 0
    finally:
        with suppress(RuntimeError):
            dist.destroy_process_group()


def _join(others: Sequence[subprocess.Popen[bytes]], store: TCPStore) -> None:
    """Join the other processes, which takes as long as the slowest of them needs to start."""
    from torch import distributed as dist
    from torch.distributed import PrefixStore  # type: ignore[attr-defined]

    errors: list[Exception] = []

    def join() -> None:
        try:
            # The prefix is that of processes that join by environment variables.
            shared = PrefixStore("default_pg", store)
            dist.init_process_group("gloo", store=shared, rank=0, world_size=len(others) + 1)
        except Exception as error:
            errors.append(error)

    # PyTorch would wait half an hour for a process that has ended.
    joining = Thread(target=join, name="impasto-join", daemon=True)
    joining.start()
    while joining.is_alive():
        joining.join(_TICK)
        codes = [other.poll() for other in others]
        if joining.is_alive() and any(code is not None for code in codes):
            code = next(code for code in codes if code is not None)
            raise ImpastoError(
                f"a process of the training ended while it started (exit code {code}); "
                "--processes 1 needs no others"
            )
    if errors:
        raise errors[0]
