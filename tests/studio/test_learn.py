"""Learning styles in the studio: asked for over HTTP, learnt by a worker of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto.studio.runner import WorkerContext
from studio.jobs import work
from studio.learning import few_layers, learn, pixels, ship, worker
from studio.serving import PHOTO, Served, served

pytestmark = pytest.mark.usefixtures("networks_kept")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    few_layers(monkeypatch)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Served]:
    ship(tmp_path)
    with served(tmp_path) as found:
        yield found


@pytest.fixture
def context(api: Served, tmp_path: Path) -> WorkerContext:
    return worker(api, tmp_path)


def stylize(api: Served, style: str, **headers: str):
    fields = {"style": style, "format": "png"}
    return api.client.post("/v1/stylize", files={"photo": PHOTO}, data=fields, headers=headers)


def names(api: Served, **headers: str) -> list[str]:
    answer = api.client.get("/v1/styles", headers=headers).json()
    return [style["name"] for style in answer["styles"]]


def test_a_painting_becomes_a_style(api: Served, context: WorkerContext):
    answer = learn(api, name="mine")
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["kind"], job["state"], job["style"]) == ("learn", "queued", "mine")
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert stylize(api, "mine").status_code == 422
    assert "not learnt yet" in stylize(api, "mine").json()["detail"]
    work(context)
    done = api.client.get(answer.headers["location"]).json()
    assert (done["state"], done["error"]) == ("done", None)
    assert done["step"] > 1
    assert done["seconds"] >= 4
    picture = pixels(stylize(api, "mine"))
    assert (picture != pixels(stylize(api, "wave"))).any()
    half = pixels(stylize(api, "mine:0.5,kiss:0.5"))
    assert (half != picture).any()
    assert names(api) == ["mine", "wave", "starry", "kiss"]
