"""One server and one browser for all that is tried on the page: to start them takes longest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

import needs
from studio.browsing import QUICK, Studio, Watched
from studio.serving import drawn


@pytest.fixture(scope="package")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    found = Studio(tmp_path_factory.mktemp("studio"))
    yield found
    found.stop()
    assert not found.heard.exists(), found.heard.read_text()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=needs.chromium(), args=sandbox)
        yield found
        found.close()


@pytest.fixture(scope="package")
def windows(browser: Browser, studio: Studio) -> Iterator[Watched]:
    found = Watched(browser, studio.url)
    yield found
    found.close()


@pytest.fixture
def window(windows: Watched) -> Iterator[Watched]:
    yield windows
    windows.forget()


@pytest.fixture
def page(window: Watched) -> Page:
    return window.open(QUICK)


@pytest.fixture(scope="package")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo on its side, as cameras store them: 300 × 200 when it is upright."""
    path = tmp_path_factory.mktemp("photos") / "holiday.jpg"
    picture = drawn(200, 300)
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(path, exif=exif)
    return path
