"""Crops by number: the same whoever asks, whatever lies in the folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import ImageError
from impasto.options import ReadOptions
from impasto.training.data import Crops, batches, photos_in, to_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Nine flat photos, each of its own grey, in several formats and sizes."""
    for i in range(9):
        (tmp_path / "deep").mkdir(exist_ok=True)
        where = tmp_path / ("deep" if i % 2 else ".")
        image = Image.new("RGB", (30 + 7 * i, 80 - 5 * i), (25 * i, 25 * i, 25 * i))
        image.save(where / f"photo{i}.{('png', 'jpg', 'webp')[i % 3]}")
    return tmp_path


def _crops(folder: Path, size: int = 16, seed: int = 0) -> Crops:
    return Crops(photos_in(folder), size, seed, ReadOptions())


def test_photos_are_found_below_the_folder_in_order(folder: Path) -> None:
    (folder / "notes.txt").write_text("no photo")
    (folder / ".hidden.png").write_bytes(b"")
    found = photos_in(folder)
    assert len(found) == 9
    assert found == sorted(found)


@pytest.mark.parametrize("name", ["missing", "file.txt", "empty"])
def test_a_folder_without_photos_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match=name):
        photos_in(tmp_path / name)


def test_a_crop_is_the_same_whenever_it_is_asked_for(folder: Path) -> None:
    for number in (0, 5, 1234):
        first, again = _crops(folder)[number][0], _crops(folder)[number][0]
        assert first.shape == (16, 16, 3)
        np.testing.assert_array_equal(first, again)


def test_smaller_crops_have_the_same_scale(tmp_path: Path) -> None:
    """A ramp is as steep in them, and they lie within the photo."""
    ramp = np.broadcast_to(np.arange(240, dtype=np.uint8)[None, :, None], (240, 240, 3))
    Image.fromarray(np.ascontiguousarray(ramp)).save(tmp_path / "ramp.png")
    whole = _crops(tmp_path, size=60)
    for number in range(8):
        one, part = (c[number][0].astype(float) for c in (whole, replace(whole, part=0.5)))
        assert part.shape == (30, 30, 3)
        steep = [
            abs(np.polyfit(np.arange(crop.shape[1]), crop[9, :, 0], 1)[0]) for crop in (one, part)
        ]
        assert steep[1] == pytest.approx(steep[0], rel=0.03)


def test_every_photo_comes_once_before_any_comes_again(folder: Path) -> None:
    crops = _crops(folder)
    for epoch in range(3):
        greys = {round(float(crops[9 * epoch + i][0].mean()) / 25) for i in range(9)}
        assert greys == set(range(9))


def test_seeds_differ(folder: Path) -> None:
    one, other = _crops(folder, seed=1), _crops(folder, seed=2)
    assert any((one[i][0] != other[i][0]).any() for i in range(9))


def test_what_cannot_be_read_is_passed_over_and_told(folder: Path) -> None:
    for i in range(4):
        (folder / f"bad{i}.jpg").write_bytes(b"not a photo")
    crops = _crops(folder)
    told = {reason for i in range(13) for reason in crops[i][1]}
    assert {f"bad{i}" for i in range(4)} == {
        reason.split(":")[0].rsplit("/", 1)[-1].removesuffix(".jpg").strip("'\"") for reason in told
    }


def test_a_folder_of_nothing_but_bad_files_ends(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"not a photo")
    with pytest.raises(ImageError, match="in a row"):
        _crops(tmp_path)[0]


def test_crops_keep_proportions_and_come_from_the_photo(tmp_path: Path) -> None:
    """A ramp across: a crop of it is a ramp too, mirrored at times, of at most the whole span."""
    ramp = np.tile(np.linspace(0, 255, 200).astype(np.uint8)[None, :, None], (100, 1, 3))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    directions = set()
    for number in range(12):
        row = _crops(tmp_path, size=32)[number][0][16, :, 0].astype(float)
        slope = np.polyfit(np.arange(32), row, 1)[0]
        directions.add(slope > 0)
        # 32 pixels show 50 to 100 of the ramp's 200, 1.28 a pixel.
        assert 0.95 * 50 * 1.28 / 32 < abs(slope) < 1.05 * 100 * 1.28 / 32
    assert directions == {True, False}


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_go_on_from_any_step(folder: Path, workers: int) -> None:
    crops = _crops(folder)
    whole = batches(crops, 3, first=0, workers=0)
    parts = [next(whole)[0] for _ in range(4)]
    later = batches(crops, 3, first=2, workers=workers)
    torch.testing.assert_close(next(later)[0], parts[2])
    torch.testing.assert_close(next(later)[0], parts[3])


def test_processes_share_the_crops(folder: Path) -> None:
    crops = _crops(folder)
    alone = batches(crops, 4, first=0, workers=0)
    shared = [batches(crops, 2, first=0, workers=0, rank=rank, world=2) for rank in (0, 1)]
    for _ in range(3):
        together = torch.cat([next(part)[0] for part in shared])
        torch.testing.assert_close(together, next(alone)[0])


def test_pixels_become_images() -> None:
    pixels = torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8)
    images = to_images(pixels, torch.device("cpu"))
    assert images.shape == (1, 3, 1, 1)
    torch.testing.assert_close(images.flatten(), torch.tensor([0, 0.2, 1]))
