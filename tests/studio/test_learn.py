"""Learning styles in the studio: asked for over HTTP, learnt by a worker of the test's own."""

from __future__ import annotations

import errno
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import httpx
import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from impasto.client import Client
from impasto.events import Trained
from impasto.studio import room
from impasto.studio.jobs import Job, jobs
from impasto.studio.learn_runner import LearnRunner
from impasto.studio.learnt import OwnStyle
from impasto.studio.maintenance import sweep
from impasto.studio.room import WorkerLeaving
from impasto.studio.runner import WorkerContext
from impasto.training.painting import read_painting
from impasto.zoo.cards import StyleCard
from impasto.zoo.rows import parsed
from studio.jobs import work
from studio.learning import a_file, few_layers, learn, pixels, ship, swirls, worker
from studio.serving import PHOTO, Served, drawn, encoded, served
from zoo.making import random_pack

pytestmark = pytest.mark.usefixtures("networks_thin")

ADA, BEN = {"X-API-Key": "a" * 16}, {"X-API-Key": "b" * 16}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    folder = tmp_path_factory.mktemp("learn")
    ship(folder)
    keys = f"ada:{ADA['X-API-Key']},ben:{BEN['X-API-Key']}"
    with served(folder, api_keys=keys, page=True, max_styles=3, max_learn=100) as found:
        found.client.headers.update(ADA)
        yield found, folder


@pytest.fixture
def api(studio: tuple[Served, Path]) -> Iterator[Served]:
    """A studio without any style of anybody's."""
    yield studio[0]
    with studio[0].studio.engine.begin() as connection:
        connection.execute(sa.delete(jobs))


@pytest.fixture
def context(studio: tuple[Served, Path], monkeypatch: pytest.MonkeyPatch) -> WorkerContext:
    few_layers(monkeypatch)
    return worker(*studio)


def stylize(api: Served, style: str, **headers: str) -> httpx.Response:
    fields = {"style": style, "format": "png"}
    return api.client.post("/v1/stylize", files={"photo": PHOTO}, data=fields, headers=headers)


def names(api: Served, **headers: str) -> list[str]:
    answer = api.client.get("/v1/styles", headers=headers).json()
    return [style["name"] for style in answer["styles"]]


def take_in(api: Served, data: bytes, headers: dict[str, str] = ADA, **fields: str):
    return api.client.post("/v1/styles", files={"file": data}, data=fields, headers=headers)


def job_of(api: Served, answer: httpx.Response) -> Job:
    assert answer.is_success, answer.text
    return api.studio.store.job(answer.json()["id"])


def at_step(monkeypatch: pytest.MonkeyPatch, step: int, act: Callable[[LearnRunner], Any]) -> None:
    """Do something after a step of a learning, once."""
    take, left = LearnRunner._take, [1]

    def taken(self: LearnRunner, event: Any) -> None:
        take(self, event)
        if isinstance(event, Trained) and event.step >= step and left[0]:
            left[0] = 0
            act(self)

    monkeypatch.setattr(LearnRunner, "_take", taken)


class Killed(BaseException):
    """As if the process were gone."""


def kill(_: LearnRunner) -> None:
    raise Killed


def test_a_painting_becomes_a_style(api: Served, context: WorkerContext):
    answer = learn(api, name="mine")
    assert answer.status_code == 202, answer.text
    asked = answer.json()
    assert (asked["kind"], asked["state"], asked["style"]) == ("learn", "queued", "mine")
    assert asked["order"] == {"budget": 4, "distance": None, "style_size": 192, "model": "turbo"}
    assert answer.headers["location"] == f"/v1/jobs/{asked['id']}"
    assert "not learnt yet" in stylize(api, "mine").json()["detail"]
    work(context)
    done = api.client.get(answer.headers["location"]).json()
    assert (done["state"], done["error"], done["remaining"]) == ("done", None, None)
    assert done["step"] > 3
    assert 4 <= done["seconds"] < 8
    picture = pixels(stylize(api, "mine"))
    assert (picture != pixels(stylize(api, "kiss"))).any()
    assert (pixels(stylize(api, "mine:0.5,kiss:0.5")) != picture).any()
    predicted = api.client.post("/model/predict?model=mine", files={"image": PHOTO})
    assert predicted.status_code == 200
    (mine,) = (s for s in api.client.get("/v1/styles").json()["styles"] if s["name"] == "mine")
    assert (mine["group"], mine["job"], mine["ready"]) == ("Your styles", asked["id"], True)
    assert api.client.get("/v1/styles/mine").json() == mine


