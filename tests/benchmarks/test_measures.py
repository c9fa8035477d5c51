"""What the scripts make of their measurements."""

from __future__ import annotations

from types import SimpleNamespace

import any_size
import budget
import numpy as np
import preview
import pytest
import time_to_quality as quality
import torch
from commands import Ran
from step_time import Convolutions

from impasto.events import ScaleStarted, Started, Step


class Painted:
    """Paints a picture that is 1/step everywhere; its own reading is half of the truth."""

    width, height = 4, 2

    def __iter__(self):
        yield Started(0, 50, ((4, 2, 50),), "cpu", "bfloat16")
        yield ScaleStarted(1, 1, 4, 2, 50)
        for step in range(1, 51):
            self._engine = SimpleNamespace(picture=torch.full((1, 3, 2, 4), 1 / step))
            yield Step(
                step=step, steps=50, scale=1, scales=1, width=4, height=2, loss=100 * 0.5 / step,
                content=0, style=0, tv=0, terms={}, seconds=step, remaining=0, picture=lambda: None,
            )  # fmt: skip


class Scoring:
    """A peer that scores a picture by its mean and takes two seconds a step."""

    def steps(self, count):
        return [0.0] * count, [2.0] * count

    def score(self, rgb):
        return float(rgb.mean())


def test_a_target_counts_when_the_peer_agrees():
    race = quality.Race("sample", {5: 0.301, 10: 0.101, 100: 0.001})
    quality.Judge(race, Painted(), Scoring(), every=1e9).run()
    assert race.reached[5].step == 4, "our own reading alone would say 2"
    assert race.reached[10].step == 10
    assert race.reached[10].loss == pytest.approx(0.1)
    assert 100 not in race.reached
    assert race.last.step == 50, "the end is judged, too"
    assert {k: point.step for k, point in race.equal.items()} == {5: 5, 10: 10}
    rows = {row.what: row for row in quality.rows(race)}
    assert rows["sample: time to its loss at 5, at our step 4"].value < 0.1
    assert rows["sample: time to its loss at 100, not reached"].value is None
    assert rows["sample: loss at step 5"].value == pytest.approx(0.2 / 0.301)


def test_the_convolutions_are_those_of_vgg():
    layers = Convolutions((64, 48), "float32")._layers
    work = sum(2 * x.shape[2] * x.shape[3] * weight.numel() for x, weight, _ in layers)
    assert len(layers) == 13
    assert work * 100 == pytest.approx(222e9, rel=0.01), "GFLOP at 640×480, forward"


def test_budgets_are_compared_at_one_full_size_only():
    results = [
        budget.Result(64, 10, 11.5, 5, 64, 3.0),
        budget.Result(64, 20, 20.0, 9, 64, 3.1),
        budget.Result(96, 10, 10.0, 5, 48, 9.0),
        budget.Result(96, 20, 19.0, 9, 96, 2.0),
    ]
    rows = budget.rows(results)
    assert [row.met for row in rows] == [False, True, True, True, False]
    assert rows[-1].value == pytest.approx(3.1 / 3.0)


def test_a_size_is_weighed_and_compared():
    case = any_size.Case.of("40x20:0.5GB:jpg")
    ran = Ran("impasto paint", 3.0, 600_000_000)
    result = any_size.Result(case, ran, [1.0, 3.0, 2.0], (40, 19))
    assert [(row.value, row.met) for row in any_size.rows(result)] == [
        (0.6, False),
        (0.0, False),
        (2.0, None),
    ]


def test_likeness_tells_the_same_from_another():
    rng = np.random.default_rng(0)
    one = rng.random((48, 64, 3), np.float32)
    other = rng.random((48, 64, 3), np.float32)
    same, unlike = preview.compared(one, one), preview.compared(one, other)
    assert same == pytest.approx({"composition": 1, "strokes": 1, "colour": 1, "difference": 0})
    assert all(unlike[name] < 0.5 for name in preview.ALIKE)
    assert unlike["difference"] == pytest.approx(1 / 3, abs=0.02)
    rows = preview.rows({"large": same, "from noise": unlike, "single scale": unlike})
    assert all(row.met for row in rows)
