"""The sample pictures: reproducible, rich at every scale, and the same at every size."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from impasto.errors import OptionsError
from impasto.samples import PAINTINGS, PHOTOS, painting, photo

WIDTH, HEIGHT = 192, 152

every_painting = pytest.mark.parametrize("name", PAINTINGS)


@cache
def sample(name: str) -> NDArray[np.uint8]:
    return painting(name, WIDTH, HEIGHT)


@cache
def half_size(name: str, seed: int = 0) -> NDArray[np.uint8]:
    return painting(name, WIDTH // 2, HEIGHT // 2, seed)


@cache
def tiny(name: str, width: int, height: int) -> NDArray[np.uint8]:
    return painting(name, width, height)


def shrink(picture: NDArray[np.uint8], factor: int) -> NDArray[np.float64]:
    h, w, c = picture.shape
    return picture.reshape(h // factor, factor, w // factor, factor, c).mean((1, 3))


def likeness(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Correlation of two pictures after their mean colours are taken away."""
    a, b = a - a.mean((0, 1)), b - b.mean((0, 1))
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))


def octaves(picture: NDArray[np.uint8]) -> list[float]:
    """Spread of the brightness between one octave and the next: strokes, forms, masses."""
    grey = picture[: HEIGHT // 8 * 8, : WIDTH // 8 * 8].mean(2)
    spreads = []
    for _ in range(3):
        h, w = grey.shape
        low = grey.reshape(h // 2, 2, w // 2, 2).mean((1, 3))
        spreads.append(float((grey - low.repeat(2, 0).repeat(2, 1)).std()))
        grey = low
    return [*spreads, float(grey.std())]


def is_rich(picture: NDArray[np.uint8]) -> bool:
    """Detail in every octave, most of it in the masses, and more than one hue."""
    bands = octaves(picture)
    red, green, blue = np.moveaxis(shrink(picture, 8), 2, 0)
    hues = max((red - green).std(), (blue - (red + green) / 2).std())
    return min(bands) > 4.5 and bands[-1] > 14 and bool(hues > 9)


def has_bare_edge(picture: NDArray[np.uint8]) -> bool:
    """Whether the colour hardly changes along one of the outermost lines."""
    p = picture.astype(np.float64)
    return bool(min(edge.std(0).max() for edge in (p[0], p[-1], p[:, 0], p[:, -1])) < 5)


@every_painting
def test_is_an_rgb_picture_of_the_size_asked_for(name: str) -> None:
    picture = sample(name)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert picture.dtype == np.uint8


@every_painting
def test_another_seed_is_another_composition(name: str) -> None:
    assert likeness(shrink(half_size(name), 4), shrink(half_size(name, 1), 4)) < 0.8


@every_painting
def test_twice_the_size_is_the_same_painting(name: str) -> None:
    small = half_size(name)
    assert likeness(shrink(sample(name), 4), shrink(small, 2)) > 0.98
    assert likeness(shrink(sample(name), 2), small.astype(np.float64)) > 0.93


@every_painting
def test_is_rich_in_colour_and_in_detail_at_every_scale(name: str) -> None:
    assert is_rich(sample(name)), octaves(sample(name))


def test_flat_noisy_and_smooth_pictures_are_not_rich() -> None:
    rng = np.random.default_rng(0)
    flat = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    noise = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    smooth = flat.copy()
    smooth[..., 0] = np.linspace(0, 255, WIDTH)
    assert not is_rich(flat)
    assert not is_rich(noise)
    assert not is_rich(smooth)


@every_painting
def test_paint_reaches_every_edge(name: str) -> None:
    for picture in (sample(name), half_size(name), half_size(name, 1)):
        assert not has_bare_edge(picture)
        for side in range(4):
            bare = np.rot90(picture, side).copy()
            bare[0] = 204  # a strip of primed canvas
            assert has_bare_edge(bare)


@pytest.mark.parametrize("size", [(64, 16), (17, 61)])
@every_painting
def test_any_shape_can_be_painted(name: str, size: tuple[int, int]) -> None:
    width, height = size
    picture = tiny(name, width, height)
    assert picture.shape == (height, width, 3)
    assert picture.std() > 10


@every_painting
def test_same_arguments_same_picture(name: str) -> None:
    np.testing.assert_array_equal(tiny(name, 64, 16), painting(name, 64, 16))


def test_unknown_painting_names_the_nearest() -> None:
    with pytest.raises(OptionsError, match=r"'swirl'; did you mean 'swirls'\?"):
        painting("swirl")


def test_unknown_photo_names_the_nearest() -> None:
    with pytest.raises(OptionsError, match=r"'astronot'; did you mean 'astronaut'\?"):
        photo("astronot")


@pytest.mark.parametrize(
    ("width", "height", "seed", "field"),
    [(15, 64, 0, "width"), (64, 4097, 0, "height"), (64, 64, -1, "seed")],
)
def test_what_is_out_of_range_is_named(width: int, height: int, seed: int, field: str) -> None:
    with pytest.raises(OptionsError, match=f"^{field}: got"):
        painting("dots", width, height, seed)


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


def test_a_photo_may_be_changed_by_its_owner() -> None:
    photo("coffee")[:] = 0
    assert photo("coffee").any()


def test_importing_loads_no_picture_library() -> None:
    check = (
        "import sys; before = set(sys.modules); import impasto; known = set(sys.modules);"
        "import impasto.samples;"
        "new = {m.split('.')[0] for m in set(sys.modules) - known};"
        "assert not new & {'skimage', 'PIL', 'scipy', 'torch'}, new;"
        "assert 'impasto.samples.canvas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