def test_photos_come_out_better_while_it_is_learnt(
    api: Served, context: WorkerContext, monkeypatch: pytest.MonkeyPatch
):
    """A row is published every few seconds; those before the one that is named go away."""
    seen, files = [], set()
    take = LearnRunner._take

    def taken(self: LearnRunner, event: Any) -> None:
        take(self, event)
        self._heartbeat.beat()
        job = api.studio.store.job(self._claim.id)
        if job.learnt and job.learnt not in files:
            files.add(job.learnt)
            seen.append(pixels(stylize(api, "mine")))
        rows = [name for name in api.studio.files.names(job.id) if name.startswith("row-")]
        assert len(rows) <= 2

    monkeypatch.setattr(LearnRunner, "_take", taken)
    learn(api, name="mine", budget=20)
    work(context)
    assert len(seen) >= 3
    assert all((a != b).any() for a, b in itertools.pairwise(seen))


def test_nobody_else_sees_a_style(api: Served, context: WorkerContext):
    job = job_of(api, learn(api, name="secret"))
    work(context)
    assert "secret" in names(api)
    assert "secret" not in names(api, **BEN)
    for style in ("secret", "secret:0.5,kiss:0.5", "turbo/secret"):
        answer = stylize(api, style, **BEN)
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown-style")
    files = {"image": PHOTO}
    assert (
        api.client.post("/model/predict?model=secret", files=files, headers=BEN).status_code == 400
    )
    for method, path in (
        ("GET", "/v1/styles/secret"),
        ("GET", "/v1/styles/secret/file"),
        ("PATCH", "/v1/styles/secret"),
        ("POST", "/v1/styles/secret/learn"),
        ("DELETE", "/v1/styles/secret"),
        ("GET", f"/v1/jobs/{job.id}"),
        ("GET", f"/v1/jobs/{job.id}/events"),
        ("GET", "/studio/picture/swatch:secret?side=160"),
        ("GET", "/studio/look/secret/sample:coffee"),
        ("GET", f"/studio/picture/style:{job.id}:0?side=160"),
    ):
        body = {"json": {"name": "x"}} if method == "PATCH" else {"json": {}}
        asked = body if method in ("PATCH", "POST") else {}
        assert api.client.request(method, path, headers=BEN, **asked).status_code == 404, path
    for path in ("/", "/studio/styles", "/studio/learning", "/studio/jobs", "/v1/jobs"):
        assert "secret" not in api.client.get(path, headers=BEN).text, path
    for path in ("/swagger.json", "/model/metadata", "/v1/openapi.json", "/metrics"):
        assert "secret" not in api.client.get(path, headers=ADA).text, path
    for path in ("picture/swatch:secret", "look/secret/sample:coffee", f"picture/style:{job.id}:0"):
        assert api.client.get(f"/studio/{path}?side=160").status_code == 200


def test_two_owners_may_use_one_name(api: Served):
    """Each is given their own row, whoever comes first and however often."""
    first = random_pack("kiss", "gift").row("gift")
    other = random_pack("gift", "kiss").row("gift")
    assert take_in(api, a_file(tensors=first.tensors)).status_code == 201
    assert take_in(api, a_file(tensors=other.tensors), BEN).status_code == 201
    ada, ben = (pixels(stylize(api, "gift", **key)) for key in (ADA, BEN))
    assert (ada != ben).any()
    for _ in range(3):
        for key, truth in ((BEN, ben), (ADA, ada)):
            assert (pixels(stylize(api, "gift", **key)) == truth).all()


