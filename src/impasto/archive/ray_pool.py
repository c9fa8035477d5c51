"""Workers on a cluster: Ray actors, each with its own network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import impasto
from impasto.archive.engine import Completed, PoolEvent, Ready, WorkerDied
from impasto.archive.plan import Item
from impasto.archive.process_pool import DEPTH, DEPTH_OF_SLOW_FILES
from impasto.archive.worker import Result, Task, Worker
from impasto.errors import ImpastoError, MissingExtraError
from impasto.text import reason, shown

_AUTO = "auto"
_TICK = 0.2
"""Seconds after which `Pool.wait` returns in any case."""


class _Actor:
    """A worker on a node."""

    def __init__(self, task: Task, threads: int | None, device: str | None) -> None:
        self._arguments = task, threads, device

    def load(self) -> str:
        """Load the network; return the installed version of Impasto."""
        self._worker = Worker(*self._arguments)
        return impasto.__version__

    def make(self, item: Item) -> Result:
        """Make one picture."""
        return self._worker(item)


@dataclass(frozen=True)
class _Call:
    """A call of an actor that has not returned: for an output file, or None for loading."""

    worker: int
    actor: Any
    out: str | None


class RayPool:
    """A pool of Ray actors.

    ``address`` is the address of a cluster; "auto" is the cluster of this machine, else Ray is
    started here. If the cluster has GPUs, there is one actor per GPU, else one per core. With
    ``whole`` (for painting, which uses several threads well), actors have as many cores as the
    smallest node. ``jobs`` overrides the number of actors. The actors read and write the files, so
    every node must see them under the same names.

    Raises `MissingExtraError` if Ray is not installed, and `ImpastoError` if the cluster does not
    respond.
    """

    def __init__(
        self,
        task: Task,
        address: str,
        jobs: int | None = None,
        *,
        whole: bool = False,
        uploads: bool = False,
    ) -> None:
        try:
            import ray
        except ImportError as error:
            raise MissingExtraError("--ray", "ray") from error
        self._ray: Any = ray
        self._task, self._address, self._jobs, self._whole = task, address, jobs, whole
        self.depth = DEPTH_OF_SLOW_FILES if uploads else DEPTH
        self._actors: list[Any] = []
        self._loaded: set[int] = set()
        self._calls: dict[Any, _Call] = {}
        self._joined = False

    def start(self) -> int:
        """As `Pool.start`."""
        ray = self._ray
        address = None if self._address == _AUTO else self._address
        self._joined = not ray.is_initialized()
        try:
            if self._joined:
                ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            raise ImpastoError(
                f"--ray {shown(self._address)}: the cluster does not respond: {reason(error)}"
            ) from error
        gpus = int(ray.cluster_resources().get("GPU", 0))
        cores = [int(n["Resources"].get("CPU", 0)) for n in ray.nodes() if n["Alive"]]
        cores = [count for count in cores if count]
        if not cores:
            raise ImpastoError(f"--ray {shown(self._address)}: the cluster has no CPU cores")
        if gpus:
            self.depth = DEPTH_OF_SLOW_FILES
            self._needs = {"num_gpus": 1, "num_cpus": 1}
            self._threads, self._device, count = None, "cuda", gpus
        else:
            self._threads, self._device = (min(cores) if self._whole else 1), "cpu"
            self._needs = {"num_cpus": self._threads}
            count = sum(found // self._threads for found in cores)
        self._task_ref = ray.put(self._task)
        for number in range(self._jobs or count):
            self._actors.append(self._start_actor(number))
        return len(self._actors)

    def submit(self, worker: int, item: Item) -> None:
        """As `Pool.submit`."""
        actor = self._actors[worker]
        self._calls[actor.make.remote(item)] = _Call(worker, actor, item.out)

    def wait(self) -> Sequence[PoolEvent]:
        """As `Pool.wait`."""
        calls = list(self._calls)
        done, _ = self._ray.wait(calls, num_returns=1, timeout=_TICK)
        if done:  # and all others that have arrived
            done, _ = self._ray.wait(calls, num_returns=len(calls), timeout=0)
        found: list[PoolEvent] = []
        for ref in done:
            if ref in self._calls:  # its actor may have died meanwhile
                found += self._handle(ref)
        return found

    def close(self, *, at_once: bool) -> None:  # noqa: ARG002 (idle actors are killed, too)
        """As `Pool.close`."""
        for actor in self._actors:
            with suppress(Exception):
                self._ray.kill(actor)
        self._actors.clear()
        self._calls.clear()
        if self._joined:
            self._ray.shutdown()

    def _handle(self, ref: Any) -> Iterator[PoolEvent]:
        ray, call = self._ray, self._calls.pop(ref)
        try:
            message = ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, ImpastoError):
                raise cause from error
            raise ImpastoError(f"{type(cause).__name__}: {reason(cause)}") from error
        except ray.exceptions.RayError as error:  # the actor died, or is unreachable
            yield self._replace(call, error)
            return
        if call.out is not None:
            yield Completed(call.worker, call.out, message)
            return
        if message != impasto.__version__:
            raise ImpastoError(
                f"a node of the cluster has Impasto {message}, this machine {impasto.__version__}; "
                "install the same version everywhere"
            )
        self._loaded.add(call.worker)
        yield Ready(call.worker)

    def _replace(self, call: _Call, error: Exception) -> WorkerDied:
        """Replace an actor that died, and drop its calls."""
        with suppress(Exception):
            self._ray.kill(call.actor)
        self._calls = {ref: c for ref, c in self._calls.items() if c.actor is not call.actor}
        ready = call.worker in self._loaded
        self._loaded.discard(call.worker)
        self._actors[call.worker] = self._start_actor(call.worker)
        return WorkerDied(call.worker, _cause(error), ready)

    def _start_actor(self, number: int) -> Any:
        kind = self._ray.remote(max_restarts=0, max_concurrency=self.depth, **self._needs)(_Actor)
        actor = kind.remote(self._task_ref, self._threads, self._device)
        self._calls[actor.load.remote()] = _Call(number, actor, None)
        return actor


def _cause(error: Exception) -> str:
    """Return why an actor died: the first line of Ray's message, or the last of a traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    raised = any(line.startswith("Traceback") or "creation task" in line for line in lines)
    return shown(lines[-1] if raised else lines[0].rstrip(".")) if lines else type(error).__name__
