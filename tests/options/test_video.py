"""How to stylise films: times, rates, what does not go together."""

from __future__ import annotations

from fractions import Fraction

import pytest

from impasto.errors import OptionsError
from impasto.options import VideoOptions


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(12.5, 12.5), ("12.5", 12.5), ("90s", 90), ("1m30s", 90), ("1:30", 90), ("1:02:03.5", 3723.5)],
)
def test_times(said, seconds):
    assert VideoOptions(start=said).start == seconds


@pytest.mark.parametrize("bad", ["", "x", "1:2:3:4", -1, True, float("nan"), [1], None, "-3"])
def test_what_is_no_time(bad):
    with pytest.raises(OptionsError, match="--start must be a time such as"):
        VideoOptions(start=bad)


def test_the_end_is_after_the_start():
    with pytest.raises(OptionsError, match="--end must be after --start: got 3 s and 5 s"):
        VideoOptions(start=5, end=3)


@pytest.mark.parametrize(
    ("fps", "rate"),
    [(None, None), (12, 12), (23.976, Fraction(24000, 1001)), (29.97, Fraction(30000, 1001)),
     (0.5, Fraction(1, 2)), (12.5, Fraction(25, 2))],
)  # fmt: skip
def test_rates(fps, rate):
    assert VideoOptions(fps=fps).rate == rate


@pytest.mark.parametrize(
    ("name", "bad"),
    [("stability", 1.1), ("fps", 0), ("codec", "divx"), ("crf", 64), ("crf", 1.5), ("steps", 0)],
)
def test_ranges(name, bad):
    with pytest.raises(OptionsError, match=f"--{name}"):
        VideoOptions(**{name: bad})
