"""What clients may send: under which name, from which site, how much, how fast."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest
from starlette.datastructures import Headers

from impasto.studio import limits
from impasto.studio.limits import Body, Hosts, Rates, Sites, Uploads, address
from impasto.studio.problems import Problem
from impasto.studio.settings import read
from patience import LIMIT, Clock
from studio.serving import PHOTO, Served, served
from studio.test_api import problem

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("bounds")
    with served(folder, max_upload=MEGABYTE, cors_origins="https://art.example") as found:
        yield found


# Names.


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", "localhost:9999"])
def test_loopback_is_answered_by_its_names(api: Served, name: str):
    assert api.client.get("/v1/styles", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize("name", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example"])
def test_another_name_that_points_here_is_not(api: Served, name: str):
    problem(api.client.get("/v1/styles", headers={"Host": name}), 421, "wrong-host")
    assert api.client.get("/healthz", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize(
    ("settings", "known", "unknown"),
    [
        ({"host": "127.0.0.1", "hosts": "art.example.org"}, "art.example.org:443", "evil.example"),
        ({"host": "0.0.0.0", "open_to_all": True}, "whatever.example", None),
        ({"host": "10.0.0.5", "open_to_all": True, "hosts": "a.org"}, "10.0.0.5:80", "b.org"),
    ],
)
def test_names_of_the_settings(settings: dict, known: str, unknown: str | None):
    hosts = Hosts(read(**settings))
    hosts.check(Headers({"host": known}))
    if unknown:
        with pytest.raises(Problem, match="wrong-host"):
            hosts.check(Headers({"host": unknown}))


# Sites.


def test_another_site_cannot_have_a_browser_change_anything(api: Served):
    form = {"photo": PHOTO}
    other = ("https://evil.example", "null", "http://[")
    for headers in (*({"Origin": o} for o in other), {"Sec-Fetch-Site": "cross-site"}):
        problem(api.client.post("/v1/stylize", headers=headers, files=form), 403, "cross-site")
        problem(api.client.delete("/v1/jobs/x", headers=headers), 403, "cross-site")
    for headers in ({}, {"Origin": api.url}, {"Sec-Fetch-Site": "same-origin"}):
        answer = api.client.post("/v1/stylize", headers=headers, files=form)
        assert answer.status_code == 200


def test_a_site_that_the_settings_name_may(api: Served):
    origin = {"Origin": "https://art.example"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    allowed = api.client.options("/v1/stylize", headers={**origin, **asked})
    assert allowed.headers["access-control-allow-origin"] == "https://art.example"
    answer = api.client.post(
        "/v1/stylize", headers={**origin, "Sec-Fetch-Site": "cross-site"}, files={"photo": PHOTO}
    )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://art.example"
    refused = api.client.options("/v1/stylize", headers={"Origin": "https://evil.example", **asked})
    assert "access-control-allow-origin" not in refused.headers


def test_an_origin_is_compared_with_the_name_we_are_called_by():
    sites = Sites(read())
    sites.check("POST", Headers({"host": "art.org", "origin": "https://art.org"}))
    with pytest.raises(Problem):
        sites.check("POST", Headers({"host": "art.org", "origin": "https://art.org.evil.example"}))
    sites.check("GET", Headers({"host": "art.org", "origin": "https://evil.example"}))


# Bytes.


def test_a_body_that_says_it_is_too_large_is_refused_unread(api: Served):
    url = httpx.URL(api.url)
    with socket.create_connection((url.host, url.port), timeout=LIMIT) as line:
        line.sendall(  # and then nothing: who would read it waited for more
            b"POST /v1/stylize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
        )
        assert b" 413 " in line.recv(4096).splitlines()[0]


def test_a_body_that_does_not_say_is_counted(api: Served):
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="photo"; filename="p"\r\n\r\n'
        for _ in range(64):
            sent += 65536
            yield b"x" * 65536

    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = api.client.post("/v1/stylize", content=endless(), headers=headers)
    assert problem(answer, 413, "too-large")["detail"].endswith("1,048,576 bytes")


def test_a_large_body_is_answered_although_it_is_not_read(api: Served):
    data = {"photo": b"x" * (8 * MEGABYTE)}
    problem(api.client.post("/v1/stylize", files=data), 413, "too-large")
    assert api.client.get("/v1/styles").status_code == 200


def test_headers_are_bounded_all_together(api: Served):
    """Many small ones on one connection take memory, too."""
    url, sent = httpx.URL(api.url), 0
    header = b"".join(b"X-%d: a\r\n" % number for number in range(100))
    with socket.create_connection((url.host, url.port), timeout=LIMIT) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        with suppress(OSError):  # it hangs up
            while sent < 100 * MEGABYTE:
                line.sendall(header)
                sent += len(header)
    assert sent < 20 * MEGABYTE  # what lies in the buffers of the connection


@pytest.mark.parametrize("path", ["/v1/stylize", "/studio/photos"])
def test_slow_uploads_take_nobodys_place(tmp_path, path: str):
    ada, ben = "ada-has-a-long-key-0", "ben-has-a-long-key-1"
    settings = {"api_keys": f"ada:{ada},ben:{ben}", "at_once": 1, "max_waiting": 4, "page": True}
    with served(tmp_path, **settings) as api, ExitStack() as lines:
        url = httpx.URL(api.url)

        def slow() -> socket.socket:
            """Begin an upload that never ends."""
            line = lines.enter_context(socket.create_connection((url.host, url.port), LIMIT))
            line.sendall(
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {ada}\r\n"
                "Content-Length: 9999\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n"
                "--b\r\n".encode()
            )
            return line

        def upload(key: str) -> int:
            given = {"content": PHOTO} if "studio" in path else {"files": {"photo": PHOTO}}
            return api.client.post(path, headers={"X-API-Key": key}, **given).status_code

        for _ in range(4):
            slow()
        assert [upload(key) for key in (ada, ben, ada)] == [200] * 3
        slow()
        assert b" 429 " in slow().recv(4096).splitlines()[0]
        assert [upload(key) for key in (ada, ben)] == [429, 200]


def test_the_bytes_under_way_of_a_client_are_bounded():
    uploads = Uploads(read(max_upload=MEGABYTE, at_once=2, max_waiting=1))
    with uploads.one_of("a") as first, uploads.one_of("a") as second, uploads.one_of("b") as other:
        first(10 * MEGABYTE)
        second(6 * MEGABYTE)
        other(16 * MEGABYTE)
        with pytest.raises(Problem, match="busy"):
            second(1)
        with uploads.one_of("a"), pytest.raises(Problem, match="busy"), uploads.one_of("a"):
            pass
    with uploads.one_of("a") as again:
        again(16 * MEGABYTE)


def test_films_under_way_have_bounds_of_their_own():
    uploads = Uploads(read(max_upload=MEGABYTE, max_film=30 * MEGABYTE), films=True)
    with uploads.one_of("a") as film:
        film(60 * MEGABYTE)
        with pytest.raises(Problem, match="busy"):
            film(1)


def test_a_body_ends_some_time():
    long = int(limits.LONGEST)
    reading(b"a" * limits.PACE, every=1.0, times=long, most=64 * MEGABYTE)
    with pytest.raises(Problem, match="within 600 seconds"):
        reading(b"a" * limits.PACE, every=1.0, times=long + 1, most=64 * MEGABYTE)
    film = 1024 * MEGABYTE
    reading(b"a" * limits.PACE, every=1.0, times=8192, most=film)
    with pytest.raises(Problem, match="within 8192 seconds"):
        reading(b"a" * limits.PACE, every=1.0, times=8193, most=film)


def reading(part: bytes, every: float, times: int, most: int = MEGABYTE) -> None:
    """Read so many parts of a body, of which one comes every so many seconds."""
    clock = Clock()

    async def part_comes() -> dict:
        clock.go_on(every)
        return {"type": "http.request", "body": part, "more_body": True}

    async def read() -> None:
        body = Body(part_comes, Headers({}), most, clock=clock)
        for _ in range(times):
            await body()

    asyncio.run(read())


def test_a_body_that_stops_coming_is_given_up(monkeypatch: pytest.MonkeyPatch):
    async def nothing() -> dict:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(limits, "PATIENCE", 0.1)
    with pytest.raises(Problem, match="slow-upload"):
        asyncio.run(Body(nothing, Headers({}), 100)())


def test_a_body_that_trickles_is_given_up():
    reading(b"a", every=1.0, times=int(limits.PATIENCE))
    with pytest.raises(Problem, match="bytes a second"):
        reading(b"a", every=1.0, times=int(limits.PATIENCE) + 1)


def test_a_body_that_keeps_its_pace_may_take_long():
    reading(b"a" * limits.PACE, every=1.0, times=3 * int(limits.PATIENCE))
    with pytest.raises(Problem, match="bytes a second"):
        reading(b"a" * (limits.PACE // 2), every=1.0, times=3 * int(limits.PATIENCE))


def test_a_body_that_waits_to_be_read_is_not_slow():
    clock = Clock()

    async def part_comes() -> dict:
        return {"type": "http.request", "body": b"a", "more_body": True}

    body = Body(part_comes, Headers({}), MEGABYTE, clock=clock)
    clock.go_on(10 * limits.PATIENCE)  # until its turn came
    asyncio.run(body())


def test_a_trickle_of_headers_is_hung_up_on(api: Served, monkeypatch: pytest.MonkeyPatch):
    from impasto.studio import server

    monkeypatch.setattr(server, "_SILENT", 0.5)
    url = httpx.URL(api.url)
    with socket.create_connection((url.host, url.port), timeout=LIMIT) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert line.recv(100) == b""


# Rates.


def test_requests_beyond_the_rate_are_refused_and_told_when_to_come_again(tmp_path):
    with served(tmp_path, rate=5, page=True) as api:
        answers = [api.client.get("/v1/styles") for _ in range(6)]
        assert [answer.status_code for answer in answers[:5]] == [200] * 5
        problem(answers[5], 429, "rate-limited")
        assert 0 < int(answers[5].headers["retry-after"]) <= 60
        assert api.client.get("/healthz").status_code == 200
        assert api.client.get("/studio/jobs").status_code == 200
        problem(api.client.post("/studio/jobs/none/again"), 429, "rate-limited")
        assert api.client.post("/model/predict").json()["status"] == "error"


def test_a_minute_goes_on_all_the_time():
    now = 100.0
    rates = Rates(read(rate=2), lambda: now)
    rates.check("a")
    now = 130.0
    rates.check("a")
    with pytest.raises(Problem) as refused:
        rates.check("a")
    assert refused.value.headers == {"Retry-After": "30"}
    now = 160.5
    rates.check("a")
    with pytest.raises(Problem):
        rates.check("a")


def test_clients_that_do_not_come_again_are_forgotten():
    now = 0.0
    rates = Rates(read(rate=2), lambda: now)
    for number in range(1000):
        rates.check(f"10.0.{number // 256}.{number % 256}")
    now = 61.0
    rates.check("a")
    assert list(rates._times) == ["a"]


def test_each_client_has_a_rate_of_its_own():
    rates = Rates(read(rate=1))
    rates.check("a")
    rates.check("b")
    with pytest.raises(Problem, match="rate-limited"):
        rates.check("a")


def test_with_keys_the_rate_is_the_keys(tmp_path):
    keys = "ada:ada-has-a-long-key-0,ben:ben-has-a-long-key-1"
    with served(tmp_path, rate=2, api_keys=keys) as api:
        for name, number in (("ada", 0), ("ben", 1)):
            headers = {"X-API-Key": f"{name}-has-a-long-key-{number}"}
            answers = [api.client.get("/v1/styles", headers=headers) for _ in range(3)]
            assert [answer.status_code for answer in answers] == [200, 200, 429]
        guesses = [api.client.get("/v1/styles", headers={"X-API-Key": f"{n}"}) for n in range(3)]
        assert [answer.status_code for answer in guesses] == [401, 401, 429]


def test_keys_are_not_guessed_at_where_requests_are_not_counted(tmp_path):
    with served(tmp_path, rate=2, api_keys="ada:ada-has-a-long-key-0") as api:
        guesses = [api.client.get("/metrics", headers={"X-API-Key": f"{n}"}) for n in range(3)]
        assert [answer.status_code for answer in guesses] == [401, 401, 429]
        right = {"X-API-Key": "ada-has-a-long-key-0"}
        assert {api.client.get("/metrics", headers=right).status_code for _ in range(3)} == {200}


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        (("10.1.2.3", 1), "10.1.2.3"),
        (("2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::/64"),
        (("unix", 0), "unknown"),
        (None, "unknown"),
    ],
)
def test_what_counts_as_one_client(client, counted: str):
    assert address(client) == counted


@pytest.mark.parametrize(("believed", "status"), [("", 421), ("10.9.9.9", 421), ("127.0.0.1", 200)])
def test_a_forwarded_host_is_believed_of_proxies_alone(tmp_path, believed: str, status: int):
    with served(tmp_path, hosts="art.org", proxies=believed) as api:

        def asked(**headers: str) -> int:
            return api.client.get("/v1/styles", headers=headers).status_code

        def posted(origin: str) -> int:
            headers = {"X-Forwarded-Host": "art.org", "X-Forwarded-Proto": "https"}
            return api.client.post("/v1/jobs", headers={**headers, "Origin": origin}).status_code

        assert asked(**{"Host": "evil.org", "X-Forwarded-Host": "art.org"}) == status
        assert asked(**{"Host": "evil.org", "X-Forwarded-Host": "evil.org, art.org"}) == status
        assert asked(**{"Host": "art.org", "X-Forwarded-Host": "evil.org"}) == 621 - status
        assert asked(**{"Host": "art.org", "X-Forwarded-Host": ""}) == 200
        assert posted("https://other.org") == 403
        assert posted("https://art.org") == (415 if status == 200 else 403)


@pytest.mark.parametrize(("believed", "statuses"), [("", [200, 429]), ("127.0.0.1", [200, 200])])
def test_forwarded_addresses_are_believed_of_proxies_alone(tmp_path, believed, statuses):
    with served(tmp_path, rate=1, proxies=believed) as api:
        found = [
            api.client.get("/v1/styles", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code
            for n in (1, 2)
        ]
        assert found == statuses
