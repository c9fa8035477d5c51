"""`impasto serve` as somebody runs it: a process of its own, ended by signals."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import typer

from impasto.cli import main
from impasto.cli import serve as command
from impasto.errors import MissingExtraError
from impasto.studio.settings import Settings
from studio.serving import IMPASTO, PAINTING, PHOTO, Process, decoded, own_styles, until

SHALLOW = {
    "size": "64", "steps": "4", "style_layers": "relu1_1,relu2_1", "content_layers": "relu2_2",
}  # fmt: skip
"""An order that is quick to paint."""

BARE = {"IMPASTO_PAGE": "false"}
"""Without the page it is there sooner."""


def models(folder: Path) -> Path:
    return folder / "home" / "impasto" / "models"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    ours = {name: v for name, v in os.environ.items() if not name.startswith("IMPASTO_")}
    return subprocess.run(
        [*IMPASTO, *arguments],
        env={**ours, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_studio_answers_paints_and_ends_within_ten_seconds(tmp_path: Path):
    own_styles(models(tmp_path), "wave")
    with Process(tmp_path, "--workers", "1", "--threads", "1") as studio:
        with httpx.Client(base_url=studio.url, timeout=60) as client:
            assert client.get("/readyz").json()["ready"] is True
            assert "text/html" in client.get("/").headers["content-type"]
            answer = client.post("/v1/stylize", files={"photo": PHOTO}, data={"style": "wave"})
            assert decoded(answer.content).size == (64, 48)
            files = {"photo": PHOTO, "painting": PAINTING}
            job = client.post("/v1/jobs", files=files, data=SHALLOW).headers["location"]
            until(lambda: client.get(job).json()["state"] == "done", 120)
            assert decoded(client.get(f"{job}/picture").content).size == (64, 48)
            assert b"ftyp" in client.get(f"{job}/timelapse").content[:12]
        workers = psutil.Process(studio.process.pid).children(recursive=True)
        assert workers
        began = time.monotonic()
        assert studio.stop() == 0
        assert time.monotonic() - began < 10
        assert not any(worker.is_running() for worker in workers)
        assert "Traceback" not in studio.said()
    with (
        Process(tmp_path, "--workers", "0", **BARE) as again,
        httpx.Client(base_url=again.url) as client,
    ):
        assert client.get(job).json()["state"] == "done"
        assert client.get("/v1/jobs").json()["jobs"][0]["links"]["self"] == job


@pytest.mark.parametrize("wish", [signal.SIGTERM, signal.SIGINT])
def test_what_is_under_way_is_finished_and_streams_end_at_once(tmp_path: Path, wish: int):
    own_styles(models(tmp_path), "wave")
    with Process(tmp_path, "--workers", "0") as studio:
        with httpx.Client(base_url=studio.url, timeout=30) as client:
            files = {"photo": PHOTO, "painting": PAINTING}
            job = client.post("/v1/jobs", files=files, data={"size": "48"}).json()
        ended: dict[str, Any] = {}

        def follow(name: str, path: str) -> None:
            with (
                httpx.Client(base_url=studio.url, timeout=30) as other,
                other.stream("GET", path) as answer,
            ):
                for _ in answer.iter_raw():
                    pass
            ended[name] = time.monotonic()

        def stylise() -> None:
            with httpx.Client(base_url=studio.url, timeout=30) as other:
                fields = {"style": "wave", "size": "1500"}
                ended["answer"] = other.post("/v1/stylize", files={"photo": PHOTO}, data=fields)
            ended["photo"] = time.monotonic()

        threads = [
            threading.Thread(target=follow, args=("job", job["links"]["events"])),
            threading.Thread(target=follow, args=("page", "/gradio_api/heartbeat/abcdefghijk")),
            threading.Thread(target=stylise),
        ]
        for thread in threads:
            thread.start()
        with httpx.Client(base_url=studio.url) as client:
            until(lambda: "photos_under_way 1.0" in client.get("/metrics").text)
        began = time.monotonic()
        studio.process.send_signal(wish)
        assert studio.process.wait(15) == 0
        took = time.monotonic() - began
        for thread in threads:
            thread.join(10)
        assert ended["answer"].status_code == 200
        assert decoded(ended["answer"].content).size == (1500, 1125)
        assert took < 10
        assert ended["job"] - began < 2
        assert ended["page"] - began < 2
        assert "Traceback" not in studio.said()


def test_nothing_is_taken_when_it_has_ended(tmp_path: Path):
    with Process(tmp_path, "--workers", "0", **BARE) as studio:
        url = httpx.URL(studio.url)
        studio.process.terminate()
        studio.process.wait(15)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((url.host, url.port), timeout=2)


def test_only_loopback_is_listened_on(tmp_path: Path):
    with Process(tmp_path, "--workers", "0", **BARE) as studio:
        port = httpx.URL(studio.url).port
        listening = [
            one.laddr
            for one in psutil.Process(studio.process.pid).net_connections("tcp")
            if one.status == psutil.CONN_LISTEN
        ]
        assert [(one.ip, one.port) for one in listening] == [("127.0.0.1", port)]
        folder = tmp_path / "data"
        assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        (("--port", "99999"), {}, "IMPASTO_PORT"),
        (("--host", "0.0.0.0"), {}, "set IMPASTO_API_KEYS"),
        (("--host", "256.1.1.1"), {"IMPASTO_OPEN_TO_ALL": "true"}, "--host 256.1.1.1"),
        (("--database", "mysql://x"), {}, "must be sqlite"),
        (("--data", "/dev/null/x"), {}, "cannot be made"),
        (("--workers", "-1"), {}, "IMPASTO_WORKERS"),
        ((), {"IMPASTO_API_KEYS": "ada:short"}, "16 letters"),
        ((), {"IMPASTO_MAX_SIZE": "big"}, "IMPASTO_MAX_SIZE"),
    ],
)
def test_wrong_settings_are_one_line(arguments, environment, says: str):
    done = run("serve", "--port", "0", *arguments, **environment)
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("impasto: ")
    assert says in last
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_said_before_anything_is_opened(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run("serve", "--port", port, "--data", str(tmp_path / "data"))
    assert done.returncode == 2
    assert f"--port {port}" in done.stderr
    assert "choose another" in done.stderr
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
    for library in ("uvicorn", "dbos", "pydantic_settings"):
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
    names = {"fastapi", "gradio", "sqlalchemy", "pydantic", "uvicorn", "impasto.studio"}
    done = subprocess.run(
        [sys.executable, "-c", code.format(names=names)], capture_output=True, text=True, timeout=60
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
    assert opened.wait(5)
    out = capsys.readouterr().out
    assert "http://x" in out
    assert "somewhere" in out
    assert "sixteen" not in out
