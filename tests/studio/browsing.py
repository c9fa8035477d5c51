"""The page in a real Chromium, from a real server: windows, and what people do in them."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Download,
    Locator,
    Page,
    expect,
)

from apply.making import pack
from impasto.zoo.pack import write_pack
from patience import LIMIT
from studio.serving import Process, decoded

SLOW = 1000 * LIMIT  # in milliseconds
expect.set_options(timeout=SLOW)

LISTENER = """
import os, sys

def heard(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else str(host)
    if host not in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "None", os.uname().nodename):
        with open(os.environ["HEARD"], "a") as file:
            file.write(f"{event} {host}\\n")

sys.addaudithook(heard)
"""
"""Loaded by every Python process of the studio: writes down who it would call."""

SMALLER = """
from impasto.options import learn, paint
from impasto.studio.page import controls

controls.SMALLEST = 64
paint.QUALITIES.update(draft=20, best=2000)
learn._USUAL_BUDGET = 100_000.0
learn.LearnOptions.__init__.__kwdefaults__.update(model="turbo", size=128, style_size=192)
"""
"""Loaded by them as well: paintings of half the size that the page offers, at which a step takes a
quarter of the time. A draft is soon done, and the best is under way for as long as ever. A style is
learnt in small steps of a small network, which go on until they are stopped."""

SLOWER = """
if "impasto.studio.worker" in sys.orig_argv:
    import time
    from impasto.nets import vgg
    from impasto.studio.runner import PaintRunner
    from nets import thin

    vgg.build = thin.build
    take = PaintRunner._take

    def slowly(self, event):
        take(self, event)
        time.sleep(0.05)

    PaintRunner._take = slowly
"""
"""Loaded by the worker: it leaves the processor to the browser, by a thin network and pauses."""

QUICK = "?size=128"
"""Opens the page with a size of which a picture is there at once."""

STYLISED = "**/studio/quick"
"""Where the page asks for a stylised photo."""

DRAFTED = "?size=704"
"""Opens the page with the smallest size of which there are drafts."""


class Studio:
    """`impasto serve` with one worker, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        models = folder / "home" / "impasto" / "models"
        models.mkdir(parents=True)
        write_pack(pack(), models / "own.safetensors")
        (folder / "sitecustomize.py").write_text(LISTENER + SMALLER + SLOWER)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.heard = folder / "heard"
        self.start()

    def start(self) -> None:
        path = (self._folder, Path(__file__).parents[1], os.environ.get("PYTHONPATH", ""))
        self._process = Process(
            self._folder,
            *("--port", str(self._port), "--workers", "1", "--threads", "1"),
            PYTHONPATH=os.pathsep.join(map(str, path)),
            HEARD=str(self.heard),
            IMPASTO_CHECKPOINT_EVERY="0.5",
            IMPASTO_MAX_PIXELS="2000000",
            IMPASTO_MAX_LEARN="1e6",
        )
        self.url = self._process.url

    def kill(self) -> None:
        self._process.process.kill()
        self._process.stop()

    def stop(self) -> None:
        self._process.stop()


FORGETTING = """
if (!sessionStorage.getItem("begun")) {
    localStorage.clear();
    sessionStorage.setItem("begun", "yes");
}
"""
"""Run by the first window after others, before the page: it knows nothing of theirs."""


