"""`impasto.Client` with a real studio, and with servers that fail on purpose."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impasto import Client, ImageError, OptionsError, StudioError, client
from impasto.studio.worker import Worker
from studio.jobs import context_for, settings_for
from studio.serving import PAINTING, PHOTO, Served, decoded, drawn, served

KEY = "a key of sixteen letters"
SHALLOW = {"style_layers": ["relu1_1", "relu2_1"], "content_layers": {"relu2_2": 1}}
QUICK = {"size": 48, "steps": 4, **SHALLOW}
SERVICE = Path(__file__).parents[2] / "docs/service.md"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A studio with a worker."""
    folder = tmp_path_factory.mktemp("client")
    with served(folder, api_keys=f"ada:{KEY},ben:{KEY}!", max_size=640, max_jobs=3) as found:
        context = context_for(settings_for(folder / "data"), found.studio.engine)
        worker = Worker(context)
        worker.start()
        yield found
        context.leaving.set()
        assert worker.leave()


@pytest.fixture
def studio(api: Served) -> Client:
    return Client(api.url, KEY)


def test_a_photo_is_stylised_from_any_kind_of_picture(studio: Client, tmp_path: Path):
    path = tmp_path / "photo.png"
    path.write_bytes(PHOTO)
    plain = studio.stylise(PHOTO, "starry", format="png")
    image = decoded(PHOTO)
    for photo in (path, str(path), image, np.asarray(image)):
        answer = studio.stylise(photo, "starry", format="png")
        assert np.array_equal(decoded(answer), decoded(plain))
    deep = (np.asarray(image, np.float32) / 255).astype(np.float32)
    answer = studio.stylise(deep, "starry", format="png")
    assert decoded(answer).size == (64, 48)
    assert decoded(studio.stylise(PHOTO)).format == "JPEG"


def test_options_and_masks_are_passed_on(studio: Client):
    small = studio.stylise(PHOTO, "wave:0.5,starry:0.5", size=32, strength=0.5, fast=False)
    assert decoded(small).size == (32, 24)
    half = np.zeros((48, 64), np.uint8)
    half[:, 32:] = 255
    made = np.asarray(decoded(studio.stylise(PHOTO, "wave", mask=half, format="png")), int)
    kept = np.abs(made - np.asarray(decoded(PHOTO), int))[:, :24]
    assert kept.max() <= 2


def test_styles_are_listed(studio: Client):
    assert [style["name"] for style in studio.styles()] == ["wave", "starry"]


def test_a_painting_is_ordered_followed_and_fetched(studio: Client):
    job = studio.paint(PHOTO, [PAINTING, drawn(50, 60)], blend=[0.7, 0.3], **QUICK)
    assert job.state == "queued"
    seen: list[tuple[str, int]] = []
    picture = job.wait(lambda job: seen.append((job.state, job.step)))
    assert decoded(picture).size == (48, 36)
    steps = [step for _, step in seen]
    assert set(range(1, 5)) <= set(steps)
    assert steps == sorted(steps)
    assert seen[-1] == ("done", 4)
    assert (job.state, job.step, job.steps) == ("done", 4, 4)
    assert decoded(job.preview()).format == "JPEG"
    assert job.picture() == picture
    assert b"ftyp" in job.timelapse()[:12]
    assert repr(job) == f"<StudioJob {job.id}, done, step 4 of 4>"
    assert [again.step for again in studio.job(job.id).follow()][-1] == 4


def test_jobs_are_listed_through_all_pages(api: Served):
    kept = {"kind": "apply", "request": {}, "done": True}
    ids = [api.studio.store.accept("ben", **kept, id=f"{n:024}").id for n in range(25)]
    assert sorted(job.id for job in Client(api.url, f"{KEY}!").jobs()) == ids


def test_a_job_is_stopped_resumed_and_cancelled(studio: Client):
    job = studio.paint(PHOTO, PAINTING, **{**QUICK, "steps": 2000})
    for _ in job.follow():
        if job.step:
            job.stop()
    assert job.state == "stopped"
    assert decoded(job.picture()).size == (48, 36)
    job.resume()
    assert job.state in ("queued", "running")
    job.cancel()
    with pytest.raises(StudioError, match=r"was cancelled at step \d+ of 2000"):
        job.wait()
    job.cancel()
    assert job.state == "removed"
    with pytest.raises(StudioError, match="there is no job of this id"):
        job.picture()
    with pytest.raises(StudioError, match="there is no job of this id"):
        studio.job(job.id)


def test_waiting_has_an_end(studio: Client):
    job = studio.paint(PHOTO, PAINTING, **{**QUICK, "steps": 2000})
    with pytest.raises(StudioError, match="is not ready after 0 seconds"):
        job.wait(timeout=0)
    job.cancel()