def test_mixtures_of_one_row_are_told_apart(api: Served):
    take_in(api, a_file())
    with_kiss = pixels(stylize(api, "gift:0.5,kiss:0.5"))
    alone = pixels(stylize(api, "gift"))
    assert (with_kiss != alone).any()
    assert (pixels(stylize(api, "gift:0.5,kiss:0.5")) == with_kiss).all()


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("wave", 409, "name-taken"),
        ("gift", 409, "name-taken"),
        ("original", 422, "invalid-option"),
        ("../../etc", 422, "invalid-option"),
        ("Mine", 422, "invalid-option"),
        ("a" * 41, 422, "invalid-option"),
    ],
)
def test_names_that_cannot_be_had(api: Served, name: str, status: int, code: str):
    take_in(api, a_file())
    for answer in (learn(api, name=name), take_in(api, a_file(), name=name)):
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_a_style_without_a_name_is_given_one(api: Served):
    assert [learn(api).json()["style"] for _ in range(2)] == ["style", "style-2"]


def test_so_many_styles_and_no_more(api: Served):
    for name in ("one", "two", "three"):
        assert learn(api, name=name).status_code == 202
    for answer in (learn(api, name="four"), take_in(api, a_file())):
        assert (answer.status_code, answer.json()["code"]) == (409, "too-many-styles")
        assert "you have 3 styles" in answer.json()["detail"]
    assert take_in(api, a_file(), BEN).status_code == 201
    assert api.client.delete("/v1/styles/one").status_code == 204
    assert learn(api, name="four").status_code == 202
    kept = {job.id for job in api.studio.store.jobs("ada")}
    kept |= {job.id for job in api.studio.store.jobs("ben")}
    assert {id for id in api.studio.files.jobs() if api.studio.files.names(id)} >= kept


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ({"data": b"nonsense"}, "bad-picture", "the painting is not a picture"),
        ({"data": encoded(drawn(64, 20))}, "bad-picture", "at least 32"),
        ({"data": encoded(drawn().point(lambda _: 90))}, "bad-picture", "one colour only"),
        ({"budget": "101"}, "invalid-option", "budget is at most 100"),
        ({"budget": "soon"}, "invalid-option", "budget must be"),
        ({"style_size": "1025"}, "invalid-option", "style_size is at most 1024"),
        ({"model": "large"}, "invalid-option", "model"),
        ({"model": "standard"}, "invalid-option", "without a network of size standard"),
        ({"speed": "1"}, "invalid-option", "unknown field"),
    ],
)
def test_what_cannot_be_learnt_is_refused_at_once(
    api: Served, given: dict[str, Any], code: str, said: str
):
    before = api.studio.files.jobs()
    answer = learn(api, **given)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert said in answer.json()["detail"]
    assert api.studio.files.jobs() == before


def test_a_painting_or_a_file(api: Served):
    for files in ({}, {"painting": swirls(), "file": a_file()}):
        answer = api.client.post("/v1/styles", files={**files, "name": (None, "x")})
        assert answer.status_code == 422
        assert "either painting or file" in answer.json()["detail"]


def test_learning_needs_its_memory(tmp_path: Path):
    ship(tmp_path)
    with served(tmp_path, max_memory=2**30) as api:
        answer = learn(api)
        assert answer.status_code == 422
        assert "IMPASTO_MAX_MEMORY" in answer.json()["detail"]


