"""Learning a painting on the page: a real server and worker, a real Chromium."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

import needs
from patience import LIMIT
from studio.browsing import drop
from studio.learning import swirls
from studio.serving import Process, drawn, encoded

pytestmark = needs.needs(needs.CHROMIUM, needs.chromium())

SLOW = 1000 * LIMIT  # in milliseconds

QUICKER = """
from impasto.options import learn

learn._USUAL_BUDGET = 100_000.0
learn.LearnOptions.__init__.__kwdefaults__.update(model="turbo", size=128, style_size=192)
"""
"""Loaded by every process: small steps of a small network, which go on until they are stopped."""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("learn")
    (folder / "sitecustomize.py").write_text(QUICKER)
    path = f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    flags = ("--workers", "1", "--threads", "1")
    with Process(folder, *flags, PYTHONPATH=path, IMPASTO_MAX_LEARN="1e6") as process:
        yield process


@pytest.fixture
def page(studio: Process) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=needs.chromium())
        found = browser.new_page(viewport={"width": 1280, "height": 1000})
        found.set_default_timeout(SLOW)
        expect.set_options(timeout=SLOW)
        wrong: list[str] = []
        found.on("pageerror", lambda error: wrong.append(str(error)))
        found.on("response", lambda said: wrong.append(said.url) if said.status == 404 else None)
        found.goto(f"{studio.url}/?size=128")
        found.get_by_label("Use the sample photo coffee").click()
        expect(found.locator(".caption")).to_contain_text("128 ×")
        yield found
        browser.close()
        assert wrong == []


def painting(name: str, data: bytes | None = None) -> dict[str, object]:
    return {"name": name, "mimeType": "image/png", "buffer": data or swirls()}


def shown(page: Page) -> str:
    return page.locator("img.result").get_attribute("src") or ""


@pytest.mark.long
def test_a_painting_is_learnt_and_looked_after(page: Page, tmp_path: Path):
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


def test_what_cannot_be_learnt_is_said_in_words(page: Page, tmp_path: Path):
    problem = page.locator("#learn .problem")
    plain = encoded(drawn().point(lambda _: 90))
    (tmp_path / "grey.png").write_bytes(plain)
    drop(page, "#quick-strength", tmp_path / "grey.png")  # anywhere in Quick
    expect(problem).to_contain_text("one colour only")
    page.set_input_files("#style-file", [painting("not.safetensors", b"nonsense")])
    expect(problem).to_contain_text("is not a file of styles")
