"""What is behind the page: its routes, its shelf, its links, and what of Gradio is let through."""

from __future__ import annotations

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
from impasto.errors import ImageError, OptionsError
from impasto.events import Losses
from impasto.images import read_recipe
from impasto.studio.jobs import QueueFull, WrongState, new_id
from impasto.studio.page import link, sources
from impasto.studio.page.shelf import Shelf
from impasto.studio.quick import StylizerBusy
from impasto.studio.requests import STEERED, PaintRequest
from impasto.studio.settings import read
from impasto.zoo import registry
from patience import made_older
from studio.serving import PAINTING, PHOTO, Served, decoded, drawn, encoded, served
from zoo.making import write

ASSETS = Path(sources.__file__).parent / "assets"


@pytest.fixture(scope="module")
def open_studio(tmp_path_factory: pytest.TempPathFactory):
    with served(
        tmp_path_factory.mktemp("page"), page=True, max_size=320, max_pixels=200_000
    ) as found:
        yield found


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory):
    keys = f"ann:{'a' * 20},bob:{'b' * 20}"
    with served(tmp_path_factory.mktemp("keyed"), page=True, api_keys=keys) as found:
        yield found


ANN, BOB = ({"X-API-Key": letter * 20} for letter in "ab")


def send(studio: Served, data: bytes, **options: Any) -> httpx.Response:
    return studio.client.post("/studio/photo", content=data, **options)


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
    studio.studio.store.keep(owner, "paint", request, id=id, **{**files, **columns})
    return id


# Photos that come in.


def test_a_photo_is_upright_small_enough_and_says_nothing_of_its_place(open_studio: Served):
    picture = drawn(200, 400, seed=3)
    exif = picture.getexif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif.get_ifd(0x8825)[1] = "N"
    answer = send(open_studio, encoded(picture, "JPEG", exif=exif, quality=95)).json()
    assert (answer["width"], answer["height"]) == (320, 160)
    found = decoded(open_studio.client.get(f"/studio/file/{answer['source']}/picture").content)
    assert found.size == (320, 160)
    assert not found.getexif()
    wanted = picture.rotate(-90, expand=True).resize((320, 160), Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(found, float) - np.asarray(wanted, float)).mean() < 3


def test_transparency_stays(open_studio: Served):
    picture = drawn(40, 30)
    picture.putalpha(Image.linear_gradient("L").resize((40, 30)))
    answer = send(open_studio, encoded(picture)).json()
    found = decoded(open_studio.client.get(f"/studio/file/{answer['source']}/picture").content)
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
    shelf = open_studio.studio.files.home / "page"
    before = set(shelf.iterdir()) if shelf.exists() else set()
    answer = send(open_studio, data)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    assert said in answer.json()["detail"]
    assert (set(shelf.iterdir()) if shelf.exists() else set()) == before


# Pictures that go out.


