"""`impasto serve` as somebody runs it: a process of its own, ended by signals."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import typer

from cli.shell import impasto
from impasto.cli import main
from impasto.cli import serve as command
from impasto.errors import MissingExtraError, OptionsError
from impasto.studio import server
from impasto.studio.settings import Settings
from patience import LIMIT, wait_for
from studio.serving import PAINTING, PHOTO, Process, decoded, own_styles, served

SHALLOW = {
    "size": "64", "steps": "4", "style_layers": "relu1_1,relu2_1", "content_layers": "relu2_2",
}  # fmt: skip
"""An order that is quick to paint."""

BARE = {"IMPASTO_PAGE": "false"}
"""Without the page it is there sooner."""


def models(folder: Path) -> Path:
    return folder / "home" / "impasto" / "models"


def test_the_studio_answers_paints_and_ends(tmp_path: Path):
    own_styles(models(tmp_path), "wave")
    with Process(tmp_path, "--workers", "1", "--threads", "1", **BARE) as studio:
        with httpx.Client(base_url=studio.url, timeout=LIMIT) as client:
            wait_for(lambda: client.get("/readyz").json()["ready"])
            answer = client.post("/v1/stylize", files={"photo": PHOTO}, data={"style": "wave"})
            assert decoded(answer.content).size == (64, 48)
            files = {"photo": PHOTO, "painting": PAINTING}
            job = client.post("/v1/jobs", files=files, data=SHALLOW).headers["location"]
            wait_for(lambda: client.get(job).json()["state"] == "done")
            assert decoded(client.get(f"{job}/picture").content).size == (64, 48)
            assert b"ftyp" in client.get(f"{job}/timelapse").content[:12]
        workers = psutil.Process(studio.process.pid).children(recursive=True)
        assert workers
        assert studio.stop() == 0
        assert not any(worker.is_running() for worker in workers)
        assert "Traceback" not in studio.said()
    with served(tmp_path) as again:  # of the same folder
        assert again.client.get(job).json()["state"] == "done"
        assert again.client.get("/v1/jobs").json()["jobs"][0]["links"]["self"] == job


def test_all_is_over_within_ten_seconds():
    assert server._LET_FINISH < server._WORKERS_LEAVE < server._LAST < 10


@pytest.mark.parametrize("host", ["a..b", "a" * 64, "\0"])
def test_what_cannot_be_a_host_is_named(host: str):
    with pytest.raises(OptionsError, match="is not an address here"):
        server.bound(host, 0)


HELD = """
import atexit, os, sys, time
from impasto.studio import server
from impasto.studio.quick import Quick

server._LET_FINISH = server._LAST = 1000
make = Quick.make

def held(*given, **named):
    while not os.path.exists(os.environ["GO"]):
        time.sleep(0.01)
    return make(*given, **named)

