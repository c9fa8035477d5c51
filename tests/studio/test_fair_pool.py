"""Threads that serve clients in turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from impasto.studio.fair_pool import FairPool, PoolFull
from patience import wait_for


class Held:
    """A pool of one thread, which is held until `go` is set."""

    def __init__(self, most: float) -> None:
        self.pool, self.go, self.done = FairPool(1, "test", most), threading.Event(), []
        self.first = self.pool.submit("first", self.go.wait)
        wait_for(self.first.running)

    def add(self, client: str, name: str) -> object:
        return self.pool.submit(client, lambda: self.done.append(name))


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held(most=6)
    yield made
    made.go.set()
    made.pool.close()


def test_clients_are_served_in_turn(held: Held) -> None:
    for client, name in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1")):
        held.add(client, name)
    held.go.set()
    wait_for(lambda: held.pool.taken == 0)
    assert held.done == ["a1", "b1", "c1", "a2", "a3"]


def test_when_all_places_are_taken_each_client_still_has_one(held: Held) -> None:
    for number in range(5):
        held.add("a", f"a{number}")
    with pytest.raises(PoolFull):
        held.add("a", "a5")
    held.add("b", "b0")
    with pytest.raises(PoolFull):
        held.add("b", "b1")
    assert held.pool.taken == 7


def test_what_is_cancelled_gives_its_place_back_and_never_runs(held: Held) -> None:
    future = held.add("a", "a1")
    assert future.cancel()
    assert held.pool.taken == 1
    held.add("a", "a2")
    held.go.set()
    wait_for(lambda: held.pool.taken == 0)
    assert held.done == ["a2"]


def test_an_error_is_the_callers(held: Held) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    future = held.pool.submit("a", broken)
    held.go.set()
    with pytest.raises(ZeroDivisionError):
        future.result()


def test_closing_drops_what_waits(held: Held) -> None:
    future = held.add("a", "a1")
    closing = threading.Thread(target=held.pool.close)
    closing.start()
    wait_for(future.cancelled)
    held.go.set()
    closing.join()
    assert held.done == []