@pytest.mark.parametrize(
    "source",
    [
        "shelf:" + "A" * 24,
        "shelf:../../secret",
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
    for path in (address, address.replace("picture", "file", 1) + "/picture"):
        assert open_studio.client.get(path).status_code == 404


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
    assert open_studio.client.get(f"/studio/picture/job:{id}?side=7").status_code == 404
    saved = open_studio.client.get(f"/studio/file/job:{id}/picture")
    assert saved.headers["content-disposition"] == 'attachment; filename="impasto.png"'
    assert decoded(saved.content).size == (90, 60)
    assert open_studio.client.get(f"/studio/file/job:{id}/timelapse").status_code == 404


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


def test_the_styles_are_those_of_the_packs(open_studio: Served):
    names = [style["name"] for style in open_studio.client.get("/studio/styles").json()]
    assert names == ["wave", "starry"]


def test_the_samples_are_as_the_page_says():
    for sample in sources.SAMPLES:
        height, width, _ = samples.photo(str(sample["name"])).shape
        assert (width, height) == (sample["width"], sample["height"])
    assert [sample["name"] for sample in sources.SAMPLES] == list(samples.PHOTOS)
    assert {path.stem for path in (ASSETS / "paintings").iterdir()} == set(samples.PAINTINGS)
    with Image.open(ASSETS / "paintings" / "waves.jpg") as image:
        kept = np.asarray(image, float)
    drawn_again = Image.fromarray(samples.painting("waves", 384, 304)).resize((202, 160))
    assert np.abs(kept - np.asarray(drawn_again, float)).mean() < 12


# Jobs.


def test_a_job_is_told_with_the_losses_since(open_studio: Served):
    store = open_studio.studio.store
    id = open_studio.order().json()["id"]
    told = open_studio.client.get(f"/studio/jobs/{id}").json()
    assert (told["state"], told["rows"], told["version"], told["ahead"]) == ("queued", [], "", 0)
    claim = store.claim(id, 1, "tester")
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


def test_what_was_cancelled_is_not_listed(open_studio: Served):
    id = open_studio.order().json()["id"]
    open_studio.studio.store.cancel(id, "local")
    assert id not in [job["id"] for job in open_studio.client.get("/studio/jobs").json()["jobs"]]


@given(st.integers(0, 2000), st.integers(1, 400))
def test_thinned_rows_keep_the_last_and_their_order(count: int, most: int):
    from impasto.studio.page.jobs import thinned

    rows = [Losses(n, 1, 8, 8, 1.0, 1.0, 1.0, 1.0, 1.0) for n in range(count)]
    found = thinned(rows, most)
    assert len(found) <= most
    assert [row.step for row in found] == sorted({row.step for row in found})
    assert found[-1:] == rows[-1:]


def test_a_stopped_painting_can_be_taken_for_done(open_studio: Served):
    from impasto.studio.page import jobs
    from impasto.studio.page.desk import Desk, Unable

    desk, studio = Desk.of(open_studio.studio), open_studio.studio
    id = open_studio.order().json()["id"]
    with pytest.raises(Unable, match="cancel it first"):
        jobs.remove(desk, "local", id)
    with pytest.raises(WrongState):
        jobs.settle(desk, "local", id)
    studio.store.stop(id, "local")
    studio.files.put(id, "checkpoint-1", b"x")
    with pytest.raises(KeyError):
        jobs.settle(desk, "somebody", id)
    jobs.settle(desk, "local", id)
    assert studio.store.job(id).state == "done"
    assert "checkpoint-1" not in studio.files.names(id)
    with pytest.raises(KeyError):
        jobs.remove(desk, "somebody", id)
    jobs.remove(desk, "local", id)
    assert studio.files.names(id) == []
    with pytest.raises(KeyError):
        studio.store.job(id)


def test_one_key_sees_nothing_of_another(keyed: Served):
    id = finished(keyed, "ann")
    source = send(keyed, PHOTO, headers=ANN).json()["source"]
    paths = [
        f"/studio/jobs/{id}",
        f"/studio/picture/job:{id}",
        f"/studio/picture/photo:{id}",
        f"/studio/picture/style:{id}:0",
        f"/studio/file/job:{id}/picture",
        f"/studio/picture/{source}",
    ]
    for path in paths:
        assert keyed.client.get(path, headers=ANN).status_code == 200
        assert keyed.client.get(path, headers=BOB).status_code == 404
        assert keyed.client.get(path).status_code == 401
    assert keyed.client.get("/studio/jobs", headers=BOB).json() == {"jobs": []}
    assert keyed.client.get("/", follow_redirects=False).headers["location"] == "/login"


# The shelf.


def test_the_shelf_keeps_what_is_used_and_no_more_than_it_may(tmp_path: Path):
    shelf = Shelf(tmp_path / "shelf", most=2500)
    first, second = (shelf.put("ann", bytes([n]) * 1000) for n in range(2))
    made_older(next(p for p in shelf._folder.iterdir() if second in p.name), 60)
    made_older(next(p for p in shelf._folder.iterdir() if first in p.name), 90)
    assert shelf.get("ann", first) == bytes(1000)  # in use: it gives way last
    third = shelf.put("ann", b"3" * 1000)
    assert Shelf(tmp_path / "shelf").get("ann", first) == bytes(1000)  # after a restart, too
    assert shelf.get("ann", third)
    with pytest.raises(KeyError):
        shelf.get("ann", second)
    with pytest.raises(KeyError):
        shelf.get("bob", first)
    for token in ("", "../shelf", "x" * 24, f"{first}/", f"../{first}"):
        with pytest.raises(KeyError):
            shelf.get("ann", token)


def test_the_shelf_forgets_after_a_day(tmp_path: Path):
    shelf = Shelf(tmp_path)
    old = shelf.put("ann", b"old")
    path = next(tmp_path.iterdir())
    made_older(path, 25 * 3600)
    shelf.put("ann", b"new")
    assert not path.exists()
    with pytest.raises(KeyError):
        shelf.get("ann", old)


# Links.


def test_a_link_is_read():
    found = link.read(
        "?mode=quick&style=wave&strength=0.8&color=photo&size=1024&stroke=0.5&quality=best"
        "&painting=dots&seed=3&utm=x",
        styles=["wave"],
        largest=2048,
    )
    assert found.complaints == ()
    assert found.settings == {
        "mode": "quick", "style": "wave", "strength": 0.8, "color": "photo", "size": 1024,
        "stroke": 0.5, "quality": "best", "painting": "dots", "seed": 3,
    }  # fmt: skip
    painted = link.read("stroke=0.25&mode=paint", styles=[], largest=2048)
    assert painted.settings == {"stroke": 0.25, "mode": "paint"}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("style=wav", "did you mean 'wave'?"),
        ("strength=2", "from 0.1 to 1.5"),
        ("strength=nan", "from 0.1 to 1.5"),
        ("stroke=0.3", "from 0.5 to 2"),
        ("seed=-1", "from 0 to"),
        ("seed=inf", "from 0 to"),
        ("size=9999", "from 128 to 2048"),
        ("color=blue", "choose from style, photo"),
        ("mode=", None),
        ("painting=<script>", "choose from"),
    ],
)
def test_what_a_link_says_wrongly_is_told_and_left_out(query: str, said: str | None):
    found = link.read(query, styles=["wave", "starry"], largest=2048)
    assert found.settings == {}
    assert [said in text for text in found.complaints] == ([True] if said else [])


