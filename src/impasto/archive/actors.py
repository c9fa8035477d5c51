"""Workers of a cluster: actors of Ray, with a network each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import impasto
from impasto.archive.engine import Answered, Lost, News, Ready
from impasto.archive.makers import Answer, Making, Worker
from impasto.archive.plan import Item
from impasto.archive.processes import DEPTH, DEPTH_ON_A_GPU
from impasto.errors import ImpastoError, MissingExtraError
from impasto.text import reason, shown

_AUTO = "auto"
_TICK = 0.2
"""Seconds after which `Pool.wait` returns in any case."""


class _Actor:
    """What runs on a node."""

    def __init__(self, making: Making, threads: int | None, device: str | None) -> None:
        self._told = making, threads, device

    def load(self) -> str:
        """Load the network; return the version that is installed here."""
        self._worker = Worker(*self._told)
        return impasto.__version__

    def make(self, item: Item) -> Answer:
        """Make one picture."""
        return self._worker(item)


@dataclass(frozen=True)
class _Asked:
    """What an answer of an actor is awaited for: None is that it is ready."""

    worker: int
    actor: Any
    out: str | None


class Actors:
    """A pool of actors of Ray.

    ``address`` is that of a cluster; "auto" is the one that this machine belongs to, else Ray is
    started here. Where nodes have GPUs there is an actor for each of them. Else there is one for
    each core; with ``whole`` (painting uses several threads well) one for each node, of as many
    cores as the smallest has. ``jobs`` is how many instead. Files are read and written by the
    actors, so every node has to find them under their names.

    Raises `MissingExtraError` where Ray is not installed, and `ImpastoError` where no cluster
    answers.
    """

    def __init__(
        self, making: Making, address: str, jobs: int | None = None, *, whole: bool = False
    ) -> None:
        try:
            import ray
        except ImportError as error:
            raise MissingExtraError("--ray", "ray") from error
        self._ray: Any = ray
        self._making, self._address, self._jobs, self._whole = making, address, jobs, whole
        self.depth = DEPTH
        self._actors: list[Any] = []
        self._loaded: set[int] = set()
        self._asked: dict[Any, _Asked] = {}
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
            told = f"--ray {shown(self._address)}: no cluster answers: {reason(error)}"
            raise ImpastoError(told) from error
        gpus = int(ray.cluster_resources().get("GPU", 0))
        cores = [int(n["Resources"].get("CPU", 0)) for n in ray.nodes() if n["Alive"]]
        cores = [count for count in cores if count]
        if not cores:
            raise ImpastoError(f"--ray {shown(self._address)}: the cluster has no cores to work on")
        if gpus:
            self.depth = DEPTH_ON_A_GPU
            self._needs = {"num_gpus": 1, "num_cpus": 1}
            self._threads, self._device, count = None, "cuda", gpus
        else:
            self._threads, self._device = (min(cores) if self._whole else 1), "cpu"
            self._needs = {"num_cpus": self._threads}
            count = sum(found // self._threads for found in cores)
        self._told = ray.put(self._making)
        for number in range(self._jobs or count):
            self._actors.append(self._started(number))
        return len(self._actors)

    def give(self, worker: int, item: Item) -> None:
        """As `Pool.give`."""
        actor = self._actors[worker]
        self._asked[actor.make.remote(item)] = _Asked(worker, actor, item.out)

    def wait(self) -> Sequence[News]:
        """As `Pool.wait`."""
        asked = list(self._asked)
        done, _ = self._ray.wait(asked, num_returns=1, timeout=_TICK)
        if done:  # and all others that are there by now
            done, _ = self._ray.wait(asked, num_returns=len(asked), timeout=0)
        found: list[News] = []
        for answer in done:
            if answer in self._asked:  # not forgotten with a lost actor meanwhile
                found += self._heard(answer)
        return found

    def close(self, *, at_once: bool) -> None:  # noqa: ARG002 (who has nothing in hand is, too)
        """As `Pool.close`."""
        for actor in self._actors:
            with suppress(Exception):
                self._ray.kill(actor)
        self._actors.clear()
        self._asked.clear()
        if self._joined:
            self._ray.shutdown()

    def _heard(self, answer: Any) -> Iterator[News]:
        ray, asked = self._ray, self._asked.pop(answer)
        try:
            said = ray.get(answer)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, ImpastoError):
                raise cause from error
            raise ImpastoError(f"{type(cause).__name__}: {reason(cause)}") from error
        except ray.exceptions.RayError as error:  # the actor is gone, or out of reach
            yield self._lost(asked, error)
            return
        if asked.out is not None:
            yield Answered(asked.worker, asked.out, said)
            return
        if said != impasto.__version__:
            raise ImpastoError(
                f"a node of the cluster has Impasto {said}, this machine {impasto.__version__}: "
                "install the same on all"
            )
        self._loaded.add(asked.worker)
        yield Ready(asked.worker)

    def _lost(self, asked: _Asked, error: Exception) -> Lost:
        """Start another actor in place of one that ended, and forget what was asked of it."""
        with suppress(Exception):
            self._ray.kill(asked.actor)
        self._asked = {ref: a for ref, a in self._asked.items() if a.actor is not asked.actor}
        ready = asked.worker in self._loaded
        self._loaded.discard(asked.worker)
        self._actors[asked.worker] = self._started(asked.worker)
        return Lost(asked.worker, _how(error), ready)

    def _started(self, number: int) -> Any:
        kind = self._ray.remote(max_restarts=0, max_concurrency=self.depth, **self._needs)(_Actor)
        actor = kind.remote(self._told, self._threads, self._device)
        self._asked[actor.load.remote()] = _Asked(number, actor, None)
        return actor


def _how(error: Exception) -> str:
    """Return how an actor ended: the first line of what Ray says, or the last of a traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    raised = any(line.startswith("Traceback") or "creation task" in line for line in lines)
    return shown(lines[-1] if raised else lines[0].rstrip(".")) if lines else type(error).__name__
