"""``/v1/jobs``: ordering, following, stopping and removing, with the work done by the test."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from impasto.events import Losses
from impasto.studio.jobs import Job
from impasto.studio.routes import events
from patience import wait_for
from studio.serving import PAINTING, PHOTO, Served, decoded, drawn, encoded, served
from studio.test_api import problem


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("jobs"), max_queue=6, max_jobs=4, max_size=512) as found:
        yield found


@pytest.fixture
def api(shared: Served) -> Iterator[Served]:
    yield shared
    store = shared.studio.store
    for job in store.jobs("local", limit=100):
        store.cancel(job.id, "local")
        if store.job(job.id).state == "running":
            store.end(store.job(job.id), "cancelled")
        shared.studio.forget(job.id)
    assert shared.studio.files.jobs() == []


def claimed(api: Served, id: str) -> Job:
    found = api.studio.store.claim(f"worker of {id}")
    assert found
    assert found.id == id
    return found


def losses(step: int) -> Losses:
    return Losses(step, 1, 48, 36, 1 / step, 0.1, 0.2, 0.0, 0.5 * step)


def paint(api: Served, id: str, steps: int = 3) -> None:
    """Do a job as a worker does."""
    claim = claimed(api, id)
    store, files = api.studio.store, api.studio.files
    for step in range(claim.step + 1, steps + 1):
        files.put(id, f"preview-1-{step}.jpg", encoded(drawn(24, 18, seed=step), "JPEG"))
        store.beat(
            claim, [losses(step)], steps=steps, loss=1 / step, preview=f"preview-1-{step}.jpg",
            width=48, height=36, remaining=float(steps - step),
        )  # fmt: skip
    files.put(id, "picture-1.png", encoded(drawn(48, 36, seed=99)))
    files.put(id, "timelapse-1.mp4", b"\0\0\0\x18ftypisom" + b"film" * 100)
    store.end(claim, "done", picture="picture-1.png", timelapse="timelapse-1.mp4")


def test_an_order_is_accepted_with_its_place(api: Served):
    answer = api.order(size=64, strength=0.7, format="jpeg")
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == job["links"]["self"] == f"/v1/jobs/{job['id']}"
    assert job["state"] == "queued"
    assert job["order"] == {
        "size": 64, "steps": 3, "strength": 0.7, "color": "style", "format": "jpeg",
    }  # fmt: skip
    assert api.client.get(job["links"]["self"]).json() == job
    assert api.studio.files.get(job["id"], "photo") == PHOTO
    assert api.studio.files.get(job["id"], "style-0") == PAINTING
    assert api.order().json()["ahead"] == 1


def test_several_paintings_are_blended(api: Served):
    other = encoded(drawn(seed=5))
    files = [("photo", PHOTO), ("painting", PAINTING), ("painting", other)]
    answer = api.client.post("/v1/jobs", files=files, data={"blend": "0.7,0.3", "size": "48"})
    assert answer.status_code == 202, answer.text
    assert api.studio.files.get(answer.json()["id"], "style-1") == other
    refused = api.client.post("/v1/jobs", files=files, data={"blend": "1,2,3", "size": "48"})
    assert problem(refused, 422, "invalid-option")["field"] == "blend"
    nine = [("photo", PHOTO), *[("painting", PAINTING)] * 9]
    assert problem(api.client.post("/v1/jobs", files=nine), 422, "bad-form")["field"] == "painting"


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"size": 513}, "size", "at most 512"),
        ({"steps": 2001}, "steps", "at most 2000"),
        ({"steps": "0"}, "steps", "from 1 to"),
        ({"steps": "many"}, "steps", "whole number"),
        ({"quality": "superb"}, "quality", "choose from draft, good, best"),
        ({"quality": "good"}, "steps", "give one of them"),
        ({"budget": "10h", "steps": ""}, "budget", "at most 3600"),
        ({"style_scale": 19, "size": 512}, "style_scale", "at most 2"),
        ({"style_scale": "x"}, "style_scale", "style_scale"),
        ({"content_layers": "relu9_9"}, "content_layers", "relu9_9"),
        ({"init": "/etc/passwd"}, "init", "choose from matched"),
        ({"strength": 0}, "strength", "at least 0.1"),
        ({"format": "bmp"}, "format", "did you mean"),
        ({"color": "blue"}, "color", "does not know 'blue'"),
        ({"seed": -1}, "seed", "from 0"),
        ({"weights": "x.pt"}, "weights", "unknown field"),
        ({"device": "cuda"}, "device", "unknown field"),
        ({"max_memory": "1TB"}, "max_memory", "unknown field"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_kept(api: Served, fields, field, says):
    answer = api.order(**fields)
    found = problem(answer, 422, "invalid-option")
    assert found["field"] == field
    assert says in found["detail"]
    assert api.studio.files.jobs() == []


@pytest.mark.parametrize(
    ("photo", "painting", "status", "code", "field"),
    [
        (b"nonsense", PAINTING, 422, "bad-picture", "photo"),
        (PHOTO, b"nonsense", 422, "bad-picture", "painting"),
        (None, PAINTING, 422, "invalid-option", "photo"),
        (PHOTO, None, 422, "invalid-option", "painting"),
        (encoded(drawn(800, 4)), PAINTING, 422, "bad-picture", "photo"),
    ],
)
def test_pictures_are_looked_at_before_the_job_is_taken(
    api: Served, photo, painting, status, code, field
):
    files = [
        (name, data)
        for name, data in (("photo", photo), ("painting", painting))
        if data is not None
    ]
    answer = api.client.post("/v1/jobs", files=files, data={"size": "48"})
    assert problem(answer, status, code)["field"] == field
    assert api.studio.files.jobs() == []
    assert api.client.get("/v1/jobs").json()["jobs"] == []


def test_the_same_key_is_the_same_job(api: Served):
    first, again = api.order(key="order-1"), api.order(key="order-1")
    assert first.json() == again.json()
    assert again.status_code == 202
    assert api.order(key="order-2").json()["id"] != first.json()["id"]
    assert len(api.studio.files.jobs()) == 2
    problem(api.order(key="order-1", size=40), 422, "key-reused")
    assert len(api.studio.files.jobs()) == 2
    assert problem(api.order(key="two words"), 422, "invalid-option")["field"] == "Idempotency-Key"


def test_the_same_key_at_the_same_moment_is_one_job(api: Served):
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda _: api.order(key="at-once"), range(4)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(api.studio.files.jobs()) == 1


def test_too_many_jobs_of_a_client_are_refused_until_one_ends(api: Served):
    jobs = [api.order().json() for _ in range(4)]
    refused = api.order()
    problem(refused, 429, "too-many-jobs")
    assert int(refused.headers["retry-after"]) > 0
    assert len(api.studio.files.jobs()) == 4
    paint(api, jobs[0]["id"])
    assert api.order().status_code == 202


def test_a_stopped_job_goes_on_only_where_there_is_room(api: Served):
    """Or stopping jobs and letting them go on would be a way around the bound."""
    jobs = [api.order().json() for _ in range(4)]
    here = f"/v1/jobs/{jobs[0]['id']}"
    assert api.client.post(f"{here}/stop").json()["state"] == "stopped"
    assert api.order().status_code == 202
    problem(api.client.post(f"{here}/go-on"), 429, "too-many-jobs")
    assert api.client.get(here).json()["state"] == "stopped"
    paint(api, jobs[1]["id"])
    assert api.client.post(f"{here}/go-on").json()["state"] == "queued"


def test_a_full_queue_is_refused(api: Served):
    from impasto.studio.requests import PaintRequest
    from impasto.studio.validation import accept_paint

    order = PaintRequest(paint={"size": 48})
    ids = [accept_paint(api.studio, f"somebody-{n}", PHOTO, [PAINTING], order).id for n in range(6)]
    refused = api.order()
    problem(refused, 429, "queue-full")
    assert int(refused.headers["retry-after"]) > 0
    for number, id in enumerate(ids):
        api.studio.store.cancel(id, f"somebody-{number}")
        api.studio.forget(id)


def test_jobs_are_listed_a_page_at_a_time(api: Served):
    ids = [api.order().json()["id"] for _ in range(3)]
    first = api.client.get("/v1/jobs?limit=2").json()
    assert [job["id"] for job in first["jobs"]] == [ids[2], ids[1]]
    second = api.client.get(first["next"]).json()
    assert [job["id"] for job in second["jobs"]] == [ids[0]]
    assert second["next"] is None


def test_files_come_when_they_are_there(api: Served):
    job = api.order().json()
    here = job["links"]["self"]
    for what in ("picture", "preview", "timelapse"):
        found = problem(api.client.get(f"{here}/{what}"), 404, "not-yet")
        assert what in found["detail"]
        assert job["links"][what] is None
    paint(api, job["id"])
    job = api.client.get(here).json()
    assert (job["state"], job["step"], job["width"]) == ("done", 3, 48)
    kinds = {"picture": "image/png", "preview": "image/jpeg", "timelapse": "video/mp4"}
    for what, kind in kinds.items():
        answer = api.client.get(job["links"][what])
        assert answer.headers["content-type"] == kind
        assert answer.headers["content-disposition"].startswith('inline; filename="impasto-')
    picture = api.client.get(job["links"]["picture"])
    assert picture.content == api.studio.files.get(job["id"], "picture-1.png")
    part = api.client.get(job["links"]["timelapse"], headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")


@pytest.mark.parametrize(
    "id", ["x" * 24, "..", "%2e%2e%2fstudio.sqlite", "a%00b", "studio.sqlite", "é" * 24]
)
def test_an_id_that_is_none_is_not_found(api: Served, id: str):
    for address in (f"/v1/jobs/{id}", f"/v1/jobs/{id}/picture", f"/v1/jobs/{id}/events"):
        problem(api.client.get(address), 404, "not-found")
    problem(api.client.post(f"/v1/jobs/{id}/stop"), 404, "not-found")
    problem(api.client.delete(f"/v1/jobs/{id}"), 404, "not-found")


def test_stopping_and_going_on(api: Served):
    job = api.order().json()
    here = job["links"]["self"]
    claim = claimed(api, job["id"])
    assert api.client.post(f"{here}/stop").json()["wish"] == "stop"
    assert api.studio.store.beat(claim, [losses(1)]) == "stop"
    api.studio.store.end(claim, "stopped")
    assert api.client.get(here).json()["state"] == "stopped"
    gone_on = api.client.post(f"{here}/go-on").json()
    assert (gone_on["state"], gone_on["wish"], gone_on["ended"]) == ("queued", "", None)
    paint(api, job["id"])
    for action in ("stop", "go-on"):
        problem(api.client.post(f"{here}/{action}"), 409, "wrong-state")


def test_deleting_cancels_what_is_under_way_and_removes_what_has_ended(api: Served):
    job = api.order().json()
    here = job["links"]["self"]
    cancelled = api.client.delete(here)
    assert cancelled.status_code == 202
    assert cancelled.json()["state"] == "cancelled"
    assert api.client.delete(here).status_code == 204
    problem(api.client.get(here), 404, "not-found")
    assert api.studio.files.jobs() == []
    job = api.order().json()
    claim = claimed(api, job["id"])
    assert api.client.delete(job["links"]["self"]).json()["wish"] == "cancel"
    assert api.studio.store.beat(claim) == "cancel"


def test_who_deletes_a_job_that_ends_at_that_moment_removes_it(api: Served, monkeypatch):
    job = api.order().json()
    cancel = api.studio.store.cancel

    def ended_before(*which: str) -> object:
        api.studio.store.end(claimed(api, job["id"]), "failed", error="it failed")
        return cancel(*which)

    monkeypatch.setattr(api.studio.store, "cancel", ended_before)
    assert api.client.delete(job["links"]["self"]).status_code == 204
    problem(api.client.get(job["links"]["self"]), 404, "not-found")


def test_a_job_that_is_removed_at_that_moment_is_not_found(api: Served, monkeypatch):
    job = api.order().json()
    here = job["links"]["self"]
    api.client.delete(here)
    stop = api.studio.store.stop

    def too_late(*which: str) -> object:
        api.studio.forget(job["id"])
        return stop(*which)

    monkeypatch.setattr(api.studio.store, "stop", too_late)
    problem(api.client.post(f"{here}/stop"), 404, "not-found")


# Following.


class Stream:
    """Events of a job, as a browser would have them."""

    def __init__(self, api: Served, id: str, last: str = "") -> None:
        headers = {"Last-Event-ID": last} if last else {}
        self._context = api.client.stream("GET", f"/v1/jobs/{id}/events", headers=headers)

    def __enter__(self) -> Stream:
        self.answer = self._context.__enter__()
        self._lines = self.answer.iter_lines()
        return self

    def __exit__(self, *details: object) -> None:
        self._context.__exit__(*details)

    def __iter__(self) -> Iterator[tuple[str, str, dict]]:
        event: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.partition(": ")
            if line:
                event[name] = value
            elif "data" in event:
                yield event["id"], event["event"], json.loads(event["data"])
                event = {}


def test_a_job_is_followed_to_its_end(api: Served):
    id = api.order().json()["id"]
    painter = threading.Timer(0.5, paint, [api, id])
    painter.start()
    with Stream(api, id) as stream:
        assert stream.answer.headers["content-type"].startswith("text/event-stream")
        assert stream.answer.headers["cache-control"] == "no-store"
        found = list(stream)
    painter.join()
    assert found[0][1:] == ("state", found[0][2])
    assert found[0][2]["state"] == "queued"
    steps = [data for _, name, data in found if name == "step"]
    assert [step["step"] for step in steps] == [1, 2, 3]
    assert steps[1]["loss"] == 0.5
    assert {"content", "style", "tv", "seconds", "steps", "remaining"} <= steps[0].keys()
    assert "preview" in [name for _, name, _ in found]
    assert found[-1][:2] == ("3-end", "end")
    assert found[-1][2]["state"] == "done"
    assert found[-1][2]["links"]["picture"] == f"/v1/jobs/{id}/picture"
    assert [name for _, name, _ in found].count("end") == 1


def test_following_goes_on_where_it_broke_off(api: Served):
    id = api.order().json()["id"]
    paint(api, id, steps=5)
    with Stream(api, id, last="3") as stream:
        found = list(stream)
    assert [data["step"] for _, name, data in found if name == "step"] == [4, 5]
    assert found[-1][1] == "end"
    seen = api.client.get(f"/v1/jobs/{id}/events", headers={"Last-Event-ID": "5-end"})
    assert (seen.status_code, seen.content) == (204, b"")
    with Stream(api, id, last="what?") as stream:
        assert [data["step"] for _, name, data in stream if name == "step"] == [1, 2, 3, 4, 5]


def test_who_saw_the_stop_hears_of_what_comes_after_going_on(api: Served):
    id = api.order().json()["id"]
    api.client.post(f"/v1/jobs/{id}/stop")
    with Stream(api, id) as stream:
        assert [name for _, name, _ in stream] == ["end"]
    api.client.post(f"/v1/jobs/{id}/go-on")
    with Stream(api, id, last="0-end") as stream:
        follow = iter(stream)
        assert next(follow)[1] == "state"
        paint(api, id)
        assert [name for _, name, _ in follow][-1] == "end"


def test_silence_is_filled_and_a_removed_job_ends_the_stream(api: Served, monkeypatch):
    monkeypatch.setattr(events, "ALIVE", 0.3)
    id = api.order().json()["id"]
    with api.client.stream("GET", f"/v1/jobs/{id}/events") as answer:
        lines = answer.iter_lines()
        assert wait_for(lambda: next(lines) == ": still here")
        api.studio.store.cancel(id, "local")
        api.studio.forget(id)
        assert '"end"' in " ".join(f'"{line.removeprefix("event: ")}"' for line in lines)


def test_streams_are_bounded(api: Served, monkeypatch):
    monkeypatch.setattr(events, "MOST", 1)
    id = api.order().json()["id"]
    with Stream(api, id) as stream:
        next(iter(stream))
        with httpx.Client(base_url=api.url) as other:
            refused = other.get(f"/v1/jobs/{id}/events")
            problem(refused, 429, "too-many-streams")
    wait_for(lambda: not api.studio.streams)


def test_who_has_no_stream_gets_one_of_somebody_elses(api: Served, monkeypatch):
    monkeypatch.setattr(events, "MOST", 1)
    monkeypatch.setitem(api.studio.streams, "another", 1)
    id = api.order().json()["id"]
    with Stream(api, id) as stream:
        next(iter(stream))
    wait_for(lambda: [*api.studio.streams] == ["another"])


def test_the_picture_of_a_job_is_a_picture(api: Served):
    id = api.order().json()["id"]
    paint(api, id)
    assert decoded(api.client.get(f"/v1/jobs/{id}/picture").content).size == (48, 36)