@given(st.text(), st.lists(st.text(max_size=8), max_size=3))
def test_no_link_breaks_the_page(query: str, styles: list[str]):
    for text in (query, f"style={query}", f"size={query}", f"strength={query}"):
        link.read(text, styles=styles, largest=2048)


def test_the_settings_of_the_page_are_those_of_links_and_orders():
    from impasto.studio.page import layout

    settings = read(data="x")
    quick, paint = layout._quick_controls(settings), layout._paint_controls(settings)
    values = {name: control.value for name, control in {**paint, **quick}.items()}
    query = "&".join(f"{name}={value}" for name, value in values.items())
    found = link.read(query, styles=[], largest=settings.max_size)
    assert found.complaints == ()
    assert found.settings == values
    assert {"size", "style_scale", "quality"} <= {*STEERED}


# What opens, and what is made again.


def test_the_page_opens_with_what_is_under_way(open_studio: Served):
    from impasto.studio.page.desk import Desk
    from impasto.studio.page.opening import again, open_page

    desk = Desk.of(open_studio.studio)
    done = finished(open_studio, "eve")
    found, complaints = open_page(desk, "eve", "", json.dumps({"source": "sample:coffee"}))
    assert not complaints
    assert "stage" not in found
    assert "photo" not in found  # what a browser remembers must be whole
    remembered = json.dumps({"source": "sample:coffee", "name": "Coffee"})
    found, _ = open_page(desk, "eve", "", remembered)
    assert found["photo"]["width"] == 600
    assert (
        open_page(desk, "eve", "", '{"source": "shelf:gone", "name": "x"}')[0].get("photo") is None
    )
    assert open_page(desk, "eve", "", "{broken")[0].get("photo") is None
    made = again(desk, "eve", done)
    assert made["mode"] == "paint"
    assert (made["strength"], made["stroke"], made["size"]) == (0.5, 0.5, 64)
    assert made["photo"]["source"] == f"photo:{done}"
    assert [one["source"] for one in made["paintings"]] == [f"style:{done}:0"]
    with pytest.raises(KeyError):
        again(desk, "local", done)


def test_a_quick_result_is_kept_with_its_photo(open_studio: Served):
    from impasto.studio.page import quick
    from impasto.studio.page.desk import Desk, Unable
    from impasto.studio.page.opening import again

    desk = Desk.of(open_studio.studio)
    settings = quick.QuickSettings("wave", 0.7, "photo", 256, 0.5, 3)
    result = quick.finish(desk, "fay", "sample:chelsea", settings)
    assert (result["width"], result["height"]) == (256, 170)
    assert quick.look(desk, "fay", "sample:chelsea", settings)["draft"] is False  # one network
    job = quick.keep(desk, "fay", result)
    assert (job.kind, job.state, job.width) == ("apply", "done", 256)
    files = open_studio.studio.files
    assert decoded(files.get(job.id, "photo")).size == (451, 300)
    assert files.get(job.id, job.picture) == desk.sources.data("fay", result["source"])
    made = again(desk, "fay", job.id)
    assert (made["swatches"], made["strength"], made["color"]) == ("wave", 0.7, "photo")
    assert (made["stroke"], made["seed"]) == (0.5, 3)
    with pytest.raises(KeyError):
        quick.keep(desk, "somebody", result)
    with pytest.raises(Unable, match="finished"):
        quick.keep(desk, "fay", {**result, "draft": True})
    with pytest.raises(OptionsError, match="a size up to 320"):
        quick.keep(desk, "fay", {**result, "size": 321})


