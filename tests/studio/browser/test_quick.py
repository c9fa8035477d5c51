"""Quick on the page: photos made smaller, the picker, mixtures, masks, and pictures painted on."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, FloatRect, Page, Route, expect

import needs
from impasto.zoo import registry
from impasto.zoo.rows import Rows, serialised
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
    slide,
    stylised,
    until,
    use_sample,
)
from studio.learning import swirls
from studio.serving import PHOTO, decoded, drawn, encoded

pytestmark = needs.needs(needs.CHROMIUM, needs.chromium())


# Photos on their way.


COUNT = """() => {
    window.sizes = [];
    const send = XMLHttpRequest.prototype.send;
    XMLHttpRequest.prototype.send = function (file) {
        window.sizes.push(file.size);
        send.call(this, file);
    };
}"""
"""Has the page note the sizes of uploads, in bytes."""


def last_size(page: Page) -> int:
    return page.evaluate("sizes.at(-1)")


def stored_photo(page: Page) -> Image.Image:
    """The photo as the studio has it."""
    source = page.evaluate("JSON.parse(localStorage.getItem('impasto.photo')).source")
    return decoded(
        page.request.get(f"{page.url.partition('?')[0]}studio/file/{source}?format=png").body()
    )


def test_a_photo_of_fifty_megapixels_is_made_smaller_and_stays_upright(page: Page, tmp_path: Path):
    """The studio of these tests takes no more than 2 megapixels."""
    path, picture = tmp_path / "large.jpg", drawn(6300, 8000)
    exif = picture.getexif()
    exif[0x0112] = 6  # to be turned by a quarter
    picture.save(path, quality=70, exif=exif)
    page.evaluate(COUNT)
    page.locator("#photo-file").set_input_files(path)
    note = "Your photo of 8000 × 6300 pixels was reduced to 1593 × 1254 before sending."
    expect(page.locator("#photo .reduced")).to_have_text(note)
    stylised(page)
    assert last_size(page) < path.stat().st_size / 4
    found = stored_photo(page)
    wanted = picture.resize((1254, 1593)).rotate(-90, expand=True)
    assert np.abs(np.asarray(found, float) - np.asarray(wanted, float)).mean() < 3
    page.reload()
    ready(page)
    expect(page.locator("#photo .reduced")).to_have_text(note)
    page.evaluate(COUNT)
    page.locator("#photo-file").set_input_files(
        {"name": "small.png", "mimeType": "image/png", "buffer": PHOTO}
    )
    expect(page.locator("#photo .name")).to_have_text("small.png 64 × 48")
    expect(page.locator("#photo .reduced")).to_be_hidden()
    assert last_size(page) == len(PHOTO)  # as it was


def test_transparency_stays_and_what_the_browser_cannot_read_is_sent_as_it_is(
    page: Page, tmp_path: Path
):
    picture = drawn(2400, 1200)
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    page.evaluate(COUNT)
    (tmp_path / "clear.png").write_bytes(encoded(picture, compress_level=1))
    page.locator("#photo-file").set_input_files(tmp_path / "clear.png")
    expect(page.locator("#photo .name")).to_have_text("clear.png 2000 × 1000")
    found = np.asarray(stored_photo(page), float)[:, :, 3]
    wanted = np.asarray(picture.resize((2000, 1000)), float)[:, :, 3]
    assert np.abs(found - wanted).mean() < 2

    tiff = encoded(drawn(300, 200), "TIFF")
    (tmp_path / "scan.tif").write_bytes(tiff)
    page.locator("#photo-file").set_input_files(tmp_path / "scan.tif")
    expect(page.locator("#photo .name")).to_have_text("scan.tif 300 × 200")
    assert last_size(page) == len(tiff)


def test_how_much_is_sent_is_shown_and_can_be_cancelled(page: Page, tmp_path: Path):
    random = np.random.default_rng(0)
    noise = Image.fromarray(random.integers(0, 256, (900, 900, 3), dtype=np.uint8))
    noise.save(tmp_path / "noise.png")  # 2.4 MB
    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000}
    network.send("Network.emulateNetworkConditions", slow)
    page.locator("#photo-file").set_input_files(tmp_path / "noise.png")
    busy = page.locator("#photo .busy")
    expect(busy).to_contain_text(re.compile(r"Sent \d\.\d of 2\.4 MB"))
    busy.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    expect(busy).to_be_hidden()
    expect(page.locator("#photo-file")).to_be_focused()
    expect(page.locator("#photo .problem")).to_be_hidden()
    expect(page.locator("#photo .bar")).to_be_hidden()
    network.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    page.locator("#photo-file").set_input_files(tmp_path / "noise.png")
    expect(page.locator("#photo .name")).to_have_text("noise.png 900 × 900")


def test_a_dropped_painting_is_made_smaller_too(page: Page, tmp_path: Path):
    path = tmp_path / "canvas.jpg"
    drawn(3000, 1500).save(path)
    page.get_by_role("tab", name="Paint").click()
    drop(page, "#paint-strength", path)  # anywhere in Paint
    expect(page.get_by_role("button", name="Remove canvas.jpg")).to_be_visible()
    note = "Your painting of 3000 × 1500 pixels was reduced to 2000 × 1000 before sending."
    expect(page.locator("#paintings .reduced")).to_have_text(note)


def test_paintings_are_sent_one_after_the_other_and_removed_with_the_focus_kept(page: Page):
    page.get_by_role("tab", name="Paint").click()
    held: list[Route] = []
    page.route("**/studio/photos", lambda route: held.append(route))
    for name in ("one.png", "two.png"):
        given = {"name": name, "mimeType": "image/png", "buffer": PHOTO}
        page.locator("#painting-file").set_input_files(given)
    until(page, lambda: held)
    a_moment(page)
    assert len(held) == 1
    busy = page.locator("#paintings .busy")
    busy.get_by_role("button", name="Cancel").click()  # the one under way
    until(page, lambda: len(held) == 2)
    expect(busy).to_be_visible()
    held[1].continue_()
    expect(busy).to_be_hidden()
    page.get_by_role("button", name="Remove two.png").focus()
    expect(page.get_by_role("button", name="Remove one.png")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator("#paintings .swatch").first).to_be_focused()
    expect(page.locator("#paintings [aria-pressed=true]")).to_have_count(0)


def test_the_file_of_a_style_can_be_cancelled_like_any_other(page: Page):
    held: list[Route] = []
    page.route("**/v1/styles", lambda route: held.append(route))
    given = {"name": "a.safetensors", "mimeType": "application/octet-stream", "buffer": b"x"}
    page.locator("#style-file").set_input_files(given)
    until(page, lambda: held)
    busy = page.locator("#learn .busy")
    busy.get_by_role("button", name="Cancel").click()
    expect(busy).to_be_hidden()
    expect(page.locator("#learn .problem")).to_be_hidden()


# The picker.


def found(page: Page) -> list[str]:
    """The names of the styles that are listed."""
    labels = page.locator("#swatches label:visible input")
    return [one.get_attribute("value") or "" for one in labels.all()]


def test_styles_are_found_by_group_title_painter_and_words(page: Page):
    assert len(found(page)) >= 60
    groups = page.locator("#swatches h3:visible").all_inner_texts()
    assert {"Impressionists", "Prints", "Old masters"} <= set(groups)
    search = page.get_by_role("searchbox", name="Search the styles")
    for words, name in (
        ("hokusai", "wave"),
        ("GREAT wave", "wave"),
        ("serusier buckwheat", "buckwheat"),  # Paul Sérusier
        ("medieval dragon", "dragon"),
    ):
        search.fill(words)
        assert found(page) == [name]
    search.fill("nothing of this")
    expect(page.get_by_text("No style matches.")).to_be_visible()
    search.fill("")
    assert len(found(page)) >= 60


def test_a_style_is_chosen_by_the_keyboard(window: Watched):
    page = window.open(QUICK)
    use_sample(page)
    stylised(page)
    page.locator("#swatches input:checked").focus()
    page.keyboard.press("ArrowRight")
    second = page.locator("#swatches input:checked").get_attribute("value")
    assert second != "starry"
    page.keyboard.type("kliMT")
    expect(page.get_by_role("searchbox", name="Search the styles")).to_have_value("kliMT")
    page.keyboard.press("Enter")
    expect(page.locator("#swatches input:checked")).to_have_value("kiss")
    expect(page.locator("#swatches input:checked")).to_be_focused()
    expect(caption(page)).to_contain_text("Kiss", timeout=SLOW)
    expect(page.locator(".slot").first).to_have_text("Kiss")


def test_pictures_of_styles_are_made_as_they_come_into_sight(window: Watched):
    page = window.new()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{window.url}/{QUICK}")
    ready(page)
    use_sample(page)
    stylised(page)

    def made(kind: str) -> set[str]:
        return set(re.findall(rf"/{kind}(?:%3A|/)([\w-]+)", "\n".join(asked)))

    last = page.locator("#swatches label").last
    name = last.locator("input").get_attribute("value")
    until(page, lambda: len(made("swatch")) >= 8)
    assert len(made("swatch")) < 40
    last.scroll_into_view_if_needed()
    until(page, lambda: name in made("swatch"))

    page.get_by_role("button", name="On my photo").click()
    until(page, lambda: name in made("look"))
    until(page, lambda: last.locator("img").evaluate("e => e.complete && e.naturalWidth > 0"))
    assert "coffee" in (last.locator("img").get_attribute("src") or "")
    slide(page, "Strength", "ArrowLeft")
    stylised(page)  # the sliders go on
    page.locator("#swatches label").first.scroll_into_view_if_needed()
    page.get_by_role("button", name="On my photo").click()
    until(page, lambda: "swatch" in page.locator("#swatches img").first.get_attribute("src"))
    assert len(made("look")) < 60  # what nobody looks at is not made


def test_two_styles_are_mixed_and_the_link_has_both(window: Watched):
    page = window.open(QUICK)
    use_sample(page)
    page.locator("#swatches label", has_text="Wave").click()
    stylised(page)
    before = page.locator("#viewer img.result").get_attribute("src") or ""
    page.get_by_role("button", name="Mix in another").click()
    page.locator("#swatches label", has_text="Kiss").click()
    changed(page, before)
    stylised(page)
    expect(caption(page)).to_contain_text("Wave + Kiss")
    share = page.locator(".share input")
    share.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".share output")).to_have_text("55 % Wave, 45 % Kiss")
    until(page, lambda: recipe_of(page)["shares"] == {"wave": 0.55, "kiss": 0.45})
    page.locator("#share").click()
    expect(page.locator("#share")).to_have_text("Link copied")
    link = page.evaluate("navigator.clipboard.readText()")
    other = window.open("?" + link.partition("?")[2])
    expect(other.locator(".share output")).to_have_text("55 % Wave, 45 % Kiss")
    stylised(other)
    other.get_by_role("button", name="Do not mix").click()
    expect(other.locator(".share")).to_be_hidden()
    until(other, lambda: recipe_of(other)["shares"] == {"wave": 1.0})


# One's own styles.


def add_style(page: Page, name: str) -> None:
    """Give the studio a row of the bundled network with a copy of its painting."""
    pack, _ = registry.resolve("starry")
    row = pack.row("starry")
    card = replace(row.card, name=name)
    row = replace(row, card=card, learning={"seconds": 30.0}, painting=swirls(64))
    file = serialised(Rows(pack.card.architecture, pack.body, (row,)))
    given = {"name": f"{name}.safetensors", "mimeType": "application/octet-stream", "buffer": file}
    assert page.request.post(at(page, "v1/styles"), multipart={"file": given}).status == 201


def at(page: Page, path: str) -> str:
    """An address of the studio."""
    return urljoin(page.url, f"/{path}")


def delete_style(page: Page, name: str) -> None:
    """Delete a style elsewhere."""
    assert page.request.delete(at(page, f"v1/styles/{name}")).status == 204


def come_back(page: Page) -> None:
    """Look at the page again after another window."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def has_focus(page: Page, what: str) -> None:
    page.wait_for_function("what => document.activeElement.matches(what)", arg=what)


