"""The page as people use it: a real server, a real Chromium, nothing in between."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

import needs
from studio.browsing import (
    DRAFTED,
    QUICK,
    SLOW,
    STYLISED,
    Studio,
    Watched,
    a_moment,
    action,
    box,
    caption,
    changed,
    downloaded,
    drop,
    further,
    looks,
    ready,
    recipe_of,
    result_of,
    shots,
    slide,
    start_painting,
    stylised,
    under_way,
    until,
    use_sample,
)
from studio.serving import decoded, drawn, encoded, served

pytestmark = needs.needs(needs.CHROMIUM, needs.chromium())


# Quick.


def test_quick_from_a_dropped_photo_to_a_downloaded_picture(window: Watched, photo: Path):
    page = window.open()
    drop(page, "#photo .drop", photo)
    expect(page.locator("#photo .name")).to_have_text("holiday.jpg 300 × 200")
    page.locator("#swatches label", has_text="Wave").click()
    stylised(page)
    expect(caption(page)).to_contain_text("Wave · 1024 × 683")
    first = result_of(page)

    slide(page, "Size", "ArrowLeft", 4)
    expect(caption(page)).to_contain_text("768 × 512", timeout=SLOW)
    changed(page, first)

    coming = downloaded(page)
    assert coming.suggested_filename == "holiday-wave.jpg"
    picture = decoded(coming.path().read_bytes())
    assert picture.size == (768, 512)
    assert not picture.getexif().get_ifd(0x8825)


def test_settings_are_felt_and_the_latest_wins(page: Page):
    answers: list[str] = []
    page.on("request", lambda r: answers.append(r.url) if "studio/quick" in r.url else None)
    use_sample(page)
    page.locator("#swatches label", has_text="Starry").click()
    slide(page, "Size", "Home")
    expect(caption(page)).to_contain_text("64 × 43", timeout=SLOW)
    answers.clear()
    before = result_of(page)
    held: list[Route] = []
    moving = [True]  # and nothing is answered
    page.route(STYLISED, lambda r: held.append(r) if moving else r.continue_())
    slide(page, "Strength", "ArrowLeft", 12)
    expect(page.locator("#way-quick input[type=number]").first).to_have_value("0.4")
    until(page, lambda: held)
    moving.clear()
    for route in held:
        route.continue_()
    changed(page, before)
    until(page, lambda: recipe_of(page)["strength"] == 0.4)
    assert 1 <= len(answers) <= 8  # twelve moves, but no queue of what nobody waits for any more
    coming = downloaded(page)
    weak = np.asarray(decoded(coming.path().read_bytes()), float)
    before = result_of(page)
    slide(page, "Strength", "End")
    changed(page, before)
    coming = downloaded(page)
    strong = np.asarray(decoded(coming.path().read_bytes()), float)
    assert np.abs(strong - weak).mean() > 3


def test_while_a_slider_moves_there_are_drafts_and_then_the_picture(window: Watched):
    page = window.open(DRAFTED)
    use_sample(page)
    stylised(page)
    assert recipe_of(page)["model"]["architecture"] == "quality"
    looks(page)
    slide(page, "Stroke size", "ArrowRight", 10)
    page.wait_for_function("() => window.looks > 0", timeout=SLOW)
    stylised(page)
    expect(caption(page)).to_contain_text("704 × 469")
    made = recipe_of(page)
    assert (made["model"]["architecture"], made["style_scale"], made["seed"]) == ("quality", 1.5, 0)
    page.wait_for_function("() => document.querySelector('#viewer .result').naturalWidth === 704")
    before = result_of(page)

    expect(page.get_by_role("button", name="The one before")).to_be_hidden()
    page.get_by_role("button", name="Another one").click()
    changed(page, before)
    stylised(page)
    assert recipe_of(page)["seed"] == 1
    page.locator("#share").click()
    expect(page.locator("#share")).to_have_text("Link copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert "seed=1" in link
    assert "style_scale=1.5" in link
    before = result_of(page)
    page.get_by_role("button", name="The one before").click()
    expect(page.get_by_role("button", name="The one before")).to_be_hidden()
    changed(page, before)


def test_what_is_finished_too_late_covers_no_later_draft_and_what_cannot_be_says_so(
    window: Watched,
):
    page = window.open(DRAFTED)
    use_sample(page)
    stylised(page)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route) if not held and finishes(route) else route.continue_()

    page.route(STYLISED, hold)
    slide(page, "Strength", "ArrowLeft")
    until(page, lambda: held)
    looks(page)
    slide(page, "Strength", "ArrowLeft", 9)
    page.wait_for_function("() => window.looks > 0", timeout=SLOW)
    held[0].continue_()
    stylised(page)
    assert recipe_of(page)["strength"] == 0.5
    page.unroute(STYLISED)

    page.route(STYLISED, ask_wrongly)
    slide(page, "Strength", "ArrowLeft")
    expect(action(page, "finish")).to_be_visible(timeout=SLOW)
    expect(caption(page)).to_contain_text("not finished")
    expect(page.locator("#messages")).to_contain_text("no longer exists")
    page.unroute(STYLISED)
    action(page, "finish").click()  # it can be tried again
    stylised(page)
    expect(page.locator("#messages")).to_be_empty()
    assert recipe_of(page)["strength"] == 0.45
    window.wrong = [what for what in window.wrong if "status of 404" not in what]


def finishes(route: Route) -> bool:
    return '"draft":false' in (route.request.post_data or "")


def ask_wrongly(route: Route) -> None:
    """Have the server be asked to finish a picture of a photo that is not there."""
    asked = route.request.post_data or ""
    broken = asked.replace("sample:coffee", "sample:none") if finishes(route) else asked
    route.continue_(post_data=broken)


@pytest.mark.parametrize("late", ["quick.js", "studio/jobs", "studio/picture"])
def test_whatever_comes_late_the_picture_is_made(window: Watched, late: str):
    page = window.new()
    waiting: list[Route] = []
    held = [True]
    page.route(f"**/{late}*", lambda r: waiting.append(r) if held else r.continue_())
    page.route(f"**/{late}/*", lambda r: waiting.append(r) if held else r.continue_())
    page.goto(f"{window.url}/{QUICK}", wait_until="commit")
    until(page, lambda: waiting)
    if late == "quick.js":
        expect(page.locator("main[inert]")).to_be_visible()  # what is clicked is not lost
    else:
        use_sample(page)
        a_moment(page)
    held.clear()
    for route in waiting:
        route.continue_()
    if late == "quick.js":
        use_sample(page)
    stylised(page)


def test_a_number_can_be_typed_and_is_brought_within_its_bounds(window: Watched):
    page = window.open(QUICK)
    use_sample(page)
    stylised(page)
    size = box(page, "Size")
    for typed, taken in (("100", "100"), ("7", "64"), ("99999", "2048"), ("", "2048")):
        size.fill(typed)
        size.press("Tab")
        expect(size).to_have_value(taken)
    size.fill("96")
    size.press("Enter")
    expect(caption(page)).to_contain_text("96 × 64", timeout=SLOW)
    expect(page.locator("#messages")).to_be_empty()


def test_what_is_kept_is_found_again_after_a_reload(window: Watched):
    page = window.open(QUICK)
    use_sample(page, "rocket")
    page.locator("#swatches label", has_text="Starry").click()
    expect(caption(page)).to_contain_text("Starry", timeout=SLOW)
    action(page, "keep").click()
    expect(action(page, "again")).to_be_visible()
    job = page.locator("#history .shot[aria-current=true]").get_attribute("data-job")
    kept = page.locator(f'#history [data-job="{job}"]')
    expect(kept).to_be_visible()
    late: list[Route] = []
    held = [True]
    remembered = re.compile("picture/sample.*side=1280")
    page.route(remembered, lambda r: late.append(r) if held else r.continue_())
    page.goto(f"{window.url}/{QUICK}")
    shots(page).first.click()  # before the page knows that its photo is still there
    expect(action(page, "again")).to_be_visible()
    until(page, lambda: late)
    held.clear()
    late[0].continue_()
    expect(page.locator("#photo .name")).to_contain_text("Rocket")  # it goes on where it was
    a_moment(page)
    expect(action(page, "again")).to_be_visible()
    expect(caption(page)).to_contain_text("Starry · 128 × 86")
    action(page, "again").click()
    stylised(page)
    expect(page.locator("#swatches input:checked")).to_have_value("starry")
    expect(caption(page)).to_contain_text("Starry", timeout=SLOW)
    slide(page, "Strength", "ArrowLeft")
    shots(page).first.click()  # what is still on its way comes too late
    expect(action(page, "remove")).to_be_visible()
    a_moment(page)
    action(page, "remove").click()
    expect(action(page, "remove")).to_have_text("Delete for good")
    page.keyboard.press("Tab")  # no longer meant
    expect(action(page, "remove")).to_have_text("Delete")
    action(page, "remove").click()
    action(page, "remove").click()
    expect(kept).to_have_count(0)


def test_what_is_being_deleted_is_not_asked_for_again(window: Watched):
    page = window.open(QUICK)
    use_sample(page, "coffee")
    stylised(page)
    action(page, "keep").click()
    expect(action(page, "remove")).to_be_visible()
    current = page.locator("#history .shot[aria-current=true]")
    picture = current.locator("img")
    until(page, lambda: picture.evaluate("image => image.complete && image.naturalWidth > 0"))
    job = current.get_attribute("data-job")
    kept = page.locator(f'#history [data-job="{job}"]')
    late: list[Route] = []
    page.route("**/v1/jobs/*", lambda route: late.append(route))
    action(page, "remove").click()
    action(page, "remove").click()
    until(page, lambda: late)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as if one came back
    until(page, lambda: any("jobs?" in url for url in asked))
    a_moment(page)
    expect(kept).to_have_count(0)
    late[0].continue_()
    expect(kept).to_have_count(0)
    stylised(page)  # Quick goes on
    assert not [url for url in asked if job in url]


def test_a_link_brings_the_settings(window: Watched):
    page = window.open(QUICK)
    use_sample(page)
    page.locator("#swatches label", has_text="Starry").click()
    slide(page, "Strength", "ArrowLeft", 4)
    page.locator("#way-quick input[value=photo]").check()
    page.locator("#share").click()
    expect(page.locator("#share")).to_have_text("Link copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert "style=starry" in link
    assert "strength=0.8" in link

    other = window.open("?" + urlsplit(link).query)
    expect(other.locator("#swatches input:checked")).to_have_value("starry")
    expect(other.locator("#way-quick input[type=number]").first).to_have_value("0.8")
    expect(other.locator("#way-quick input[value=photo]")).to_be_checked()
    stylised(other)  # the photo is remembered by the browser
    wrong = window.open(
        "?style=wav&strength=9&painting=dots&mode=paint&size=256"
        "&color=%3Cimg src=https://example.org/x onerror=%22alert(1)%22%3E"
    )
    expect(wrong.get_by_text("<img src=https://example.org/x")).to_be_visible()
    expect(wrong.get_by_text("did you mean 'wave'?")).to_be_visible()
    expect(wrong.get_by_text("must be a number from 0.1 to 1.5")).to_be_visible()
    expect(wrong.locator("#paintings [aria-pressed=true]")).to_have_text("Dots")
    expect(box(wrong, "Size")).to_have_value("256")


def test_what_cannot_be_taken_is_refused_in_words(page: Page, window: Watched, tmp_path: Path):
    page.get_by_role("tab", name="Paint").click()
    page.locator("#begin").click()
    expect(page.get_by_text("Choose a photo first.")).to_be_visible()
    for name, data, said in (
        ("notes.txt", b"no picture", "This is not a picture we can read"),
        ("large.tif", encoded(drawn(2000, 1100), "TIFF"), "more than the 2,000,000 allowed"),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        page.locator("#photo-file").set_input_files(path)
        expect(page.locator("#photo .problem")).to_contain_text(said)
    use_sample(page)
    page.locator("#begin").click()
    expect(page.get_by_text("Choose a painting first")).to_be_visible()
    window.wrong = [what for what in window.wrong if "status of 4" not in what]


# Paint.


def test_a_painting_grows_stops_and_goes_on(page: Page):
    start_painting(page, "best")
    under_way(page)
    expect(page.locator("#viewer .losses path.style")).to_be_visible()
    expect(caption(page)).to_have_text(re.compile(r"\d+ (s|min \d\d s) left · 64 × 43"))
    first = result_of(page)
    page.wait_for_function(
        "old => document.querySelector('#viewer .result').src !== old", arg=first, timeout=SLOW
    )
    assert "job%3A" in result_of(page)

    page.reload()  # half-way
    ready(page)
    under_way(page)
    expect(page.get_by_role("tab", name="Paint")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#paintings [aria-pressed=true]")).to_have_count(1)

    action(page, "stop").click()
    expect(caption(page)).to_contain_text("Stopped at step", timeout=SLOW)
    expect(action(page, "picture")).to_be_visible()
    stopped = int(re.search(r"step (\d+)", caption(page).inner_text())[1])

    action(page, "goon").click()
    under_way(page)
    further(page, stopped)
    action(page, "stop").click()
    expect(caption(page)).to_contain_text("Stopped", timeout=SLOW)
    action(page, "settle").click()
    expect(caption(page)).to_contain_text("Done")


def test_a_painting_that_waits_for_room_on_the_disk_says_so(page: Page):
    start_painting(page, "best")
    under_way(page)

    def full(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "waiting": "disk"})

    page.route(re.compile(r"/studio/jobs/[^/]+\?after="), full)
    expect(caption(page)).to_have_text(
        "The disk of the server is full; the painting goes on when there is room"
    )
    page.unroute_all()
    under_way(page)
    action(page, "cancel").click()
    action(page, "cancel").click()


def test_a_painting_outlives_a_kill_of_the_server(page: Page, window: Watched, studio: Studio):
    start_painting(page, "best")
    under_way(page)
    step = int(re.search(r"Step (\d+)", caption(page).inner_text())[1])
    studio.kill()
    expect(page.locator("#connection")).to_be_visible(timeout=SLOW)
    slide(page, "Strength", "Home")
    studio.start()
    expect(page.locator("#connection")).to_be_hidden(timeout=SLOW)
    under_way(page)  # without a reload
    expect(box(page, "Strength")).to_have_value("0.1")
    window.wrong = [what for what in window.wrong if "ERR_" not in what]
    further(page, step)
    number = shots(page).count()
    action(page, "cancel").click()
    action(page, "cancel").click()  # it asks once more
    expect(shots(page)).to_have_count(number - 1)
    expect(page.locator("#photo .name")).to_be_visible()


def test_a_finished_painting_is_there_with_its_time_lapse(page: Page, photo: Path):
    page.get_by_role("tab", name="Paint").click()
    use_sample(page, "chelsea")
    page.locator("#painting-file").set_input_files(photo)
    expect(page.get_by_role("button", name="Remove holiday.jpg")).to_be_visible()
    slide(page, "Size", "Home")
    page.locator("#way-paint input[value=draft]").check()
    page.locator("#begin").click()
    expect(caption(page)).to_contain_text("Done · 20 steps", timeout=2 * SLOW)
    for what, start, name in (
        ("picture", b"\x89PNG", r"chelsea-holiday\.png"),
        ("timelapse", b"ftyp", r"impasto-.+-timelapse\.mp4"),
    ):
        with page.expect_download() as coming:
            action(page, what).click()
        assert start in coming.value.path().read_bytes()[:16]
        assert re.fullmatch(name, coming.value.suggested_filename)
    expect(shots(page).first.locator("img")).to_have_count(2)
    page.reload()
    ready(page)
    shots(page).first.click()
    expect(caption(page)).to_contain_text("Done")
    action(page, "edit").click()
    expect(page.get_by_role("button", name="Remove holiday.jpg")).to_be_visible()
    expect(box(page, "Size")).to_have_value("64")
    expect(page.locator("#way-paint input[value=draft]")).to_be_checked()


# For everybody.


def test_the_keyboard_alone_will_do(window: Watched):
    page = window.open("?size=256")

    def tab_to(target: Locator, backwards: bool = False) -> None:
        for _ in range(60):
            page.keyboard.press("Shift+Tab" if backwards else "Tab")
            if target.evaluate("e => e === document.activeElement"):
                break
        else:
            raise AssertionError(f"{target} is not reached")
        assert target.evaluate("e => e.matches(':focus-visible')")

    tab_to(page.get_by_role("button", name="sample photo coffee"))
    page.keyboard.press("Enter")
    tab_to(page.locator("#swatches input").first)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    stylised(page)
    tab_to(box(page, "Size"))
    page.keyboard.press("Tab")  # to its slider
    page.keyboard.press("Home")
    expect(caption(page)).to_contain_text("64 × 43", timeout=SLOW)
    tab_to(page.locator("#viewer .slide"), backwards=True)
    page.keyboard.press("ArrowRight")
    tab_to(action(page, "keep"))
    page.keyboard.press("Enter")
    expect(action(page, "again")).to_be_visible()
    assert page.evaluate("document.activeElement.closest('.actions') !== null")  # not lost
    tab_to(page.get_by_role("tab", name="Quick"))
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Paint")).to_be_focused()
    tab_to(page.get_by_role("button", name="sample painting dots"))
    page.keyboard.press("Space")
    expect(page.locator("#paintings [aria-pressed=true]")).to_have_text("Dots")
    tab_to(page.locator("#begin"))
    tab_to(shots(page).first)


NAMELESS = """() => [...document.querySelectorAll("button, a[href], input, select, textarea, img")]
    .filter((e) => e.checkVisibility() && !e.closest("[aria-hidden=true]"))
    .filter((e) => e.tagName === "IMG" ? !e.hasAttribute("alt") :
        !(e.getAttribute("aria-label") || e.innerText?.trim() || e.labels?.[0]?.innerText?.trim()
          || e.labels?.[0]?.querySelector("img")?.alt))
    .map((e) => e.outerHTML.slice(0, 200))"""


def test_everything_has_a_name_and_the_slider_uncovers_the_photo(window: Watched):
    page = window.open(QUICK)
    assert page.evaluate(NAMELESS) == []
    use_sample(page)
    stylised(page)
    assert page.evaluate(NAMELESS) == []
    frame, slider = page.locator("#viewer .compare"), page.locator("#viewer .slide")
    expect(page.locator("#viewer .before")).to_have_attribute("src", re.compile("sample"))
    slider.focus()
    page.keyboard.press("End")
    assert frame.evaluate("e => e.style.getPropertyValue('--at')") == "1"
    box = frame.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    assert 0.2 <= float(frame.evaluate("e => e.style.getPropertyValue('--at')")) <= 0.3

    page.get_by_role("tab", name="Paint").click()
    assert page.evaluate(NAMELESS) == []


NARROW = """() => {
    const wide = document.documentElement.scrollWidth > innerWidth;
    const out = [...document.querySelectorAll("main *, #history *")].filter((e) => {
        const box = e.getBoundingClientRect();
        return e.checkVisibility() && box.width && (box.right > innerWidth + 1 || box.left < -1);
    });
    return [wide, out.map((e) => e.outerHTML.slice(0, 120))];
}"""
SMALL = """() => [...document.querySelectorAll("main button, main .button, #history button")]
    .filter((e) => e.checkVisibility() && !e.closest("[aria-hidden=true]"))
    .filter((e) => Math.min(e.offsetHeight, e.offsetWidth) < 40)
    .map((e) => e.outerHTML.slice(0, 120))"""


def test_a_phone_shows_all_of_it_in_one_column(browser: Browser, studio: Studio):
    window = Watched(browser, studio.url, has_touch=True, is_mobile=True)
    page = window.context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{studio.url}/?size=256")
    ready(page)

    def fits() -> None:
        assert page.evaluate(NARROW) == [False, []]
        assert page.evaluate(SMALL) == []

    fits()
    page.get_by_role("button", name="sample photo coffee").tap()
    stylised(page)
    fits()
    picture = page.locator("#viewer .mat")
    slide(page, "Size", "Home")
    page.locator("#share").scroll_into_view_if_needed()
    box = picture.bounding_box()
    assert box["y"] >= -1  # the picture stays in sight while the sliders move
    assert box["height"] < 844 / 2
    page.get_by_role("tab", name="Paint").tap()
    fits()
    action(page, "keep").tap()
    expect(action(page, "again")).to_be_visible()
    fits()
    window.close()


def test_many_tabs_at_once(window: Watched):
    pages = [window.open(QUICK) for _ in range(7)]  # a browser opens six connections to a host
    for page in pages:
        use_sample(page)
    for page in pages:
        page.bring_to_front()
        stylised(page)


def test_who_logs_in_sees_what_is_theirs_alone(browser: Browser, tmp_path: Path):
    """Without styles, by the way: it says how to get some."""
    keys = {"ann": "a" * 20, "bob": "b" * 20}
    given = ",".join(f"{name}:{key}" for name, key in keys.items())

    def visit(name: str, look: Callable[[Page], None]) -> None:
        page = window.new()
        page.goto(found.url)
        page.get_by_label("Your key").fill(keys[name])
        page.get_by_role("button").click()
        ready(page)
        look(page)
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Your key")).to_be_visible()
        window.forget()

    def order(page: Page) -> None:
        expect(page.get_by_role("tab", name="Paint")).to_have_attribute("aria-selected", "true")
        page.get_by_role("tab", name="Quick").click()
        expect(page.locator("#swatches")).to_contain_text("impasto train")
        start_painting(page, "draft")
        expect(caption(page)).to_contain_text("Waiting · the next one", timeout=SLOW)
        action(page, "stop").click()  # or the page would ask for it while somebody logs out
        expect(caption(page)).to_contain_text("Stopped before it began")
        expect(shots(page)).to_have_count(1)
        expect(shots(page).locator(".state")).to_have_text("stopped")

    with served(tmp_path, styles=(), page=True, api_keys=given) as found:
        window = Watched(browser, found.url)
        visit("ann", order)
        visit("bob", lambda page: expect(shots(page)).to_have_count(0))
        visit("ann", lambda page: expect(shots(page)).to_have_count(1))
        window.close()
        assert found.studio.store.jobs("ann")[0].kind == "paint"