def test_asked_twice_with_a_key_there_is_one_job(api: Served):
    key = {"Idempotency-Key": "k"}
    first, again = (learn(api, name="mine", headers=key) for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    assert learn(api, name="other", headers=key).json()["code"] == "key-reused"


def test_a_file_sent_twice_with_a_key_is_one_style(api: Served):
    key = {**ADA, "Idempotency-Key": "f"}
    first, again = (take_in(api, a_file("gift"), key) for _ in range(2))
    assert (first.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert take_in(api, a_file("other"), key).json()["code"] == "key-reused"


def test_a_style_is_renamed(api: Served):
    take_in(api, a_file())
    before = pixels(stylize(api, "gift"))
    answer = api.client.patch("/v1/styles/gift", json={"name": "blue_gift"})
    assert answer.json()["style"] == "blue-gift"
    assert (pixels(stylize(api, "blue-gift")) == before).all()
    assert stylize(api, "gift").status_code == 422
    assert api.client.patch("/v1/styles/blue-gift", json={"name": "kiss"}).status_code == 409
    assert api.client.patch("/v1/styles/blue-gift", json={"name": "a b"}).status_code == 422
    assert api.client.patch("/v1/styles/blue-gift", json={"name": "blue-gift"}).status_code == 200
    assert api.client.patch("/v1/styles/gift", json={"name": "x"}).status_code == 404
    huge = {"name": "a" * 5000}
    assert api.client.patch("/v1/styles/blue-gift", json=huge).status_code == 413


def test_a_style_goes_from_one_to_another_as_a_file(api: Served, context: WorkerContext):
    learn(api, name="mine")
    work(context)
    api.client.patch("/v1/styles/mine", json={"name": "ours"})
    answer = api.client.get("/v1/styles/ours/file")
    assert answer.headers["content-disposition"] == 'attachment; filename="ours.safetensors"'
    rows = parsed(answer.content)
    assert (rows.styles, rows.architecture) == (("ours",), "turbo")
    assert rows.rows[0].learning["seconds"] >= 4
    taken = take_in(api, answer.content, BEN)
    assert (taken.status_code, taken.json()["style"]) == (201, "ours")
    assert taken.json()["seconds"] == rows.rows[0].learning["seconds"]
    theirs = pixels(stylize(api, "ours", **BEN))
    assert (theirs == pixels(stylize(api, "ours"))).all()
    # The painting came with it: they can learn it on.
    assert api.client.post("/v1/styles/ours/learn", json={"budget": 2}, headers=BEN).is_success
    work(context)
    assert (pixels(stylize(api, "ours", **BEN)) != theirs).any()
    record = parsed(api.client.get("/v1/styles/ours/file", headers=BEN).content).rows[0].learning
    assert record["steps"] > rows.rows[0].learning["steps"]


def test_a_style_is_learnt_on(api: Served, context: WorkerContext):
    job = job_of(api, learn(api, name="mine"))
    work(context)
    first, before = api.studio.store.job(job.id), pixels(stylize(api, "mine"))
    answer = api.client.post("/v1/styles/mine/learn", json={"budget": 3})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert (pixels(stylize(api, "mine")) == before).all()
    again = api.client.post("/v1/styles/mine/learn", json={"budget": 3})
    assert again.json()["code"] == "wrong-state"
    work(context)
    done = api.studio.store.job(job.id)
    assert (done.state, done.step > first.step) == ("done", True)
    assert first.seconds + 3 <= done.seconds < first.seconds + 6
    assert (pixels(stylize(api, "mine")) != before).any()
    steps = [row.step for row in api.studio.store.losses(job.id)]
    assert steps == sorted(set(steps))
    for budget in (0, -1, 101, "nan"):
        answer = api.client.post("/v1/styles/mine/learn", content=json.dumps({"budget": budget}))
        assert answer.status_code == 422


def test_stopping_keeps_what_is_learnt(
    api: Served, context: WorkerContext, monkeypatch: pytest.MonkeyPatch
):
    job = job_of(api, learn(api, name="mine", budget=12))
    at_step(monkeypatch, 2, lambda runner: (
        api.client.post(f"/v1/jobs/{job.id}/stop"), runner._heartbeat.beat()
    ))  # fmt: skip
    work(context)
    stopped = api.studio.store.job(job.id)
    assert (stopped.state, stopped.step) == ("stopped", 2)
    assert pixels(stylize(api, "mine")).any()
    assert api.client.post(f"/v1/jobs/{job.id}/go-on").is_success
    work(context)
    done = api.studio.store.job(job.id)
    assert (done.state, done.seconds >= 12) == ("done", True)


def test_what_is_removed_while_it_is_learnt_is_gone(
    api: Served, context: WorkerContext, monkeypatch: pytest.MonkeyPatch
):
    job = job_of(api, learn(api, name="mine"))
    at_step(monkeypatch, 2, lambda runner: (
        api.client.delete("/v1/styles/mine"), runner._heartbeat.beat()
    ))  # fmt: skip
    work(context)
    assert api.studio.store.job(job.id).state == "cancelled"
    assert api.studio.files.names(job.id) == []
    assert "mine" not in names(api)
    assert learn(api, name="mine").status_code == 202


@pytest.mark.parametrize("was", ["running", "done"])
def test_a_style_is_removed_whatever_becomes_of_it_meanwhile(
    api: Served, monkeypatch: pytest.MonkeyPatch, was: str
):
    job = job_of(api, take_in(api, a_file("gift")))
    if was == "done":  # and is learnt on by now
        api.client.post("/v1/styles/gift/learn", json={"budget": 2})
    seen = Job(**{**asdict(job), "state": was})
    monkeypatch.setattr(api.studio.learnt, "get", lambda *_: seen)
    assert api.client.delete("/v1/styles/gift").status_code == 204
    assert "gift" not in names(api)


def test_a_style_that_is_removed_meanwhile_costs_nothing_else(
    api: Served, monkeypatch: pytest.MonkeyPatch
):
    job_of(api, take_in(api, a_file("gift")))
    found = api.studio.store.styles("ada")
    api.client.delete("/v1/styles/gift")
    monkeypatch.setattr(api.studio.store, "styles", lambda _: found)
    pixels(stylize(api, "kiss"))
    assert api.client.get("/studio/picture/swatch:gift?side=160").status_code == 404


def test_an_own_style_comes_before_an_imported_one(api: Served):
    take_in(api, a_file("gift"))
    with api.studio.engine.begin() as connection:
        connection.execute(sa.update(jobs).values(style="wave"))  # imported after it was learnt
    catalogue, own = api.studio.quick.catalogue, api.studio.learnt.of("ada")
    assert catalogue.imported("wave") != "wave"
    assert catalogue.imported("wave", own) == "wave"


def test_what_quick_did_not_make_is_not_painted_on(api: Served):
    take_in(api, a_file("gift"))
    photo = {"source": "sample:coffee", "name": "Coffee"}
    order = {"photo": photo, "seconds": 1, "settings": {"style": "gift", "size": 64}}
    upload = api.client.post("/studio/photos", content=PHOTO).json()["source"]
    for source in (upload, "sample:coffee"):
        answer = api.client.post("/studio/quick/finish", json={**order, "source": source})
        assert (answer.status_code, answer.json()["field"]) == (422, "source")


def test_another_style_of_the_same_name_has_another_version(api: Served):
    versions = set()
    for seed in (1, 2):
        job_of(api, take_in(api, a_file("gift", learning={"seconds": float(seed)})))
        styles = api.client.get("/studio/styles").json()["styles"]
        versions |= {style["version"] for style in styles if style["name"] == "gift"}
        api.client.delete("/v1/styles/gift")
    assert len(versions) == 2


def test_whether_a_result_can_be_painted_on_is_known_without_the_painting(
    api: Served, monkeypatch: pytest.MonkeyPatch
):
    job_of(api, take_in(api, a_file("gift")))
    own = api.studio.learnt.of("ada")
    monkeypatch.setattr(OwnStyle, "painting", property(lambda _: pytest.fail("it was read")))
    assert api.studio.quick.finishable("gift", own)
    assert not api.studio.quick.finishable("gift:1,kiss:1", own)


def test_a_style_of_which_nothing_is_learnt_has_no_file(api: Served):
    learn(api, name="mine")
    answer = api.client.get("/v1/styles/mine/file")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-yet")


@pytest.mark.parametrize(
    "what", ["impasto.runtime.checkpoint.write", "impasto.studio.checkpoints.JobCheckpoints.put"]
)
def test_a_full_disk_makes_a_learning_wait(
    api: Served, context: WorkerContext, monkeypatch: pytest.MonkeyPatch, what: str
):
    monkeypatch.setattr(room, "RETRY", 0.01)
    job, seen = job_of(api, learn(api, name="mine")), []
    write = resolve_name(what)

    def full(*given: Any, **more: Any) -> Any:
        if "disk" not in seen:
            seen.append(api.studio.store.job(job.id).waiting)
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(*given, **more)

    monkeypatch.setattr(what, full)
    work(context)
    assert "disk" in seen
    assert api.studio.store.job(job.id).state == "done"


def test_a_killed_learning_goes_on_from_what_it_saved(
    api: Served, studio: tuple[Served, Path], monkeypatch: pytest.MonkeyPatch
):
    few_layers(monkeypatch)
    context = worker(*studio, checkpoint_every=1e-9)
    job = job_of(api, learn(api, name="mine", budget=8))
    with monkeypatch.context() as patch:
        at_step(patch, 6, kill)
        with pytest.raises(Killed):
            work(context)
    assert api.studio.store.job(job.id).state == "running"
    first: list[int] = []
    at_step(monkeypatch, 1, lambda runner: first.append(runner.step))
    work(context)
    done = api.studio.store.job(job.id)
    assert (done.state, done.attempt, first) == ("done", 2, [7])
    assert done.seconds >= 8
    files = api.studio.files.names(job.id)
    assert [name for name in files if name.startswith("row-")] == [done.learnt]
    assert [name for name in files if name.startswith("checkpoint-")] == ["checkpoint-2"]


def test_a_learning_whose_state_is_broken_goes_on_from_its_row(
    api: Served, context: WorkerContext, monkeypatch: pytest.MonkeyPatch
):
    job = job_of(api, learn(api, name="mine"))
    work(context)
    (state,) = (n for n in api.studio.files.names(job.id) if n.startswith("checkpoint-"))
    api.studio.files.put(job.id, state, b"broken")
    api.client.post("/v1/styles/mine/learn", json={"budget": 2})
    first = []
    at_step(monkeypatch, 1, lambda runner: first.append(runner._learner.seconds))
    work(context)
    assert api.studio.store.job(job.id).state == "done"
    assert first[0] >= 4


def test_a_learning_that_is_overtaken_publishes_nothing(
    api: Served, context: WorkerContext, monkeypatch: pytest.MonkeyPatch
):
    job = job_of(api, learn(api, name="mine", budget=12))

    def overtake(_: LearnRunner) -> None:
        with api.studio.engine.begin() as connection:
            connection.execute(sa.update(jobs).values(attempt=2, worker="other"))

    at_step(monkeypatch, 2, overtake)
    work(context)
    found = api.studio.store.job(job.id)
    assert (found.state, found.worker, found.learnt) == ("running", "other", None)
    assert not [name for name in api.studio.files.names(job.id) if name.startswith("row-")]


def test_a_worker_that_leaves_gives_its_learning_on(
    api: Served, context: WorkerContext, monkeypatch: pytest.MonkeyPatch
):
    job = job_of(api, learn(api, name="mine"))
    at_step(monkeypatch, 2, lambda _: context.leaving.set())
    with pytest.raises(WorkerLeaving):
        work(context)
    left = api.studio.store.job(job.id)
    assert (left.state, left.worker) == ("queued", "")
    assert "checkpoint-1" in api.studio.files.names(job.id)


def test_the_events_say_when_more_is_learnt(api: Served, context: WorkerContext):
    job = job_of(api, learn(api, name="mine"))
    work(context)
    text = api.client.get(f"/v1/jobs/{job.id}/events").text
    assert 'event: style\ndata: {"style": "mine"}' in text
    assert "event: end" in text


def test_the_client_for_python_learns(api: Served, context: WorkerContext):
    client = Client(api.url, ADA["X-API-Key"])
    job = client.learn(swirls(), "mine", model="turbo", style_size=192, budget=4)
    work(context)
    assert parsed(job.wait()).styles == ("mine",)
    assert job.data["style"] == "mine"
    assert client.stylise(PHOTO, "mine")


def test_a_style_outlives_what_is_kept_of_other_jobs(api: Served):
    job = job_of(api, take_in(api, a_file()))
    sweep(api.studio.store, api.studio.files, keep=-1, clock=lambda: 1e12)
    assert pixels(stylize(api, "gift")).any()
    assert api.studio.store.job(job.id).state == "done"


def test_a_style_is_not_in_the_history(api: Served):
    take_in(api, a_file())
    assert api.client.get("/studio/jobs").json()["jobs"] == []
    assert [job["kind"] for job in api.client.get("/v1/jobs").json()["jobs"]] == ["learn"]


def test_without_the_database_the_styles_of_before_are_there(
    api: Served, monkeypatch: pytest.MonkeyPatch
):
    take_in(api, a_file())
    before = pixels(stylize(api, "gift"))

    def fails(*_: Any) -> Any:
        raise OperationalError("", {}, Exception())

    monkeypatch.setattr(type(api.studio.store), "styles", fails)
    assert (pixels(stylize(api, "gift")) == before).all()
    assert pixels(stylize(api, "kiss", **BEN)).any()


def card(**given: Any) -> StyleCard:
    return StyleCard(**{"name": "gift", **given})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is not a file of styles"),
        (b"\xff" * 100, "is not a file of styles"),
        (b"\x05\0\0\0\0\0\0\0{" + b"[" * 5000, "is not a file of styles"),
        (a_file()[:-10], "is not a file of styles"),
        (a_file("one", "two"), "has 2 styles"),
        (a_file(body="0" * 64), "a turbo network that is not installed"),
        (a_file(size="standard"), "a standard network that is not installed"),
        (a_file(painting=b""), "no copy of its painting"),
        (a_file(painting=b"nonsense"), "cannot be read"),
        (a_file(painting=encoded(drawn(64, 20))), "cannot be read"),
        (a_file() + b"\0" * 2**20, "at most 1,048,576"),
    ],
    ids=["empty", "noise", "deep", "cut", "two", "body", "size", "bare", "fake", "small", "large"],
)
def test_a_file_that_is_not_a_style_is_refused(api: Served, data: bytes, said: str):
    answer = take_in(api, data)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-style-file"), answer.text
    assert said in answer.json()["detail"]
    assert names(api) == names(api, **BEN)