Quick.make = held
atexit.register(lambda: print("PyTorch:", "torch" in sys.modules, file=sys.stderr))
"""
"""A server that has all the time there is, and photos under way until somebody says so. In the end
it says whether it loaded PyTorch."""


def test_what_is_under_way_is_finished_and_streams_end_at_once(tmp_path: Path):
    own_styles(models(tmp_path), "wave")
    go = tmp_path / "go"
    with Process(tmp_path, "--workers", "0", before=HELD, GO=str(go)) as studio:
        with httpx.Client(base_url=studio.url, timeout=LIMIT) as client:
            assert "text/html" in client.get("/").headers["content-type"]
            files = {"photo": PHOTO, "painting": PAINTING}
            job = client.post("/v1/jobs", files=files, data={"size": "48"}).json()
        begun: list[str] = []

        def follow(path: str) -> None:
            with (
                httpx.Client(base_url=studio.url, timeout=LIMIT) as other,
                other.stream("GET", path) as answer,
            ):
                begun.append(path)
                for _ in answer.iter_raw():
                    pass

        def stylise() -> httpx.Response:
            with httpx.Client(base_url=studio.url, timeout=LIMIT) as other:
                return other.post("/v1/stylize", files={"photo": PHOTO}, data={"style": "wave"})

        with ThreadPoolExecutor(2) as clients:
            photo = clients.submit(stylise)
            stream = clients.submit(follow, job["links"]["events"])
            with httpx.Client(base_url=studio.url, timeout=LIMIT) as client:
                wait_for(lambda: "photos_under_way 1.0" in client.get("/metrics").text)
            wait_for(lambda: begun)
            studio.process.terminate()
            stream.result(LIMIT)  # while the photo is under way
            assert not photo.done()
            assert studio.process.poll() is None
            go.touch()
            answer = photo.result(LIMIT)
        assert studio.process.wait(LIMIT) == 0
        assert answer.status_code == 200
        assert decoded(answer.content).size == (64, 48)
        assert "Traceback" not in studio.said()
        assert "PyTorch: False" in studio.said()


def test_only_loopback_is_listened_on_and_nothing_is_taken_when_it_has_ended(tmp_path: Path):
    with Process(tmp_path, "--workers", "0", **BARE) as studio:
        url = httpx.URL(studio.url)
        listening = [
            one.laddr
            for one in psutil.Process(studio.process.pid).net_connections("tcp")
            if one.status == psutil.CONN_LISTEN
        ]
        assert [(one.ip, one.port) for one in listening] == [("127.0.0.1", url.port)]
        folder = tmp_path / "data"
        assert folder.stat().st_mode & 0o077 == 0
        studio.process.send_signal(signal.SIGINT)  # as good as SIGTERM
        assert studio.process.wait(LIMIT) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((url.host, url.port), timeout=LIMIT)


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those of the test."""
    for name in [name for name in os.environ if name.startswith("IMPASTO_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        (("--port", "99999"), {}, "IMPASTO_PORT"),
        (("--host", "0.0.0.0"), {}, "set IMPASTO_API_KEYS"),
        (("--database", "mysql://x"), {}, "must be sqlite"),
        (("--workers", "-1"), {}, "IMPASTO_WORKERS"),
        ((), {"IMPASTO_API_KEYS": "ada:short"}, "16 letters"),
        ((), {"IMPASTO_MAX_SIZE": "big"}, "IMPASTO_MAX_SIZE"),
    ],
)
@pytest.mark.usefixtures("unset")
def test_wrong_settings_are_one_line(capfd, monkeypatch, arguments, environment, says: str):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(server, "serve", lambda *_: pytest.fail("it serves"))
    done = impasto(capfd, "serve", "--port", "0", *arguments)
    assert done.code == 2
    last = done.err.strip().splitlines()[-1]
    assert last.startswith("impasto: ")
    assert says in last


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may begin here: it leaves logging and threads of this process as they are."""
    monkeypatch.setattr(server.logs, "set_up", lambda _: None)
    monkeypatch.setattr(server, "_SWITCH", sys.getswitchinterval())


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        (("--host", "256.1.1.1"), {"IMPASTO_OPEN_TO_ALL": "true"}, "--host 256.1.1.1"),
        (("--data", "/dev/null/x"), {}, "cannot be made"),
    ],
)
@pytest.mark.usefixtures("unset", "begun")
def test_what_cannot_be_had_is_one_line_too(capfd, monkeypatch, arguments, environment, says: str):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = impasto(capfd, "serve", "--port", "0", *arguments)
    assert done.code == 2
    last = done.err.strip().splitlines()[-1]
    assert last.startswith("impasto: ")
    assert says in last
    assert "Traceback" not in done.err


@pytest.mark.usefixtures("unset", "begun")
def test_a_port_that_is_taken_is_said_before_anything_is_opened(capfd, tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = impasto(capfd, "serve", "--port", port, "--data", tmp_path / "data")
    assert done.code == 2
    assert f"--port {port}" in done.err
    assert "choose another" in done.err
    assert not (tmp_path / "data").exists()


def test_flags_say_what_the_settings_say():
    group: Any = typer.main.get_command(main.app)
    for name in ("serve", "worker"):
        for parameter in group.commands[name].params:
            if parameter.name in ("open_browser", "help"):
                continue
            field = Settings.model_fields[parameter.name]
            said = re.sub(r" Default: .*$", "", parameter.help)
            assert said == field.description, parameter.name
            assert parameter.default is None, parameter.name
            default = re.search(r"Default: (.*)\.$", parameter.help)
            if default and parameter.name != "data":
                assert default[1] == str(field.default), parameter.name


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch):
    for library in ("uvicorn", "sqlalchemy", "pydantic_settings"):
        missing = ModuleNotFoundError(f"No module named {library!r}", name=library)
        with pytest.raises(MissingExtraError, match=r"impasto\[studio\]"), command._extra("serve"):
            raise missing
    ours = ModuleNotFoundError("No module named 'impasto.x'", name="impasto.x")
    with pytest.raises(ModuleNotFoundError), command._extra("serve"):
        raise ours
    monkeypatch.setitem(sys.modules, "pydantic_settings", None)
    monkeypatch.delitem(sys.modules, "impasto.studio.settings", raising=False)
    with pytest.raises(MissingExtraError, match="impasto worker"):
        command.worker()


def test_the_command_line_starts_without_the_studio():
    code = "import sys, impasto.cli.main; print([n for n in sys.modules if n in {names!r}])"
    names = {"fastapi", "sqlalchemy", "pydantic", "uvicorn", "impasto.studio"}
    done = subprocess.run(
        [sys.executable, "-c", code.format(names=names)],
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.stdout.strip() == "[]"


def test_open_opens_the_browser(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    import webbrowser

    opened = threading.Event()
    monkeypatch.setattr(webbrowser, "open", lambda url: url == "http://x" and opened.set())

    class Studio:
        class quick:  # noqa: N801
            @staticmethod
            def styles() -> list[str]:
                return []

        settings = Settings(data="somewhere", api_keys="ada:sixteen-letters-at-least")

    command._ready("http://x", Studio(), True)  # type: ignore[arg-type]
    assert opened.wait(LIMIT)
    out = capsys.readouterr().out
    assert "http://x" in out
    assert "somewhere" in out
    assert "sixteen" not in out