def test_a_style_of_ones_own_is_renamed_in_a_mixture_and_the_focus_stays(window: Watched):
    page = window.open(QUICK)
    add_style(page, "mine")
    page = window.open(f"{QUICK}&style=mine:3,wave:1")
    menu = page.locator("#learn .mine")
    menu.get_by_role("button", name="Rename").focus()
    page.keyboard.press("Enter")
    has_focus(page, ".mine input")
    page.keyboard.press("Escape")
    has_focus(page, ".mine [data-action=more]")
    menu.get_by_role("button", name="Rename").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("ours")
    held: list[Route] = []
    page.route("**/v1/styles/*", lambda route: held.append(route))
    page.keyboard.press("Enter")
    until(page, lambda: held)
    page.keyboard.press("Enter")  # once more, which changes nothing
    a_moment(page)
    assert len(held) == 1
    held[0].continue_()
    page.unroute("**/v1/styles/*")
    expect(page.locator(".share output")).to_have_text("75 % Ours, 25 % Wave")
    has_focus(page, ".mine [data-action=more]")
    expect(page.locator("#swatches label", has_text="Ours")).to_be_visible()

    search = page.get_by_role("searchbox", name="Search the styles")
    number = page.locator("#swatches label").count()
    expect(search).to_have_attribute("placeholder", f"Search {number} styles")
    kiss = page.locator("#swatches label", has_text="Kiss")
    kiss.locator("input").focus()
    until(page, lambda: kiss.locator("img").get_attribute("src"))
    page.evaluate("window.kept = document.querySelector('#swatches [value=kiss] + img')")
    add_style(page, "more")
    come_back(page)
    expect(search).to_have_attribute("placeholder", f"Search {number + 1} styles")
    has_focus(page, "[value=kiss]")
    assert kiss.locator("img").evaluate("e => e === window.kept")  # it is not loaded again

    delete = menu.get_by_role("button", name="Delete")
    delete.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(menu).to_be_hidden()
    expect(page.locator(".slot").first).to_have_text("Wave")  # what is left of the mixture
    has_focus(page, "#learn-file")
    delete_style(page, "more")


