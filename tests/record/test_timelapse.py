import numpy as np
import pytest

from impasto.record.timelapse import MAX_SHOTS, TimeLapse, evenly


def gather(film, events):
    for event in events:
        if film.due(event.step, event.scale, last=event.step == event.steps):
            film.add(event.step, event.picture())
        assert len(film.shots) <= MAX_SHOTS
    return [shot.step for shot in film.shots]


def test_few_steps_are_all_kept(steps):
    assert gather(TimeLapse(64, 48), steps(60)) == list(range(1, 61))


def test_memory_is_bounded_and_early_steps_are_denser(steps):
    film = TimeLapse(8, 6)
    kept = gather(film, steps(5000, sizes=[(8, 6)]))
    assert MAX_SHOTS // 3 <= len(kept) <= MAX_SHOTS
    assert kept[:3] == [1, 2, 3]
    assert kept[-1] == 5000
    gaps = np.diff(kept)
    assert gaps[:10].max() <= 2
    assert np.median(gaps[-10:]) > 100


def test_each_scale_begins_dense_again(steps):
    kept = gather(TimeLapse(12, 8), steps(900, sizes=[(3, 2), (6, 4), (12, 8)]))
    for start in (1, 301, 601):
        early = sum(start <= step < start + 50 for step in kept)
        late = sum(start + 250 <= step < start + 300 for step in kept)
        assert early > 3 * late > 0


@pytest.mark.parametrize(
    ("size", "even", "expected"),
    [
        ((1000, 501), False, (480, 240)),
        ((333, 1001), False, (160, 480)),
        ((65, 49), False, (65, 49)),
        ((65, 49), True, (64, 48)),
        ((4000, 3), True, (480, 2)),
    ],
)
def test_sizes(size, even, expected, picture):
    film = TimeLapse(*size, even=even)
    film.due(1, 1, last=False)
    film.add(1, picture(1, 4, 40, 20))
    (only,) = film.film(10, None, None)
    assert only.size == expected
    assert only.mode == "RGB"


def test_pictures_outlive_their_encoding(picture):
    film = TimeLapse(64, 48)
    rgb = picture(3, 4, 64, 48)
    decoded = np.asarray(film.decode(film.encode(rgb)), np.float32) / 255
    assert np.abs(decoded - rgb).mean() < 0.01
    odd = np.full((48, 64, 3), np.nan, np.float32)
    odd[:, :32] = 7.0
    assert np.asarray(film.decode(film.encode(odd)))[0, [0, 63], 0] == pytest.approx(
        [255, 0], abs=2
    )


def test_the_state_is_the_film(steps):
    whole, first, second = TimeLapse(16, 12), TimeLapse(16, 12), TimeLapse(16, 12)
    sizes = [(8, 6), (16, 12)]
    gather(whole, steps(400, sizes))
    gather(first, steps(400, sizes, until=237))
    second.restore(first.state())
    gather(second, steps(400, sizes, after=237))
    assert second.shots == whole.shots


def test_a_state_without_a_film_starts_one(steps):
    film = TimeLapse(16, 12)
    film.restore({"rows": np.zeros((3, 9))})
    assert gather(film, steps(9, after=3)) == [4, 5, 6, 7, 8, 9]


def test_a_film_of_another_size_goes_on_at_the_new_one(steps):
    before, after = TimeLapse(16, 12), TimeLapse(32, 24)
    gather(before, steps(6, until=3))
    after.restore(before.state())
    gather(after, steps(6, after=3))
    assert {image.size for image in after.film(60, None, None)} == {(32, 24)}


def test_work_done_again_is_filmed_once(steps):
    film = TimeLapse(16, 12)
    gather(film, steps(20, until=9))
    film.cut(5)
    assert gather(film, steps(20, after=4)) == list(range(1, 21))


def flat(*values):
    return [np.full((2, 2), value, np.float32) for value in values]


def test_even_change_is_kept_whole():
    assert evenly(flat(*range(11)), most=10) == list(range(11))


def test_still_stretches_are_left_out():
    assert evenly(flat(0, 5, 10, 10.1, 10.2, 10.3, 10.3, 20), most=8) == [0, 1, 2, 7]


def test_a_slow_change_moves_at_an_even_pace():
    kept = evenly(flat(*np.linspace(0, 100, 141)), most=20)
    assert 20 <= len(kept) <= 21
    assert set(np.diff(kept[:-1])) <= {7, 8}


@pytest.mark.parametrize(("count", "expected"), [(0, []), (1, [0]), (2, [0, 1]), (5, [0, 4])])
def test_pictures_without_change(count, expected):
    assert evenly(flat(*[3] * count), most=10) == expected
