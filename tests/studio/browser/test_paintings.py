"""A painting on the page, in a real Chromium: its address, zoom, files, and the history."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

import needs
from studio.browsing import (
    QUICK,
    SLOW,
    Studio,
    Watched,
    a_moment,
    action,
    caption,
    changed,
    downloaded,
    drop,
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
from studio.serving import decoded, served

pytestmark = needs.needs(needs.CHROMIUM, needs.chromium())


def keep(page: Page) -> str:
    """Keep the quick result that is shown or coming, and return its id."""
    stylised(page)
    action(page, "keep").click()
    expect(action(page, "again")).to_be_visible()
    return id_of(page)


def id_of(page: Page) -> str:
    return page.url.rpartition("/")[2]


def path_of(page: Page) -> str:
    return urlsplit(page.url).path


def delete(studio: Studio, id: str) -> None:
    """Delete a painting elsewhere."""
    assert httpx.delete(f"{studio.url}/v1/jobs/{id}").status_code in (202, 204)


def message(page: Page, text: str) -> Locator:
    return page.locator("#messages .message", has_text=text)


def without(window: Watched, *words: str) -> None:
    """Take what the console said of answers that a test provoked."""
    window.wrong = [what for what in window.wrong if not any(word in what for word in words)]


# Its address.


def test_a_painting_has_an_address_and_a_title_and_back_and_forward_lead_to_it(window: Watched):
    page = window.open(QUICK)
    expect(page).to_have_title("Impasto")
    use_sample(page)
    first = keep(page)
    expect(page).to_have_title(re.compile("^Coffee × .+ · Impasto$"))
    expect(page.locator("#viewer .title")).to_have_text(re.compile("^Coffee × "))
    assert path_of(page) == f"/painting/{first}"
    action(page, "close").click()
    assert path_of(page) == "/"
    stylised(page)
    slide(page, "Strength", "ArrowLeft")
    stylised(page)
    second = keep(page)
    assert second != first

    page.go_back()  # to Quick
    expect(action(page, "keep")).to_be_visible()
    page.go_back()
    expect(page.locator(f'#history [data-job="{first}"]')).to_have_attribute("aria-current", "true")
    expect(action(page, "again")).to_be_visible()
    page.go_forward()
    page.go_forward()
    expect(page.locator(f'#history [data-job="{second}"]')).to_have_attribute(
        "aria-current", "true"
    )
    page.reload()
    ready(page)
    assert path_of(page) == f"/painting/{second}"
    expect(page.locator("#photo .name")).to_contain_text("Coffee")  # the sample is a sample still
    expect(page.locator("#viewer .before")).to_have_attribute("src", re.compile("photo%3A"))
    action(page, "close").click()
    expect(page.locator("#viewer .before")).to_have_attribute("src", re.compile("sample%3A"))


def test_a_link_to_a_painting_opens_it_for_those_who_may_see_it(browser: Browser, tmp_path: Path):
    keys = f"ann:{'a' * 20},bob:{'b' * 20}"
    with served(tmp_path, page=True, api_keys=keys) as found:
        window = Watched(browser, found.url)

        def log_in(page: Page, key: str) -> None:
            page.get_by_label("Your key").fill(key * 20)
            page.get_by_role("button").click()
            ready(page)

        page = window.new()
        page.goto(found.url)
        log_in(page, "a")
        use_sample(page)
        id = keep(page)
        action(page, "link").click()
        expect(action(page, "link")).to_have_text("Link copied")
        link = page.evaluate("navigator.clipboard.readText()")
        assert link == f"{found.url}/painting/{id}"
        page.get_by_role("button", name="Log out").click()
        page.goto(link)
        log_in(page, "a")  # which leads to the painting
        assert path_of(page) == f"/painting/{id}"
        expect(action(page, "again")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        page.goto(link)
        log_in(page, "b")
        expect(message(page, "This painting was deleted, or it is not yours.")).to_be_visible()
        assert path_of(page) == "/"
        expect(shots(page)).to_have_count(0)
        without(window, "status of 404")
        window.close()


# Its files.


@pytest.mark.parametrize("kept", [False, True])
def test_a_picture_is_downloaded_in_each_format_under_its_name(
    window: Watched, photo: Path, kept: bool
):
    page = window.open(QUICK)
    drop(page, "#photo .drop", photo)
    stylised(page)
    style = page.locator("#swatches input:checked").get_attribute("value")
    if kept:
        keep(page)
    for format, extension in (("PNG", "png"), ("JPEG", "jpg"), ("WebP", "webp")):
        page.get_by_label("Format of the file").select_option(format)
        coming = downloaded(page)
        assert coming.suggested_filename == f"holiday-{style}.{extension}"
        picture = decoded(coming.path().read_bytes())
        assert (picture.format, picture.size) == (format.upper(), (128, 85))
        assert picture.getexif()[0x010E].startswith("{")  # the recipe
    page.reload()
    ready(page)
    if not kept:
        stylised(page)
    expect(page.get_by_label("Format of the file")).to_have_value("webp")  # it is remembered


# Zoom.


def shown_at(page: Page) -> tuple[float, float, float]:
    """The left and the top of the picture in the frame, and its width."""
    return tuple(
        page.locator("#viewer .result").evaluate(
            """e => {
                const [box, frame] = [e, e.parentElement].map((one) => one.getBoundingClientRect());
                return [box.left - frame.left, box.top - frame.top, box.width];
            }"""
        )
    )


def zoomed(page: Page, name: str) -> None:
    page.locator(".zoom").get_by_role("button", name=name, exact=True).click()


def uncovered(page: Page) -> float:
    return float(page.locator(".compare").evaluate("e => e.style.getPropertyValue('--at')"))


def edge(page: Page) -> float:
    """Where on the screen the photo ends and the picture begins, from the clip of the photo."""
    return page.locator("#viewer .before").evaluate(
        """e => {
            const box = e.getBoundingClientRect();
            const zoom = box.width / e.offsetWidth;
            const set = getComputedStyle(e.parentElement);
            const at = Number(set.getPropertyValue("--at"));
            const x = parseFloat(set.getPropertyValue("--x"));
            const local = e.offsetWidth / 2 + ((at - 0.5) * e.parentElement.clientWidth - x) / zoom;
            return box.left + local * zoom;
        }"""
    )


def test_zoom_shows_photo_and_picture_at_their_actual_size_and_the_slider_stays_in_use(
    window: Watched,
):
    page = window.open("?size=1344")
    use_sample(page)
    stylised(page)
    frame = page.locator("#viewer .compare").bounding_box()
    assert frame
    before = shown_at(page)
    assert before[2] == pytest.approx(frame["width"], abs=1)
    zoomed(page, "100 %")
    assert shown_at(page)[2] == pytest.approx(1344, abs=1)
    photo = page.locator("#viewer .before").bounding_box()
    assert photo
    assert photo["width"] == pytest.approx(1344, abs=1)
    page.wait_for_function(  # in full, which at first is not loaded
        "() => document.querySelector('#viewer .result').naturalWidth === 1344", timeout=SLOW
    )

    middle = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    knob = page.locator(".knob").bounding_box()
    assert knob
    held = knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2
    here = shown_at(page)
    page.mouse.move(*held)
    page.mouse.down()
    page.mouse.move(held[0] + 100, held[1])
    page.mouse.up()
    assert shown_at(page) == here  # the knob uncovers
    assert uncovered(page) == pytest.approx(0.5 + 100 / frame["width"], abs=0.02)

    page.mouse.move(middle[0] - 50, middle[1] + 60)
    page.mouse.down()
    page.mouse.move(middle[0] - 80, middle[1] + 40, steps=3)
    page.mouse.up()
    moved = shown_at(page)  # a drag anywhere else moves
    assert (moved[0] - here[0], moved[1] - here[1]) == pytest.approx((-30, -20), abs=1)
    page.mouse.wheel(20, 30)
    until(page, lambda: shown_at(page)[:2] != moved[:2])
    again = shown_at(page)
    assert (again[0] - moved[0], again[1] - moved[1]) == pytest.approx((-20, -30), abs=1)

    page.locator("#viewer .slide").focus()
    at = uncovered(page)
    page.keyboard.press("ArrowLeft")
    assert uncovered(page) == pytest.approx(at - 0.01)
    page.keyboard.press("Shift+ArrowRight")
    assert shown_at(page)[0] < again[0]
    assert uncovered(page) == pytest.approx(at - 0.01)
    slide(page, "Strength", "ArrowLeft")  # another picture, at the same place
    stylised(page)
    assert shown_at(page)[2] == pytest.approx(1344, abs=1)
    page.locator("#viewer .slide").focus()
    page.keyboard.press("0")
    assert shown_at(page) == pytest.approx(before, abs=1)
    page.keyboard.press("+")
    assert shown_at(page)[2] > before[2]
    page.keyboard.press("-")
    assert shown_at(page) == pytest.approx(before, abs=1)
    page.keyboard.press("+")
    page.keyboard.press("Escape")
    assert shown_at(page) == pytest.approx(before, abs=1)


def test_a_place_stays_under_the_pointer_and_the_edge_under_the_handle_while_zooming(
    window: Watched,
):
    page = window.open("?size=704")
    use_sample(page)
    stylised(page)
    frame = page.locator("#viewer .compare").bounding_box()
    assert frame
    x, y = frame["x"] + frame["width"] / 4, frame["y"] + frame["height"] / 3
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)  # as a touch pad pinches
    page.keyboard.up("Control")
    until(page, lambda: shown_at(page)[2] > 1.9 * frame["width"])
    left, top, width = shown_at(page)
    height = width * frame["height"] / frame["width"]
    assert (x - frame["x"] - left) / width == pytest.approx(1 / 4, abs=0.01)
    assert (y - frame["y"] - top) / height == pytest.approx(1 / 3, abs=0.01)
    page.keyboard.press("Tab")
    assert edge(page) == pytest.approx(frame["x"] + frame["width"] / 2, abs=1)
    dark = page.locator("#viewer .handle").bounding_box()
    assert dark
    assert edge(page) == pytest.approx(dark["x"] + dark["width"] / 2, abs=1.5)


def test_full_screen_has_the_slider_and_nothing_else_and_escape_leaves_it(window: Watched):
    page = window.open("?size=704")
    use_sample(page)
    stylised(page)
    zoomed(page, "Full screen")
    box = page.locator("#viewer .mat").bounding_box()
    size = page.evaluate("[innerWidth, innerHeight]")
    assert box
    assert [box["x"], box["y"], box["width"], box["height"]] == [0, 0, *size]
    assert page.evaluate("document.fullscreenElement !== null")
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('.mat')"
        )
    page.locator("#viewer .slide").focus()
    page.keyboard.press("Home")
    assert uncovered(page) == 0
    page.keyboard.press("Escape")
    expect(page.locator("#viewer .mat.full")).to_have_count(0)
    page.wait_for_function("() => document.fullscreenElement === null")
    action(page, "keep").click()  # the rest is there again
    expect(action(page, "again")).to_be_visible()


def test_two_fingers_zoom_and_one_moves(browser: Browser, studio: Studio):
    window = Watched(browser, studio.url, has_touch=True)
    page = window.new()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{studio.url}/?size=704")
    ready(page)
    page.get_by_role("button", name="sample photo coffee").tap()
    stylised(page)
    frame = page.locator("#viewer .compare").bounding_box()
    assert frame
    x, y = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    session = window.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        given = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": given})

    at = uncovered(page)
    touch("touchStart", (x - 20, y))
    touch("touchStart", (x - 20, y), (x + 20, y))
    for apart in (25, 30, 40, 50):
        touch("touchMove", (x - apart, y), (x + apart, y))
    touch("touchEnd")
    left, top, width = shown_at(page)
    assert width == pytest.approx(2.5 * frame["width"], rel=0.1)
    assert uncovered(page) == pytest.approx(at, abs=0.15)
    touch("touchStart", (x + 60, y + 30))
    for far in (10, 20, 30):
        touch("touchMove", (x + 60 - far, y + 30))
    touch("touchEnd")
    assert shown_at(page)[0] == pytest.approx(left - 30, abs=3)
    assert shown_at(page)[1] == pytest.approx(top, abs=1)
    window.close()


def test_a_pointer_that_leaves_the_picture_lets_it_go(page: Page):
    page.get_by_role("tab", name="Paint").click()
    use_sample(page)  # without a slider over it
    expect(page.locator("#viewer .result")).to_have_attribute("src", re.compile("sample"))
    frame = page.locator("#viewer .compare").bounding_box()
    assert frame
    x, y = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(5, 5)
    page.mouse.up()
    for _ in range(3):
        zoomed(page, "Zoom in")
    before = shown_at(page)
    page.mouse.move(x, y)
    page.mouse.move(x + 30, y + 20, steps=3)
    assert shown_at(page) == before


# Again, and what was deleted.


def test_again_begins_at_once(page: Page):
    start_painting(page, "best")
    under_way(page)
    first = id_of(page)
    action(page, "stop").click()
    expect(caption(page)).to_contain_text("Stopped", timeout=SLOW)
    action(page, "settle").click()
    expect(action(page, "again")).to_be_visible()
    action(page, "again").click()
    under_way(page)
    assert id_of(page) != first
    expect(page.locator("#viewer .title")).to_have_text("Coffee × Waves")
    action(page, "cancel").click()
    action(page, "cancel").click()
    expect(page.locator("body:not(.has-job)")).to_be_attached()


def test_what_was_deleted_elsewhere_leaves_the_page_in_use(
    window: Watched, studio: Studio, photo: Path
):
    page = window.open(QUICK)
    drop(page, "#photo .drop", photo)
    id = keep(page)
    page.reload()  # now the photo is that of the painting
    ready(page)
    expect(action(page, "again")).to_be_visible()
    delete(studio, id)
    action(page, "again").click()
    expect(message(page, "This painting was deleted.")).to_be_visible()
    assert path_of(page) == "/"
    expect(page.locator(f'#history [data-job="{id}"]')).to_have_count(0)
    expect(page.locator("#photo .drop")).to_be_visible()  # its photo is gone as well
    without(window, "status of 404")
    use_sample(page)
    stylised(page)
    page.goto(f"{studio.url}/painting/{id}")
    ready(page)
    expect(message(page, "This painting was deleted, or it is not yours.")).to_be_visible()
    stylised(page)
    without(window, "status of 404")


def test_several_are_deleted_at_once_with_the_keyboard(window: Watched):
    page = window.open(QUICK)
    use_sample(page)
    ids = []
    for _ in range(3):
        ids.append(keep(page))
        action(page, "close").click()
    newest, middle, oldest = (page.locator(f'#history [data-job="{id}"]') for id in ids[::-1])
    number = shots(page).count()
    several = page.locator("#history .several")

    page.get_by_role("button", name="Select", exact=True).focus()
    page.keyboard.press("Enter")
    expect(several.get_by_role("button", name="All")).to_be_focused()
    newest.focus()
    page.keyboard.press("Space")
    expect(newest).to_have_attribute("aria-pressed", "true")
    expect(newest).to_be_focused()
    oldest.focus()
    page.keyboard.press("Enter")
    assert path_of(page) == "/"  # it is selected, not opened
    page.keyboard.press("Delete")
    expect(several.get_by_role("button", name="Delete 2", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(several.get_by_role("button", name="Delete 2 for good")).to_be_focused()
    expect(shots(page)).to_have_count(number)
    page.keyboard.press("Enter")
    expect(shots(page)).to_have_count(number - 2)
    expect(middle).to_be_visible()
    expect(middle).not_to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Select", exact=True)).to_be_focused()

    page.get_by_role("button", name="Select", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Select", exact=True)).to_be_focused()
    middle.click()
    expect(action(page, "again")).to_be_visible()


def test_what_cannot_be_deleted_stays_and_the_page_says_why_on_a_phone(window: Watched):
    page = window.open(QUICK)
    page.set_viewport_size({"width": 390, "height": 844})
    use_sample(page)
    id = keep(page)
    held: list[Route] = []
    page.route("**/healthz", lambda route: held.append(route))
    page.route("**/v1/jobs/*", lambda route: route.abort())
    action(page, "remove").click()
    action(page, "remove").click()
    said, connection = message(page, "The studio does not answer."), page.locator("#connection")
    above, below, close = (
        one.bounding_box() for one in (connection, said, said.get_by_role("button"))
    )
    assert above["y"] + above["height"] <= below["y"]
    assert min(close["width"], close["height"]) >= 40
    until(page, lambda: held)
    held[0].continue_()
    expect(connection).to_be_hidden()  # it answers again
    assert path_of(page) == f"/painting/{id}"
    expect(page.locator(f'#history [data-job="{id}"]')).to_have_attribute("aria-current", "true")
    without(window, "ERR_")


# The history.


def test_more_of_the_history_takes_the_focus(window: Watched):
    job = {"kind": "apply", "state": "done", "photo": "Sea", "styles": ["wave"], "created": 0}
    job |= {"step": 1, "steps": 1, "version": ""}

    def answer(route: Route) -> None:
        limit = int(route.request.url.rpartition("=")[2])
        jobs = [{"id": f"{number:024}", **job} for number in range(limit)]
        route.fulfill(json={"jobs": jobs, "more": limit < 48})

    page = window.new()
    page.route("**/studio/jobs?limit=*", answer)
    page.goto(window.url)
    ready(page)
    expect(shots(page)).to_have_count(24)
    page.get_by_role("button", name="Show more").focus()
    page.keyboard.press("Enter")
    expect(shots(page)).to_have_count(48)
    expect(shots(page).nth(24)).to_be_focused()
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()


def test_the_history_changes_in_place(window: Watched):
    page = window.open(QUICK)
    use_sample(page)
    keep(page)
    action(page, "close").click()
    page.get_by_role("tab", name="Paint").click()
    page.get_by_role("button", name="sample painting waves").click()
    slide(page, "Size", "Home")
    page.locator("#way-paint input[value=best]").check()
    page.locator("#begin").click()
    under_way(page)
    first = shots(page).first
    expect(first.locator(".state")).to_have_text(re.compile(r"\d+ %"), timeout=SLOW)
    page.evaluate("""() => {
        const list = document.querySelector("#history .shots");
        window.changes = [];
        new MutationObserver((all) => all.forEach((one) => one.type === "childList"
            && one.target === list && window.changes.push(one.target.className)))
            .observe(list, { childList: true, subtree: true });
    }""")
    old = first.locator("img").first.get_attribute("src")
    second = shots(page).nth(1)
    second.focus()
    place = page.evaluate("scrollY")
    page.wait_for_function(
        "old => document.querySelector('#history .shot img').src !== old", arg=old, timeout=SLOW
    )
    expect(second).to_be_focused()
    assert page.evaluate("scrollY") == place
    assert page.evaluate("window.changes") == []
    action(page, "cancel").click()
    action(page, "cancel").click()
    expect(page.locator("body:not(.has-job)")).to_be_attached()


# Before the first step.


def test_the_page_says_what_it_waits_for_before_the_first_step(window: Watched):
    page = window.open()
    held: list[Route] = []
    told: list[dict[str, object]] = []

    def answer(route: Route) -> None:
        if not told:
            held.append(route)
            return
        found = route.fetch()
        data = {**found.json(), **told[0], "rows": [], "version": ""}
        route.fulfill(response=found, json=data)

    page.route("**/studio/jobs/*?after=*", answer)
    start_painting(page, "best")
    expect(caption(page)).to_have_text("Loading…")
    progress = page.get_by_role("progressbar", name="Progress")
    expect(page.locator("#viewer .progress.endless")).to_be_visible()
    expect(progress).not_to_have_attribute("aria-valuenow", re.compile(r"\d"))
    queued = {"state": "queued", "step": 0, "steps": 0}
    for state, said in (
        ({**queued, "ahead": 3}, "Waiting · 3 before it"),
        ({**queued, "ahead": 0}, "Waiting · the next one"),
        ({"state": "running", "step": 0, "steps": 0, "wish": ""}, "Preparing…"),
        ({"state": "running", "step": 0, "steps": 150, "wish": ""}, "The first of 150 steps…"),
    ):
        told[:] = [state]
        for route in held:
            answer(route)
        held.clear()
        expect(caption(page)).to_have_text(said)
        expect(page.locator("#viewer .progress.endless")).to_be_visible()
    page.unroute("**/studio/jobs/*?after=*")
    under_way(page)
    expect(progress).to_have_attribute("aria-valuenow", re.compile(r"\d"))
    action(page, "cancel").click()
    action(page, "cancel").click()
    expect(page.locator("body:not(.has-job)")).to_be_attached()


# Errors.


def refusing(problem: dict[str, str], status: int = 422) -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=status, json=problem)


TECHNICAL = re.compile(r"--\w|\b[a-z]+_[a-z]+\b|urn:|problem\+json|<memory>|Traceback|\b4\d\d\b")


def test_errors_are_in_plain_words_and_go_away_with_the_next_success(
    window: Watched, tmp_path: Path
):
    page = window.open(QUICK)
    wrong = tmp_path / "notes.pdf"
    wrong.write_bytes(b"%PDF-1.7 no picture at all")
    page.locator("#photo-file").set_input_files(wrong)
    refused = page.locator("#photo .problem")
    expect(refused).to_have_text(
        "This is not a picture we can read: it looks like a PDF document. "
        "JPEG, PNG, WebP, HEIC, AVIF and TIFF work."
    )
    use_sample(page)
    stylised(page)
    expect(refused).to_be_hidden()
    page.locator("#photo-file").set_input_files(wrong)
    expect(refused).to_be_visible()
    keep(page)
    expect(refused).to_be_hidden()
    action(page, "close").click()
    stylised(page)

    for code, detail, said in (
        ("invalid-option", "style_scale is at most 2 here, got 3", "Stroke size is at most 2 here"),
        ("invalid-option", "--size is at most 320 here, got 321", "Size is at most 320 here"),
        ("busy", "too many photos wait to be stylised", "Many photos are waiting."),
        ("internal", "something went wrong inside; the log says more", "Something went wrong"),
    ):
        problem = {"code": code, "detail": detail, "type": f"urn:x:{code}"}
        page.route("**/studio/quick", refusing(problem))
        slide(page, "Strength", "ArrowLeft")
        expect(message(page, said)).to_be_visible()
        assert not TECHNICAL.search(page.locator("#messages").inner_text())
        page.unroute("**/studio/quick")
        expect(page.locator("#messages .message")).to_have_count(1)
    a_moment(page)
    expect(page.locator("#messages .message")).to_have_count(1)  # it waits to be read
    slide(page, "Strength", "ArrowLeft")
    expect(page.locator("#messages .message")).to_have_count(0)
    stylised(page)
    without(window, "status of 422")


def test_a_studio_that_can_do_something_no_more_answers_nevertheless(window: Watched, photo: Path):
    page = window.open(QUICK)
    use_sample(page)
    stylised(page)
    page.evaluate("""() => {
        const connection = document.getElementById("connection");
        window.lost = 0;
        new MutationObserver(() => { window.lost += !connection.hidden; })
            .observe(connection, { attributes: true });
    }""")
    full = {"code": "unavailable", "detail": "nothing can be written now; the log says more"}
    page.route("**/studio/quick", refusing(full, 503))
    slide(page, "Strength", "ArrowLeft")
    expect(message(page, "Nothing can be written now")).to_be_visible()
    assert page.evaluate("window.lost") == 0
    page.unroute("**/studio/quick")
    without(window, "status of 503")

    page.route("**/studio/quick", lambda route: route.fulfill(status=502, body="<h1>"), times=1)
    before = result_of(page)
    slide(page, "Strength", "ArrowLeft")
    page.wait_for_function("() => window.lost === 1")
    changed(page, before)  # when it is there again
    assert recipe_of(page)["strength"] == 0.9
    without(window, "status of 502")

    page.evaluate("""() => {
        const ask = window.fetch;
        window.fetch = async () => {
            window.fetch = ask;
            const broken = (controller) => controller.error(new TypeError("network error"));
            return new Response(new ReadableStream({ start: broken }));
        };
    }""")  # half an answer
    before = result_of(page)
    slide(page, "Strength", "ArrowLeft")
    page.wait_for_function("() => window.lost === 2")
    changed(page, before)
    assert recipe_of(page)["strength"] == 0.85

    page.route("**/studio/quick", lambda route: route.abort(), times=1)
    slide(page, "Strength", "ArrowLeft")
    page.wait_for_function("() => window.lost === 3")
    page.get_by_role("tab", name="Paint").click()
    page.locator("#photo-file").set_input_files(photo)  # what waits is of another photo
    expect(page.locator("#connection")).to_be_hidden()
    a_moment(page)
    expect(action(page, "keep")).to_have_count(0)
    without(window, "ERR_")


def test_pictures_that_failed_are_loaded_when_the_studio_answers_again(window: Watched):
    page = window.open(QUICK)
    use_sample(page)
    keep(page)
    page = window.new()
    failed: list[str] = []
    down = [True]

    def answer(route: Route) -> None:
        if down:
            failed.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    page.route("**/studio/picture/**", answer)
    page.goto(f"{window.url}/{QUICK}")
    ready(page)
    until(page, lambda: any("swatch" in url for url in failed))
    until(page, lambda: any("job" in url for url in failed))
    down.clear()
    page.route("**/studio/jobs?limit=*", lambda route: route.abort(), times=1)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    for picture in ("#swatches", "#history"):
        page.wait_for_function(
            "where => document.querySelector(`${where} img`).naturalWidth > 0", arg=picture
        )
    without(window, "ERR_")


# Tabs.


def test_the_tabs_follow_the_arrow_keys(page: Page):
    quick, paint = (page.get_by_role("tab", name=name) for name in ("Quick", "Paint"))
    quick.focus()
    for key, tab, other in (
        ("ArrowRight", paint, quick),
        ("ArrowRight", quick, paint),
        ("ArrowLeft", paint, quick),
        ("Home", quick, paint),
        ("End", paint, quick),
    ):
        page.keyboard.press(key)
        expect(tab).to_be_focused()
        expect(tab).to_have_attribute("aria-selected", "true")
        assert (tab.get_attribute("tabindex"), other.get_attribute("tabindex")) == ("0", "-1")
        panel = page.locator(f"#{tab.get_attribute('aria-controls')}")
        expect(panel).to_be_visible()
        expect(panel).to_have_attribute("aria-labelledby", tab.get_attribute("id") or "")
    expect(page.locator("#way-quick")).to_be_hidden()


# On every screen.

OVER = """() => {
    const mat = document.querySelector("#viewer .mat");
    const { left, top, right, bottom } = mat.getBoundingClientRect();
    const found = new Set();
    for (let x = left + 2; x < right; x += 12) {
        for (let y = Math.max(0, top) + 2; y < bottom; y += 12) {
            const one = document.elementFromPoint(x, y);
            if (one && !mat.contains(one)) found.add(one.outerHTML.slice(0, 120));
        }
    }
    return [...found];
}"""


def test_nothing_is_over_the_picture_that_stays_in_sight_on_a_phone(
    browser: Browser, studio: Studio
):
    window = Watched(browser, studio.url, has_touch=True, is_mobile=True)
    page = window.new()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{studio.url}/{QUICK}")
    ready(page)
    page.get_by_role("button", name="sample photo coffee").tap()
    stylised(page)
    for mode in ("Quick", "Paint"):
        page.get_by_role("tab", name=mode).tap()
        for share in (0, 0.2, 0.4, 0.6):
            page.evaluate(
                "share => scrollTo(0, share * document.querySelector('main').scrollHeight)", share
            )
            box = page.locator("#viewer .mat").bounding_box()
            assert box
            assert box["y"] >= -1
            assert page.evaluate(OVER) == []
    window.close()


def test_a_dark_screen_is_dark_all_over_and_less_motion_means_none(
    browser: Browser, studio: Studio
):
    window = Watched(browser, studio.url, color_scheme="dark", reduced_motion="reduce")
    page = window.open(QUICK)
    use_sample(page)
    stylised(page)
    for place in ("body", "#settings", "#viewer .mat", "#viewer select", "#share"):
        ground = page.locator(place).first.evaluate("e => getComputedStyle(e).backgroundColor")
        assert max(map(int, re.findall(r"\d+", ground)[:3])) < 60, place
        ink = page.locator(place).first.evaluate("e => getComputedStyle(e).color")
        assert min(map(int, re.findall(r"\d+", ink)[:3])) > 140, place
    page.locator("#viewer .progress").evaluate(
        "e => { e.hidden = false; e.classList.add('endless'); }"
    )
    moving = page.locator("#viewer .progress span").evaluate(
        "e => [getComputedStyle(e).animationName, getComputedStyle(e).transitionProperty]"
    )
    assert moving[0] == "none"
    window.close()
