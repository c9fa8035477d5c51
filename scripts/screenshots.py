"""Take the screenshots of the studio for the documentation, with the sample pictures.

    python scripts/screenshots.py docs/images

Serves a studio from an empty folder, paints in it, and takes screenshots in the system's Chromium.
Takes some minutes on a few cores.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE = 600_000  # milliseconds


@contextmanager
def studio() -> Iterator[str]:
    """Serve a studio, and yield its address."""
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [shutil.which("impasto") or "impasto", "serve", "--port", "0", "--data", folder],
            env={**os.environ, "IMPASTO_LOG_LEVEL": "warning"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout
        try:
            first = server.stdout.readline()
            yield first.split()[1]
        finally:
            server.terminate()
            server.wait()


def use_sample(page: Page, name: str) -> None:
    """Choose a sample photo on a page without a photo."""
    page.get_by_role("button", name=f"sample photo {name}").click()


def paint(page: Page, painting: str, size: int, quality: str) -> None:
    """Start a painting of the current photo."""
    page.get_by_role("tab", name="Paint").click()
    page.get_by_role("button", name=f"sample painting {painting}").click()
    box = page.locator("#paint-size")
    box.fill(str(size))
    box.press("Enter")
    page.locator(f"#way-paint input[value={quality}]").check()
    page.locator("#begin").click()


def fresh(browser: Browser, url: str, size: dict[str, int], *, dark: bool = False) -> Page:
    """Open the studio in a fresh browser context."""
    theme = "dark" if dark else "light"
    context = browser.new_context(
        viewport=size, color_scheme=theme, device_scale_factor=2 if size is PHONE else 1
    )
    page = context.new_page()
    page.goto(url)
    expect(page.locator("#photo .drop")).to_be_visible(timeout=PATIENCE)
    return page


def caption_says(page: Page, text: str | re.Pattern[str]) -> None:
    """Wait until the caption contains a text."""
    expect(page.locator("#viewer .caption")).to_contain_text(text, timeout=PATIENCE)


def save(page: Page, path: Path) -> None:
    """Write a screenshot."""
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement?.blur()")
    page.wait_for_timeout(500)
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, quality=88, optimize=True)
    print(path, f"{path.stat().st_size / 1000:.0f} kB")


def take(browser: Browser, url: str, folder: Path) -> None:
    """Take all screenshots."""
    page = fresh(browser, url, DESKTOP)
    use_sample(page, "coffee")
    paint(page, "swirls", 640, "draft")
    caption_says(page, re.compile("Step (3[5-9]|4.) of 50"))
    page.evaluate("scrollTo(0, 0)")
    save(page, folder / "studio-desktop.jpg")
    caption_says(page, "Done")
    page.context.close()

    page = fresh(browser, url, PHONE)
    use_sample(page, "coffee")
    if page.locator("#swatches input").count():
        finished = page.locator("[data-action=keep]:not([aria-disabled])")
        expect(finished).to_be_visible(timeout=PATIENCE)
    else:
        page.locator("#history .shot").first.click()
        caption_says(page, "Done")
    page.evaluate("scrollTo(0, 0)")
    save(page, folder / "studio-phone.jpg")
    page.context.close()


def main() -> None:
    """Write the screenshots to the folder on the command line."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    folder.mkdir(parents=True, exist_ok=True)
    names = ("chromium", "chromium-headless-shell")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        sys.exit("neither chromium nor chromium-headless-shell is on PATH")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright, studio() as url:
        browser = playwright.chromium.launch(executable_path=chromium, args=sandbox)
        take(browser, url, folder)
        browser.close()


if __name__ == "__main__":
    main()
