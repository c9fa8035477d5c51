"""Clips on the page, in a real Chromium that plays what comes of them."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

import needs
from studio.browsing import (
    SLOW,
    Watched,
    action,
    browser,
    caption,
    drop,
    shots,
    slide,
    studio,
    window,
    windows,
)
from studio.filming import animation
from video.making import film

pytestmark = needs.needs(needs.CHROMIUM, needs.chromium())

__all__ = ["browser", "studio", "window", "windows"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds with sound."""
    return film(
        tmp_path_factory.mktemp("clips") / "sea.mp4", 36, 96, 64, base=Fraction(1, 12), sound="aac"
    )


@pytest.fixture
def page(window: Watched) -> Page:
    return window.open()


def player(page: Page) -> Locator:
    return page.get_by_label("The film")


def seconds(page: Page) -> float:
    """How long the film is that is shown, once all of it can be played."""
    page.wait_for_function(
        "() => document.querySelector('#viewer [aria-label=\"The film\"]').readyState === 4",
        timeout=SLOW,
    )
    return player(page).evaluate("video => video.duration")


def look(page: Page, clip: Path) -> None:
    page.locator("#photo-file").set_input_files(clip)
    expect(caption(page)).to_have_text(re.compile("^Done"), timeout=SLOW)


def test_a_clip_becomes_a_look_and_then_a_film(page: Page, clip: Path):
    drop(page, "#photo", clip)
    expect(caption(page)).to_have_text(re.compile(r"Done · 2\d frames, the first 2 s of 3 s"))
    assert abs(seconds(page) - 2) < 0.2
    player(page).evaluate("video => { video.muted = true; return video.play(); }")
    page.wait_for_function(
        "() => document.querySelector('[aria-label=\"The clip\"]').currentTime > 0.2"
    )
    action(page, "whole").click()
    expect(caption(page)).to_have_text(re.compile(r"Done · 36 frames in .* · 96 × 64"))
    assert abs(seconds(page) - 3) < 0.1
    expect(action(page, "whole")).to_have_count(0)
    expect(page.locator("#photo .name")).to_have_text("sea.mp4 96 × 64")
    expect(shots(page)).to_have_count(1)
    expect(shots(page).first).to_have_accessible_name(re.compile("Open Film: Sea × "))
    with page.expect_download() as coming:
        action(page, "film").click()
    assert Path(coming.value.path()).read_bytes()[4:8] == b"ftyp"
    page.reload()
    shots(page).first.click()
    assert abs(seconds(page) - 3) < 0.1


def test_a_look_follows_the_settings_and_fits_on_a_phone(page: Page, clip: Path):
    look(page, clip)
    page.set_viewport_size({"width": 390, "height": 844})
    assert abs(seconds(page) - 2) < 0.2
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    first = player(page).get_attribute("src")
    slide(page, "Strength", "ArrowLeft", 4)
    page.wait_for_function(
        "old => !['', null, old].includes("
        "document.querySelector('[aria-label=\"The film\"]').getAttribute('src'))",
        arg=first,
        timeout=SLOW,
    )
    assert abs(seconds(page) - 2) < 0.2
    action(page, "close").click()
    expect(page.locator(".players")).to_be_hidden()
    expect(page.locator("#viewer .compare")).to_be_visible()


def test_an_animation_is_a_clip_and_a_still_one_is_not(page: Page, tmp_path: Path):
    moving, still = tmp_path / "moving.gif", tmp_path / "still.gif"
    moving.write_bytes(animation("GIF"))
    still.write_bytes(animation("GIF", 1))
    look(page, moving)
    expect(page.get_by_label("The clip")).to_be_hidden()
    page.locator("#photo-file").set_input_files(still)
    expect(page.locator("#photo .name")).to_have_text("still.gif 64 × 48")
    expect(page.locator(".players")).to_be_hidden()


def test_what_is_not_a_film_is_said_where_it_was_dropped(window: Watched, tmp_path: Path):
    page = window.open()
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no film" * 100)
    page.locator("#photo-file").set_input_files(bad)
    expect(page.locator("#photo .problem")).to_have_text(
        re.compile("The clip cannot be read as a film")
    )
    assert len(window.wrong) == 1  # the browser says that it was answered 422
    window.wrong.clear()