class Watched:
    """Windows of a browser that remembers nothing, and what they did that they should not."""

    def __init__(self, browser: Browser, url: str, **options: object) -> None:
        self.url, self.host = url, urlsplit(url).netloc
        self.wrong: list[str] = []
        self._first = True
        self.context: BrowserContext = browser.new_context(
            viewport={"width": 1280, "height": 900}, accept_downloads=True, **options
        )
        self.context.set_default_timeout(SLOW)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.context.on("request", lambda request: self._asked(request.url))
        self.context.on("console", self._said)
        self.context.on("weberror", lambda error: self.wrong.append(f"threw {error.error}"))

    def new(self) -> Page:
        page = self.context.new_page()
        if self._first:
            page.add_init_script(FORGETTING)
        self._first = False
        return page

    def open(self, query: str = "") -> Page:
        page = self.new()
        page.goto(f"{self.url}/{query}")
        ready(page)
        return page

    def forget(self) -> None:
        """Close all windows and forget all, but the files of the page."""
        for page in self.context.pages:
            page.close()
        self._first = True
        wrong, self.wrong = self.wrong, []
        assert not wrong, wrong

    def close(self) -> None:
        self.context.close()
        assert not self.wrong, self.wrong

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.netloc != self.host:
            self.wrong.append(f"asked {url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"said {message.text} ({message.location['url']})")


def ready(page: Page) -> None:
    expect(page.locator("main:not([inert])")).to_be_visible()


def drop(page: Page, target: str, path: Path) -> None:
    """Drop a file, as the mouse does."""
    data = page.evaluate_handle(
        """([bytes, name]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], name));
            return data;
        }""",
        [list(path.read_bytes()), path.name],
    )
    page.dispatch_event(target, "drop", {"dataTransfer": data})


def action(page: Page, name: str) -> Locator:
    return page.locator(f'#viewer [data-action="{name}"]')


def result_of(page: Page) -> str:
    """The address of the picture that is shown."""
    return page.locator("#viewer img.result").get_attribute("src") or ""


def caption(page: Page) -> Locator:
    return page.locator("#viewer .caption")


def stylised(page: Page) -> None:
    """Wait for the finished picture: of a draft nothing can be kept."""
    kept = page.locator('#viewer [data-action="keep"]:not([aria-disabled])')
    expect(kept).to_be_visible(timeout=SLOW)


def downloaded(page: Page) -> Download:
    """Download the picture that is shown, once it is finished: a draft cannot be."""
    with page.expect_download() as coming:
        page.locator('#viewer .save:not([inert]) [data-action="picture"]').click()
    return coming.value


def recipe_of(page: Page) -> dict[str, object]:
    """What the picture that is shown says of itself, once it is downloaded."""
    said = decoded(downloaded(page).path().read_bytes()).getexif()[0x010E]
    return json.loads(said)


def changed(page: Page, before: str) -> None:
    """Wait for another picture than the one of that address."""
    page.wait_for_function(
        "old => document.querySelector('#viewer .result').src !== old", arg=before
    )


def looks(page: Page) -> None:
    """Have the page count the drafts that it shows."""
    page.evaluate("""() => {
        window.looks = 0;
        const caption = document.querySelector("#viewer .caption");
        new MutationObserver(() => { window.looks += /first look/.test(caption.innerText); })
            .observe(caption, { childList: true });
    }""")


def slide(page: Page, label: str, keys: str, times: int = 1) -> None:
    page.locator("[role=tabpanel]:visible").get_by_role(
        "slider", name=re.compile(f"^{label}")
    ).focus()
    for _ in range(times):
        page.keyboard.press(keys)


def box(page: Page, label: str) -> Locator:
    return page.locator("[role=tabpanel]:visible").get_by_role(
        "spinbutton", name=re.compile(f"^{label}")
    )


def start_painting(page: Page, quality: str) -> None:
    """Order a painting of a sample photo, as small as can be."""
    page.get_by_role("tab", name="Paint").click()
    use_sample(page)  # which is not stylised now
    page.get_by_role("button", name="sample painting waves").click()
    slide(page, "Size", "Home")
    page.locator(f"#way-paint input[value={quality}]").check()
    page.locator("#begin").click()


def until(page: Page, true: Callable[[], object]) -> None:
    """Wait for something outside the page, while the page goes on."""
    for _ in range(int(SLOW / 50)):
        if true():
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within {LIMIT:g} s")


def a_moment(page: Page) -> None:
    """Let the page come so far, or not: the test is to pass either way."""
    page.wait_for_timeout(300)


def use_sample(page: Page, name: str = "coffee") -> None:
    page.get_by_role("button", name=f"sample photo {name}").click()


def under_way(page: Page) -> None:
    expect(caption(page)).to_have_text(re.compile(r"Step \d+ of \d+"), timeout=SLOW)


def further(page: Page, step: int) -> None:
    """Wait for a later step."""
    page.wait_for_function(
        "old => Number(/\\d+/.exec(document.querySelector('#viewer .caption').innerText)) > old",
        arg=step,
        timeout=SLOW,
    )


def shots(page: Page) -> Locator:
    return page.locator("#history .shot")
