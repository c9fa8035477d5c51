"""What is behind the page: its routes, its cache, its links, and what hostile clients are told."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from impasto import samples
from impasto.events import Losses
from impasto.images import read_recipe
from impasto.studio import styles
from impasto.studio.jobs import jobs, new_id
from impasto.studio.page import controls, pictures
from impasto.studio.page.cache import PictureCache
from impasto.studio.page.jobs import listed, thinned
from impasto.studio.page.pictures import Page
from impasto.studio.page.views import opening
from impasto.studio.requests import STEERED, PaintRequest
from impasto.zoo import registry
from patience import made_older
from studio.serving import ANN, BOB, PAINTING, PHOTO, Served, decoded, drawn, encoded, served
from zoo.making import write

ASSETS = pictures.ASSETS


@pytest.fixture(scope="module")
def open_studio(tmp_path_factory: pytest.TempPathFactory):
    with served(
        tmp_path_factory.mktemp("page"), page=True, max_size=320, max_pixels=200_000
    ) as found:
        yield found


def send(studio: Served, data: bytes, **options: Any) -> httpx.Response:
    return studio.client.post("/studio/photos", content=data, **options)


def saved(studio: Served, source: str, format: str = "jpeg") -> httpx.Response:
    return studio.client.get(f"/studio/file/{source}", params={"format": format})


QUICK = {"style": "wave", "size": 64}
PAINT = {"size": 64, "quality": "draft"}
COFFEE = {"source": "sample:coffee", "name": "Coffee"}
DOTS = {"source": "painting:dots", "name": "dots"}
ORDER = {"photo": "sample:coffee", "settings": QUICK}
PAINTED = {"photo": COFFEE, "paintings": [DOTS], "settings": PAINT}


def page_of(studio: Served) -> Page:
    return studio.app.state.page


def finished(studio: Served, owner: str = "local", **columns: Any) -> str:
    """Put a finished painting into the history."""
    id = new_id()
    for name, data in (
        ("photo", PHOTO),
        ("style-0", PAINTING),
        ("picture-1.png", encoded(drawn(90, 60, seed=5))),
        ("preview-1-1.jpg", encoded(drawn(60, 40, seed=5), "JPEG")),
    ):
        studio.studio.files.put(id, name, data)
    request = PaintRequest.of({"size": 64, "strength": 0.5, "style_scale": 0.5}).flat()
    files = {"picture": "picture-1.png", "preview": "preview-1-1.jpg"}
    studio.studio.store.accept(owner, "paint", request, id=id, done=True, **{**files, **columns})
    return id


# Photos that come in.


def test_a_photo_is_upright_small_enough_and_says_nothing_of_its_place(open_studio: Served):
    picture = drawn(200, 400, seed=3)
    exif = picture.getexif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif.get_ifd(0x8825)[1] = "N"
    answer = send(open_studio, encoded(picture, "JPEG", exif=exif, quality=95)).json()
    assert (answer["width"], answer["height"]) == (320, 160)
    found = decoded(open_studio.client.get(f"/studio/file/{answer['source']}?format=jpeg").content)
    assert found.size == (320, 160)
    assert not found.getexif()
    wanted = picture.rotate(-90, expand=True).resize((320, 160), Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(found, float) - np.asarray(wanted, float)).mean() < 3


def test_transparency_stays(open_studio: Served):
    picture = drawn(40, 30)
    picture.putalpha(Image.linear_gradient("L").resize((40, 30)))
    answer = send(open_studio, encoded(picture)).json()
    found = decoded(open_studio.client.get(f"/studio/file/{answer['source']}?format=png").content)
    assert np.array_equal(np.asarray(found)[:, :, 3], np.asarray(picture)[:, :, 3])


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"", 422, "is empty"),
        (b"%PDF-1.7 no picture at all", 422, "PDF"),
        (encoded(drawn(64, 48))[:300], 422, "damaged"),
        (encoded(drawn(600, 400)), 413, "more than the 200,000 allowed"),
    ],
)
def test_what_is_no_photo_is_a_problem_and_nothing_stays(
    open_studio: Served, data: bytes, status: int, said: str
):
    cache = open_studio.studio.files.home / "page"
    before = set(cache.iterdir()) if cache.exists() else set()
    answer = send(open_studio, data)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    assert said in answer.json()["detail"]
    assert (set(cache.iterdir()) if cache.exists() else set()) == before


# Pictures that go out.


@pytest.mark.parametrize(
    "source",
    [
        "cache:" + "A" * 24,
        "cache:../../secret",
        "job:" + "A" * 24,
        "photo:..",
        "style:" + "A" * 24 + ":0",
        "style:x:../photo",
        "sample:../x",
        "painting:../page.css",
        "swatch:none",
        "none:x",
        "",
    ],
)
def test_what_is_not_there_is_not_found(open_studio: Served, source: str):
    address = str(httpx.URL("/").copy_with(path=f"/studio/picture/{source}"))
    for path in (address, f"{address.replace('picture', 'file', 1)}?format=png"):
        assert open_studio.client.get(path).status_code == 404


def test_a_preview_that_is_replaced_while_it_is_read_gives_the_newer_one(
    open_studio: Served, monkeypatch: pytest.MonkeyPatch
):
    studio = open_studio.studio
    id = open_studio.order().json()["id"]
    claim = studio.store.claim("worker")
    assert claim is not None
    assert claim.id == id
    studio.store.beat(claim, preview="preview-1-1.jpg")
    get = studio.files.get

    def late(job: str, name: str) -> bytes:
        if name == "preview-1-1.jpg":  # the worker has removed it since
            studio.files.put(id, "preview-1-2.jpg", encoded(drawn(60, 40, seed=5), "JPEG"))
            studio.store.beat(claim, preview="preview-1-2.jpg")
        return get(job, name)

    monkeypatch.setattr(studio.files, "get", late)
    answer = open_studio.client.get(f"/studio/picture/job:{id}?side=160")
    assert decoded(answer.content).size == (60, 40)
    studio.files.remove(id, "preview-1-2.jpg")
    assert open_studio.client.get(f"/studio/picture/job:{id}?side=160").status_code == 404


def test_pictures_of_a_job_come_in_their_sizes(open_studio: Served):
    id = finished(open_studio)

    def size(source: str, side: int) -> tuple[int, int]:
        answer = open_studio.client.get(f"/studio/picture/{source}?side={side}")
        assert answer.headers["content-type"] == "image/jpeg"
        assert "immutable" in answer.headers["cache-control"]
        return decoded(answer.content).size

    assert size(f"job:{id}", 1280) == (90, 60)
    assert size(f"job:{id}", 640) == (60, 40)  # the preview will do
    assert size(f"photo:{id}", 160) == (64, 48)
    assert size(f"style:{id}:0", 160) == (56, 56)
    assert size("sample:astronaut", 160) == (160, 160)
    assert open_studio.client.get(f"/studio/picture/job:{id}?side=7").status_code == 422
    saved = open_studio.client.get(f"/v1/jobs/{id}/picture")
    assert saved.headers["content-disposition"].endswith('-picture.png"')
    assert decoded(saved.content).size == (90, 60)


def test_the_photo_of_a_job_is_shown_whatever_it_is(open_studio: Served):
    id = finished(open_studio)
    turned = drawn(200, 300, seed=4)
    exif = turned.getexif()
    exif[0x0112] = 6
    deep = Image.fromarray(np.full((200, 300), 40_000, np.uint16))
    for data in (encoded(turned, "JPEG", exif=exif), encoded(deep), encoded(deep, "TIFF")):
        open_studio.studio.files.put(id, "photo", data)
        shown = open_studio.client.get(f"/studio/picture/photo:{id}?side=160")
        assert decoded(shown.content).size == (160, 107)
        assert open_studio.client.get(f"/studio/jobs/{id}/settings").status_code == 200


def test_a_swatch_is_made_once(open_studio: Served, monkeypatch: pytest.MonkeyPatch):
    made = []
    stylise = open_studio.studio.quick.stylise

    def counted(*args: Any, **options: Any) -> Any:
        made.append(args[1])
        return stylise(*args, **options)

    monkeypatch.setattr(open_studio.studio.quick, "stylise", counted)
    swatches = [
        decoded(open_studio.client.get(f"/studio/picture/swatch:{style}?side=160").content)
        for style in ("wave", "starry", "wave")
    ]
    assert made == ["wave", "starry"]
    assert swatches[0].size == (160, 160)
    assert swatches[0] == swatches[2]
    assert swatches[0] != swatches[1]


def test_the_samples_are_as_the_page_says():
    for sample in pictures.SAMPLES:
        height, width, _ = samples.photo(str(sample["name"])).shape
        assert (width, height) == (sample["width"], sample["height"])
    assert [sample["name"] for sample in pictures.SAMPLES] == list(samples.PHOTOS)


# Jobs.


def test_a_job_is_told_with_the_losses_since(open_studio: Served):
    store = open_studio.studio.store
    id = open_studio.order().json()["id"]
    told = open_studio.client.get(f"/studio/jobs/{id}").json()
    assert (told["state"], told["rows"], told["version"], told["ahead"]) == ("queued", [], "", 0)
    claim = store.claim("tester")
    rows = [Losses(n, 1, 48, 36, 9.0 / n, 1.0, 8.0 / n, 0.0, 0.1 * n) for n in range(1, 4)]
    store.beat(claim, rows, steps=3, preview="preview-1-1.jpg", remaining=1.5)
    told = open_studio.client.get(f"/studio/jobs/{id}?after=1").json()
    assert told["rows"] == [[2, 4.5, 1.0, 4.0, 1], [3, 3.0, 1.0, pytest.approx(8 / 3), 1]]
    assert (told["step"], told["steps"], told["remaining"]) == (3, 3, 1.5)
    assert told["version"] == "preview-1-1.jpg"
    store.end(claim, "failed", error_code="x", error="it did not work")
    told = open_studio.client.get(f"/studio/jobs/{id}").json()
    assert (told["state"], told["error"]) == ("failed", "it did not work")
    listed = open_studio.client.get("/studio/jobs?limit=1").json()["jobs"]
    assert [job["id"] for job in listed] == [id]


def test_what_was_cancelled_is_not_listed_and_hides_no_older_job(keyed: Served):
    older, newer, cancelled = (finished(keyed, "zoe") for _ in range(3))
    with keyed.studio.engine.begin() as connection:
        connection.execute(jobs.update().where(jobs.c.id == cancelled).values(state="cancelled"))
    page = page_of(keyed)
    first, second = listed(page, "zoe", 1), listed(page, "zoe", 2)
    assert [[job["id"] for job in one["jobs"]] for one in (first, second)] == [
        [newer],
        [newer, older],
    ]
    assert (first["more"], second["more"]) == (True, False)


@pytest.mark.parametrize("after", ["-1", "x", "9" * 30, "9" * 5000])
def test_losses_after_no_step_are_refused(open_studio: Served, after: str):
    id = finished(open_studio)
    assert open_studio.client.get(f"/studio/jobs/{id}?after={after}").status_code == 422
    assert open_studio.client.get("/studio/jobs/a%00b").status_code == 404


@given(st.integers(0, 2000), st.integers(1, 400))
def test_thinned_rows_keep_the_last_and_their_order(count: int, most: int):
    rows = [Losses(n, 1, 8, 8, 1.0, 1.0, 1.0, 1.0, 1.0) for n in range(count)]
    found = thinned(rows, most)
    assert len(found) <= most
    assert [row.step for row in found] == sorted({row.step for row in found})
    assert found[-1:] == rows[-1:]


def test_a_stopped_painting_can_be_taken_for_done(keyed: Served):
    studio = keyed.studio
    id = keyed.order(headers=ANN).json()["id"]
    settle = f"/studio/jobs/{id}/settle"
    assert keyed.client.post(settle, headers=ANN).json()["code"] == "wrong-state"
    studio.store.stop(id, "ann")
    studio.files.put(id, "checkpoint-0", b"x")
    assert keyed.client.post(settle, headers=BOB).status_code == 404
    assert keyed.client.post(settle, headers=ANN).status_code == 204
    assert studio.store.job(id).state == "done"
    assert "checkpoint-0" not in studio.files.names(id)


def test_one_key_sees_nothing_of_another(keyed: Served):
    id = finished(keyed, "ann")
    source = send(keyed, PHOTO, headers=ANN).json()["source"]
    paths = [
        f"/studio/jobs/{id}",
        f"/studio/jobs/{id}/settings",
        f"/studio/picture/job:{id}",
        f"/studio/picture/photo:{id}",
        f"/studio/picture/style:{id}:0",
        f"/studio/file/job:{id}?format=png",
        f"/painting/{id}",
        f"/studio/picture/{source}",
    ]
    for path in paths:
        assert keyed.client.get(path, headers=ANN).status_code == 200
        assert keyed.client.get(path, headers=BOB).status_code == 404
        without = keyed.client.get(path, follow_redirects=False)
        assert without.status_code == (303 if path.startswith("/painting") else 401)
    order, photo = {"photo": source, "settings": QUICK}, {"source": source, "name": "Mine"}
    for path, body in (
        ("/studio/quick", order),
        ("/studio/quick/keep", {**order, "photo": photo, "source": source}),
        ("/studio/paint", {**PAINTED, "photo": photo}),
        (f"/studio/jobs/{id}/again", {}),
    ):
        assert keyed.client.post(path, json=body, headers=BOB).status_code == 404
        assert keyed.client.post(path, json=body).status_code == 401
    assert keyed.client.get("/studio/jobs", headers=BOB).json() == {"jobs": [], "more": False}
    assert keyed.client.get("/", follow_redirects=False).headers["location"] == "/login"


# The cache.


def test_the_cache_keeps_what_is_used_and_no_more_than_it_may(tmp_path: Path):
    cache = PictureCache(tmp_path / "cache", most=2500)
    first, second = (cache.put("ann", bytes([n]) * 1000) for n in range(2))
    made_older(next(p for p in cache._folder.iterdir() if second in p.name), 60)
    made_older(next(p for p in cache._folder.iterdir() if first in p.name), 90)
    assert cache.get("ann", first) == bytes(1000)  # in use: it gives way last
    third = cache.put("ann", b"3" * 1000)
    assert PictureCache(tmp_path / "cache").get("ann", first) == bytes(1000)  # after a restart, too
    assert cache.get("ann", third)
    with pytest.raises(KeyError):
        cache.get("ann", second)
    with pytest.raises(KeyError):
        cache.get("bob", first)
    for token in ("", "../cache", "x" * 24, f"{first}/", f"../{first}"):
        with pytest.raises(KeyError):
            cache.get("ann", token)


def test_the_cache_forgets_after_a_day(tmp_path: Path):
    cache = PictureCache(tmp_path)
    old = cache.put("ann", b"old")
    path = next(tmp_path.iterdir())
    made_older(path, 25 * 3600)
    cache.put("ann", b"new")
    assert not path.exists()
    with pytest.raises(KeyError):
        cache.get("ann", old)


# Links.


def test_a_link_is_read():
    settings, complaints = controls.read(
        "mode=quick&style=wave&strength=0.8&color=photo&size=1024&style_scale=0.5&quality=best"
        "&painting=dots&seed=3&utm=x",
        styles=["wave"],
        largest=2048,
    )
    assert complaints == []
    assert settings == {
        "mode": "quick", "style": "wave", "strength": 0.8, "color": "photo", "size": 1024,
        "style_scale": 0.5, "quality": "best", "painting": "dots", "seed": 3,
    }  # fmt: skip
    painted, _ = controls.read("style_scale=0.25&mode=paint", styles=[], largest=2048)
    assert painted == {"style_scale": 0.25, "mode": "paint"}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("style=wav", "did you mean 'wave'?"),
        ("strength=2", "from 0.1 to 1.5"),
        ("strength=nan", "from 0.1 to 1.5"),
        ("style_scale=0.3", "from 0.5 to 2"),
        ("seed=-1", "from 0 to"),
        ("seed=inf", "from 0 to"),
        ("size=9999", "from 128 to 2048"),
        ("color=blue", "choose from style, photo"),
        ("mode=", None),
        ("painting=<script>", "choose from"),
    ],
)
def test_what_a_link_says_wrongly_is_told_and_left_out(query: str, said: str | None):
    settings, complaints = controls.read(query, styles=["wave", "starry"], largest=2048)
    assert settings == {}
    assert [said in text for text in complaints] == ([True] if said else [])


@given(st.text(), st.lists(st.text(max_size=8), max_size=3))
def test_no_link_breaks_the_page(query: str, styles: list[str]):
    for text in (query, f"style={query}", f"size={query}", f"strength={query}"):
        controls.read(text, styles=styles, largest=2048)


def test_the_page_lays_out_the_settings_of_links_and_orders(open_studio: Served):
    document = open_studio.client.get("/").text
    for mode in controls.MODES:
        form = document.split(f'id="way-{mode}"')[1].split("<form")[1].split("</form>")[0]
        values = dict(re.findall(r'type="number"[^>]* name="(\w+)"[^>]* value="([^"]+)"', form))
        values |= dict(re.findall(r'name="(\w+)" value="([^"]+)" checked', form))
        values |= dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', form))
        assert {"strength", "style_scale", "color", "size"} < set(values)
        query = "&".join(f"{name}={value}" for name, value in values.items())
        settings, complaints = controls.read(query, styles=["wave", "starry"], largest=320)
        assert complaints == []
        assert set(settings) == set(values)
    assert {"size", "style_scale", "quality"} <= {*STEERED}
    assert 'max="320"' in document  # no size that the studio refuses
    listed = json.loads(html.unescape(re.search(r'data-styles="([^"]*)"', document)[1]))
    assert [style["name"] for style in listed] == ["wave", "starry"]
    assert open_studio.client.get("/studio/styles").json() == {"styles": listed}


# What opens, and what is made again.


def opened(studio: Served, query: str, **options: Any) -> dict[str, Any]:
    """What the document tells its scripts."""
    answer = studio.client.get(f"/?{query}", **options)
    return json.loads(html.unescape(re.search(r'data-opening="([^"]*)"', answer.text)[1]))


def test_the_page_opens_with_a_link(open_studio: Served):
    found = opened(open_studio, "mode=paint&painting=dots&size=256&strength=9")
    assert (found["mode"], found["settings"]) == ("paint", {"size": 256})
    assert found["paintings"] == [{"source": "painting:dots", "name": "dots"}]
    assert "from 0.1 to 1.5" in found["complaints"][0]


@pytest.mark.parametrize("text", ['"><script>alert(1)</script>', "'onload='x", "{{7*7}}{%x%}"])
def test_what_a_link_says_is_text_in_the_document(open_studio: Served, text: str):
    query = str(httpx.QueryParams({"style": text}))
    assert text in opened(open_studio, query)["complaints"][0]
    if "{" not in text:
        assert text not in open_studio.client.get(f"/?{query}").text


def test_the_page_opens_with_what_is_under_way(keyed: Served):
    page = page_of(keyed)
    done = finished(keyed, "eve")
    assert "job" not in opening(page, "eve", "")
    id = keyed.order(headers=ANN, strength=0.5, style_scale=0.5).json()["id"]
    found = opened(keyed, "", headers=ANN)
    assert found["job"] == id
    assert (found["mode"], found["photo"]["source"]) == ("paint", f"photo:{id}")
    assert (found["photo"]["width"], found["photo"]["height"]) == (64, 48)
    assert "job" not in opened(keyed, "mode=quick", headers=ANN)
    assert "job" not in opened(keyed, "", headers=BOB)
    keyed.studio.files.remove(id, "photo")
    assert "job" not in opened(keyed, "", headers=ANN)
    keyed.studio.store.cancel(id, "ann")
    assert done not in json.dumps(opened(keyed, "", headers=ANN))


def test_a_painting_is_made_again_with_its_settings(open_studio: Served):
    id = finished(open_studio)
    made = open_studio.client.get(f"/studio/jobs/{id}/settings").json()
    assert made["settings"] == {
        "size": 64, "quality": "good", "strength": 0.5, "color": "style", "style_scale": 0.5,
    }  # fmt: skip
    assert [one["source"] for one in made["paintings"]] == [f"style:{id}:0"]
    order = {
        "photo": made["photo"],
        "paintings": made["paintings"],
        "settings": {**made["settings"], "quality": "draft"},
    }
    again = open_studio.client.post("/studio/paint", json=order).json()["id"]
    files = open_studio.studio.files
    assert (files.get(again, "photo"), files.get(again, "style-0")) == (PHOTO, PAINTING)
    assert open_studio.studio.store.job(again).request["quality"] == "draft"
    open_studio.studio.store.cancel(again, "local")


def test_a_quick_result_is_kept_with_its_photo(open_studio: Served):
    settings = {
        "style": "wave", "strength": "0.7", "color": "photo", "size": "256", "style_scale": 0.5,
        "seed": 3,
    }  # fmt: skip
    order = {"photo": "sample:chelsea", "settings": settings, "draft": True}
    result = open_studio.client.post("/studio/quick", json=order).json()
    assert (result["width"], result["height"]) == (256, 170)
    assert result["draft"] is False  # there is one network
    named = {**result, "photo": {"source": "sample:chelsea", "name": "Chelsea"}}
    id = open_studio.client.post("/studio/quick/keep", json=named).json()["id"]
    job = open_studio.studio.store.job(id, "local")
    assert (job.kind, job.state, job.width) == ("apply", "done", 256)
    files = open_studio.studio.files
    assert decoded(files.get(id, "photo")).size == (451, 300)
    made = saved(open_studio, result["source"]).content
    assert files.get(id, job.picture) == made
    again = open_studio.client.get(f"/studio/jobs/{id}/settings").json()
    assert (again["mode"], again["photo"]["source"]) == ("quick", "sample:chelsea")
    assert again["settings"] == {**settings, "strength": 0.7, "size": 256, "mask": None}


def test_a_draft_is_finished_by_the_larger_network(open_studio: Served, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "user_folder", lambda: tmp_path)
    monkeypatch.setattr(styles, "_LOOK_EVERY", 0.0)
    for size in ("quality", "turbo"):
        write(tmp_path / f"{size}.safetensors", "wave", size=size)
    monkeypatch.setattr(open_studio.studio.quick, "_fits", lambda asked, _: "turbo" in asked.style)
    order = {"photo": "sample:chelsea", "settings": {**QUICK, "size": 320, "seed": 2}}

    def made(draft: bool) -> dict[str, Any]:
        return open_studio.client.post("/studio/quick", json={**order, "draft": draft}).json()

    results = made(True), made(False)
    assert [result["draft"] for result in results] == [True, False]
    for result, size in zip(results, ("turbo", "quality"), strict=True):
        data = saved(open_studio, result["source"]).content
        (tmp_path / "made.jpg").write_bytes(data)
        assert read_recipe(tmp_path / "made.jpg")["model"]["architecture"] == size
        assert result["settings"]["seed"] == 2
    monkeypatch.setattr(open_studio.studio.quick, "_fits", lambda *_: True)
    assert made(True)["draft"] is False


# Hostile clients.


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("quick", {**ORDER, "photo": "cache:../x"}, 404, "no longer exists"),
        ("quick", {**ORDER, "photo": "http://example.org/x.png"}, 404, "no longer exists"),
        ("quick", {**ORDER, "photo": "/etc/passwd"}, 404, "no longer exists"),
        ("quick", {**ORDER, "photo": {"path": "/etc/passwd"}}, 422, "photo"),
        ("quick", {**ORDER, "settings": {**QUICK, "style": "wav"}}, 422, "did you mean 'wave'?"),
        ("quick", {**ORDER, "settings": {**QUICK, "style": "../wave"}}, 422, "no pack"),
        ("quick", {**ORDER, "settings": {**QUICK, "size": 321}}, 422, "size is at most 320"),
        ("quick", {**ORDER, "settings": {**QUICK, "size": -1}}, 422, "size"),
        ("quick", {**ORDER, "settings": {**QUICK, "strength": 9}}, 422, "strength must be"),
        ("quick", {**ORDER, "settings": {**QUICK, "seed": {"a": 1}}}, 422, "seed"),
        ("quick", {**ORDER, "settings": {**QUICK, "color": "<b>"}}, 422, "color does not"),
        ("quick", {**ORDER, "settings": None}, 422, "settings"),
        ("quick", [1], 422, ""),
        ("quick/keep", {**ORDER, "photo": COFFEE, "source": "job:x"}, 404, "no longer exists"),
        ("quick/keep", {**ORDER, "photo": COFFEE, "source": "sample:coffee"}, 404, "no longer"),
        ("quick/keep", ORDER, 422, "source"),
        ("paint", {**PAINTED, "photo": {**COFFEE, "source": "job:x"}}, 404, "no longer exists"),
        ("paint", {**PAINTED, "photo": {**COFFEE, "name": "x" * 256}}, 422, "name"),
        ("paint", {**PAINTED, "paintings": [{**DOTS, "source": "painting:../dots"}]}, 404, "no lo"),
        ("paint", {**PAINTED, "paintings": []}, 422, "paintings"),
        ("paint", {**PAINTED, "paintings": [DOTS] * 9}, 422, "paintings"),
        ("paint", {**PAINTED, "settings": {**PAINT, "size": 1e9}}, 422, "size"),
        ("paint", {**PAINTED, "settings": {**PAINT, "quality": "x"}}, 422, "qual"),
    ],
)
def test_what_no_page_sends_is_refused_in_words(
    open_studio: Served, path: str, body: Any, status: int, said: str
):
    jobs = len(open_studio.studio.store.jobs("local"))
    answer = open_studio.client.post(f"/studio/{path}", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    assert said in answer.json()["detail"]
    assert not re.search(r"Traceback|/site-packages/|pydantic", answer.text)
    assert len(open_studio.studio.store.jobs("local")) == jobs


def test_orders_are_small_and_come_from_the_page_alone(open_studio: Served):
    for path, most in (("quick", 2**18), ("quick/keep", 2**18), ("paint", 2**16)):
        large = {**ORDER, "more": "x" * most}
        assert open_studio.client.post(f"/studio/{path}", json=large).status_code == 413
        other = {"Origin": "https://example.org", "Sec-Fetch-Site": "cross-site"}
        answer = open_studio.client.post(f"/studio/{path}", json=ORDER, headers=other)
        assert answer.json()["code"] == "cross-site"
        plain = {"Content-Type": "text/plain"}
        answer = open_studio.client.post(f"/studio/{path}", content=b"{}", headers=plain)
        assert answer.status_code == 422


@pytest.mark.parametrize("path", ["config", "theme.css", "assets/x.js", "x", "studio/x"])
def test_there_is_nothing_else(open_studio: Served, path: str):
    assert open_studio.client.get(f"/{path}").status_code == 404


@pytest.mark.parametrize("name", ["none.js", "../index.html", "%2e%2e/routes.py", "/etc/passwd"])
def test_no_other_file_is_an_asset(open_studio: Served, name: str):
    assert open_studio.client.get(f"/studio/assets/x/{name}").status_code == 404


def test_the_document_runs_only_its_own_scripts_and_asks_nobody_else(open_studio: Served):
    answer = open_studio.client.get("/")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", answer.text)
    assert not re.search(r"https?://", answer.text)
    assert str(open_studio.studio.files.home) not in answer.text
    loaded = re.findall(r'"(studio/assets/[^"]+)"', answer.text)
    assert {Path(address).name for address in loaded} >= {path.name for path in ASSETS.glob("*.js")}
    for address in loaded:
        file = open_studio.client.get(f"/{address}")
        assert "immutable" in file.headers["cache-control"]
        if address.endswith((".js", ".css")):
            text = file.text.replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"https?://|@import|@font-face|innerHTML|\beval\(", text)


# The looks.


def luminance(colour: str) -> float:
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read(theme: str):
    pair = re.compile(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
    found = pair.findall((ASSETS / "page.css").read_text())
    colours = {name: light if theme == "light" else dark for name, light, dark in found}
    for text in ("ink", "soft", "red"):
        for ground in ("paper", "sheet"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast(colours["ink"], colours["mat"]) >= 4.5
    assert contrast(colours["on-red"], colours["red"]) >= 4.5
    assert contrast(colours["blue"], colours["paper"]) >= 3  # what has the focus
