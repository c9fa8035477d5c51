"""The page in a browser: real Chromium, through Playwright."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import needs
from impasto.explain.explanation import Explanation
from patience import LIMIT

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = needs.chromium()
    if path is None:
        pytest.skip(needs.CHROMIUM.reason)
    # Chromium's sandbox refuses to work for root.
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Any, page: str, tmp_path: Path) -> Callable[..., Any]:
    """Open the page; whatever it complains about or asks for is an error in the end."""
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")

    @contextmanager
    def open_page(*, clock: bool = False, **settings: Any) -> Iterator[Any]:
        context = chromium.new_context(**{"viewport": DESKTOP} | settings)
        context.set_default_timeout(1000 * LIMIT)
        tab, said = context.new_page(), []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda r: r.url.startswith("data:") or said.append(r.url))
        if clock:
            tab.clock.install()
        tab.goto(path.as_uri())
        yield tab
        assert said == [path.as_uri()]
        context.close()

    return open_page


def state(tab: Any) -> tuple[int, str, str, float]:
    """Return which snapshot is shown, what is said of it, its picture, and where the cursor is."""
    snapshot = int(tab.input_value("#snapshot"))
    left = tab.locator(".plot .cursor").first.evaluate("cursor => cursor.style.left")
    return snapshot, tab.inner_text("#status"), tab.get_attribute("#stage", "src"), float(left[:-1])


def test_the_slider_shows_the_pictures(opened: Any, explanation: Explanation) -> None:
    snapshots, last = explanation.run.snapshots, len(explanation.run.rows)
    with opened() as tab:
        sources = tab.locator(".film img").evaluate_all("all => all.map(image => image.src)")
        assert len(set(sources)) == len(snapshots)
        assert state(tab)[0] == len(snapshots) - 1
        for i in (0, len(snapshots) // 2, len(snapshots) - 1):
            tab.locator("#snapshot").fill(str(i))
            snapshot, said, source, cursor = state(tab)
            step = snapshots[i].row.step
            assert (snapshot, source) == (i, sources[i])
            assert said.startswith(f"Step {step} of {last} · loss ")
            assert cursor == pytest.approx(100 * (step - 1) / (last - 1), abs=0.01)
            assert tab.get_attribute("#snapshot", "aria-valuetext") == said
            assert tab.locator(".film .now").get_attribute("data-step") == str(step)


def test_keys_and_clicks_move_it_too(opened: Any, explanation: Explanation) -> None:
    with opened() as tab:
        tab.focus("#snapshot")
        before = state(tab)
        tab.keyboard.press("ArrowLeft")
        after = state(tab)
        assert after[0] == before[0] - 1
        assert after[1:] != before[1:]
        tab.keyboard.press("Home")
        assert state(tab)[1].startswith("Step 1 of ")
        tab.keyboard.press("End")
        assert state(tab) == before
        assert len(explanation.run.snapshots) == before[0] + 1
        tab.locator(".film img").nth(2).click()
        assert state(tab)[0] == 2
        box = tab.locator(".plot .box").first
        box.click(position={"x": box.bounding_box()["width"] / 2, "y": 20})
        step = explanation.run.snapshots[state(tab)[0]].row.step
        middle = (1 + len(explanation.run.rows)) / 2
        nearest = min(abs(snapshot.row.step - middle) for snapshot in explanation.run.snapshots)
        assert abs(step - middle) <= nearest + 1


def test_it_plays_and_stops_at_the_end(opened: Any) -> None:
    with opened(clock=True) as tab:
        last = state(tab)
        tab.focus("#play")
        tab.keyboard.press("Enter")
        assert tab.inner_text("#play") == "Pause"
        assert state(tab)[0] < last[0]
        while state(tab)[0] <= 3:
            tab.clock.run_for(500)
        tab.click("#play")
        assert tab.inner_text("#play") == "Play"
        stopped = state(tab)
        tab.clock.run_for(10_000)
        assert state(tab) == stopped
        tab.click("#play")
        tab.clock.run_for(100_000)
        assert tab.inner_text("#play") == "Play"
        assert state(tab) == last


@pytest.mark.parametrize(
    ("viewport", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")], ids=["phone", "desktop"]
)
def test_nothing_sticks_out_and_all_can_be_read(
    opened: Any, viewport: dict[str, int], scheme: str
) -> None:
    """Contrast to the background as WCAG 2.1 counts it: 4.5 for words, 3 for lines."""
    with opened(viewport=viewport, color_scheme=scheme) as tab:
        widths = tab.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert widths[0] <= widths[1] == viewport["width"]
        loaded = "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
        assert tab.evaluate(loaded)
        paper = luminance(tab, "body", "backgroundColor")
        assert (paper > 0.5) == (scheme == "light")
        words = [("p", 4.5), ("figcaption", 4.5), ("a", 4.5), ("td", 4.5), (".down", 4.5)]
        for selector, least in (*words, (".lead", 7), (".line", 3)):
            for ink in {*luminances(tab, selector, "color")}:
                bright, dark = max(ink, paper), min(ink, paper)
                assert (bright + 0.05) / (dark + 0.05) >= least, selector


def luminances(tab: Any, selector: str, name: str) -> list[float]:
    script = f"all => all.map(e => getComputedStyle(e).{name})"
    return [relative(colour) for colour in tab.locator(selector).evaluate_all(script)]


def luminance(tab: Any, selector: str, name: str) -> float:
    return luminances(tab, selector, name)[0]


def relative(colour: str) -> float:
    """Relative luminance of "rgb(r, g, b)" (WCAG 2.1)."""
    channels = [int(c) / 255 for c in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_without_scripts_all_but_the_player_is_there(opened: Any) -> None:
    with opened(java_script_enabled=False) as tab:
        assert not tab.locator(".player").is_visible()
        for selector in (".film img", ".plot svg", "#terms", ".eq math", ".grams img", ".maps img"):
            assert tab.locator(selector).first.is_visible(), selector


def test_on_paper_everything_is_open(opened: Any) -> None:
    with opened() as tab:
        tab.emulate_media(media="print")
        tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert not tab.locator(".player").is_visible()
        assert tab.locator("#snapshots").is_visible()
        assert tab.locator(".film img").first.is_visible()
        assert relative(tab.evaluate("getComputedStyle(document.body).backgroundColor")) == 1
