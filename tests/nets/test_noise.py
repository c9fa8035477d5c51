"""Noise is white and normal, and depends only on the position."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from impasto.nets.architecture import ARCHITECTURES
from impasto.nets.noise import PRIME, SEEDS, field, fields, mixed
from impasto.options import MAX_SEED

FIELD = field(3, 8, 400, 500)[0, 0]


def test_it_is_normal():
    assert FIELD.dtype == np.float32
    distance = stats.kstest(FIELD.ravel()[::7], "norm").statistic
    assert distance < 1.95 / np.sqrt(FIELD.size / 7)  # exceeded once in a thousand seeds


@pytest.mark.parametrize(
    "other",
    [
        FIELD[1:, :], FIELD[:, 1:], FIELD[1:, 1:], FIELD[2:, :], FIELD[:, 8:], FIELD.T,
        field(4, 8, 400, 500)[0, 0], field(3, 16, 400, 500)[0, 0], field(11, 8, 400, 500)[0, 0],
    ],
)  # fmt: skip
def test_neighbours_seeds_and_levels_have_nothing_in_common(other):
    rows, columns = (min(a, b) for a, b in zip(FIELD.shape, other.shape, strict=True))
    one, two = FIELD[:rows, :columns].ravel(), other[:rows, :columns].ravel()
    assert abs(np.corrcoef(one, two)[0, 1]) < 4 / np.sqrt(one.size)


def test_no_wave_stands_out():
    power = np.abs(np.fft.fft2(FIELD)) ** 2
    assert power.max() / power.mean() < np.log(FIELD.size) + 6


def test_a_place_has_its_value_in_pictures_of_every_size():
    np.testing.assert_array_equal(field(3, 8, 30, 70)[0, 0], FIELD[:30, :70])


def test_a_network_has_a_field_for_each_place_where_noise_is_added():
    found = fields(ARCHITECTURES["quality"], 64, 96, seed=5)
    assert {name: x.shape for name, x in found.items()} == {
        "sixteenth": (1, 1, 4, 6),
        "eighth": (1, 1, 8, 12),
    }
    np.testing.assert_array_equal(found["eighth"], field(5, 8, 8, 12))
    assert fields(ARCHITECTURES["transformer-net"], 64, 96, seed=5) == {}


def test_every_seed_that_can_be_asked_for_has_its_own():
    assert MAX_SEED == SEEDS - 1
    starts = mixed(mixed((np.arange(10_000) + 8 * 979_193) % PRIME))
    assert len(np.unique(starts)) > 9_990
    assert np.isfinite(field(MAX_SEED, 16, 20, 20)).all()