def test_a_look_is_a_draft_until_it_is_finished(open_studio: Served, tmp_path, monkeypatch):
    from impasto.studio import styles
    from impasto.studio.page import quick
    from impasto.studio.page.desk import Desk

    monkeypatch.setattr(registry, "user_folder", lambda: tmp_path)
    monkeypatch.setattr(styles, "_LOOK_EVERY", 0.0)
    for size in ("quality", "turbo"):
        write(tmp_path / f"{size}.safetensors", "wave", size=size)
    desk = Desk.of(open_studio.studio)
    settings = quick.QuickSettings("wave", 0.7, "photo", 320)
    monkeypatch.setattr(open_studio.studio.quick, "_fits", lambda style, *_: "turbo" in style)
    results = [make(desk, "fay", "sample:chelsea", settings) for make in (quick.look, quick.finish)]
    assert [result["draft"] for result in results] == [True, False]
    for result, size in zip(results, ("turbo", "quality"), strict=True):
        (tmp_path / "made.jpg").write_bytes(desk.sources.data("fay", result["source"]))
        assert read_recipe(tmp_path / "made.jpg")["model"]["architecture"] == size
        assert quick.QuickSettings.of(result, 320) == settings
    monkeypatch.setattr(open_studio.studio.quick, "_fits", lambda *_: True)
    assert quick.look(desk, "fay", "sample:chelsea", settings)["draft"] is False


@pytest.mark.parametrize(
    "error",
    [
        StylizerBusy(),
        QueueFull("queue", 100),
        QueueFull("client", 10),
        KeyError("A" * 24),
        WrongState("done"),
        ImageError("<memory>: is not a picture"),
        RuntimeError("secret of the inside"),
    ],
)
def test_whatever_goes_wrong_is_said_in_plain_words(error: Exception):
    from impasto.studio.page.desk import in_words

    said = in_words(error)
    assert re.fullmatch(r"[A-Z][^<>_\n]*\.?", said)
    assert "secret" not in said
    assert "AAAA" not in said


# Gradio.


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/info",
        "gradio_api/openapi.json",
        "gradio_api/upload",
        "gradio_api/upload_progress?upload_id=x",
        "gradio_api/file=/etc/passwd",
        "gradio_api/file=http://example.org/x.png",
        "gradio_api/proxy=http://example.org/",
        "gradio_api/stream/x/1/2/playlist.m3u8",
        "gradio_api/call/stylise",
        "gradio_api/run/predict",
        "gradio_api/component_server",
        "gradio_api/runs",
        "gradio_api/token",
        "gradio_api/vibe-code",
        "gradio_api/dev/reload",
        "gradio_api/custom_component/x/client/component/index.js",
        "monitoring",
        "monitoring/summary",
        "login_check",
    ],
)
def test_of_gradio_only_what_the_page_needs_is_reached(open_studio: Served, path: str):
    for method in ("GET", "POST"):
        assert open_studio.client.request(method, f"/{path}").status_code in (404, 405)


