"""What holds for the whole API: its description, its problems, its health, its headers."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from impasto.studio import liveness, problems
from studio.serving import PHOTO, Served, served


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory):
    with served(tmp_path_factory.mktemp("api")) as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("page")
    with served(folder, page=True, max_jobs=1000, max_queue=1000) as found:
        yield found


def problem(answer: httpx.Response, status: int, code: str) -> dict:
    """Check that an answer is such a problem, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert (found["status"], found["code"]) == (status, code), found
    assert found["type"] == f"urn:impasto:problem:{code}"
    assert found["title"]
    assert found["detail"]
    assert "\n" not in found["detail"]
    return found


def test_an_unknown_address_is_a_problem(api: Served):
    problem(api.client.get("/v1/nothing"), 404, "not-found")
    problem(api.client.get("/v1/"), 404, "not-found")
    problem(api.client.get("/nothing"), 404, "not-found")


def test_a_wrong_method_is_a_problem_that_names_the_right_ones(api: Served):
    answer = api.client.patch("/v1/jobs")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert api.client.put("/v1/jobs/x/picture").headers["allow"] == "GET, HEAD"


def test_a_wrong_query_names_the_field(api: Served):
    assert problem(api.client.get("/v1/jobs?limit=0"), 422, "invalid-option")["field"] == "limit"
    assert problem(api.client.get("/v1/jobs?before=x"), 422, "invalid-option")["field"] == "before"
    for before in ("nan", "1.5", "1e400_x", "1_" + "x" * 65, "9" * 5000 + "_x"):
        problem(api.client.get(f"/v1/jobs?before={before}"), 422, "invalid-option")


NUMBERS = ["9" * 27, "9" * 400, "9" * 5000, "-1", "1e400", "nan", "%00", "%D9%A1", "x" * 300]


@pytest.mark.parametrize(
    "address",
    ["/v1/jobs?limit={}", "/v1/jobs?before={}", "/v1/jobs?before={}_x", "/v1/jobs/{}",
     "/v1/jobs/{}/picture", "/v1/jobs/{}/events", "/v1/styles/{}", "/studio/jobs/{}",
     "/studio/jobs/ID?after={}", "/studio/jobs/{}/settings", "/studio/picture/{}",
     "/studio/picture/PHOTO?side={}", "/studio/picture/{}:0", "/studio/picture/cache:{}",
     "/studio/file/{}", "/studio/assets/{}/x"],
)  # fmt: skip
def test_ids_and_numbers_of_any_length_are_refused(page: Served, address: str):
    id = page.order().json()["id"]
    source = page.client.post("/studio/photos", content=PHOTO).json()["source"]
    address = address.replace("ID", id).replace("PHOTO", source)
    for number in NUMBERS:
        answer = page.client.get(address.format(number))
        assert answer.status_code in (404, 422), (address, number[:30])
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("field", ["size", "steps", "seed", "strength", "style_scale"])
def test_numbers_of_any_length_in_forms_are_refused(page: Served, field: str):
    for number in ("9" * 27, "9" * 400, "9" * 4096, "-1", "1e400", "nan", "\0", "\u0661x"):
        problem(page.order(**{field: number}), 422, "invalid-option")
        if field != "steps":
            files, data = {"photo": PHOTO}, {field: number}
            problem(page.client.post("/v1/stylize", files=files, data=data), 422, "invalid-option")


@pytest.mark.parametrize("field", ["size", "seed", "strength", "style_scale"])
def test_numbers_of_any_length_in_json_are_refused(page: Served, field: str):
    source = page.client.post("/studio/photos", content=PHOTO).json()["source"]
    for number in ("9" * 27, "9" * 400, "9" * 5000, "-1", "1e400", "NaN", '"x"', "[]", "null"):
        settings = {"style": '"wave"', "size": "64", field: number}
        inside = ",".join(f'"{name}": {value}' for name, value in settings.items())
        for path, more in (("quick", ""), ("quick/keep", f'"source": "{source}",')):
            text = f'{{"photo": "{source}", {more} "settings": {{{inside}}}}}'
            json = {"Content-Type": "application/json"}
            answer = page.client.post(f"/studio/{path}", content=text, headers=json)
            problem(answer, 422, "invalid-option")