def test_a_job_that_fails_raises_its_error(studio: Client):
    job = studio.paint(PHOTO, PAINTING, **{**QUICK, "steps": 2000})
    next(job.follow())
    broken: dict[str, Any] = {"state": "failed", "error": {"code": "image-error", "detail": "torn"}}
    job.follow = lambda _: iter([])  # type: ignore[method-assign]
    job.data |= broken
    with pytest.raises(ImageError, match="torn"):
        job.wait()
    job.data |= {"error": {"code": "impasto-error", "detail": "inside"}}
    with pytest.raises(StudioError, match="inside"):
        job.wait()
    studio.job(job.id).cancel()


@pytest.mark.parametrize(
    ("ask", "kind", "says"),
    [
        (lambda s: s.stylise(PHOTO, "wav"), OptionsError, "there is no style 'wav'; did you mean"),
        (lambda s: s.stylise(PHOTO, strength=9), OptionsError, "strength must be"),
        (lambda s: s.stylise(PHOTO, strenght=1), OptionsError, "did you mean 'strength'"),
        (lambda s: s.stylise(b"nonsense"), ImageError, "the photo is not a picture"),
        (lambda s: s.stylise("/no/such.jpg"), ImageError, "no such file"),
        (lambda s: s.stylise(3), ImageError, "a int is not a picture"),
        (lambda s: s.paint(PHOTO, []), OptionsError, "painting is missing"),
        (lambda s: s.paint(PHOTO, PAINTING, style_scale=(1, 2, 3)), OptionsError, "3 numbers"),
        (lambda s: s.paint(PHOTO, PAINTING, size=641), OptionsError, "at most 640 here"),
        (lambda s: s.job("../../x"), StudioError, "nothing at this address|no job"),
    ],
)
def test_what_is_wrong_is_an_error_of_impasto_in_the_words_of_the_studio(
    studio: Client, ask: Any, kind: type[Exception], says: str
):
    with pytest.raises(kind, match=says):
        ask(studio)


def test_a_wrong_key_is_an_error(api: Served):
    for key in (None, "a wrong key of 16 letters"):
        with pytest.raises(StudioError, match="a key is needed"):
            Client(api.url, key).styles()


@pytest.mark.parametrize(
    "url",
    ["", "studio", "ftp://a", "http://", "http://a:x", "http://a b", "http://a\r\nX: y", "http://[",
     "http://a?x", "http://u:secret@a", "file:///etc/passwd", "http://ä"],
)  # fmt: skip
def test_what_is_not_the_address_of_a_studio_is_named(url: str):
    with pytest.raises(OptionsError, match="is not the address of a studio") as found:
        Client(url)
    assert "secret" not in str(found.value)


def test_a_key_cannot_smuggle_a_header():
    with pytest.raises(OptionsError, match="printable"):
        Client("http://127.0.0.1", "key\r\nX-Other: 1")
    assert "secret" not in repr(Client("http://127.0.0.1", "secret"))


