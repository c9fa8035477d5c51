"""The commands `texture` and `invert`, and canvases, from the shell to the picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cli.shell import SHALLOW, Outcome, listing, pixels
from impasto.images import read_recipe

STYLE = "--style-layers=relu1_1,relu2_1"
QUICK = ("--steps=4", "--device=cpu")


def test_a_texture_has_the_size_asked_for_and_comes_back(run: Callable[..., Outcome]) -> None:
    done = run("texture", "style.png", "-o", "t.png", "--canvas=80x48", STYLE, *QUICK)
    assert done.code == 0, done.err
    assert pixels("t.png").shape == (48, 80, 3)
    again = run("rerun", "t.png", "-o", "again.png")
    assert again.code == 0, again.err
    assert np.array_equal(pixels("t.png"), pixels("again.png"))


def test_a_texture_has_the_paintings_shape_and_no_content_term(
    run: Callable[..., Outcome],
) -> None:
    done = run("texture", "style.png", "other.png", "-o", "t.png", "--size=64", STYLE, *QUICK)
    assert done.code == 0, done.err
    assert pixels("t.png").shape == (64, 48, 3)
    recipe = read_recipe("t.png")
    assert recipe["options"]["content_weight"] == 0
    assert len(recipe["styles"]) == 2


def test_a_tileable_texture_joins_up(run: Callable[..., Outcome]) -> None:
    """Across the seam neighbours differ as much as inside, not more."""
    more = ("--canvas=96x64", "--tileable", STYLE, "--steps=40", "--style-loss=gram")
    done = run("texture", "style.png", "-o", "t.png", *more)
    assert done.code == 0, done.err
    rgb = pixels("t.png").astype(float)
    inside = np.abs(np.diff(rgb, axis=1)).mean()
    seam = np.abs(rgb[:, 0] - rgb[:, -1]).mean()
    assert seam < 1.25 * inside


def test_inverting_brings_the_photo_back(run: Callable[..., Outcome]) -> None:
    options = ("--size=48", "--content-layers=relu1_1", "--tv-weight=0", "--steps=60")
    done = run("invert", "photo.png", "-o", "seen.png", *options)
    assert done.code == 0, done.err
    run("paint", "photo.png", "style.png", "-o", "start.png", "--size=48", "--steps=1", *SHALLOW,
        "--init=content")  # fmt: skip
    assert np.abs(pixels("seen.png").astype(float) - pixels("start.png")).mean() < 12


def test_a_canvas_cuts_the_photo(run: Callable[..., Outcome]) -> None:
    line = ("paint", "photo.png", "style.png", "--init=content", "--steps=1", *SHALLOW)
    assert run(*line, "-o", "cut.png", "--canvas=48x48").code == 0
    assert run(*line, "-o", "whole.png", "--size=64").code == 0
    assert np.array_equal(pixels("cut.png"), pixels("whole.png")[:, 8:56])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--canvas=48"], "--canvas must be width and height such as 1920x1080"),
        (["--canvas=0x20"], "--canvas must be"),
        (["--canvas=48x48", "--size=50"], "--size and --canvas"),
        (["--canvas=50x64", "--tileable"], "multiples of 32 pixels, got 50; use 32 or 64"),
        (["--content-weight=3"], "No such option"),
        (["--style-loss=slicd"], "did you mean 'sliced'"),
    ],
)
def test_mistakes(run: Callable[..., Outcome], folder: Path, flags: list[str], said: str) -> None:
    before = listing(folder)
    done = run("texture", "style.png", "-o", "t.png", *flags)
    assert done.code == 2
    assert said in " ".join(done.err.split())
    assert listing(folder) == before
