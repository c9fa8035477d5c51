"""Who may use the studio, and that one does not see another's."""

from __future__ import annotations

import hashlib
import hmac
import html
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from impasto.studio import keys as keys_module
from impasto.studio import liveness
from impasto.studio.database import connect
from impasto.studio.keys import SESSION, Keys, shared_secret
from impasto.studio.middleware import COOKIE
from impasto.studio.settings import read
from studio.serving import Served, served
from studio.test_api import problem

ADA, BEN = "ada-has-a-long-key-0", "ben-has-a-long-key-1"
HASHED = hashlib.sha256(b"cleo-has-a-long-key-2").hexdigest()
SETTINGS = f"ada:{ADA},ben:{BEN},cleo:sha256:{HASHED}"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("keys"), api_keys=SETTINGS) as found:
        yield found


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}".strip()}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/styles"),
        ("POST", "/v1/stylize"),
        ("GET", "/v1/jobs"),
        ("POST", "/v1/jobs"),
        ("GET", "/v1/jobs/x/picture"),
        ("DELETE", "/v1/jobs/x"),
        ("GET", "/v1/nothing"),
        ("GET", "/metrics"),
    ],
)
@pytest.mark.parametrize(
    "key", [None, "", "ada", ADA[:-1], f"ada:{ADA}", HASHED, f"sha256:{HASHED}"]
)
def test_nothing_is_told_without_a_key(api: Served, method: str, path: str, key: str | None):
    answer = api.client.request(method, path, headers={} if key is None else bearer(key))
    problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_model_exchange_needs_a_key_too(api: Served):
    answer = api.client.post("/model/predict")
    assert answer.status_code == 401
    assert answer.json()["status"] == "error"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/openapi.json", "/swagger.json"])
def test_some_things_are_for_all(api: Served, path: str):
    liveness.report(api.studio.engine, "elsewhere")
    assert api.client.get(path).status_code == 200


def test_a_key_comes_in_either_header(api: Served):
    for headers in (bearer(ADA), {"X-API-Key": ADA}, {"authorization": f"bearer  {ADA}"}):
        assert api.client.get("/v1/styles", headers=headers).status_code == 200
    assert api.client.get("/v1/styles", headers=bearer("cleo-has-a-long-key-2")).status_code == 200


def test_one_does_not_see_anothers_jobs(api: Served):
    job = api.order(headers=bearer(ADA)).json()
    here = job["links"]["self"]
    assert api.client.get(here, headers=bearer(ADA)).status_code == 200
    for method, path in (
        ("GET", here),
        ("GET", f"{here}/picture"),
        ("GET", f"{here}/preview"),
        ("GET", f"{here}/timelapse"),
        ("GET", f"{here}/events"),
        ("POST", f"{here}/stop"),
        ("POST", f"{here}/go-on"),
        ("DELETE", here),
    ):
        answer = api.client.request(method, path, headers=bearer(BEN))
        missing = api.client.request(method, path.replace(job["id"], "x" * 24), headers=bearer(BEN))
        assert problem(answer, 404, "not-found") == problem(missing, 404, "not-found")
    assert api.client.get("/v1/jobs", headers=bearer(BEN)).json()["jobs"] == []
    assert len(api.client.get("/v1/jobs", headers=bearer(ADA)).json()["jobs"]) == 1
    assert api.client.get(here, headers=bearer(ADA)).json()["state"] == "queued"


def test_the_same_idempotency_key_of_two_is_two_jobs(api: Served):
    first = api.order(headers=bearer(ADA), key="k").json()
    assert api.order(headers=bearer(BEN), key="k").json()["id"] != first["id"]


