"""What works ahead keeps the order, is bounded, and ends with who asked for it."""

from __future__ import annotations

import threading

import pytest

from impasto.video.threads import mapped
from patience import LIMIT


def counted(stop, closed):
    """Yield numbers; ``closed`` becomes true when nobody wants more."""
    try:
        yield from range(stop)
    finally:
        closed.append(True)


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_what_is_made_comes_in_order(at_once):
    closed = []
    found = list(mapped(counted(20, closed), lambda number: -number, at_once))
    assert found == [(number, -number) for number in range(20)]
    assert closed == [True]


def test_so_many_are_made_at_the_same_time_and_no_more():
    together = threading.Barrier(3)
    begun = []

    def make(number):
        begun.append(number)
        together.wait(LIMIT)

    made = mapped(counted(6, []), make, 3)
    next(made)
    assert len(begun) <= 4  # one for each thread, and one that waits
    assert [number for number, _ in made] == [1, 2, 3, 4, 5]


def test_while_one_is_used_the_next_is_made():
    began = threading.Event()
    made = mapped(counted(3, []), lambda number: number == 1 and began.set(), 1)
    next(made)
    assert began.wait(LIMIT)
    made.close()


def test_an_error_comes_where_its_item_would_and_ends_all():
    closed = []

    def make(number):
        if number == 2:
            raise KeyboardInterrupt
        return number

    made = mapped(counted(9, closed), make, 2)
    assert [next(made), next(made)] == [(0, 0), (1, 1)]
    with pytest.raises(KeyboardInterrupt):
        next(made)
    assert closed == [True]


def test_who_wants_no_more_waits_for_what_is_under_way_alone():
    closed, made = [], []
    found = mapped(counted(9, closed), made.append, 1)
    next(found)
    found.close()
    assert closed == [True]
    assert len(made) <= 3