def test_the_example_of_the_documents_runs(
    api: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (code,) = re.findall(r"^```python\n(import impasto.*?)^```", SERVICE.read_text(), re.S | re.M)
    monkeypatch.chdir(tmp_path)
    Path("photo.jpg").write_bytes(PHOTO)
    Path("painting.jpg").write_bytes(PAINTING)
    for text, other in (
        ('"http://127.0.0.1:8000"', f'"{api.url}", "{KEY}"'),
        ("size=640", "size=48, steps=4, style_layers='relu1_1', content_layers='relu2_2'"),
    ):
        assert text in code
        code = code.replace(text, other)
    exec(compile(code, "service.md", "exec"), {})
    assert decoded(Path("quick.jpg").read_bytes()).size == (64, 48)
    assert decoded(Path("painted.png").read_bytes()).size == (48, 36)
    assert "step 4 of 4" in capsys.readouterr().out


# Servers that fail.


@contextlib.contextmanager
def scripted(*answers: bytes | None) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives each of these answers to one connection; None is to hang up."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            for answer in answers:
                with listening.accept()[0] as connection:
                    if answer is None:
                        continue
                    data = b""
                    while b"\r\n\r\n" not in data:
                        data += connection.recv(65536)
                    requests.append(data)
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", requests
        thread.join()


def answer(body: str | bytes = b"", status: str = "200 OK", *headers: str) -> bytes:
    body = body.encode() if isinstance(body, str) else body
    head = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


STYLES = answer('{"styles": []}')
BUSY = answer(
    '{"code": "busy", "detail": "too many photos wait"}', "429 Busy", "Retry-After: 7"
)  # fmt: skip


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have slept."""
    slept: list[float] = []
    monkeypatch.setattr(client, "_sleep", slept.append)
    return slept


def test_a_busy_studio_is_asked_again_when_it_says(pauses: list[float]):
    unavailable = answer("<html>", "503 Service Unavailable")
    with scripted(BUSY, unavailable, STYLES) as (url, requests):
        assert Client(url).styles() == []
        assert len(requests) == 3
    assert pauses == [7, 1]


def test_patience_ends_with_what_the_studio_said(pauses: list[float]):
    with scripted(BUSY) as (url, _), pytest.raises(StudioError, match="too many photos wait"):
        Client(url, patience=5).styles()
    assert pauses == []


def test_a_studio_that_was_never_there_is_an_error_at_once(pauses: list[float]):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(StudioError, match=rf"127.0.0.1:{port}: cannot be reached: .*refused"):
        Client(f"http://127.0.0.1:{port}").styles()
    assert pauses == []


def test_a_studio_that_was_there_is_waited_for(pauses: list[float]):
    with scripted(STYLES, None, answer('{"styles"')[:-3], STYLES) as (url, _):
        found = Client(url)
        assert found.styles() == found.styles() == []
    assert pauses == [0.5, 1]


def test_an_order_is_repeated_with_the_same_key_and_a_cancellation_is_not(pauses: list[float]):
    job = '{"id": "a", "state": "queued", "step": 0, "steps": 0, "links": {}}'
    with scripted(STYLES, None, answer(job, "202 Accepted"), None) as (url, requests):
        found = Client(url)
        found.styles()
        ordered = found.paint(PHOTO, PAINTING)
        with pytest.raises(StudioError, match="cannot be reached"):
            ordered.cancel()
    keys = re.findall(rb"Idempotency-Key: (\S{20,})", b"".join(requests))
    assert len(keys) == 1
    assert pauses == [0.5]


def test_a_silent_studio_is_an_error_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found = Client(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=0.05)
        with pytest.raises(StudioError, match=r"was silent for 0\.05 seconds"):
            found.styles()


def test_events_go_on_where_the_connection_broke_off(pauses: list[float]):
    def events(*given: str) -> bytes:
        text = "retry: 2000\n\n" + "".join(f"{one}\n\n" for one in given)
        return b"HTTP/1.1 200 OK\r\n\r\n" + text.encode()

    def step(number: int) -> str:
        data = f'{{"step": {number}, "steps": 3, "loss": 1.0, "remaining": null}}'
        return f"id: {number}\nevent: step\ndata: {data}"

    job = answer('{"id": "a/b", "state": "queued", "step": 0, "steps": 0, "links": {}}')
    end = 'id: 3-end\nevent: end\ndata: {"state": "done"}'
    preview = 'id: 1\nevent: preview\ndata: {"preview": "/p"}'
    answers = (job, events(step(1), preview, "id: 2\nevent: st"), events(), events(step(2), end))
    with scripted(*answers) as (url, requests):
        found = Client(url).job("a/b")
        steps = [(seen.state, seen.step) for seen in found.follow()]
    assert steps == [("running", 1), ("running", 1), ("running", 2), ("done", 2)]
    assert found.data["links"] == {"preview": "/p"}
    assert [re.findall(rb"Last-Event-ID: (.*)\r", sent) for sent in requests[1:]] == [
        [b""], [b"1"], [b"1"],
    ]  # fmt: skip
    assert all(b"/v1/jobs/a%2Fb" in sent for sent in requests)
    assert pauses == [0.5, 0.5]


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (answer("<html>"), "does not answer as a studio does"),
        (answer("[]"), "does not answer as a studio does"),
        (answer("{}"), "does not answer as a studio does"),
        (answer("<html>", "404 Not Found"), "answered 404 Not Found, not as a studio does"),
        (answer('{"code": 1}', "400 \x1b[31m"), r"answered 400 .*not as a studio does"),
        (answer("", "303 See Other", "Location: http://other.org/"), "answered 303 See Other"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "cannot be reached"),
    ],
)
def test_what_is_not_a_studio_is_an_error_of_one_printable_line(said: bytes, wrong: str):
    with scripted(said) as (url, _), pytest.raises(StudioError, match=wrong) as found:
        Client(url).styles()
    assert str(found.value).isprintable()


@pytest.mark.parametrize(
    "event",
    ["data: {", "event: step\nid: 1\ndata: {}", "event: end\nid: 1-end\ndata: 7", "data: {}"],
)
def test_events_that_are_none_of_a_studio_are_an_error(event: str):
    job = answer('{"id": "a", "state": "queued", "step": 0, "steps": 0, "links": {}}')
    with scripted(job, b"HTTP/1.1 200 OK\r\n\r\n" + f"{event}\n\n".encode()) as (url, _):
        found = Client(url).job("a")
        with pytest.raises(StudioError, match="does not answer as a studio does"):
            found.wait()


@pytest.mark.parametrize("given", [{"timeout": 0}, {"timeout": float("nan")}, {"patience": -1}])
def test_times_that_make_no_sense_are_named(given: dict[str, float]):
    with pytest.raises(OptionsError, match="timeout must be more than 0"):
        Client(**given)


def test_an_answer_before_all_is_sent_is_read():
    problem = '{"code": "too-large", "detail": "a request may have at most 9 bytes"}'
    with (
        scripted(answer(problem, "413 Too Large")) as (url, _),
        pytest.raises(ImageError, match="at most 9 bytes"),
    ):
        Client(url).stylise(b"x" * 2**20)


def test_a_studio_below_a_path_is_reached():
    with scripted(STYLES) as (url, requests):
        assert Client(f"{url}/art/", "key").styles() == []
    assert requests[0].startswith(b"GET /art/v1/styles HTTP/1.1\r\n")
    assert b"Authorization: Bearer key\r\n" in requests[0]
