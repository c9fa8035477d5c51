"""Handing out: nothing lost, nothing twice, whatever becomes of the workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import pytest

from impasto.archive.engine import Archive, Completed, Failed, Made, PoolEvent, Ready, WorkerDied
from impasto.archive.plan import Item, Planned, Skipped, UnreadableFolder
from impasto.archive.worker import Result
from impasto.errors import ImpastoError, OutputError


class Played:
    """A pool in which nothing runs: the oldest item of each worker is done when it is waited for.

    ``deadly`` items end their worker, and all that it has in hand with it, so many times.
    """

    def __init__(self, workers: int = 1, depth: int = 2, **deadly: int) -> None:
        self.depth = depth
        self._workers, self._deadly = workers, deadly
        self._hands: list[deque[Item]] = []
        self._news: list[PoolEvent] = []
        self.given: list[str] = []
        self.most = 0
        self.closed: bool | None = None

    def start(self) -> int:
        self._hands = [deque() for _ in range(self._workers)]
        self._news = [Ready(number) for number in range(self._workers)]
        return self._workers

    def submit(self, worker: int, item: Item) -> None:
        self.given.append(item.photo)
        self._hands[worker].append(item)
        self.most = max(self.most, sum(map(len, self._hands)))

    def wait(self) -> Sequence[PoolEvent]:
        news, self._news = self._news, []
        for worker, hand in enumerate(self._hands):
            dying = [item.photo for item in hand if self._deadly.get(item.photo)]
            if dying:
                self._deadly[dying[0]] -= 1
                hand.clear()
                news += [WorkerDied(worker, "killed", True), Ready(worker)]
            elif hand:
                item = hand.popleft()
                error = "is bad" if item.photo == "bad" else ""
                news.append(Completed(worker, item.out, Result(1.0, error)))
        return news

    def close(self, *, at_once: bool) -> None:
        self.closed = at_once


def items(*names: str) -> list[Planned]:
    return [Item(name, f"{name}.png") for name in names]


def outcome(events: Iterator[object]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"made": [], "failed": [], "there": [], "unreadable": []}
    for event in events:
        match event:
            case Made(item):
                found["made"].append(item.photo)
            case Failed(item):
                found["failed"].append(item.photo)
            case Skipped(item):
                found["there"].append(item.photo)
            case UnreadableFolder(reason):
                found["unreadable"].append(reason)
    return {name: sorted(values) for name, values in found.items() if values}


@pytest.mark.parametrize("workers", [1, 3])
def test_everything_is_made_once(workers: int) -> None:
    names = [f"p{number}" for number in range(20)]
    pool = Played(workers)
    assert outcome(iter(Archive(items(*names), pool))) == {"made": sorted(names)}
    assert sorted(pool.given) == sorted(names)
    assert pool.most <= workers * pool.depth
    assert pool.closed is False


def test_what_is_there_and_what_fails_is_told_and_the_rest_goes_on() -> None:
    plan = [
        Skipped(Item("x", "x.png")),
        *items("a"),
        UnreadableFolder("locked"),
        *items("bad", "b"),
    ]
    assert outcome(iter(Archive(plan, Played()))) == {
        "made": ["a", "b"], "failed": ["bad"], "there": ["x"], "unreadable": ["locked"],
    }  # fmt: skip


def test_no_worker_is_started_where_nothing_is_to_be_done() -> None:
    pool = Played()
    assert outcome(iter(Archive([Skipped(Item("x", "x.png"))], pool))) == {"there": ["x"]}
    assert pool.closed is None


def test_the_plan_is_asked_as_the_work_goes_on() -> None:
    asked: list[int] = []

    def plan() -> Iterator[Planned]:
        for number in range(1000):
            asked.append(number)
            yield Item(str(number), f"{number}.png")

    for done, _ in enumerate(Archive(plan(), Played(2)), 1):
        assert len(asked) <= done + 2 * 2 + 1


def test_who_dies_is_made_up_for() -> None:
    pool = Played(2, a=1)
    assert outcome(iter(Archive(items("a", "b", "c", "d"), pool))) == {"made": ["a", "b", "c", "d"]}


def test_a_file_that_ends_two_workers_has_failed_and_its_neighbours_have_not() -> None:
    pool = Played(2, b=9)
    archive = Archive(items(*"abcdef"), pool)
    assert outcome(iter(archive)) == {"made": [*"acdef"], "failed": ["b"]}
    assert pool.given.count("b") == 2


def test_stopped_it_finishes_what_is_in_hand_and_begins_nothing() -> None:
    pool, done = Played(2), []
    archive = Archive(items(*map(str, range(100))), pool, stop=lambda: bool(done))
    for event in archive:
        assert isinstance(event, Made)
        done.append(event.item.photo)
    assert sorted(done) == sorted(pool.given)
    assert len(done) <= 2 * 2
    assert pool.closed is False


def test_left_in_between_it_ends_the_workers_at_once() -> None:
    pool = Played()
    work = Archive(items("a", "b", "c"), pool).work()
    next(work)
    work.close()
    assert pool.closed is True


def test_what_the_plan_raises_comes_after_what_is_in_hand() -> None:
    def plan() -> Iterator[Planned]:
        yield from items("a", "b")
        raise OutputError("two of one name")

    seen = []
    with pytest.raises(OutputError, match="two of one name"):
        seen.extend(Archive(plan(), Played()))
    assert len(seen) == 2


def test_workers_that_never_begin_are_an_error() -> None:
    class Stillborn(Played):
        def wait(self) -> Sequence[PoolEvent]:
            return [WorkerDied(0, "exit code 3", False)]

    with pytest.raises(ImpastoError, match="die while they start: exit code 3"):
        list(Archive(items("a"), Stillborn()))
