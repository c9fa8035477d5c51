"""The sample pictures: detail at every scale, small files, no downloads."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import OptionsError
from impasto.samples import PAINTINGS, PHOTOS, painting, painting_file, photo

SCRIPT = Path(__file__).parents[1] / "scripts" / "sample_paintings"

every_painting = pytest.mark.parametrize("name", PAINTINGS)


@cache
def sample(name: str) -> NDArray[np.uint8]:
    return painting(name)


def octaves(picture: NDArray[np.uint8]) -> list[float]:
    """Spread of the brightness between one octave and the next: strokes, forms, masses."""
    grey = picture.mean(2)
    spreads = []
    for _ in range(4):
        h, w = grey.shape
        low = grey.reshape(h // 2, 2, w // 2, 2).mean((1, 3))
        spreads.append(float((grey - low.repeat(2, 0).repeat(2, 1)).std()))
        grey = low
    return [*spreads, float(grey.std())]


def is_rich(picture: NDArray[np.uint8]) -> bool:
    """Detail in every octave, most of it in the masses, and more than one hue."""
    bands = octaves(picture)
    h, w, _ = picture.shape
    coarse = picture.reshape(h // 16, 16, w // 16, 16, 3).mean((1, 3))
    red, green, blue = np.moveaxis(coarse, 2, 0)
    hues = max((red - green).std(), (blue - (red + green) / 2).std())
    return min(bands) > 4.5 and bands[-1] > 14 and bool(hues > 9)


@every_painting
def test_paintings_are_rich_in_colour_and_in_detail_at_every_scale(name: str) -> None:
    assert sample(name).shape == (608, 768, 3)
    assert sample(name).dtype == np.uint8
    assert is_rich(sample(name)), octaves(sample(name))


def test_flat_noisy_and_smooth_pictures_are_not_rich() -> None:
    rng = np.random.default_rng(0)
    flat = np.full((608, 768, 3), 128, np.uint8)
    noise = rng.integers(0, 256, flat.shape, dtype=np.uint8)
    smooth = flat.copy()
    smooth[..., 0] = np.linspace(0, 255, 768)
    assert not is_rich(flat)
    assert not is_rich(noise)
    assert not is_rich(smooth)


@every_painting
def test_files_of_paintings_are_small(name: str) -> None:
    assert len(painting_file(name)) <= 150_000


def test_the_script_draws_what_is_shipped(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "waves", "--width", "96", "--to", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    with Image.open(tmp_path / "waves.jpg") as drawn:
        small = np.asarray(drawn, np.float64)
    shipped = np.asarray(Image.fromarray(sample("waves")).resize((96, 76), Image.Resampling.BOX))
    assert small.shape == shipped.shape
    assert np.corrcoef(small.ravel(), shipped.ravel())[0, 1] > 0.9


def test_unknown_painting_names_the_nearest() -> None:
    with pytest.raises(OptionsError, match=r"'swirl'; did you mean 'swirls'\?"):
        painting("swirl")


def test_unknown_photo_names_the_nearest() -> None:
    with pytest.raises(OptionsError, match=r"'astronot'; did you mean 'astronaut'\?"):
        photo("astronot")


@pytest.mark.parametrize("name", PHOTOS)
def test_photos_are_rgb_and_come_without_network(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a photo reached for the network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setitem(sys.modules, "pooch", None)
    picture = photo(name)
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert picture.std() > 30


@pytest.mark.parametrize("load", [lambda: photo("coffee"), lambda: painting("dots")])
def test_a_picture_may_be_changed_by_its_owner(load) -> None:
    load()[:] = 0
    assert load().any()


def test_importing_loads_no_picture_library() -> None:
    check = (
        "import sys; before = set(sys.modules); import impasto; known = set(sys.modules);"
        "import impasto.samples;"
        "new = {m.split('.')[0] for m in set(sys.modules) - known};"
        "assert not new & {'skimage', 'PIL', 'scipy', 'torch'}, new"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