def test_a_late_list_of_styles_covers_no_newer_one(page: Page):
    old = page.request.get(at(page, "studio/styles")).json()
    listed = page.get_by_role("searchbox", name="Search the styles")
    number = len(old["styles"])
    late: list[Route] = []
    page.route("**/studio/styles", lambda r: r.continue_() if late else late.append(r))
    add_style(page, "mine")
    come_back(page)
    until(page, lambda: late)
    come_back(page)
    expect(listed).to_have_attribute("placeholder", f"Search {number + 1} styles")
    late[0].fulfill(json=old)
    a_moment(page)
    expect(listed).to_have_attribute("placeholder", f"Search {number + 1} styles")
    delete_style(page, "mine")


def test_a_style_that_was_deleted_gives_way_to_another(window: Watched):
    page = window.open(QUICK)
    add_style(page, "mine")
    page = window.open(f"{QUICK}&style=mine")
    use_sample(page)
    stylised(page)
    action(page, "keep").click()
    expect(action(page, "again")).to_be_visible()
    action(page, "close").click()
    stylised(page)
    delete_style(page, "mine")
    come_back(page)
    said = page.locator("#messages .message", has_text="The style Mine no longer exists.")
    expect(said).to_be_visible()
    expect(page.locator(".slot").first).to_have_text("Starry")
    expect(caption(page)).to_contain_text("Starry", timeout=SLOW)
    said.get_by_role("button").click()
    page.locator("#history .shot").first.click()
    action(page, "again").click()
    expect(said).to_be_visible()
    expect(caption(page)).to_contain_text("Starry", timeout=SLOW)
    stylised(page)


