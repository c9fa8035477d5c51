from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from impasto.explain.plan import (
    CONTENT_LAYERS,
    reconstruction_tasks,
    small_side,
    snapshots,
    step_cost,
)
from impasto.images import fit, with_pixel_count
from nets import reference

STYLE = tuple(f"relu{block}_1" for block in range(1, 6))


def test_a_step_costs_what_its_convolutions_multiply() -> None:
    """Counted in the reference network, whose channels are as many as its modules say."""
    parameters = reference.narrow((64, 128, 256, 512, 512))
    side, macs = 32, {}
    found = reference.features(parameters, torch.zeros(1, 3, side, side))
    total = 0
    for name, F in found.items():
        if name.startswith("conv"):
            out, into, h, w = parameters[f"{name}.weight"].shape
            total += out * into * h * w * F.shape[2] * F.shape[3]
        macs[name] = total
    move = step_cost(["conv1_1"], side**2) - 2 * macs["conv1_1"]
    assert move > 0
    for name in ("relu1_1", "relu3_1", "pool4", "relu5_2"):
        assert step_cost(["relu1_1", name], side**2) == pytest.approx(2 * macs[name] + move)


def test_figure_one() -> None:
    made = reconstruction_tasks(STYLE)
    assert [a.layers for a in made if a.kind == "content"] == [(name,) for name in CONTENT_LAYERS]
    assert [a.layers for a in made if a.kind == "style"] == [STYLE[:i] for i in range(1, 6)]
    assert len({a.title for a in made}) == 10


@given(st.integers(1, 3000), st.integers(1, 40))
def test_moments_rise_from_the_first_step_to_the_last(steps: int, most: int) -> None:
    chosen = snapshots(steps, most)
    assert chosen == sorted(set(chosen))
    assert 1 <= len(chosen) <= most
    assert chosen[-1] == steps
    if min(steps, most) > 1:
        assert chosen[0] == 1
    assert len(chosen) == steps or steps > 1


def test_moments_are_denser_at_first() -> None:
    gaps = [b - a for a, b in pairwise(snapshots(500, 26))]
    assert gaps[0] == min(gaps) < max(gaps) == gaps[-1]
    assert all(later >= earlier - 1 for earlier, later in pairwise(gaps))
    assert len(snapshots(500, 26)) > 20
    assert snapshots(5, 26) == [1, 2, 3, 4, 5]
    assert snapshots(0, 26) == []


@given(
    st.integers(64, 1024),
    st.tuples(*[st.integers(20, 2000)] * 2),
    st.tuples(*[st.integers(20, 2000)] * 2),
)
def test_reconstructions_are_smaller_where_the_deepest_layer_still_sees_them(
    size: int, photo: tuple[int, int], painting: tuple[int, int]
) -> None:
    side = small_side(photo, painting, size, [*STYLE, "relu5_2"])
    assert 0.75 * size <= side <= size
    if side < size:
        width, height = fit(*photo, side)
        sides = (width, height, *with_pixel_count(*painting, width * height))
        assert min(sides) // 16 >= 2