def test_the_page_speaks_of_nobody_else(open_studio: Served):
    answer = open_studio.client.get("/", headers={"Accept-Encoding": "br, gzip"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    hosts = set(re.findall(r"https?://([^/\"'\\ ]+)", answer.text))
    assert hosts <= {open_studio.url.removeprefix("http://")}
    assert str(open_studio.studio.files.home) not in answer.text
    assert "og:" not in answer.text
    script = re.search(r"assets/index-[\w-]+\.js", answer.text)[0]
    assert "immutable" in open_studio.client.get(f"/{script}").headers["cache-control"]
    theme = open_studio.client.get("/theme.css").text
    assert not re.search(r"@import|@font-face|url\((?!['\"]?data:)", theme)


def event(studio: Served, name: str, data: list[Any], **more: Any) -> tuple[dict, list[str]]:
    """Send an event as a browser might, or somebody else; return the answer and the warnings."""
    config = studio.client.get("/config").json()
    number = next(
        dependency["id"]
        for dependency in config["dependencies"]
        if any(target[1] == name for target in dependency["targets"]) and dependency["backend_fn"]
    )
    session = new_id()
    joined = {"data": data, "fn_index": number, "session_hash": session, **more}
    assert studio.client.post("/gradio_api/queue/join", json=joined).status_code == 200
    warnings = []
    with studio.client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as lines:
        for line in lines.iter_lines():
            message = json.loads(line.removeprefix("data:") or "{}") if line else {}
            if message.get("msg") == "log":
                warnings.append(message["log"])
            if message.get("msg") == "process_completed":
                return message, warnings
    raise AssertionError("it did not end")


COFFEE = {"source": "sample:coffee", "mode": "quick"}
QUICK = [1, 1, "style", 256, 0]
DRAFT = {"draft": True, "photo": "sample:coffee", "style": "wave", "size": 256}
SETTINGS = [1, 1, "style", 256, "good"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("change", [{**COFFEE, "source": "shelf:../x"}, "wave", *QUICK], "not there"),
        ("change", [COFFEE, "wav", *QUICK], "did you mean 'wave'?"),
        ("change", [COFFEE, {"a": 1}, *QUICK], "style"),
        ("change", [COFFEE, "wave", 1, 9, "style", 256, 0], None),
        ("change", [COFFEE, "wave", 1, 1, "style", 256, {"a": 1}], "seed must be"),
        ("change", ["sample:coffee", "wave", *QUICK], None),
        ("click", [{"source": "job:x"}, [{"source": "painting:dots"}], *SETTINGS], "not there"),
        ("click", [COFFEE, [{"source": "painting:../dots"}], *SETTINGS], "not there"),
        ("click", [COFFEE, [1, 2], *SETTINGS], "log says more"),
        ("keep", [{"result": {"source": "job:x", "style": "wave", "size": 256}}], "quick result"),
        ("keep", ["x"], "log says more"),
        ("finish", ["x"], "log says more"),
        ("finish", [{"result": {"source": "shelf:x", "draft": True}}], "style and a size"),
        ("finish", [{"result": {**DRAFT, "photo": "job:x"}}], "not there"),
        ("finish", [{"result": {**DRAFT, "draft": False}}], None),
    ],
)
def test_events_that_no_page_sends_do_no_harm(
    open_studio: Served, name: str, data: list[Any], said: str | None
):
    jobs = len(open_studio.studio.store.jobs("local"))
    answer, warnings = event(open_studio, name, data)
    assert answer["success"] or not warnings
    text = json.dumps([answer, warnings])
    assert "Traceback" not in text
    assert "/site-packages/" not in text
    if said:
        assert said in " ".join(warnings)
    assert len(open_studio.studio.store.jobs("local")) == jobs


def test_nobody_has_the_studio_fetch_anything(open_studio: Served, monkeypatch: pytest.MonkeyPatch):
    from gradio import processing_utils

    fetched = []

    async def fetch(url: str, **_: Any) -> str:
        fetched.append(url)
        return __file__

    monkeypatch.setattr(processing_utils, "async_ssrf_protected_download", fetch)
    address = "http://example.org/x.png"
    for path in (address, "/etc/passwd"):
        file = {"path": path, "url": address, "meta": {"_type": "gradio.FileData"}}
        for photo in (file, {**COFFEE, "more": file}):
            event(open_studio, "change", [photo, "wave", *QUICK])
            event(open_studio, "keep", [{"result": photo}])
            event(open_studio, "finish", [{"result": photo}])
    assert fetched == []


# The looks.


def luminance(colour: str) -> float:
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [":root", ".dark"])
def test_text_can_be_read(theme: str):
    sheet = (ASSETS / "page.css").read_text()
    block = sheet.split(f"{theme} {{", 1)[1].split("}", 1)[0]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
    for text in ("ink", "soft", "red"):
        for ground in ("paper", "sheet"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast(colours["ink"], colours["mat"]) >= 4.5
    assert contrast(colours["on-red"], colours["red"]) >= 4.5
    assert contrast(colours["blue"], colours["paper"]) >= 3  # what has the focus
