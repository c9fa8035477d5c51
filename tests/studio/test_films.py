"""Films in the studio: sent over HTTP, stylised by a worker of the test's own."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from impasto.studio import room
from impasto.studio.maintenance import ORPHANED, sweep
from impasto.studio.runner import WorkerContext, WorkerLeaving
from impasto.studio.storage import Storage
from impasto.video.frames import NetworkStylizer
from patience import wait_for
from studio.filming import animation, beat_always, clip, send
from studio.jobs import context_for, settings_for, work
from studio.learning import a_file, ship, worker
from studio.serving import Served, served
from video.making import apart, av, decoded, film, packets, picture, write

pytestmark = pytest.mark.usefixtures("networks_thin")

KEYS = ("ann:0123456789abcdef", "ben:fedcba9876543210")
ANN, BEN = ({"X-API-Key": key.partition(":")[2]} for key in KEYS)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as found:
        yield found


@pytest.fixture
def context(api: Served, tmp_path: Path) -> WorkerContext:
    return worker(api, tmp_path, checkpoint_every=1e-9)


def job(api: Served, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    return api.client.get(answer.headers["location"]).json()


def made(api: Served, job: dict[str, Any], folder: Path) -> Path:
    """Download the film of a job."""
    path = folder / "film.mp4"
    answer = api.client.get(job["links"]["film"])
    assert answer.status_code == 200, answer.text
    path.write_bytes(answer.content)
    return path


AHEAD = 2
"""Frames that are painted, but not yet written, at most."""


def at_frame(patch: pytest.MonkeyPatch, number: int, act: Callable[[], object]) -> None:
    """Do something when a worker comes to a frame."""
    stylize, seen = NetworkStylizer.stylize, []

    def counted(self: NetworkStylizer, *given: Any) -> Any:
        seen.append(None)
        if len(seen) == number:
            act()
        return stylize(self, *given)

    patch.setattr(NetworkStylizer, "stylize", counted)


def test_a_clip_becomes_a_film(api: Served, context: WorkerContext, tmp_path: Path):
    data = clip(tmp_path, 12, sound="aac")
    begun = job(api, send(api, data, style="starry", strength=0.8))
    assert (begun["kind"], begun["state"]) == ("video", "queued")
    assert begun["order"]["strength"] == 0.8
    work(context)
    done = api.client.get(begun["links"]["self"]).json()
    assert (done["state"], done["error"]) == ("done", None)
    assert (done["step"], done["width"], done["height"]) == (12, 64, 48)
    path = made(api, done, tmp_path)
    pictures, _ = decoded(path)
    assert len(pictures) == 12
    assert packets(path, "audio") == packets(tmp_path / "clip.mp4", "audio")
    assert apart(pictures[0], decoded(tmp_path / "clip.mp4")[0][0]) > 5
    assert api.client.get(done["links"]["clip"]).content == data
    with Image.open(io.BytesIO(api.client.get(done["links"]["preview"]).content)) as preview:
        assert preview.size == (64, 48)
    left = context.files.names(done["id"])
    assert {name.partition("-")[0] for name in left} == {"clip.mp4", "photo", "film", "preview"}
    assert list(context.scratch.iterdir()) == []


def test_what_travels_in_a_film_tells_nothing_of_places(
    api: Served, context: WorkerContext, tmp_path: Path
):
    path = tmp_path / "clip.mp4"
    film(path, 3)
    with av.open(str(path)) as source, av.open(str(tmp_path / "told.mov"), "w") as out:
        out.metadata["location"] = "+48.2-016.3/"
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    begun = job(api, send(api, (tmp_path / "told.mov").read_bytes()))
    work(context)
    data = made(
        api, begun | {"links": api.client.get(begun["links"]["self"]).json()["links"]}, tmp_path
    )
    with av.open(str(data)) as out:
        said = str(out.metadata)
    assert '"clip"' in said
    assert '"own"' in said
    assert "48.2" not in said
    assert str(tmp_path) not in said


def test_parts_of_a_film_can_be_asked_for(api: Served, tmp_path: Path):
    data = clip(tmp_path, 2)
    begun = job(api, send(api, data))
    where = begun["links"]["clip"]
    part = api.client.get(where, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, data[10:20])
    assert part.headers["content-type"] == "video/mp4"
    # The same of files that do not lie on this machine.
    api.studio.files._local = False
    for asked, said in {"10-19": data[10:20], "-7": data[-7:], "5-": data[5:]}.items():
        part = api.client.get(where, headers={"Range": f"bytes={asked}"})
        assert (part.status_code, part.content) == (206, said)
    assert part.headers["content-range"] == f"bytes 5-{len(data) - 1}/{len(data)}"
    for asked in ("bytes=9999999-", "bytes=-", "lines=1-2"):
        whole = api.client.get(where, headers={"Range": asked})
        assert (whole.status_code, whole.content) == (200, data)


def test_a_look_at_the_first_seconds_then_the_film_of_the_same_clip(
    api: Served, context: WorkerContext, tmp_path: Path
):
    look = job(api, send(api, clip(tmp_path, 25), end=0.4, size=32, name="sea.mp4"))
    assert api.studio.store.job(look["id"]).pictures["photo"]["name"] == "sea.mp4"
    film = job(api, send(api, None, again=look["id"], style="wave"))
    work(context)
    work(context)
    look, film = (api.client.get(one["links"]["self"]).json() for one in (look, film))
    assert (look["step"], look["width"]) == (10, 32)
    assert (film["step"], film["width"]) == (25, 64)
    assert api.client.delete(look["links"]["self"]).status_code == 204
    assert api.client.get(film["links"]["clip"]).status_code == 200
    gone = send(api, None, again=look["id"])
    assert (gone.status_code, gone.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("format", ["GIF", "WEBP"])
def test_animations_become_films(api: Served, context: WorkerContext, tmp_path: Path, format: str):
    begun = job(api, send(api, animation(format), format="webm"))
    work(context)
    done = api.client.get(begun["links"]["self"]).json()
    assert (done["state"], done["step"], done["steps"]) == ("done", 5, 5)
    answer = api.client.get(done["links"]["film"])
    assert answer.headers["content-type"] == "video/webm"
    (tmp_path / "film.webm").write_bytes(answer.content)
    _, times = decoded(tmp_path / "film.webm")
    assert [round(float(time), 2) for time in times] == [0, 0.08, 0.16, 0.24, 0.32]


def test_a_style_of_ones_own(tmp_path: Path):
    ship(tmp_path)
    with served(tmp_path, api_keys=KEYS) as api:
        took = api.client.post("/v1/styles", files={"file": a_file()}, headers=ANN)
        assert took.status_code == 201, took.text
        data = clip(tmp_path, 3)
        unknown = send(api, data, style="gift", headers=BEN)
        assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown-style")
        begun = send(api, data, style="gift", headers=ANN).json()
        work(worker(api, tmp_path))
        done = api.client.get(begun["links"]["self"], headers=ANN).json()
        assert (done["state"], done["error"]) == ("done", None)
        for name in ("film", "clip", "self"):
            assert api.client.get(done["links"][name], headers=ANN).status_code == 200
            assert api.client.get(done["links"][name], headers=BEN).status_code == 404
        assert send(api, None, again=done["id"], headers=BEN).status_code == 404


def test_a_stopped_film_keeps_what_is_finished_and_goes_on(
    api: Served, context: WorkerContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    begun = job(api, send(api, clip(tmp_path, 30, sound="aac")))
    beat_always(monkeypatch)
    at_frame(monkeypatch, 11, lambda: api.client.post(f"{begun['links']['self']}/stop"))
    work(context)
    stopped = api.client.get(begun["links"]["self"]).json()
    assert stopped["state"] == "stopped"
    assert 11 - AHEAD <= stopped["step"] <= 13
    path = made(api, stopped, tmp_path)
    pictures, _ = decoded(path)
    assert len(pictures) == stopped["step"]
    until = stopped["step"] / 25
    assert all(time <= until for time, _ in packets(path, "audio"))
    assert api.client.post(f"{begun['links']['self']}/go-on").status_code == 200
    at_frame(monkeypatch, 30 - stopped["step"] + 1, lambda: pytest.fail("a frame twice"))
    work(context)
    done = api.client.get(begun["links"]["self"]).json()
    assert (done["state"], done["step"]) == ("done", 30)
    assert len(decoded(made(api, done, tmp_path))[0]) == 30
    assert not [name for name in context.files.names(done["id"]) if name.startswith("piece-")]


def test_a_cancelled_film_is_gone(
    api: Served, context: WorkerContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    begun = job(api, send(api, clip(tmp_path, 30)))
    beat_always(monkeypatch)
    at_frame(monkeypatch, 12, lambda: api.client.delete(begun["links"]["self"]))
    work(context)
    assert api.client.get(begun["links"]["self"]).json()["state"] == "cancelled"
    assert context.files.names(begun["id"]) == []
    assert list(context.scratch.iterdir()) == []


def test_another_worker_goes_on_with_a_film(
    api: Served, context: WorkerContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    begun = job(api, send(api, clip(tmp_path, 30)))
    with monkeypatch.context() as patch:
        at_frame(patch, 19, context.leaving.set)
        with pytest.raises(WorkerLeaving):
            work(context)
    other = context_for(context.settings, api.studio.engine, "two")
    at_frame(monkeypatch, 30 - 19 + 1 + AHEAD, lambda: pytest.fail("a frame twice"))
    work(other)
    done = api.client.get(begun["links"]["self"]).json()
    assert (done["state"], done["error"], done["step"]) == ("done", None, 30)
    assert len(decoded(made(api, done, tmp_path))[0]) == 30


@pytest.mark.parametrize(
    "what",
    [
        "impasto.studio.storage.Storage.copy",
        "impasto.studio.checkpoints.JobCheckpoints.put",
        "impasto.studio.previews.Previews.add",
    ],
)
def test_a_full_disk_makes_a_film_wait(
    api: Served, context: WorkerContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
):
    monkeypatch.setattr(room, "RETRY", 0.01)
    begun, seen = job(api, send(api, clip(tmp_path))), []
    write = resolve_name(what)

    def full(*given: Any) -> Any:
        if "disk" not in seen:
            seen.append(api.studio.store.job(begun["id"]).waiting)
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(*given)

    monkeypatch.setattr(what, full)
    work(context)
    assert "disk" in seen
    assert api.studio.store.job(begun["id"]).state == "done"


def test_a_killed_worker_costs_a_piece(api: Served, tmp_path: Path):
    frames = 400
    begun = job(api, send(api, clip(tmp_path, frames), stability=0.5))
    home = tmp_path / "home" / "impasto"
    home.mkdir(parents=True)
    (home / "models").symlink_to(tmp_path / "models")
    url = api.studio.settings.database_url.render_as_string(hide_password=False)
    environment = {
        "XDG_DATA_HOME": str(tmp_path / "home"),
        "IMPASTO_DATA": str(tmp_path / "data"),
        "IMPASTO_DATABASE": url,
        "IMPASTO_CHECKPOINT_EVERY": "0.001",
        "IMPASTO_THREADS": "1",
        "IMPASTO_NICE": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "impasto.studio.worker"], env={**os.environ, **environment}
    )
    files = api.studio.files
    wait_for(lambda: sum(name.startswith("piece-") for name in files.names(begun["id"])) > 2)
    process.kill()
    process.wait()
    killed = api.studio.store.job(begun["id"])
    assert killed.state == "running"
    pieces = [name for name in files.names(begun["id"]) if name.startswith("piece-")]
    settings = settings_for(tmp_path / "data", database=url)
    work(context_for(settings, api.studio.engine, killed.worker))
    done = api.client.get(begun["links"]["self"]).json()
    assert (done["state"], done["error"], done["step"]) == ("done", None, frames)
    pictures, _ = decoded(made(api, done, tmp_path))
    assert len(pictures) == frames
    seams = [8 * number for number in range(1, len(pieces) + 1)]
    usual = np.median([apart(pictures[k], pictures[k - 1]) for k in range(1, frames)])
    assert all(apart(pictures[k], pictures[k - 1]) < 3 * usual for k in seams)


def test_a_checkpoint_without_its_pieces_is_of_no_use(
    api: Served, context: WorkerContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    begun = job(api, send(api, clip(tmp_path, 20)))
    beat_always(monkeypatch)
    at_frame(monkeypatch, 11, lambda: api.client.post(f"{begun['links']['self']}/stop"))
    work(context)
    context.files.remove(begun["id"], "piece-1-0")
    api.client.post(f"{begun['links']['self']}/go-on")
    work(context)
    done = api.client.get(begun["links"]["self"]).json()
    assert (done["state"], done["step"]) == ("done", 20)


def test_events_tell_of_frames(api: Served, context: WorkerContext, tmp_path: Path):
    begun = job(api, send(api, clip(tmp_path, 6)))
    work(context)
    text = api.client.get(begun["links"]["events"], headers={"Last-Event-ID": "2"}).text
    assert "event: step" in text
    assert '"step": 6' in text
    assert "event: end" in text


HOSTILE = {
    "only sound": (lambda folder: _sound(folder), "bad-film", "has only sound"),
    "text": (lambda _: b"#EXTM3U\nhttp://169.254.169.254/\n", "bad-film", "cannot be read"),
    "empty": (lambda _: b"", "bad-film", "empty"),
    "a still picture": (lambda _: _still(), "bad-film", "still picture"),
    "cut off": (lambda folder: clip(folder, 4)[:900], "bad-film", "cannot be read as a film"),
    "damaged": (lambda folder: _damaged(folder), "bad-film", "no frame can be decoded"),
    "another kind": (lambda folder: _avi(folder), "bad-film", "of kind avi"),
    "tiny": (lambda folder: clip(folder, 2, width=64, height=8), "bad-film", "64x8"),
    "too many pixels": (
        lambda folder: clip(folder, 2, width=256, height=200), "bad-film", "256x200 pixels",
    ),
    "too long": (lambda folder: clip(folder, 80), "invalid-option", "at most 2 s"),
    "too much work": (lambda folder: clip(folder, 45, width=160, height=160), "bad-film", "work"),
}  # fmt: skip


def _sound(folder: Path) -> bytes:
    film(folder / "sounds.mp4", 4, sound="aac")
    with av.open(str(folder / "sounds.mp4")) as source, av.open(str(folder / "a.m4a"), "w") as out:
        stream = out.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return (folder / "a.m4a").read_bytes()


def _still() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48)).save(file, "WEBP")
    return file.getvalue()


def _damaged(folder: Path) -> bytes:
    data = bytearray(clip(folder, 4))
    start = data.index(b"mdat") + 4
    data[start : data.index(b"moov") - 4] = bytes(data.index(b"moov") - 4 - start)
    return bytes(data)


def _avi(folder: Path) -> bytes:
    film(folder / "old.avi", 4)
    return (folder / "old.avi").read_bytes()


def test_what_cannot_be_stylised_is_refused_in_plain_words(tmp_path: Path):
    bounds = {"max_pixels": 40_000, "max_film_seconds": 2, "max_film_work": 1}
    with served(tmp_path, **bounds) as api:
        for name, (data, code, text) in HOSTILE.items():
            folder = tmp_path / name.replace(" ", "-")
            folder.mkdir()
            answer = send(api, data(folder))
            assert (answer.status_code, answer.json()["code"]) == (422, code), (name, answer.text)
            assert text in answer.json()["detail"], (name, answer.text)
            assert str(tmp_path) not in answer.text
        assert list(api.studio.files.incoming.iterdir()) == []
        assert api.studio.files.jobs() == []
        assert api.client.get("/v1/jobs").json()["jobs"] == []


def test_fields_are_checked(api: Served, tmp_path: Path):
    data = clip(tmp_path, 2)
    wrong = {
        "style": "nobody", "format": "avi", "stability": 2, "start": -1, "end": "later",
        "strength": 9, "style_scale": 9, "codec": "av1", "fps": 0,
    }  # fmt: skip
    for name, value in wrong.items():
        answer = send(api, data, **{name: value})
        assert (answer.status_code, answer.json()["field"]) == (422, name), answer.text
    assert send(api, data, start=5).json()["code"] == "bad-film"
    assert "no frame after start" in send(api, data, start=5).json()["detail"]
    nothing = api.client.post("/v1/videos", files={"style": (None, "wave")})
    assert (nothing.status_code, nothing.json()["field"]) == (422, "clip")


def test_a_format_that_cannot_hold_the_sound(api: Served, tmp_path: Path):
    film(tmp_path / "sound.mkv", 4, sound="pcm_s16le")
    data = (tmp_path / "sound.mkv").read_bytes()
    answer = send(api, data, format="webm")
    assert (answer.status_code, answer.json()["field"]) == (422, "format")
    assert "cannot contain the sound of the clip (pcm_s16le)" in answer.json()["detail"]
    assert send(api, data, format="mkv").status_code == 202


def test_films_have_a_bound_of_their_own(tmp_path: Path):
    with served(tmp_path, max_upload=1024, max_film=20_000) as api:
        assert send(api, clip(tmp_path, 4)).status_code == 202
        assert send(api, bytes(18_000)).json()["code"] == "bad-film"
        answer = send(api, bytes(30_000))
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        assert list(api.studio.files.incoming.iterdir()) == []


def test_a_clip_is_never_in_memory_as_a_whole(
    api: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen = []

    def look(studio: Any, _owner: str, path: Path, *_: Any) -> Any:
        seen.append((path.parent == studio.files.incoming, path.read_bytes()))
        raise KeyError

    monkeypatch.setattr("impasto.studio.routes.videos.accept_film", look)
    data = clip(tmp_path, 2)
    send(api, data)
    assert seen == [(True, data)]
    assert list(api.studio.files.incoming.iterdir()) == []


def test_a_film_that_is_longer_than_its_header_says(api: Served, tmp_path: Path):
    begun = job(api, send(api, clip(tmp_path, 60)))
    context = worker(api, tmp_path, max_film_seconds=1)
    work(context)
    failed = api.client.get(begun["links"]["self"]).json()
    assert (failed["state"], failed["error"]["code"]) == ("failed", "film-error")
    assert failed["error"]["detail"] == "the clip has more than the 1 s allowed"
    begun = job(api, send(api, clip(tmp_path, 60)))
    work(worker(api, tmp_path, max_film_work=1e-3))
    failed = api.client.get(begun["links"]["self"]).json()
    assert "times the work allowed" in failed["error"]["detail"]


def test_files_in_a_bucket(
    api: Served, context: WorkerContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    api.studio.files = context.files = Storage(f"memory://{tmp_path.name}")
    data = clip(tmp_path, 30)
    begun = job(api, send(api, data))
    with monkeypatch.context() as patch:
        at_frame(patch, 19, context.leaving.set)
        with pytest.raises(WorkerLeaving):
            work(context)
    context.leaving.clear()
    assert list(context.scratch.iterdir()) == []
    at_frame(monkeypatch, 30 - 19 + 1 + AHEAD, lambda: pytest.fail("a frame twice"))
    work(context)
    done = api.client.get(begun["links"]["self"]).json()
    assert (done["state"], done["error"], done["step"]) == ("done", None, 30)
    assert len(decoded(made(api, done, tmp_path))[0]) == 30
    part = api.client.get(done["links"]["clip"], headers={"Range": "bytes=3-9"})
    assert (part.status_code, part.content) == (206, data[3:10])
    part = api.client.get(done["links"]["preview"], headers={"Range": "bytes=0-1"})
    assert (part.status_code, part.content) == (206, b"\xff\xd8")
    for tag, status in ((part.headers["ETag"], 206), ('"of a preview before"', 200)):
        asked = {"Range": "bytes=0-1", "If-Range": tag}
        assert api.client.get(done["links"]["preview"], headers=asked).status_code == status
    look = send(api, None, again=done["id"], end=0.2)
    assert job(api, look)["state"] == "queued"
    assert list(api.studio.files.incoming.iterdir()) == []


def test_the_same_key_makes_one_film(api: Served, tmp_path: Path):
    data, key = clip(tmp_path, 2), {"Idempotency-Key": "one"}
    first, second = (job(api, send(api, data, headers=key)) for _ in range(2))
    assert first["id"] == second["id"]
    assert send(api, data, seed=3, headers=key).json()["code"] == "key-reused"
    assert len(api.studio.files.jobs()) == 1


def test_without_pyav_the_studio_says_so(
    api: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data = clip(tmp_path, 2)
    monkeypatch.setitem(sys.modules, "av", None)
    answer = send(api, data)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "impasto[video]" in answer.json()["detail"]
    assert api.client.get("/v1/styles").status_code == 200


def test_uploads_that_broke_off_are_removed(context: WorkerContext):
    old, new = (context.files.incoming / name for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half a film")
    os.utime(old, (0, 0))
    sweep(context.store, context.files, ORPHANED)
    assert not old.exists()
    assert new.exists()


def test_frames_of_any_time_base(api: Served, context: WorkerContext, tmp_path: Path):
    """Stamps that are far apart, and begin late: what counts is the time since the first."""
    path = tmp_path / "late.mkv"
    stamps = [5000, 5040, 5900]
    write(path, [picture(k) for k in range(3)], stamps=stamps, base=Fraction(1, 1000))
    begun = job(api, send(api, path.read_bytes()))
    context.settings = settings_for(tmp_path / "data", max_film_seconds=1)
    work(context)
    assert api.client.get(begun["links"]["self"]).json()["state"] == "done"
