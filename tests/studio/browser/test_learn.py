"""Learning a painting on the page: a real server and worker, a real Chromium."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page, expect

import needs
from studio.browsing import Watched, drop, use_sample
from studio.learning import swirls
from studio.serving import drawn, encoded

pytestmark = needs.needs(needs.CHROMIUM, needs.chromium())


@pytest.fixture
def page(window: Watched) -> Page:
    found = window.open("?size=128")
    use_sample(found)
    expect(found.locator(".caption")).to_contain_text("128 ×")
    return found


def painting(name: str, data: bytes | None = None) -> dict[str, object]:
    return {"name": name, "mimeType": "image/png", "buffer": data or swirls()}


def shown(page: Page) -> str:
    return page.locator("img.result").get_attribute("src") or ""


def test_a_painting_is_learnt_and_looked_after(page: Page, window: Watched, tmp_path: Path):
    """Pictures get better by themselves; then stop, rename, learn on, download, delete, take in."""
    learning, mine = page.locator("#learn li"), page.locator("#learn .mine")
    page.set_input_files("#learn-file", [painting("My Swirls.png")])
    expect(learning).to_contain_text("My swirls")
    expect(page.locator(".caption")).to_contain_text("My swirls")
    expect(page.locator("#styles .group h3").first).to_have_text("Your styles")
    first = shown(page)
    page.wait_for_function("first => document.querySelector('img.result').src !== first", arg=first)
    expect(learning).to_contain_text("left")
    before = shown(page)
    page.locator("#quick-strength").fill("0.5")
    page.locator("#quick-strength").press("Enter")
    page.wait_for_function("src => document.querySelector('img.result').src !== src", arg=before)
    expect(learning).to_be_visible()
    learning.get_by_role("button", name="Stop").click()
    expect(mine).to_contain_text("My swirls, learnt for")
    expect(learning).to_have_count(0)

    mine.get_by_role("button", name="Rename").click()
    mine.get_by_label("Name of the style").fill("starry")
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text("There is a style 'starry' already")
    mine.get_by_label("Name of the style").fill("night-sky")
    page.keyboard.press("Enter")
    expect(page.locator(".caption")).to_contain_text("Night sky")
    expect(mine).to_contain_text("Night sky, learnt for")

    mine.get_by_role("button", name="Learn on").click()
    expect(learning).to_contain_text("Night sky")
    learning.get_by_role("button", name="Stop").click()
    with page.expect_download() as download:
        mine.get_by_text("Download").click()
    assert download.value.suggested_filename == "night-sky.safetensors"
    download.value.save_as(tmp_path / "gift.safetensors")
    mine.get_by_role("button", name="Delete").click()
    mine.get_by_role("button", name="Delete for good").click()
    expect(mine).to_be_hidden()
    expect(page.locator("#styles")).not_to_contain_text("Night sky")
    page.set_input_files("#style-file", tmp_path / "gift.safetensors")
    expect(mine).to_contain_text("Night sky, learnt for")
    page.reload()
    expect(page.locator("#swatches")).to_contain_text("Night sky")
    window.wrong = [what for what in window.wrong if "status of 409" not in what]
    assert page.request.delete(urljoin(page.url, "/v1/styles/night-sky")).status == 204


def test_what_cannot_be_learnt_is_said_in_words(page: Page, window: Watched, tmp_path: Path):
    problem = page.locator("#learn .problem")
    plain = encoded(drawn().point(lambda _: 90))
    (tmp_path / "grey.png").write_bytes(plain)
    drop(page, "#quick-strength", tmp_path / "grey.png")  # anywhere in Quick
    expect(problem).to_contain_text("one colour only")
    page.set_input_files("#style-file", [painting("not.safetensors", b"nonsense")])
    expect(problem).to_contain_text("is not a file of styles")
    window.wrong = [what for what in window.wrong if "status of 422" not in what]
