"""A painting on the page: its address, its names, its files, and the same once more."""

from __future__ import annotations

import html
import io
import json
import re
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from impasto.images import write
from impasto.images.recipe import recipe_in
from impasto.studio.page.pictures import saved
from impasto.studio.requests import PaintRequest
from studio.serving import ANN, BOB, Served, decoded, drawn, encoded, served

COFFEE = {"source": "sample:coffee", "name": "Coffee"}
WAVES = {"source": "painting:waves", "name": "waves"}
ORDER = {
    "photo": COFFEE,
    "paintings": [WAVES],
    "settings": {"size": 64, "quality": "draft"},
}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory):
    with served(tmp_path_factory.mktemp("page"), page=True, max_size=320) as found:
        yield found


def begun(studio: Served, order: dict[str, Any] = ORDER, **options: Any) -> str:
    return studio.client.post("/studio/paint", json=order, **options).json()["id"]


def opening(answer: httpx.Response) -> dict[str, Any]:
    return json.loads(html.unescape(re.search(r'data-opening="([^"]*)"', answer.text)[1]))


def test_a_painting_opens_at_its_address_with_the_names_and_samples_that_it_was_ordered_with(
    studio: Served,
):
    id = begun(studio)
    answer = studio.client.get(f"/painting/{id}")
    assert answer.status_code == 200
    assert "base-uri 'self'" in answer.headers["content-security-policy"]
    found = opening(answer)
    assert (found["job"], found["mode"], found["paintings"]) == (id, "paint", [WAVES])
    assert found["photo"] == {**COFFEE, "width": 600, "height": 400}
    told = studio.client.get(f"/studio/jobs/{id}").json()
    assert (told["photo"], told["styles"]) == ("Coffee", ["waves"])


def test_an_upload_keeps_its_name_and_is_found_as_long_as_its_painting_is(studio: Served):
    source = studio.client.post("/studio/photos", content=encoded(drawn(40, 30))).json()["source"]
    names = ({"source": source, "name": name} for name in ("golden-gate.jpg", "the wave.png"))
    photo, painting = names
    id = begun(studio, {**ORDER, "photo": photo, "paintings": [painting]})
    found = studio.client.get(f"/studio/jobs/{id}/settings").json()
    assert found["photo"] == {**photo, "source": f"photo:{id}", "width": 40, "height": 30}
    assert found["paintings"] == [{**painting, "source": f"style:{id}:0"}]


def test_a_painting_of_the_api_has_names_too(studio: Served):
    id = studio.order().json()["id"]
    told = studio.client.get(f"/studio/jobs/{id}").json()
    assert (told["photo"], told["styles"]) == ("Photo", ["Painting"])


@pytest.mark.parametrize("id", ["none", "A" * 24, "a%00b", "9" * 3000])
def test_a_painting_that_is_not_there_opens_the_page_with_a_word(studio: Served, id: str):
    answer = studio.client.get(f"/painting/{id}")
    assert answer.status_code == 404
    found = opening(answer)
    assert found["complaints"] == ["This painting was deleted, or it is not yours."]


def test_a_painting_without_its_photo_is_shown(studio: Served):
    id = begun(studio)
    studio.studio.files.remove(id, "photo")
    found = opening(studio.client.get(f"/painting/{id}"))
    assert (found["job"], found["settings"]) == (id, {})
    assert studio.client.post(f"/studio/jobs/{id}/again").status_code == 404


def test_somebody_elses_painting_is_not_found_and_logging_in_leads_to_ones_own(keyed: Served):
    id = begun(keyed, headers=ANN)
    address = f"/painting/{id}"
    assert keyed.client.get(address, headers=ANN).status_code == 200
    assert keyed.client.get(address, headers=BOB).status_code == 404
    assert opening(keyed.client.get(address, headers=BOB)).get("job") is None
    sent = keyed.client.get(address)
    assert (sent.status_code, sent.headers["location"]) == (303, f"/login?id={id}")
    back = keyed.client.post(sent.headers["location"], content="key=" + "a" * 20)
    assert (back.status_code, back.headers["location"]) == (303, f"/?id={id}")
    cookie = {"Cookie": back.headers["set-cookie"].partition(";")[0]}
    assert opening(keyed.client.get(back.headers["location"], headers=cookie))["job"] == id
    keyed.client.cookies.clear()


def test_again_is_the_same_request_with_the_same_pictures(keyed: Served):
    first = keyed.order(headers=ANN, style_scale=0.5, steps=7, tv_weight=3).json()["id"]
    assert keyed.client.post(f"/studio/jobs/{first}/again", headers=BOB).status_code == 404
    second = keyed.client.post(f"/studio/jobs/{first}/again", headers=ANN).json()["id"]
    jobs, files = (keyed.studio.store.job(id) for id in (first, second)), keyed.studio.files
    one, two = jobs
    assert one.request == two.request
    assert PaintRequest.of(two.request).paint["steps"] == 7
    for name in ("photo", "style-0"):
        assert files.get(first, name) == files.get(second, name)


# Files.

RECIPE = {"program": "impasto", "size": 64}


def file_with(recipe: dict[str, Any] | None, alpha: bool = False) -> bytes:
    rgb = np.asarray(drawn(64, 48), np.uint8)
    path = io.BytesIO()
    image = Image.fromarray(rgb)
    if alpha:
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    exif = Image.Exif()
    if recipe is not None:
        exif[0x010E] = json.dumps(recipe)
    image.save(path, "PNG", exif=exif)
    return path.getvalue()


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_a_picture_is_saved_in_each_format_with_its_recipe(format: str):
    stored = file_with(RECIPE)
    found = saved(stored, format)
    image = decoded(found)
    assert (image.format, image.size) == (format.upper(), (64, 48))
    assert recipe_in(found, "it") == RECIPE
    off = np.abs(np.asarray(image.convert("RGB"), float) - np.asarray(drawn(64, 48), float))
    assert off.mean() < 3
    assert (found == stored) == (format == "png")  # nothing is encoded twice


def test_transparency_is_saved_where_the_format_has_it():
    stored = file_with(None, alpha=True)
    assert decoded(saved(stored, "webp")).mode == "RGBA"
    assert decoded(saved(stored, "jpeg")).mode == "RGB"


def test_a_recipe_that_is_too_long_for_jpeg_is_left_out():
    stored = file_with({"long": "x" * 2**17})
    assert len(recipe_in(saved(stored, "webp"), "it")["long"]) == 2**17
    assert not decoded(saved(stored, "jpeg")).getexif()


def test_a_picture_that_a_format_cannot_hold_is_a_problem(
    studio: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(write._MAX_SIDES, ".webp", 500)
    answer = studio.client.get("/studio/file/sample:coffee?format=webp")
    assert (answer.status_code, answer.json()["code"]) == (422, "unfit-format")


def test_files_are_saved_under_the_name_that_the_page_gives(studio: Served):
    for format in ("png", "jpeg", "webp"):
        answer = studio.client.get(f"/studio/file/sample:coffee?format={format}")
        assert answer.headers["content-type"] == f"image/{format}"
        assert answer.headers["content-disposition"] == "attachment"
        assert decoded(answer.content).size == (600, 400)
    for query in ("", "?format=gif", "?format=../x"):
        assert studio.client.get(f"/studio/file/sample:coffee{query}").status_code == 422
