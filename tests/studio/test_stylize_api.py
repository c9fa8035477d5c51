"""``POST /v1/stylize``: what it answers, what it refuses, and how soon."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette import formparsers

from impasto.images import read_recipe
from impasto.studio import styles
from impasto.studio.routes import stylize
from impasto.zoo import registry
from patience import LIMIT, wait_for
from studio.serving import PAINTING, PHOTO, Served, decoded, drawn, encoded, served
from studio.test_api import problem
from zoo.making import write


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("stylize"), at_once=1, max_waiting=2) as found:
        yield found


def stylize_(api: Served, photo: bytes = PHOTO, **fields: object) -> httpx.Response:
    given = {name: str(value) for name, value in fields.items()}
    return api.client.post("/v1/stylize", files={"photo": photo}, data=given)


def test_the_picture_is_what_the_network_makes(api: Served):
    answer = stylize_(api, style="starry", format="png")
    assert answer.headers["content-type"] == "image/png"
    from impasto.apply.network import Network

    pack, shares = api.studio.quick.catalogue.find("starry")
    truth = Network(pack, shares, backend="onnx", device="cpu")(PHOTO, bits=8)
    assert np.array_equal(np.asarray(decoded(answer.content)), np.asarray(truth.image))


@pytest.mark.parametrize(
    ("format", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP"), ("tiff", "TIFF")]
)
def test_every_format_comes_at_the_size_asked_for(api: Served, format: str, kind: str):
    answer = stylize_(api, style="wave", format=format, size=32)
    assert answer.headers["content-type"] == f"image/{format}"
    picture = decoded(answer.content)
    assert (picture.format, picture.size) == (kind, (32, 24))


def test_without_a_style_it_is_the_default_and_a_jpeg(api: Served):
    answer = stylize_(api)
    named = stylize_(api, style="wave")
    assert decoded(answer.content).format == "JPEG"
    assert answer.content == named.content


def test_mixtures_strength_and_colour_reach_the_network(api: Served):
    def pixels(**fields: object) -> np.ndarray:
        answer = stylize_(api, format="png", **fields)
        assert answer.status_code == 200, answer.text
        return np.asarray(decoded(answer.content)).astype(int)

    wave, starry = pixels(style="wave"), pixels(style="starry")
    mixed = pixels(style="wave:0.5,starry:0.5")
    assert len({a.tobytes() for a in (wave, starry, mixed)}) == 3
    photo = np.asarray(decoded(PHOTO)).astype(int)
    assert np.abs(pixels(style="wave", strength=0) - photo).max() <= 1
    grey = encoded(decoded(PHOTO).convert("L").convert("RGB"))
    answer = decoded(stylize_(api, grey, style="wave", color="photo", format="png").content)
    channels = np.asarray(answer).astype(int)
    assert (channels.max(axis=2) - channels.min(axis=2)).max() <= 2


def test_stroke_size_seed_and_fast_reach_the_network(api: Served, monkeypatch):
    asked = []
    make = api.studio.quick.make

    def noted(*given, **options):
        asked.append((given[0].options, given[0].fast))
        return make(*given, **options)

    monkeypatch.setattr(api.studio.quick, "make", noted)
    plain, other, large = (
        stylize_(api, style="wave", format="png", **fields).content
        for fields in ({}, {"seed": 7, "fast": "false"}, {"style_scale": 2, "fast": "True"})
    )
    assert len({plain, other, large}) == 3
    assert stylize_(api, style="wave", format="png", seed=7).content == other
    told = [(options.style_scale, options.seed, fast) for options, fast in asked[:3]]
    assert told == [(1, 0, False), (1, 7, False), (2, 0, True)]


def test_fast_is_a_smaller_network(tmp_path):
    with served(tmp_path, styles=()) as api:
        for size in ("quality", "turbo"):
            write(tmp_path / "models" / f"{size}.safetensors", "wave", size=size)
        for fields, size in (({}, "quality"), ({"fast": "true"}, "turbo")):
            (tmp_path / "made.jpg").write_bytes(stylize_(api, style="wave", **fields).content)
            assert read_recipe(tmp_path / "made.jpg")["model"]["architecture"] == size


# Masks.


def masked(api: Served, mask: bytes, **fields: str) -> httpx.Response:
    files = {"photo": PHOTO, "mask": mask}
    return api.client.post("/v1/stylize", files=files, data={"format": "png", **fields})


def test_a_mask_leaves_what_is_black_as_it_is(api: Served):
    mask = Image.new("L", (8, 8), 0)
    mask.paste(255, (0, 0, 4, 8))
    photo = np.asarray(decoded(PHOTO)).astype(int)
    answer = masked(api, encoded(mask), style="wave")
    change = np.abs(np.asarray(decoded(answer.content)).astype(int) - photo)
    assert change[:, 48:].max() == 0
    assert change[:, :16].mean() > 5


@pytest.mark.parametrize(
    ("mask", "status", "code", "says"),
    [
        (b"", 422, "bad-picture", "the mask is empty"),
        (b"%PDF-1.4", 422, "bad-picture", "the mask is not a picture"),
        (PHOTO[:200], 422, "bad-picture", "the mask is damaged"),
        (encoded(Image.new("1", (15_000, 15_000))), 413, "too-many-pixels", "15000x15000"),
        (encoded(Image.new("L", (9, 9))), 422, "invalid-option", "mask is black (levels 0 to 0"),
    ],
)
def test_a_mask_is_as_hostile_as_a_photo(
    api: Served, mask: bytes, status: int, code: str, says: str
):
    found = problem(masked(api, mask, style="wave"), status, code)
    assert found["field"] == "mask"
    assert says in found["detail"]
    assert "<memory>" not in found["detail"]


def test_a_mask_is_looked_at_before_anything_is_decoded(api: Served, monkeypatch):
    monkeypatch.setattr(api.studio.quick, "make", lambda *_, **__: pytest.fail("it was decoded"))
    bomb = encoded(Image.new("1", (15_000, 15_000)))
    problem(masked(api, bomb, style="wave"), 413, "too-many-pixels")
    files = [("photo", PHOTO), ("mask", PHOTO), ("mask", PHOTO)]
    assert problem(api.client.post("/v1/stylize", files=files), 422, "bad-form")["field"] == "mask"


def test_nothing_of_the_photos_metadata_is_in_the_picture(api: Served):
    exif = Image.Exif()
    exif[0x010F] = "Maker of cameras"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 22.0, 31.0), 3: "E", 4: (13.0, 22.0, 39.0)})
    photo = encoded(drawn(), "JPEG", exif=exif)
    assert b"Maker of cameras" in photo
    assert decoded(photo).getexif().get_ifd(0x8825)
    for format in ("jpeg", "png", "webp", "tiff"):
        answer = stylize_(api, photo, style="wave", format=format)
        assert answer.status_code == 200
        found = decoded(answer.content).getexif()
        assert not found.get_ifd(0x8825)
        assert b"Maker of cameras" not in answer.content


def test_the_recipe_says_how_but_not_where(api: Served, tmp_path):
    path = tmp_path / "result.jpg"
    path.write_bytes(stylize_(api, style="wave").content)
    recipe = read_recipe(path)
    assert recipe["shares"] == {"wave": 1.0}
    assert recipe["model"]["name"] == "own"
    assert "/" not in str(recipe["model"]) + str(recipe["content"])


def test_transparency_is_kept_at_every_size(api: Served):
    image = drawn().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    for size in (None, 32, 128):
        fields = {} if size is None else {"size": size}
        answer = stylize_(api, encoded(image), style="wave", format="png", **fields)
        picture = decoded(answer.content)
        assert picture.mode == "RGBA"
        alpha = np.asarray(picture.getchannel("A")).astype(int)
        assert np.abs(np.diff(alpha.mean(axis=1))).max() < 20
        assert alpha[0].mean() < 20 < 235 < alpha[-1].mean()


def test_a_photo_is_upright(api: Served):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = encoded(drawn(64, 32), "JPEG", exif=exif)
    assert decoded(stylize_(api, photo, style="wave").content).size == (32, 64)
    assert decoded(stylize_(api, photo, style="wave", size=16).content).size == (8, 16)


@pytest.mark.parametrize(
    ("fields", "code", "field", "says"),
    [
        ({"style": "wav"}, "unknown-style", "style", "did you mean 'wave'"),
        ({"style": ""}, None, None, ""),
        ({"style": "wave:0,starry:0"}, "unknown-style", "style", "are all 0"),
        ({"style": "../../etc/passwd"}, "unknown-style", "style", "no pack"),
        ({"style": "/tmp/x.safetensors"}, "unknown-style", "style", "is not a style"),
        ({"style": "own.safetensors/wave"}, "unknown-style", "style", "is not a style"),
        ({"style": "nan:nan"}, "unknown-style", "style", "is not a style"),
        ({"style": "a," * 400}, "unknown-style", "style", "is not a style"),
        ({"strength": "2"}, "invalid-option", "strength", "at most 1.5, got 2"),
        ({"strength": "nan"}, "invalid-option", "strength", "got nan"),
        ({"size": "0"}, "invalid-option", "size", "from 1 to"),
        ({"size": "1e3"}, "invalid-option", "size", "whole number, got '1e3'"),
        ({"size": "60000"}, "too-many-pixels", "photo", "more than the 40,000,000"),
        ({"color": "red"}, "invalid-option", "color", "choose from style, photo"),
        ({"style_scale": "0.4"}, "invalid-option", "style_scale", "at least 0.5 and at most 2"),
        ({"style_scale": "nan"}, "invalid-option", "style_scale", "got nan"),
        ({"seed": "-1"}, "invalid-option", "seed", "from 0 to"),
        ({"seed": "9999999999"}, "invalid-option", "seed", "from 0 to"),
        ({"seed": "1.5"}, "invalid-option", "seed", "whole number"),
        ({"fast": "perhaps"}, "invalid-option", "fast", "true or false, got 'perhaps'"),
        ({"fast": "1", "style": "own/wave"}, "invalid-option", "fast", "names a pack"),
        ({"mask": "white"}, "bad-picture", "mask", "not a picture"),
        ({"format": "gif"}, "invalid-option", "format", "did you mean 'tiff'"),
        ({"sise": "64"}, "invalid-option", "sise", "did you mean 'size'"),
    ],
)
def test_a_wrong_field_is_named(api: Served, fields, code, field, says):
    answer = stylize_(api, **fields)
    if code is None:
        assert answer.status_code == 200
        return
    status = 413 if code == "too-many-pixels" else 422
    found = problem(answer, status, code)
    assert found["field"] == field
    assert says in found["detail"]
    assert "--" not in found["detail"]


@pytest.mark.parametrize(
    ("photo", "code", "says"),
    [
        (b"", "bad-picture", "empty"),
        (b"%PDF-1.4", "bad-picture", "PDF"),
        (b"hello", "bad-picture", "not a picture"),
        (PHOTO[:200], "bad-picture", "damaged"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "bad-picture", ""),
    ],
)
def test_what_is_no_picture_is_refused(api: Served, photo: bytes, code: str, says: str):
    found = problem(stylize_(api, photo, style="wave"), 422, code)
    assert says in found["detail"]
    assert found["field"] == "photo"
    assert "<memory>" not in found["detail"]


def test_pixels_are_counted_before_anything_is_decoded(api: Served, monkeypatch):
    # A few kilobytes that unpack to 225 megapixels.
    bomb = encoded(Image.new("1", (15_000, 15_000)))
    monkeypatch.setattr(api.studio.quick, "make", lambda *_, **__: pytest.fail("it was decoded"))
    found = problem(stylize_(api, bomb, style="wave"), 413, "too-many-pixels")
    assert "15000x15000" in found["detail"]


def test_a_format_that_cannot_hold_the_picture_is_known_before(api: Served):
    wide = encoded(Image.new("RGB", (17_000, 20)))
    found = problem(stylize_(api, wide, style="wave", format="webp"), 422, "unfit-format")
    assert found["field"] == "format"
    assert "16,383" in found["detail"]


def test_fields_are_checked_before_the_photo_is_read(api: Served):
    """The form is refused while the photo is still coming."""
    url = httpx.URL(api.url)
    start = (
        b'--b\r\nContent-Disposition: form-data; name="strength"\r\n\r\n7\r\n'
        b'--b\r\nContent-Disposition: form-data; name="photo"; filename="p"\r\n\r\n'
    )
    with socket.create_connection((url.host, url.port), timeout=LIMIT) as line:
        line.sendall(
            b"POST /v1/stylize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n" + start
        )
        assert b" 422 " in line.recv(4096).splitlines()[0]


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"content-type": "application/json"}, b"{}", 415, "unsupported-media-type"),
        ({}, b"", 415, "unsupported-media-type"),
        ({"content-type": "multipart/form-data"}, b"", 415, "unsupported-media-type"),
        ({"content-type": "multipart/form-data; boundary=b"}, b"", 422, "bad-form"),
        ({"content-type": "multipart/form-data; boundary=b"}, b"--c\r\n", 422, "bad-form"),
        ({"content-type": "multipart/form-data; boundary=b"}, b"--b--\r\n", 422, "invalid-option"),
        ({"content-type": f"multipart/form-data; boundary={'b' * 999}"}, b"", 422, "bad-form"),
    ],
)
def test_what_is_no_form_is_refused(api: Served, headers, body, status, code):
    problem(api.client.post("/v1/stylize", headers=headers, content=body), status, code)


def test_a_form_that_never_ends_a_field_is_refused(api: Served):
    data = {"style": "x" * 100_000}
    found = problem(
        api.client.post("/v1/stylize", data=data, files={"photo": PHOTO}), 422, "invalid-option"
    )
    assert found["field"] == "style"
    assert "4,096" in found["detail"]


def test_a_file_may_come_once(api: Served):
    files = [("photo", PHOTO), ("photo", PHOTO)]
    assert problem(api.client.post("/v1/stylize", files=files), 422, "bad-form")["field"] == "photo"


def test_many_headers_in_a_part_are_refused(api: Served):
    part = b"--b\r\n" + b"X-Y: z\r\n" * 5000 + b"\r\n"
    headers = {"content-type": "multipart/form-data; boundary=b"}
    problem(api.client.post("/v1/stylize", headers=headers, content=part), 422, "bad-form")


def test_a_large_photo_goes_by_the_disk_and_leaves_nothing(api: Served, monkeypatch):
    opened, rolled = [], []
    add = formparsers.UploadFile.__init__

    def noted(self, *given, **named):
        add(self, *given, **named)
        opened.append(self.file)
        roll = self.file.rollover
        self.file.rollover = lambda: rolled.append(self.file) or roll()

    monkeypatch.setattr(formparsers.UploadFile, "__init__", noted)
    noise = np.random.default_rng(0).integers(0, 256, (800, 1000, 3), dtype=np.uint8)
    photo = encoded(Image.fromarray(noise))
    assert len(photo) > 2_000_000
    answer = stylize_(api, photo, style="wave", size=40)
    assert decoded(answer.content).size == (40, 32)
    assert len(opened) == 1
    assert rolled == opened
    assert opened[0].closed


def test_a_photo_too_many_is_refused_at_once_and_told_when_to_come_again(api: Served, monkeypatch):
    doing, go = threading.Event(), threading.Event()
    make = api.studio.quick.make

    def slow(*given, **options):
        doing.set()
        go.wait(LIMIT)
        return make(*given, **options)

    monkeypatch.setattr(api.studio.quick, "make", slow)
    with ThreadPoolExecutor(3) as clients:
        first = [clients.submit(stylize_, api, style="wave") for _ in range(3)]
        doing.wait(LIMIT)
        wait_for(lambda: api.studio.quick.taken == 3)
        refused = stylize_(api, style="wave")  # while nothing goes on
        problem(refused, 429, "busy")
        assert int(refused.headers["retry-after"]) > 0
        go.set()
        assert [one.result().status_code for one in first] == [200, 200, 200]
    assert api.studio.quick.taken == 0


def test_who_leaves_before_the_turn_costs_nothing(api: Served, monkeypatch):
    begun, go = [], threading.Event()
    make = api.studio.quick.make

    def slow(*given, **options):
        begun.append(given)
        go.wait(LIMIT)
        return make(*given, **options)

    monkeypatch.setattr(api.studio.quick, "make", slow)
    with ThreadPoolExecutor(1) as clients:
        first = clients.submit(stylize_, api, style="wave")
        wait_for(lambda: begun)
        asked = httpx.Request(
            "POST", f"{api.url}/v1/stylize", files={"photo": PHOTO}, data={"style": "wave"}
        )
        lines = [f"{name}: {value}" for name, value in asked.headers.items()]
        head = "\r\n".join(["POST /v1/stylize HTTP/1.1", *lines, "", ""])
        with socket.create_connection((asked.url.host, asked.url.port), timeout=LIMIT) as hasty:
            hasty.sendall(head.encode() + asked.read())
            wait_for(lambda: api.studio.quick.taken == 2)
        wait_for(lambda: api.studio.quick.taken == 1)
        go.set()
        assert first.result().status_code == 200
    assert stylize_(api, style="wave").status_code == 200
    assert len(begun) == 2


def test_a_broken_style_is_said_without_saying_where_it_is(api: Served, tmp_path, monkeypatch):
    monkeypatch.setattr(styles, "_LOOK_EVERY", 0)
    (registry.user_folder() / "bad.safetensors").write_bytes(b"nonsense")
    try:
        found = problem(stylize_(api, style="bad/wave"), 500, "broken-style")
        assert str(tmp_path) not in found["detail"]
        assert "/" not in found["detail"]
        assert stylize_(api, style="wave").status_code == 200
    finally:
        (registry.user_folder() / "bad.safetensors").unlink()


# With a painting instead of a style.


def with_painting(api: Served, prefer: str = "", **fields: object) -> httpx.Response:
    given = {name: str(value) for name, value in fields.items()}
    files = {"photo": PHOTO, "painting": PAINTING}
    headers = {"Prefer": prefer} if prefer else {}
    return api.client.post("/v1/stylize", files=files, data=given, headers=headers)


def test_a_painting_is_a_draft_that_is_waited_for(api: Served):
    picture = encoded(drawn(64, 48, seed=9), "JPEG")

    def paint() -> None:
        job = wait_for(lambda: api.studio.store.jobs("local"))[0]
        assert job.request == {
            "size": 64, "quality": "draft", "strength": 0.8, "color": "photo", "format": "jpeg",
        }  # fmt: skip
        claim = api.studio.store.claim(f"worker of {job.id}")
        assert claim
        api.studio.files.put(job.id, "picture-1.jpg", picture)
        api.studio.store.end(claim, "done", picture="picture-1.jpg")

    with ThreadPoolExecutor(1) as worker:
        painted = worker.submit(paint)
        answer = with_painting(api, size=64, strength=0.8, color="photo")
        painted.result()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content == picture
    job = api.client.get(answer.headers["content-location"]).json()
    assert job["state"] == "done"


def test_a_painting_that_takes_long_is_answered_with_its_job(api: Served, monkeypatch):
    monkeypatch.setattr(stylize, "WAIT", 10 * LIMIT)  # who waited so long would not be answered
    answer = with_painting(api, prefer="respond-async, wait=1", style_scale=0.5, seed=3)
    assert answer.status_code == 202
    assert (answer.json()["order"]["style_scale"], answer.json()["order"]["seed"]) == (0.5, 3)
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    assert answer.json()["order"]["size"] == 512
    assert api.client.delete(answer.headers["location"]).status_code == 202


def test_a_painting_that_fails_says_why(api: Served):
    store = api.studio.store

    def fail() -> None:
        (job,) = wait_for(lambda: [j for j in store.jobs("local") if j.state == "queued"])
        claim = api.studio.store.claim(f"worker of {job.id}")
        assert claim
        api.studio.store.end(claim, "failed", error_code="x", error="the style is too small")

    with ThreadPoolExecutor(1) as worker:
        done = worker.submit(fail)
        found = problem(with_painting(api), 422, "job-failed")
        done.result()
    assert found["detail"] == "the style is too small"


def test_a_painting_is_a_draft_or_a_job(api: Served):
    found = problem(with_painting(api, size=513), 422, "invalid-option")
    assert found["field"] == "size"
    assert "/v1/jobs" in found["detail"]
    for name, value in (("style", "wave"), ("fast", "true")):
        found = problem(with_painting(api, **{name: value}), 422, "invalid-option")
        assert found["field"] == name
    files = {"photo": PHOTO, "painting": PAINTING, "mask": PHOTO}
    found = problem(api.client.post("/v1/stylize", files=files), 422, "invalid-option")
    assert found["field"] == "mask"
    assert stylize.WAIT < 60  # what proxies usually wait for


def test_without_any_styles_the_answer_says_how_to_get_some(tmp_path):
    with served(tmp_path, styles=()) as api:
        assert api.client.get("/v1/styles").json() == {"styles": [], "default": None}
        for fields in ({}, {"style": "wave"}):
            found = problem(stylize_(api, **fields), 422, "unknown-style")
            assert "impasto train" in found["detail"]