def test_the_description_asks_for_keys(api: Served):
    spec = api.client.get("/v1/openapi.json").json()
    assert spec["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert {"key": []} in spec["security"]


# Sessions of browsers.


def log_in(api: Served, key: str):
    return api.client.post("/login", data={"key": key}, headers={"Origin": api.url})


@pytest.fixture(autouse=True)
def _no_cookies(api: Served) -> Iterator[None]:
    yield
    api.client.cookies.clear()


def test_a_browser_is_sent_to_where_one_logs_in(api: Served):
    answer = api.client.get("/", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    form = api.client.get("/login")
    assert 'type="password"' in form.text
    assert "frame-ancestors 'none'" in form.headers["content-security-policy"]
    assert "http" not in form.text.replace("http-equiv", "")


def test_logging_in_gives_a_session(api: Served):
    answer = log_in(api, f" {ADA} ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert ADA not in cookie
    assert api.client.get("/v1/jobs").status_code == 200
    assert api.client.get("/login").headers["location"] == "/"
    api.client.post("/logout", headers={"Origin": api.url})
    problem(api.client.get("/v1/jobs"), 401, "unauthorized")


def test_a_link_outlives_logging_in(api: Served):
    query = "mode=quick&style=%22%3E%3Cb%3E"
    asked = api.client.get(f"/?{query}").headers["location"]
    assert asked == f"/login?{query}"
    form = api.client.get(asked).text
    assert f'action="{html.escape(asked)}"' in form
    for key, status in (("wrong", 403), (ADA, 303)):
        answer = api.client.post(asked, data={"key": key}, headers={"Origin": api.url})
        assert answer.status_code == status
    assert answer.headers["location"] == f"/?{query}"
    assert api.client.get(asked).headers["location"] == f"/?{query}"
    assert api.client.get("/docs?x=1", headers=bearer(ADA)).status_code == 200
    api.client.cookies.clear()
    assert api.client.get("/docs?x=1").headers["location"] == "/login"


def test_a_wrong_key_gives_none(api: Served):
    answer = log_in(api, ADA[:-1])
    assert answer.status_code == 403
    assert "not known" in answer.text
    assert "set-cookie" not in answer.headers
    answer = api.client.post("/login", content=b"\xff", headers={"Origin": api.url})
    problem(answer, 422, "bad-form")
    huge = api.client.post("/login", data={"key": "x" * 5000}, headers={"Origin": api.url})
    problem(huge, 413, "too-large")


def test_a_session_does_nothing_for_another_site(api: Served):
    log_in(api, ADA)
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        problem(api.client.post("/v1/jobs", headers=headers), 403, "cross-site")
    assert api.order(headers={"Origin": api.url}).status_code == 202


def test_a_key_that_is_false_is_not_made_good_by_a_session(api: Served):
    log_in(api, ADA)
    problem(api.client.get("/v1/jobs", headers=bearer("wrong")), 401, "unauthorized")


def keys(text: str, secret: bytes = b"s" * 32, now: float = 1000.0) -> Keys:
    return Keys(read(api_keys=text), secret, lambda: now)


@pytest.mark.parametrize("part", range(3))
def test_a_session_cannot_be_forged(part: int):
    known = keys(SETTINGS)
    cookie = known.session("ada")
    assert known.owner_of_session(cookie) == "ada"
    parts = cookie.split(".")
    other = keys(SETTINGS, now=2000.0).session("ben").split(".")
    parts[part] = other[part]
    assert known.owner_of_session(".".join(parts)) is None


@pytest.mark.parametrize(
    "cookie", ["", ".", "..", "YWRh", "YWRh.9999", "YWRh.9999999999.", "=.=.="]
)
def test_what_is_no_session_is_none(cookie: str):
    assert keys(SETTINGS).owner_of_session(cookie) is None
    assert keys(SETTINGS).owner_of_session("é" + cookie) is None


def test_a_session_ends_with_time_with_its_key_and_with_the_secret():
    cookie = keys(SETTINGS).session("ada")
    assert keys(SETTINGS, now=1000 + SESSION - 1).owner_of_session(cookie) == "ada"
    assert keys(SETTINGS, now=1000 + SESSION + 1).owner_of_session(cookie) is None
    assert keys(f"ben:{BEN}").owner_of_session(cookie) is None
    assert keys("ada:another-long-key-0000").owner_of_session(cookie) is None
    assert keys(SETTINGS, secret=b"t" * 32).owner_of_session(cookie) is None


def test_keys_are_not_kept_and_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch):
    known = keys(SETTINGS)
    assert ADA not in str(vars(known))
    compared = []
    real = hmac.compare_digest

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return real(a, b)

    monkeypatch.setattr(keys_module.hmac, "compare_digest", compare)
    assert known.owner(ADA) == "ada"
    assert known.owner("nobody") is None
    assert known.owner("\udcff") is None
    assert len(compared) == 9  # each with all, wherever it is found
    assert all(len(a) == len(b) == 32 for a, b in compared)


def test_the_secret_is_one_for_all_servers_of_a_database(database_url: sa.URL):
    engines = [connect(database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as servers:
        found = set(servers.map(shared_secret, engines))
    assert [len(secret) for secret in found] == [32]
    for engine in engines:
        engine.dispose()


def test_cookies_that_are_none_do_no_harm(api: Served):
    for value in ("", "a=b; c", f"{COOKIE}=é", f'{COOKIE}="', "=" * 100):
        answer = api.client.get("/v1/jobs", headers={"Cookie": value.encode()})
        problem(answer, 401, "unauthorized")