def test_a_style_that_is_gone_when_something_is_to_be_done_with_it_says_so(window: Watched):
    page = window.open(QUICK)
    add_style(page, "mine")
    page = window.open(f"{QUICK}&style=mine")
    delete_style(page, "mine")
    menu = page.locator("#learn .mine")
    menu.get_by_role("button", name="Learn on").click()
    expect(page.locator("#messages")).to_contain_text("This no longer exists.")
    expect(menu).to_be_hidden()
    window.wrong = [what for what in window.wrong if "status of 404" not in what]


def test_a_style_that_is_learnt_waits_for_a_painting_to_be_closed(window: Watched):
    page = window.open(QUICK)
    add_style(page, "mine")
    asked: list[dict[str, object]] = []
    style = {"name": "mine", "job": "x" * 24, "state": "running", "ahead": 0, "seconds": 1.0}
    style |= {"budget": 60.0, "remaining": 9.0, "version": ""}

    def answer(route: Route) -> None:
        asked.append(dict(style))
        if len(asked) == 2:
            route.fulfill(status=503, json={"code": "busy", "detail": "too many"})
        else:
            route.fulfill(json={"styles": [style]})

    use_sample(page)
    stylised(page)
    action(page, "keep").click()
    expect(action(page, "again")).to_be_visible()
    page.route("**/studio/learning", answer)
    order = {"name": "mine", "job": style["job"]}
    page.route("**/studio/styles", lambda route: route.fulfill(json=order), times=1)
    given = {"name": "mine.png", "mimeType": "image/png", "buffer": swirls(64)}
    page.locator("#learn-file").set_input_files(given)
    expect(page.locator("#learn li")).to_contain_text("soon there is a first look")
    style["version"] = "1"
    expect(page.locator("#learn li")).to_contain_text("9 s left")  # after an answer that failed
    expect(action(page, "again")).to_be_visible()
    expect(page.locator(".slot").first).to_have_text("Starry")
    action(page, "close").click()
    expect(page.locator(".slot").first).to_have_text("Mine")
    expect(caption(page)).to_contain_text("Mine", timeout=SLOW)
    page.locator("#swatches label", has_text="Wave").click()
    style["state"] = "done"
    expect(page.locator("#learn li")).to_have_count(0)
    expect(page.locator(".slot").first).to_have_text("Wave")  # it is chosen once
    page.unroute("**/studio/learning")
    delete_style(page, "mine")
    window.wrong = [what for what in window.wrong if "status of 503" not in what]