def test_values_that_are_not_finite_are_refused(api: Served):
    row = random_pack("gift").row("gift")
    for wrong in (np.nan, np.inf):
        tensors = {name: np.full_like(array, wrong) for name, array in row.tensors.items()}
        assert take_in(api, a_file(tensors=tensors)).json()["code"] == "bad-style-file"


def test_what_a_foreign_file_says_is_not_believed(api: Served, context: WorkerContext):
    """Texts are shortened to one line; numbers that would break the learning are dropped."""
    hostile = card(title="a\nb\x1b[31m" + "x" * 5000, weight=-1e300, distance=-5.0, size=-1)
    learning = {"seconds": 10**400, "steps": -5, "crops": "many", "other": ["x"] * 100}
    answer = take_in(api, a_file(card=hostile, learning=learning))
    assert answer.json()["seconds"] == 0
    (style,) = (s for s in api.client.get("/v1/styles").json()["styles"] if s["name"] == "gift")
    assert len(style["title"]) <= 200
    assert style["title"].isprintable()
    row = parsed(api.client.get("/v1/styles/gift/file").content).rows[0]
    assert (row.learning, row.card.weight, row.card.distance) == ({}, 0, 0)
    assert read_painting(row.painting, 64, api.studio.settings.limits).rgb.shape == (64, 64, 3)
    assert api.client.post("/v1/styles/gift/learn", json={"budget": 2}).is_success
    work(context)
    assert api.studio.store.job(answer.json()["id"]).error is None
    assert pixels(stylize(api, "gift")).any()


