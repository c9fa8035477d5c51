"""Numbered crops: always the same, whatever the folder contains, each photo read once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import ImageError
from impasto.options import ReadOptions
from impasto.training import data
from impasto.training.data import Crops, PhotoCache, PhotoOrder, photos_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Nine flat photos, each of its own grey, in several formats and sizes."""
    for i in range(9):
        (tmp_path / "deep").mkdir(exist_ok=True)
        where = tmp_path / ("deep" if i % 2 else ".")
        image = Image.new("RGB", (30 + 7 * i, 80 - 5 * i), (25 * i, 25 * i, 25 * i))
        image.save(where / f"photo{i}.{('png', 'jpg', 'webp')[i % 3]}")
    return tmp_path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[Any]:
    """How often each photo was read."""
    counter: Counter[Any] = Counter()
    fitted = data._fitted

    def counted(source: Any, *rest: Any) -> Any:
        counter[source] += 1
        return fitted(source, *rest)

    monkeypatch.setattr(data, "_fitted", counted)
    return counter


def _crops(folder: Path, size: int = 16, seed: int = 0, **options: Any) -> Crops:
    return Crops(photos_in(folder), size, seed, ReadOptions(), **options)


def _greys(crops: Crops, numbers: range) -> list[int]:
    return [round(float(crop.mean()) * 255 / 25) for crop in crops.take(numbers)[0]]


def test_photos_are_found_below_the_folder_in_order(folder: Path) -> None:
    (folder / "notes.txt").write_text("no photo")
    (folder / ".hidden.png").write_bytes(b"")
    found = photos_in(folder)
    assert len(found) == 9
    assert found == photos_in(folder)


@pytest.mark.parametrize("name", ["missing", "file.txt", "empty"])
def test_a_folder_without_photos_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match=name):
        photos_in(tmp_path / name)


def test_a_crop_is_the_same_whenever_it_is_asked_for(folder: Path) -> None:
    one, other = _crops(folder), _crops(folder)
    together, _ = one.take([0, 5, 1234])
    assert together.shape == (3, 3, 16, 16)
    for i, number in enumerate((0, 5, 1234)):
        alone, _ = other.take([number])
        torch.testing.assert_close(alone[0], together[i], rtol=0, atol=0)


def test_every_photo_comes_once_before_any_comes_again(folder: Path) -> None:
    crops = _crops(folder)
    for epoch in range(12):
        assert set(_greys(crops, range(9 * epoch, 9 * epoch + 9))) == set(range(9))


def test_seeds_differ(folder: Path) -> None:
    one, other = (_greys(_crops(folder, seed=seed), range(9)) for seed in (1, 2))
    assert one != other


def test_every_photo_is_read_once(folder: Path, reads: Counter[Any]) -> None:
    crops = _crops(folder)
    for step in range(10):
        crops.take(range(4 * step, 4 * step + 4))
        crops.ahead(range(4 * step + 4, 4 * step + 8))
    crops.close()
    assert len(reads) == 9
    assert set(reads.values()) == {1}


def test_a_folder_that_does_not_fit_comes_in_parts() -> None:
    """Each part several times over, all of it in the end, in another order the next time."""
    order = PhotoOrder(count=100, part=30, seed=0)
    shown = [order(number) for number in range(1600)]
    for turn in (shown[:800], shown[800:]):
        assert Counter(turn) == dict.fromkeys(range(100), 8)
        for first in range(0, 800, 240):
            assert len(set(turn[first : first + 240])) in (30, 10)
    assert shown[:800] != shown[800:]
    assert len(set(shown[:30])) == 30


def test_what_is_kept_is_bounded(folder: Path, reads: Counter[Any]) -> None:
    """With room for four of nine photos: two are shown while two are read."""
    room = 4 * 3 * 18 * 18 * 2
    crops = _crops(folder, room=room, threads=2)
    greys = []
    for number in range(0, 144, 2):
        greys += _greys(crops, range(number, number + 2))
        crops.ahead(range(number + 2, number + 4))
        assert crops._cache._bytes <= room
    crops.close()
    assert Counter(greys) == dict.fromkeys(range(9), 16)
    assert max(reads.values()) <= 3  # twice through the folder, and a little
    for first in range(0, 64, 16):
        assert len(set(greys[first : first + 16])) == 2


def test_what_is_read_again_is_the_same(folder: Path) -> None:
    small, large = _crops(folder, room=5000), _crops(folder, room=5000)
    wanted = [large.take([number])[0] for number in (0, 70, 3)]
    for number in range(80):
        found, _ = small.take([number])
        if number in (0, 3, 70):
            assert found.equal(wanted[{0: 0, 70: 1, 3: 2}[number]])


def test_unreadable_photos_are_skipped_and_reported(folder: Path) -> None:
    for i in range(4):
        (folder / f"bad{i}.jpg").write_bytes(b"not a photo")
    crops = _crops(folder)
    crops.ahead(range(13))
    _, told = crops.take(range(13))
    for i in range(4):
        assert any(f"bad{i}.jpg" in reason for reason in told)
    assert not any("photo" in Path(reason.split(":")[0]).name for reason in told)


def test_a_folder_of_nothing_but_bad_files_ends(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"not a photo")
    with pytest.raises(ImageError, match="in a row"):
        _crops(tmp_path).take([0])


def test_crops_keep_proportions_and_come_from_the_photo(tmp_path: Path) -> None:
    """A ramp across: a crop of it is a ramp too, mirrored at times, of a part of the short side."""
    ramp = np.tile(np.linspace(0, 255, 200).astype(np.uint8)[None, :, None], (100, 1, 3))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    directions, slopes = set(), []
    for crop in _crops(tmp_path, size=32).take(range(40))[0]:
        row = crop[0, 16].numpy() * 255
        slope = np.polyfit(np.arange(32), row, 1)[0]
        directions.add(slope > 0)
        # 32 pixels show 100 / 1.5 to 100 of the ramp's 200, 1.28 a pixel.
        assert 0.9 * 100 / 1.5 * 1.28 / 32 < abs(slope) < 1.05 * 100 * 1.28 / 32
        slopes.append(abs(slope))
        assert float(crop.std(1).max()) < 0.02
    assert directions == {True, False}
    assert max(slopes) > 1.3 * min(slopes)


def test_photos_in_memory_and_long_ones() -> None:
    long = np.zeros((40, 400, 3), np.uint8)
    long[:, 180:220] = 255
    cache = PhotoCache([long, long.astype(np.float32) / 255], 20, ReadOptions())
    for number in (0, 1):
        found = cache[number]
        assert found.shape == (20, 40, 3)
        assert found.dtype == torch.uint8
        assert float(found[:, 12:28].float().mean()) == pytest.approx(255, abs=2)
    cache.close()