def test_an_error_inside_is_a_problem_without_a_word_of_the_inside(
    api: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr(api.studio.store, "jobs", fail)
    answer = api.client.get("/v1/jobs")
    problem(answer, 500, "internal")
    assert "secret" not in answer.text
    assert "secret of the inside" in caplog.text


def test_a_database_that_fails_is_a_problem_to_come_back_after(
    api: Served, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("select", {}, Exception("server closed the connection"))

    monkeypatch.setattr(api.studio.store, "jobs", fail)
    answer = api.client.get("/v1/jobs")
    problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_health_and_readiness(api: Served, monkeypatch: pytest.MonkeyPatch):
    assert api.client.get("/healthz").json() == {"status": "ok"}
    liveness.report(api.studio.engine, "elsewhere")
    ready = {"ready": True, "database": True, "files": True, "workers": True}
    assert api.client.get("/readyz").json() == ready

    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(api.studio.files, "put", full)
    answer = api.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {**ready, "ready": False, "files": False}
    assert api.client.get("/healthz").status_code == 200


def test_a_studio_that_nobody_paints_for_is_not_ready(tmp_path: Path):
    with served(tmp_path, workers=0) as api:
        answer = api.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json() == {"ready": False, "database": True, "files": True, "workers": False}
        assert "impasto_workers_alive 0.0" in api.client.get("/metrics").text
        liveness.report(api.studio.engine, "elsewhere")
        assert api.client.get("/readyz").json()["ready"] is True
        assert "impasto_workers_alive 1.0" in api.client.get("/metrics").text


def test_readiness_tells_of_a_database_that_fails(api: Served, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> int:
        raise OperationalError("select", {}, Exception("gone"))

    monkeypatch.setattr(liveness, "count", fail)
    answer = api.client.get("/readyz")
    assert answer.status_code == 503
    assert (answer.json()["database"], answer.json()["workers"]) == (False, False)


def test_looking_whether_files_can_be_written_leaves_none(api: Served):
    api.client.get("/readyz")
    assert api.studio.files.jobs() == []


def test_metrics_count_requests_by_route_and_jobs_by_state(api: Served):
    api.client.get("/v1/jobs/aaaaaaaaaaaaaaaaaaaaaaaa")
    api.client.get("/v1/jobs/bbbbbbbbbbbbbbbbbbbbbbbb")
    answer = api.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    line = r'impasto_requests_total\{method="GET",route="/v1/jobs/\{id\}",status="404"\} (\d+)'
    counted = re.search(line, answer.text)
    assert counted
    assert int(counted[1]) >= 2
    assert 'impasto_jobs{state="queued"} 0.0' in answer.text
    assert "process_resident_memory_bytes" in answer.text
    assert "aaaaaaaaaaaaaaaaaaaaaaaa" not in answer.text


def test_metrics_go_on_without_the_database(api: Served, monkeypatch: pytest.MonkeyPatch):
    def fail() -> None:
        raise OperationalError("select", {}, Exception("gone"))

    monkeypatch.setattr(api.studio.store, "counts", fail)
    text = api.client.get("/metrics").text
    assert "impasto_photos_under_way" in text
    assert "impasto_jobs{" not in text


@pytest.mark.parametrize("path", ["/healthz", "/v1/styles", "/v1/nothing", "/metrics"])
def test_every_answer_has_the_headers_that_protect_a_browser(api: Served, path: str):
    headers = api.client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_styles_are_listed_with_the_default_first(api: Served):
    found = api.client.get("/v1/styles").json()
    assert [style["name"] for style in found["styles"]] == ["wave", "starry"]
    assert found["default"] == "wave"
    assert api.client.get("/v1/styles/starry").json() == found["styles"][1]
    problem(api.client.get("/v1/styles/own.safetensors"), 404, "not-found")


def test_the_description_tells_everything(api: Served):
    spec = api.client.get("/v1/openapi.json").json()
    expected = {
        "/v1/stylize", "/v1/jobs", "/v1/jobs/{id}", "/v1/jobs/{id}/picture",
        "/v1/jobs/{id}/preview", "/v1/jobs/{id}/timelapse", "/v1/jobs/{id}/events",
        "/v1/jobs/{id}/stop", "/v1/jobs/{id}/go-on", "/v1/jobs/{id}/film", "/v1/jobs/{id}/clip",
        "/v1/videos", "/v1/styles", "/v1/styles/{name}",
        "/v1/styles/{name}/file", "/v1/styles/{name}/learn",
        "/model/predict", "/model/metadata", "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
    assert set(spec["paths"]) == expected
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            said = (path, method)
            assert operation["summary"], said
            assert operation["description"], said
            for status, answer in operation["responses"].items():
                assert answer["description"], (*said, status)
                if status >= "400" and not path.startswith(("/model", "/readyz")):
                    (kind,) = answer["content"]
                    assert kind == "application/problem+json", (*said, status)
                    for code, example in answer["content"][kind]["examples"].items():
                        assert problems.KINDS[code].status == int(status)
                        assert example["value"]["code"] == code
    assert "example" in spec["components"]["schemas"]["Job"]
    assert "HTTPValidationError" not in str(spec)


def test_a_problem_without_a_place_in_the_description_is_a_mistake():
    for code, kind in problems.KINDS.items():
        (answer,) = problems.responses(code).values()
        assert answer["content"][problems.MEDIA_TYPE]["examples"][code]["value"]["title"]
        assert 400 <= kind.status < 600


def test_what_is_sent_beyond_the_answer_does_not_break_the_connection(api: Served):
    # The answer comes before the body is read; the next request goes through the same connection.
    data = b"x" * 3_000_000
    for _ in range(2):
        answer = api.client.post("/v1/nothing", content=data)
        problem(answer, 404, "not-found")
    assert api.client.get("/healthz").status_code == 200
    assert PHOTO


def test_the_description_can_be_read_by_people(api: Served):
    answer = api.client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    spec = api.client.get("/v1/openapi.json").json()
    for path in spec["paths"]:
        assert f"<code>{path}</code>" in answer.text
    assert f"curl -F photo=@photo.jpg -F painting=@painting.jpg {api.url}/v1/jobs" in answer.text
    assert "https://" not in answer.text
    assert "<script" not in answer.text