def test_a_page_on_which_nothing_is_under_way_asks_for_nothing(window: Watched):
    page = window.new()
    page.clock.install()
    page.goto(f"{window.url}/{QUICK}")
    ready(page)
    use_sample(page)
    stylised(page)
    action(page, "keep").click()
    expect(action(page, "again")).to_be_visible()
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward(60_000)
    a_moment(page)
    assert asked == []


def test_files_are_chosen_by_what_shows_the_focus(page: Page):
    """The style sheet outlines what follows a file input."""
    labels = page.locator("#settings [type=file]").evaluate_all(
        "all => all.map(({ id, nextElementSibling }) => [id, nextElementSibling.htmlFor])"
    )
    assert len(labels) == 3
    assert all(id == label for id, label in labels)


# What stays.


def brush(page: Page, *places: tuple[float, float]) -> None:
    """Draw a line through places, as shares of the picture."""
    area = page.locator("#viewer canvas").bounding_box()
    points = [(area["x"] + x * area["width"], area["y"] + y * area["height"]) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def shown_photo(page: Page) -> Image.Image:
    """The photo as the page shows it."""
    source = page.locator("#viewer .before").get_attribute("src")
    return decoded(page.request.get(source or "").body())


def masked(page: Page) -> bool:
    return page.get_by_role("button", name="Parts of the photo are kept").is_visible()


def difference(page: Page, x: float, y: float) -> float:
    """How far the downloaded picture is from the photo at a place."""
    coming = downloaded(page)
    picture = decoded(coming.path().read_bytes()).convert("RGB")
    photo = shown_photo(page).resize(picture.size)
    at = round(x * picture.width) - 2, round(y * picture.height) - 2
    part = (*at, at[0] + 5, at[1] + 5)
    there, here = (np.asarray(one.crop(part), float) for one in (photo, picture))
    return float(np.abs(there - here).mean())


def test_the_brush_is_below_the_picture_in_full_screen(window: Watched):
    page = window.open(QUICK)
    use_sample(page)
    stylised(page)
    page.get_by_role("button", name="Keep parts of the photo").click()
    page.get_by_role("button", name="Full screen").click()
    tools, knob = page.get_by_role("toolbar"), page.locator("#viewer .knob")
    undo = tools.get_by_role("button", name="Undo")
    expect(undo).to_have_css("opacity", "0.5")
    brush(page, (0.3, 0.5), (0.7, 0.5))
    expect(undo).to_have_css("opacity", "1")
    expect(knob).to_be_hidden()
    picture, below = page.locator("#viewer canvas").bounding_box(), tools.bounding_box()
    assert picture["y"] + picture["height"] <= below["y"] + 1
    assert below["y"] + below["height"] == pytest.approx(page.evaluate("innerHeight"), abs=1)
    undo.click()
    expect(undo).to_have_css("opacity", "0.5")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer .mat.full")).to_have_count(0)
    tools.get_by_role("button", name="Done").click()
    expect(knob).to_be_visible()


def test_what_is_painted_over_stays_and_is_still_there_when_it_is_painted_on(window: Watched):
    page = window.open("?size=256")
    use_sample(page)
    stylised(page)
    expect(action(page, "on15")).to_be_visible()
    add_style(page, "mine")
    page = window.open("?size=256&style=mine")
    stylised(page)
    assert difference(page, 0.5, 0.5) > 15
    page.get_by_role("button", name="Keep parts of the photo").click()
    brush(page, (0.3, 0.5), (0.7, 0.5))
    until(page, lambda: masked(page))
    stylised(page)
    until(page, lambda: difference(page, 0.5, 0.5) < 8)
    assert difference(page, 0.5, 0.1) > 15
    tools = page.get_by_role("toolbar")
    tools.get_by_role("button", name="Undo").click()
    until(page, lambda: not masked(page))
    tools.get_by_role("button", name="Invert").click()  # without a brush
    expect(tools).to_contain_text("All of the photo stays")
    tools.get_by_role("button", name="Eraser").click()
    brush(page, (0.3, 0.5), (0.7, 0.5))
    until(page, lambda: masked(page) and difference(page, 0.5, 0.1) < 8)
    assert difference(page, 0.5, 0.5) > 15
    tools.get_by_role("button", name="Clear").click()
    until(page, lambda: not masked(page))
    tools.get_by_role("button", name="Brush").click()
    brush(page, (0.3, 0.5), (0.7, 0.5))
    until(page, lambda: masked(page))
    tools.get_by_role("button", name="Done").click()
    expect(tools).to_be_hidden()
    until(page, lambda: difference(page, 0.5, 0.5) < 8)

    action(page, "keep").click()
    action(page, "again").click()  # the mask is a setting
    stylised(page)
    assert masked(page)
    page.route(
        "**/quick/finish",
        lambda route: route.continue_(
            post_data=(route.request.post_data or "").replace('"seconds":15', '"seconds":1')
        ),
    )
    action(page, "on15").click()
    expect(caption(page)).to_contain_text("Done", timeout=SLOW)
    assert recipe_of(page)["start"]["shares"] == {"mine": 1.0}
    assert difference(page, 0.5, 0.5) < 8
    assert difference(page, 0.5, 0.1) > 15


# On a phone.

OVER = """() => {
    const mat = document.querySelector("#viewer .mat").getBoundingClientRect();
    const over = new Set();
    for (let x = 8; x < innerWidth; x += 24)
        for (let y = Math.max(1, mat.top + 2); y < mat.bottom - 2; y += 12) {
            const found = document.elementFromPoint(x, y);
            if (found && !found.closest(".mat, #messages")) over.add(found.outerHTML.slice(0, 90));
        }
    return [...over];
}"""
"""What lies over the picture."""


def test_on_a_phone_nothing_lies_over_the_picture_and_styles_are_a_sheet(
    browser: Browser, studio: Studio
):
    window = Watched(browser, studio.url, has_touch=True, is_mobile=True)
    page = window.context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{studio.url}/?size=256")
    ready(page)
    page.get_by_role("button", name="sample photo coffee").tap()
    stylised(page)
    for tab in ("Quick", "Paint", "Quick"):
        page.get_by_role("tab", name=tab).tap()
        height = page.evaluate("document.documentElement.scrollHeight")
        for top in range(0, height, 90):
            page.evaluate("top => scrollTo(0, top)", top)
            assert page.evaluate(OVER) == [], (tab, top)

    on_keyboard = page.locator("meta[name=viewport]").get_attribute("content") or ""
    assert "interactive-widget=resizes-content" in on_keyboard  # the sheet is above it

    sheet, slot = page.locator("#swatches"), page.locator(".slot").first
    expect(sheet).to_be_hidden()
    slot.tap()
    expect(sheet).to_be_visible()
    area = sheet.bounding_box()
    picture = page.locator("#viewer .mat").bounding_box()
    assert picture["y"] >= -1
    assert picture["y"] + picture["height"] <= area["y"]
    assert area["y"] + area["height"] == pytest.approx(844, abs=1)
    groups = page.locator("#swatches .groups")
    assert groups.evaluate("e => e.scrollHeight > 2 * e.clientHeight")
    page.locator("#swatches label", has_text="Wave").tap()  # scrolls there
    expect(slot).to_have_text("Wave")
    assert page.evaluate(OVER) == []
    stylised(page)
    sheet.get_by_role("button", name="Done").tap()
    expect(sheet).to_be_hidden()

    page.get_by_role("button", name="Keep parts of the photo").tap()
    toolbar, canvas = page.get_by_role("toolbar").bounding_box(), page.locator("#viewer canvas")
    picture = canvas.bounding_box()
    assert picture["y"] >= 0
    assert toolbar["y"] >= picture["y"] + picture["height"]
    assert toolbar["y"] + toolbar["height"] <= 844
    touch(page, picture)
    until(page, lambda: masked(page))
    undo = page.get_by_role("toolbar").get_by_role("button", name="Undo")
    undo.click()
    until(page, lambda: not masked(page))
    touch(page, picture, 0.5)  # two fingers zoom
    assert canvas.bounding_box()["width"] > 1.5 * picture["width"]
    expect(undo).to_have_css("opacity", "0.5")

    slot.focus()
    page.keyboard.press("Enter")
    has_focus(page, "[value=wave]")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    has_focus(page, ".slot")
    window.close()


def touch(page: Page, area: FloatRect, *others: float) -> None:
    """Draw a line with a finger, while others stay at shares of the width."""
    hand = page.context.new_cdp_session(page)
    shares = [0.45 if others else 0.3, *others]
    for kind in ("touchStart", "touchMove", "touchMove"):
        points = [
            {
                "x": area["x"] + share * area["width"],
                "y": area["y"] + area["height"] / 2,
                "id": id,
            }
            for id, share in enumerate(shares)
        ]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        shares[0] += -0.15 if others else 0.2
    hand.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_the_longest_name_fits_on_a_phone(window: Watched):
    name = "w" * 40
    page = window.open(QUICK)
    # Its swatch may be asked for while the style is deleted, at the end.
    page.route(
        lambda url: f"swatch%3A{name}" in url,
        lambda route: route.fulfill(
            content_type="image/svg+xml", body='<svg xmlns="http://www.w3.org/2000/svg"/>'
        ),
    )
    add_style(page, name)
    page.set_viewport_size({"width": 390, "height": 844})
    style = {"name": name, "job": "x" * 24, "state": "running", "ahead": 0, "seconds": 1.0}
    style |= {"budget": 60.0, "remaining": 9.0, "version": ""}
    page.goto(f"{window.url}/{QUICK}&style={name}:1,kiss:1")
    ready(page)
    use_sample(page)
    stylised(page)
    expect(page.locator("#learn .mine")).to_contain_text("learnt for")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.route("**/studio/learning", lambda route: route.fulfill(json={"styles": [style]}))
    come_back(page)
    expect(page.locator("#learn li")).to_contain_text("soon there is a first look")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    delete_style(page, name)
