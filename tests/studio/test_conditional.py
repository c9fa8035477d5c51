"""HEAD, conditional requests and ranges, as RFC 9110 has them."""

from __future__ import annotations

import httpx
import pytest

from impasto.studio import page
from impasto.studio.app import _ROUTERS
from impasto.studio.page.views import version
from studio.serving import PHOTO, Served, served


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory):
    with served(tmp_path_factory.mktemp("conditional"), page=True) as found:
        yield found


@pytest.fixture(scope="module")
def painted(api: Served) -> str:
    """The address of a job that has a picture and a preview."""
    id = api.order().json()["id"]
    claim = api.studio.store.claim("worker")
    assert claim is not None
    for name in ("picture-1.png", "preview-1-1.jpg", "timelapse-1.mp4"):
        api.studio.files.put(id, name, PHOTO)
    files = {"picture": "picture-1.png", "preview": "preview-1-1.jpg"}
    api.studio.store.end(claim, "done", **files, timelapse="timelapse-1.mp4")
    return f"/v1/jobs/{id}"


def addresses(api: Served, job: str) -> list[str]:
    """An address of every route that answers GET, and some of none."""
    source = api.client.post("/studio/photos", content=PHOTO).json()["source"]
    known = {"id": job.rpartition("/")[2], "source": source, "version": version()}
    known |= {"name": "wave", "style": "wave"}
    routes = [route for router in (*_ROUTERS, *page.ROUTERS) for route in router.routes]
    paths = [route.path_format for route in routes if "GET" in route.methods]
    asset = f"/studio/assets/{version()}/page.css"
    return [*(path.format(**known) for path in paths), asset, "/nothing", "/v1/jobs/nothing"]


_DIFFERS = {"date", "content-length", "transfer-encoding"}


def test_head_answers_what_get_does_without_the_body(api: Served, painted: str):
    found = addresses(api, painted)
    for address in found:
        got, head = api.client.get(address), api.client.head(address)
        assert head.status_code == got.status_code, address
        assert head.content == b"", address
        names = set(got.headers) - _DIFFERS
        assert set(head.headers) - _DIFFERS == names, address
        for name in names:
            assert head.headers[name] == got.headers[name], address
    assert not api.studio.streams


def test_a_head_of_what_takes_post_alone_is_a_wrong_method(api: Served):
    assert api.client.head("/v1/stylize").status_code == 405
    assert api.client.put("/").headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("what", ["picture", "preview", "timelapse"])
def test_what_the_client_has_is_not_sent_again(api: Served, painted: str, what: str):
    check_known(api, f"{painted}/{what}")


def test_styles_and_what_the_page_shows_are_not_sent_again(api: Served, painted: str):
    for address in addresses(api, painted):
        shown = ("/v1/styles", "/studio/picture", "/studio/look", "/studio/assets")
        if address.startswith(shown) and api.client.get(address).is_success:
            check_known(api, address)


def check_known(api: Served, address: str) -> None:
    whole = api.client.get(address)
    tag = whole.headers["etag"]
    assert whole.status_code == 200
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        for method in ("GET", "HEAD"):
            answer = api.client.request(method, address, headers={"If-None-Match": known})
            assert (answer.status_code, answer.content) == (304, b""), (address, known)
            assert answer.headers["etag"] == tag
            assert answer.headers["cache-control"] == whole.headers["cache-control"]
            assert "content-type" not in answer.headers
    for known in ('"other"', "", ",", tag.strip('"')):
        answer = api.client.get(address, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (200, whole.content), (address, known)


def test_what_changes_has_another_tag(api: Served):
    a, b = (api.client.get(f"/v1/styles/{name}").headers["etag"] for name in ("wave", "starry"))
    assert a != b


def test_what_is_not_to_be_kept_has_no_tag(api: Served, painted: str):
    for address in ("/", "/healthz", "/v1/jobs", painted, "/studio/jobs"):
        answer = api.client.get(address, headers={"If-None-Match": "*"})
        assert answer.status_code == 200
        assert "etag" not in answer.headers


def test_a_known_picture_is_304_before_its_range_counts(api: Served, painted: str):
    tag = api.client.get(f"{painted}/picture").headers["etag"]
    headers = {"If-None-Match": tag, "Range": "bytes=0-9"}
    answer = api.client.get(f"{painted}/picture", headers=headers)
    assert answer.status_code == 304
    assert "content-range" not in answer.headers


@pytest.mark.parametrize("wanted", ["bytes=0-99", "bytes=-50", "bytes=10-", "bytes=5-5,7-9"])
def test_ranges_are_answered(api: Served, painted: str, wanted: str):
    answer = api.client.get(f"{painted}/picture", headers={"Range": wanted})
    assert answer.status_code == 206
    if "," not in wanted:
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start = int(first) if first else len(PHOTO) - int(last)
        end = int(last) + 1 if first and last else len(PHOTO)
        assert answer.content == PHOTO[start:end]
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(PHOTO)}"
    head = api.client.head(f"{painted}/picture", headers={"Range": wanted})
    assert (head.status_code, head.content) == (206, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]


@pytest.mark.parametrize(
    "wanted",
    ["bytes=99999999-", "bytes=9-3", "bytes=x", "bytes", "lines=1-2", f"bytes={'9' * 5000}-", "=,"],
)
def test_a_bad_range_is_a_problem(api: Served, painted: str, wanted: str):
    answer = api.client.get(f"{painted}/picture", headers={"Range": wanted})
    check_bad_range(answer)
    assert api.client.head(f"{painted}/picture", headers={"Range": wanted}).status_code == 416
    assert api.client.get("/v1/styles", headers={"Range": wanted}).status_code == 200


def check_bad_range(answer: httpx.Response) -> None:
    assert answer.status_code == 416
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "bad-range"
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_what_cannot_be_satisfied_says_how_long_the_file_is(api: Served, painted: str):
    answer = api.client.get(f"{painted}/picture", headers={"Range": "bytes=99999999-"})
    check_bad_range(answer)
    assert answer.headers["content-range"] == f"bytes */{len(PHOTO)}"


def test_a_range_counts_only_if_the_file_is_still_that_one(api: Served, painted: str):
    whole = api.client.get(f"{painted}/picture")
    for name in ("etag", "last-modified"):
        headers = {"Range": "bytes=0-9", "If-Range": whole.headers[name]}
        assert api.client.get(f"{painted}/picture", headers=headers).content == PHOTO[:10]
    for other in ('"other"', "Thu, 01 Jan 1970 00:00:00 GMT", f"W/{whole.headers['etag']}"):
        headers = {"Range": "bytes=0-9", "If-Range": other}
        answer = api.client.get(f"{painted}/picture", headers=headers)
        assert (answer.status_code, answer.content) == (200, PHOTO)


def test_a_preflight_that_is_refused_is_a_problem(api: Served):
    headers = {"Origin": "https://other.org", "Access-Control-Request-Method": "GET"}
    answer = api.client.options("/v1/jobs", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "cross-site"
    assert "access-control-allow-origin" not in answer.headers