def test_the_largest_values_give_a_picture(api: Served):
    row = random_pack("gift").row("gift")
    tensors = {name: np.full_like(array, 65504) for name, array in row.tensors.items()}
    take_in(api, a_file(tensors=tensors))
    assert stylize(api, "gift").status_code == 200


def test_the_docs_say_how_a_style_is_renamed(api: Served):
    text = api.client.get("/docs").text
    assert "curl -X PATCH --json &#39;{" in text or "curl -X PATCH --json '{" in text
    assert "/v1/styles/{name}/learn" in text


def test_the_page_orders_and_shows_styles(api: Served):
    source = api.client.post("/studio/photos", content=swirls()).json()["source"]
    order = {"painting": source, "name": "Die große Welle.PNG"}
    made = api.client.post("/studio/styles", json=order).json()
    assert made["name"] == "die-gro-e-welle"
    again = api.client.post("/studio/styles", json=order).json()
    assert again["name"] == "die-gro-e-welle-2"
    (_, first) = api.client.get("/studio/learning").json()["styles"]
    assert (first["job"], first["state"], first["version"]) == (made["job"], "queued", "")
    listed = api.client.get("/studio/styles").json()["styles"]
    assert made["name"] not in [style["name"] for style in listed]  # nothing can be made with it
    assert api.client.get("/studio/picture/swatch:die-gro-e-welle?side=160").status_code == 200
    gone = api.client.post("/studio/styles", json={"painting": f"style:{made['job']}:1"})
    assert gone.status_code == 404
