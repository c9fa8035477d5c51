"""StepCost: exact where its model is, careful where it is not."""

from __future__ import annotations

import json

import pytest

from impasto.losses.objective import Evaluation
from impasto.optimize.schedule import Scale
from impasto.optimize.step_cost import _LONG_ENOUGH, StepCost, measure
from optimize.problems import picture

SMALL, MIDDLE, LARGE = Scale(20, 10, 3), Scale(40, 20, 4), Scale(80, 40, 5)  # 200, 800, 3200


def paced(opening, step, *scales):
    """A step_cost that saw some scales; ``step`` tells the seconds of one at so many pixels."""
    step_cost = StepCost()
    for scale in scales or (SMALL, MIDDLE):
        step_cost.opened(scale, opening + step(scale.pixels))
        step_cost.stepped(scale, step(scale.pixels))
    return step_cost


@pytest.mark.parametrize(("a", "b"), [(0, 0.01), (1, 0.01), (2, 0.01)])
def test_two_sizes_tell_every_other(a, b):
    """A step that costs a + b · pixels is told exactly."""
    step_cost = paced(0, lambda pixels: a + b * pixels)
    for scale in (SMALL, MIDDLE, LARGE):
        assert step_cost.step(scale) == pytest.approx(a + b * scale.pixels)
    assert step_cost.cost([MIDDLE, LARGE]) == pytest.approx(4 * (a + 8 * 1) + 5 * (a + 32 * 1))
    assert step_cost.cost([]) == 0


def test_what_costs_the_same_at_small_sizes_is_not_believed_of_large_ones():
    step_cost = paced(0, lambda _: 2)
    assert step_cost.step(MIDDLE) == 2
    assert step_cost.step(LARGE) == 1 + 1 * 4


def test_what_costs_more_a_pixel_at_larger_sizes_is_taken_in_proportion():
    step_cost = paced(0, lambda pixels: (pixels / 200) ** 2)
    assert step_cost.step(LARGE) == pytest.approx(16 * 4)


def test_one_size_alone_is_told_in_proportion():
    step_cost = paced(0, lambda _: 2, SMALL)
    assert step_cost.step(SMALL) == 2
    assert step_cost.step(LARGE) == 2 * 16


@pytest.mark.parametrize(
    ("opening", "there"),
    [(4, 16), (8, 32), (13, 32 + 5)],
    ids=["less than a step", "a step", "more than a step: the rest has no size"],
)
def test_openings(opening, there):
    step_cost = paced(opening, lambda pixels: pixels / 100)
    assert step_cost.cost([MIDDLE]) == pytest.approx(opening + 4 * 8)
    assert step_cost.cost([LARGE]) == pytest.approx(there + 5 * 32)


def test_the_first_step_ever_tells_what_it_can():
    step_cost = StepCost()
    assert not step_cost.known
    assert step_cost.step(LARGE) == step_cost.cost([LARGE]) == 0
    step_cost.opened(SMALL, 4)
    assert step_cost.known
    assert step_cost.step(SMALL) == 4
    step_cost.stepped(SMALL, 1)
    assert step_cost.step(SMALL) == 1


def test_the_first_step_of_another_scale_is_no_measure_of_a_step():
    step_cost = paced(0, lambda pixels: pixels / 100)
    step_cost.opened(LARGE, 500)
    assert step_cost.step(LARGE) == 32
    step_cost.stepped(LARGE, 40)
    assert step_cost.step(LARGE) == 40


def test_one_slow_step_changes_nothing_and_slower_ones_do():
    step_cost = paced(0, lambda _: 2)
    for seconds in (2, 2, 100, 2):
        step_cost.stepped(MIDDLE, seconds)
        assert step_cost.step(MIDDLE) == 2
    for _ in range(5):
        step_cost.stepped(MIDDLE, 3)
    assert step_cost.step(MIDDLE) == 3


def test_steps_that_take_no_time_are_no_trouble():
    step_cost = paced(0, lambda _: 0)
    assert step_cost.cost([SMALL, LARGE]) == 0


@pytest.mark.parametrize("seen", [(), (SMALL,), (SMALL, MIDDLE)])
def test_the_round_trip_of_its_state(seen):
    step_cost, other = StepCost(), StepCost()
    for scale in seen:
        step_cost.opened(scale, 7)
        step_cost.stepped(scale, scale.pixels / 150)
    other.restore(json.loads(json.dumps(step_cost.state())))
    assert other.known == step_cost.known
    assert other.cost([SMALL, LARGE]) == step_cost.cost([SMALL, LARGE])


class Trial:
    """Objectives whose evaluation takes so long a pixel, and that tell where it was called."""

    def __init__(self, per_pixel):
        self.now, self.per_pixel, self.seen = 0.0, per_pixel, []

    def at(self, scale):
        self.seen.append(scale)
        self.now += 0.5  # reading, building
        return self

    def evaluate(self, image):
        self.now += self.per_pixel * image.shape[2] * image.shape[3]
        return Evaluation(0.0, {}, 0.0, image)

    def measure(self, scales, time=1e9):
        return measure(
            scales,
            objective_at=self.at,
            start_at=lambda scale: picture(scale.height, scale.width),
            time_for=lambda step_cost: time if step_cost.known else 0,
            clock=lambda: self.now,
        )


@pytest.mark.parametrize(
    ("per_pixel", "sizes"),
    [
        (_LONG_ENOUGH / 100, 2),
        (_LONG_ENOUGH / 500, 2),
        (_LONG_ENOUGH / 3200, 3),
        (_LONG_ENOUGH / 1e9, 3),
    ],
    ids=["the first tells", "the second tells", "the last tells", "none tells"],
)
def test_sizes_are_tried_until_one_tells(per_pixel, sizes):
    trial = Trial(per_pixel)
    step_cost = trial.measure((SMALL, MIDDLE, LARGE))
    assert trial.seen == [SMALL, MIDDLE, LARGE][:sizes]
    assert step_cost.step(LARGE) == pytest.approx(per_pixel * 3200)


@pytest.mark.parametrize(("time", "sizes"), [(0, 1), (-3, 1), (0.3, 1), (5, 2), (1000, 3)])
def test_trials_take_little_of_the_time_there_is(time, sizes):
    trial = Trial(1e-4 * _LONG_ENOUGH)
    trial.measure((SMALL, MIDDLE, LARGE), time * _LONG_ENOUGH)
    assert len(trial.seen) == sizes


def test_without_trials_nothing_is_known():
    assert not Trial(1.0).measure(()).known
