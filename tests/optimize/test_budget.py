"""Budgets on machines of any speed: the clock is a number, no test waits."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from impasto.errors import CheckpointError
from impasto.events import Finished, Replanned, ScaleStarted, Started, Step
from impasto.losses.objective import Evaluation
from impasto.optimize.budget import MIN_STEPS, Budget, Fixed
from impasto.optimize.engine import Engine
from impasto.optimize.schedule import Scale, halved, plan, pyramid
from impasto.optimize.step_cost import StepCost

QUICK = settings(max_examples=50, deadline=None, derandomize=True)
SHRUNK = 16
"""Pictures are so many times smaller than they stand for: only the ratio of pixels matters."""


def shrunk(scales):
    return tuple(
        Scale(max(1, s.width // SHRUNK), max(1, s.height // SHRUNK), s.steps) for s in scales
    )


@dataclass
class Machine:
    """What things cost in seconds, on a clock of its own."""

    per_pixel: float
    launch: float = 0.0
    start_up: float = 0.0
    opening: float = 1.0  # steps
    reading: float = 0.0
    noise: float = 0.0
    now: float = 1000.0

    def __post_init__(self):
        self.began = self.now
        self.random = random.Random(3)
        self.now += self.start_up

    def clock(self):
        return self.now

    @property
    def seconds(self):
        return self.now - self.began

    def work(self, pixels):
        seconds = self.launch + self.per_pixel * pixels
        self.now += seconds * (1 + self.random.uniform(-self.noise, self.noise))

    def objective_at(self, scale):
        self.now += self.reading
        self.work(self.opening * scale.pixels)
        return self

    def evaluate(self, image):
        self.work(image.shape[2] * image.shape[3])
        return Evaluation(1.0, {"content relu1_1": 1.0}, 1.0, image)

    def refine(self):
        return "goal"

    def state(self):
        return {}


class Still:
    """An optimiser that moves nothing, and has converged after so many steps at a scale."""

    def __init__(self, image, patience):
        self.image, self.patience = image, patience

    @property
    def converged(self):
        return self.patience <= 0

    def tell(self, loss, gradient):
        del loss, gradient
        self.patience -= 1

    def inherit(self, coarser):
        pass

    def rebase(self):
        pass

    def close(self):
        pass

    def state(self):
        return {"x": self.image, "patience": self.patience}

    def restore(self, state):
        self.image, self.patience = state["x"], state["patience"]


def budgeted(
    machine, seconds, size, scales="auto", *, min_steps=MIN_STEPS, reserve=0.0, patience=10**9
):
    """An engine that paints 4:3 pictures of a long side within a budget."""
    wanted = pyramid(size, size * 3 // 4, scales)
    smaller = halved(wanted[0])
    budget = Budget(
        seconds,
        shrunk(wanted),
        smaller=shrunk(smaller),
        min_steps=min_steps,
        began=machine.began,
        clock=machine.clock,
    )
    budget.reserve = reserve
    return Engine(
        budget,
        objective_at=machine.objective_at,
        optimizer_at=lambda image: Still(image, patience),
        start_at=lambda scale: torch.zeros(1, 3, scale.height, scale.width),
        trials=shrunk((*smaller, wanted[0])),
        clock=machine.clock,
    )


def per_pixel(size, seconds):
    """What a pixel costs where a step at the full size takes so many seconds."""
    return seconds / shrunk([Scale(size, size * 3 // 4, 0)])[0].pixels


def painted(machine, seconds, size, *arguments, **options):
    """Paint to the end; return the engine and its events."""
    engine = budgeted(machine, seconds, size, *arguments, **options)
    return engine, list(engine.run())


@QUICK
@given(
    size=st.integers(256, 2048),
    seconds=st.floats(5, 3600),
    steps=st.floats(0.02, 500),
    start_up=st.floats(0, 0.3),
    opening=st.floats(0, 2),
    reading=st.floats(0, 0.01),
    noise=st.floats(0, 0.2),
    reserve=st.floats(0, 0.05),
    launch=st.floats(0, 0.005),
)
def test_the_time_is_that_of_the_budget(
    size, seconds, steps, start_up, opening, reading, noise, reserve, launch
):
    """From 256 to 2048 pixels, from machines for which the budget is a few steps to the fastest."""
    machine = Machine(
        per_pixel(size, seconds / steps),
        start_up=start_up * seconds,
        opening=opening,
        reading=reading * seconds,
        noise=noise,
        launch=launch * seconds,
    )
    engine, _ = painted(machine, seconds, size, reserve=reserve * seconds)
    smallest = shrunk((*halved(Scale(size, size * 3 // 4, 0)), Scale(size, size * 3 // 4, 0)))[0]
    assume(machine.per_pixel * smallest.pixels < 0.01 * seconds)
    assert machine.seconds + reserve * seconds == pytest.approx(seconds, rel=0.1)
    # Nothing was spent on a scale that it did not change.
    assert all(scale.steps >= MIN_STEPS // 2 for scale in engine.ran)


@QUICK
@given(
    size=st.integers(256, 2048),
    steps=st.floats(3, 100),
    more=st.floats(1, 5),
    scales=st.sampled_from(["auto", "single"]),
)
def test_more_time_paints_larger_and_takes_no_fewer_steps(size, steps, more, scales):
    ran = []
    for seconds in (steps, steps * more):
        engine, _ = painted(Machine(per_pixel(size, 1.0)), seconds, size, scales)
        ran.append(engine.ran)
    less, most = ran
    assert most[-1].pixels >= less[-1].pixels
    if [scale.pixels for scale in less] == [scale.pixels for scale in most]:
        assert all(a.steps <= b.steps for a, b in zip(less, most, strict=True))


@pytest.mark.parametrize("size", [256, 640, 1280, 2048])
def test_with_time_enough_the_schedule_is_that_of_as_many_steps(size):
    engine, events = painted(Machine(per_pixel(size, 1.0)), 400.0, size)
    expected = shrunk(plan(size, size * 3 // 4, "auto", engine.step))
    for scale, other in zip(engine.ran, expected, strict=True):
        assert (scale.width, scale.height) == (other.width, other.height)
        assert scale.steps == pytest.approx(other.steps, abs=3)
    assert not [event for event in events if isinstance(event, Replanned)]


def test_the_events_tell_the_plan_and_what_became_of_it():
    machine = Machine(per_pixel(1280, 1.0), start_up=5.0)
    _, events = painted(machine, 100.0, 1280)
    started, *_, finished = events
    assert isinstance(started, Started)
    assert isinstance(finished, Finished)
    assert [side for side, _, _ in started.scales] == [20, 40, 80]
    assert started.steps == sum(steps for _, _, steps in started.scales)
    assert started.seconds == pytest.approx(100 - 5, rel=0.03)
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.step for step in steps] == list(range(1, len(steps) + 1))
    assert [step.step for step in steps if step.step == step.steps] == [len(steps)]
    assert steps[-1].remaining == 0
    assert finished.steps == len(steps) == pytest.approx(started.steps, abs=2)
    assert finished.seconds == pytest.approx(100 - 5, rel=0.03)
    for step in steps:
        assert step.remaining == pytest.approx(100 - 5 - step.seconds, abs=1)


@pytest.mark.parametrize(
    ("seconds", "sides"),
    [
        (60.0, [20, 40, 80]),
        (8.0, [20, 40, 80]),
        (7.7, [40, 80]),
        (6.5, [80]),
        (5.0, [20, 40]),
        (0.65, [20]),
        (0.3, [10]),
        (0.01, [5]),
        (1e-6, [5]),
    ],
)
def test_what_a_shorter_budget_leaves_out(seconds, sides):
    """A step at the full size takes a second: first coarse scales go, then the finest."""
    engine, events = painted(Machine(per_pixel(1280, 1.0), opening=0), seconds, 1280)
    assert [scale.width for scale in engine.ran] == sides
    assert events[0].scales[-1][0] == sides[-1]
    assert engine.picture.shape[3] == sides[-1]


def test_a_budget_too_small_for_anything_still_moves_once():
    engine, events = painted(Machine(per_pixel(640, 1.0), start_up=50.0), 1.0, 640)
    assert [(scale.width, scale.steps) for scale in engine.ran] == [(5, 2)]
    assert isinstance(events[-1], Finished)


@pytest.mark.parametrize(("seconds", "steps"), [(2.9, 2), (5.0, 4), (30.2, 28)])
def test_a_scale_asked_for_is_kept_while_it_gets_anywhere(seconds, steps):
    machine = Machine(per_pixel(1280, 1.0), opening=1.0)
    engine, _ = painted(machine, seconds, 1280, "single", min_steps=2)
    assert [(scale.width, scale.steps) for scale in engine.ran] == [(80, steps)]
    engine, _ = painted(Machine(per_pixel(1280, 1.0)), 2.0, 1280, "single", min_steps=2)
    assert [scale.width for scale in engine.ran] == [40]


def test_a_machine_that_turns_out_slower_leaves_out_what_no_longer_fits():
    machine = Machine(per_pixel(1280, 1.0))
    engine = budgeted(machine, 60.0, 1280)
    for event in engine.run():
        if isinstance(event, Step) and event.step == 3:
            machine.per_pixel *= 20
        if isinstance(event, Replanned):
            assert event.scales[-1][0] < 80
            assert event.steps == sum(steps for _, _, steps in event.scales)
            break
    else:
        pytest.fail("the plan was never changed")


def test_a_machine_that_turns_out_faster_paints_larger():
    machine = Machine(per_pixel(1280, 1.0))
    engine = budgeted(machine, 4.0, 1280)
    seen = []
    for event in engine.run():
        if isinstance(event, Step) and event.step == 2:
            machine.per_pixel /= 20
        seen.append(event)
    assert seen[0].scales[-1][0] == 40
    assert engine.ran[-1].width == 80
    assert [event.scales[-1][0] for event in seen if isinstance(event, Replanned)][-1] == 80
    assert machine.seconds == pytest.approx(4.0, rel=0.1)


def test_what_the_reader_of_the_events_does_takes_time_as_well():
    machine = Machine(per_pixel(640, 0.1))
    engine = budgeted(machine, 60.0, 640)
    for event in engine.run():
        if isinstance(event, Step):
            machine.now += 0.3
    assert machine.seconds == pytest.approx(60, abs=0.5)


def test_a_scale_that_has_converged_gives_its_time_to_the_next():
    engine, _ = painted(Machine(per_pixel(640, 1.0)), 100.0, 640, patience=20)
    assert [scale.steps for scale in engine.ran] == [20, 20]
    engine, events = painted(Machine(per_pixel(1280, 1.0)), 200.0, 1280, patience=20)
    assert [scale.steps for scale in engine.ran] == [20, 20, 20]
    assert [e.step for e in events if isinstance(e, Step)] == list(range(1, 61))
    assert events[-1].steps == 60


def through_json(state):
    """A state as a file would keep it."""
    plain = {k: v for k, v in state.items() if not isinstance(v, torch.Tensor)}
    return {**state, **json.loads(json.dumps(plain))}


@pytest.mark.parametrize("stop", [0, 1, 5, 30, 60])
def test_a_budget_goes_on_after_a_pause(stop):
    """The time before it counts, the pause does not."""
    machine = Machine(per_pixel(640, 1.0), start_up=3.0)
    engine = budgeted(machine, 60.0, 640)
    state = None
    for event in engine.run():
        if isinstance(event, ScaleStarted if stop == 0 else Step) and engine.step == stop:
            state = through_json(engine.state())
            break
    assert state is not None
    spent = machine.seconds
    again = Machine(per_pixel(640, 1.0), start_up=3.0, now=5e6)
    other = budgeted(again, 60.0, 640)
    other.restore(state)
    events = list(other.run())
    assert events[0].step == stop
    assert events[0].seconds == pytest.approx(60 - spent - 3, abs=2)
    assert spent + again.seconds == pytest.approx(60, abs=2)
    assert [side for side, _, _ in events[0].scales] == [20, 40]
    rows = [event for event in events if isinstance(event, Step)]
    assert [row.step for row in rows] == list(range(stop + 1, other.step + 1))


def test_a_budget_used_up_before_the_pause_is_not_exceeded_further():
    machine = Machine(per_pixel(640, 1.0))
    engine = budgeted(machine, 60.0, 640)
    run = engine.run()
    for event in run:
        if isinstance(event, Step) and event.step == 20:
            break
    state = through_json(engine.state())
    again = Machine(per_pixel(640, 1.0), start_up=500.0)
    other = budgeted(again, 60.0, 640)
    other.restore(state)
    assert [type(event) for event in other.run()] == [Started, Finished]
    assert again.seconds == 500.0
    assert [scale.steps for scale in other.ran] == [20]


@pytest.mark.parametrize("change", [{"planner": None}, {"planner": {}}, {"planner": {"spent": ""}}])
def test_a_state_that_does_not_fit(change):
    engine = budgeted(Machine(1.0), 60.0, 640)
    with pytest.raises(CheckpointError, match="does not fit this run"):
        engine.restore(engine.state() | change)


@pytest.mark.parametrize("stop", [50, 10**6])
def test_what_ran_can_be_painted_again_without_a_clock(stop):
    """Scales, steps, and when a relaxed objective was refined, which follows from the plan.

    Of an unfinished picture as well, whose plan was a longer one.
    """
    engine = budgeted(Machine(per_pixel(1280, 0.2), noise=0.5), 60.0, 1280)
    for event in engine.run():
        if isinstance(event, Step) and event.step == stop:
            break
    assert engine.ran[0].refined
    assert all(20 <= step <= scale.steps for scale in engine.ran for step in scale.refined)
    recorded = json.loads(json.dumps([scale.to_list() for scale in engine.ran]))
    again = Engine(
        Fixed([Scale.from_list(numbers) for numbers in recorded]),
        objective_at=Machine(0.0).objective_at,
        optimizer_at=lambda image: Still(image, 10**9),
        start_at=lambda scale: torch.zeros(1, 3, scale.height, scale.width),
    )
    list(again.run())
    assert again.ran == engine.ran


def test_nothing_known_of_the_pace_is_no_reason_to_fail():
    """A clock that stands still: the most steps there may be, and no more."""
    budget = Budget(1.0, (Scale(4, 3, 0), Scale(8, 6, 0)), clock=lambda: 0.0)
    planned = budget.begin(StepCost())
    assert sum(scale.steps for scale in planned) == 1_000_000
    assert budget.replan(planned, 0, 7, StepCost()) == planned


def test_a_budget_counts_from_when_it_is_said_to_begin():
    now = [50.0]
    assert Budget(10.0, (Scale(4, 3, 0),), clock=lambda: now[0]).left == 10
    budget = Budget(10.0, (Scale(4, 3, 0),), began=47.0, clock=lambda: now[0])
    budget.reserve = 2.0
    now[0] = 51.0
    assert (budget.spent, budget.left) == (4, 4)
    assert replace(budget.scales[0], steps=1) == Scale(4, 3, 1)
