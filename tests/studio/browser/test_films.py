"""Clips on the page, in a real Chromium that plays what comes of them."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

import needs
from studio.browsing import (
    SLOW,
    Watched,
    a_moment,
    action,
    caption,
    drop,
    ready,
    shots,
    slide,
    until,
)
from studio.filming import animation
from video.making import film

pytestmark = needs.needs(needs.CHROMIUM, needs.chromium())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds with sound."""
    return film(
        tmp_path_factory.mktemp("clips") / "sea.mp4", 36, 96, 64, base=Fraction(1, 12), sound="aac"
    )


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
    play(page)
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


def moving(folder: Path) -> Path:
    """A clip that is soon stylised."""
    path = folder / "moving.gif"
    path.write_bytes(animation("GIF"))
    return path


def play(page: Page) -> None:
    """Play the film, as it does from then on."""
    player(page).evaluate("video => { video.muted = true; return video.play(); }")


def test_the_film_that_is_opened_is_the_one_that_plays_until_it_is_closed(
    page: Page, tmp_path: Path
):
    for _ in range(2):
        look(page, moving(tmp_path))
        play(page)
        action(page, "close").click()
        page.wait_for_function("() => document.querySelector('[aria-label=\"The film\"]').paused")
        expect(caption(page)).not_to_contain_text("Done")
    for place in (0, 1):
        job = shots(page).nth(place).get_attribute("data-job")
        shots(page).nth(place).click()
        expect(player(page)).to_have_attribute("src", f"v1/jobs/{job}/film")


def test_a_slider_that_moves_early_or_late_changes_no_other_film(window: Watched, tmp_path: Path):
    page = window.new()
    page.clock.install()
    page.goto(window.url)
    ready(page)
    look(page, moving(tmp_path))
    first, held, waits = page.url, list[Route](), [True]

    def hold(route: Route) -> None:
        held.append(route) if waits else route.continue_()

    page.route("**/studio/jobs/*?after=*", hold)
    slide(page, "Strength", "ArrowLeft")
    until(page, lambda: page.url != first and held)
    second = page.url
    slide(page, "Strength", "ArrowLeft")  # before the page knows that this is a film
    waits.clear()
    held.pop().continue_()
    until(page, lambda: page.url != second)
    expect(caption(page)).to_have_text(re.compile("^Done"))
    third = page.url
    job = page.request.get(f"{window.url}/v1/jobs/{third.rpartition('/')[2]}").json()
    assert job["order"]["strength"] == pytest.approx(0.9)

    page.route("**/v1/videos", hold)
    waits.append(True)
    slide(page, "Strength", "ArrowLeft")
    until(page, lambda: held)
    action(page, "close").click()
    waits.clear()
    held.pop().continue_()  # its answer comes too late
    a_moment(page)
    expect(page.locator("body:not(.has-job)")).to_be_attached()

    page.go_back()
    expect(caption(page)).to_have_text(re.compile("^Done"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    expect(shots(page).first).not_to_have_attribute("aria-current", "true")
    page.evaluate("""() => {
        const slider = document.querySelector("#way-quick [type=range]");
        slider.value = 0.5;
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        document.querySelector("#history .shot").click();
    }""")
    expect(caption(page)).to_have_text(re.compile("^Done"))
    page.clock.fast_forward(10_000)
    a_moment(page)
    assert not [url for url in asked if url.endswith("/v1/videos")]


def test_an_animation_is_a_clip_and_a_still_one_is_not(page: Page, tmp_path: Path):
    still = tmp_path / "still.gif"
    still.write_bytes(animation("GIF", 1))
    look(page, moving(tmp_path))
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
