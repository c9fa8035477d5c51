"""Many clients at once, against a process of its own whose memory is watched."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from patience import LIMIT
from studio.serving import Process, decoded, drawn, encoded, own_styles

CLIENTS = 30
CAP = 700 * 2**20
"""Bytes of memory that a server with the usual settings may take for them. `docs/service.md` says
what it is for photos that are stylised in full size."""


def large_photo() -> bytes:
    """A photo of 24 megapixels, as large a file as a camera's.

    Its picture is quick to decode. The rest is behind it, where cameras put their previews.
    """
    picture = encoded(drawn(6000, 4000), "JPEG", quality=90)
    return picture.ljust(10_000_000, b"\0")


@contextmanager
def watched(pid: int) -> Iterator[list[int]]:
    """Note the memory of a process while the block lasts."""
    process, found, done = psutil.Process(pid), [0], threading.Event()

    def look() -> None:
        while not done.wait(0.02):
            found.append(process.memory_info().rss)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


async def post_all(url: str, photo: bytes, fields: dict[str, str]) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=url, timeout=LIMIT, limits=limits) as client:

        async def one() -> httpx.Response:
            return await client.post("/v1/stylize", files={"photo": photo}, data=fields)

        return list(await asyncio.gather(*(one() for _ in range(CLIENTS))))


def test_memory_is_bounded_while_thirty_post_photos_of_24_megapixels(tmp_path: Path):
    own_styles(tmp_path / "home" / "impasto" / "models", "wave")
    photo = large_photo()
    assert decoded(photo).size == (6000, 4000)
    with Process(tmp_path, "--workers", "0") as studio:
        with watched(studio.process.pid) as memory:
            answers = asyncio.run(post_all(studio.url, photo, {"size": "256"}))
        statuses = Counter(answer.status_code for answer in answers)
        peak = max(memory)
        assert statuses == {200: CLIENTS}
        assert decoded(answers[0].content).size == (256, 171)
        assert peak < CAP, f"{peak / 2**20:.0f} MiB"


def test_beyond_the_line_the_answer_is_429_at_once_and_nothing_else(tmp_path: Path):
    own_styles(tmp_path / "home" / "impasto" / "models", "wave")
    photo = encoded(drawn(640, 480), "JPEG")
    bounds = {"IMPASTO_AT_ONCE": "1", "IMPASTO_MAX_WAITING": "4", "IMPASTO_PAGE": "false"}
    with Process(tmp_path, "--workers", "0", **bounds) as studio:
        answers = asyncio.run(post_all(studio.url, photo, {"size": "640"}))
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) == {200, 429}
        assert statuses[200] >= 5
        for answer in answers:
            if answer.status_code == 429:
                assert answer.json()["code"] == "busy"
                assert int(answer.headers["retry-after"]) > 0
        assert httpx.get(f"{studio.url}/healthz").status_code == 200


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # its server's output
def test_the_measurement_of_the_load_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = Path(__file__).resolve().parents[2] / "benchmarks"
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))  # it sets that for its processes
    script = importlib.import_module("serve_load")
    monkeypatch.setattr(script, "_PAUSE", 0)
    short = ["--seconds", "1", "--rounds", "1", "--size", "64", "--clients", "4", "--at-once", "1"]
    out = tmp_path / "load.json"
    script.main([*short, "--json", str(out)])
    rows = {row["what"]: row for row in json.loads(out.read_text())["rows"]}
    assert rows["answers other than 200 and 429"]["value"] == 0
    assert rows["served, of the bare network's"]["at_least"] == 0.85
    assert rows["served, pictures a second"]["value"] > 0
    assert rows["95th percentile of a request"]["value"] > 0
