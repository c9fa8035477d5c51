"""Studios that answer over real sockets: in a thread of the test, or in a process of their own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from impasto.studio.app import create_app
from impasto.studio.context import Studio
from impasto.studio.server import Server, bound, configured
from impasto.studio.settings import read
from impasto.zoo import registry
from patience import LIMIT, wait_for
from zoo.making import write

IMPASTO = [sys.executable, "-c", "from impasto.cli.main import run; run()"]


def drawn(width: int = 64, height: int = 48, seed: int = 0) -> Image.Image:
    """A picture of smooth blotches."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    data = io.BytesIO()
    picture.save(data, format, **options)
    return data.getvalue()


PHOTO, PAINTING = encoded(drawn(seed=1)), encoded(drawn(56, 56, seed=2))


def decoded(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@dataclass(frozen=True)
class Served:
    """A studio and a client of it."""

    app: FastAPI
    client: httpx.Client
    url: str

    @property
    def studio(self) -> Studio:
        return self.app.state.studio

    def order(self, *, key: str | None = None, headers: Mapping[str, str] = {}, **fields: Any):
        """Order a tiny painting."""
        files = [("photo", PHOTO), ("painting", PAINTING)]
        given = {"size": "48", "steps": "3", **{name: str(v) for name, v in fields.items()}}
        idempotent = {} if key is None else {"Idempotency-Key": key}
        return self.client.post(
            "/v1/jobs", files=files, data=given, headers={**headers, **idempotent}
        )


def own_styles(folder: Path, *styles: str) -> None:
    """Put untrained styles where a user's own packs are."""
    write(folder / "own.safetensors", *styles)


ANN, BOB = ({"X-API-Key": letter * 20} for letter in "ab")
"""The headers of the two clients of the fixture `keyed`."""


@contextmanager
def served(
    folder: Path,
    *,
    styles: tuple[str, ...] = ("wave", "starry"),
    **settings: Any,
) -> Iterator[Served]:
    """Serve a studio without a page and without workers from a thread."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("IMPASTO_")]:
            patch.delenv(name)
        patch.setattr(registry, "BUNDLED", folder / "none")
        patch.setattr(registry, "user_folder", lambda: folder / "models")
        if styles:
            own_styles(folder / "models", *styles)
        given = {"port": 0, "page": False, "workers": 0, "rate": 100_000, **settings}
        chosen = read(data=str(folder / "data"), **given)
        app = create_app(chosen)
        config = configured(chosen, app)
        listening = bound("127.0.0.1", 0)
        addresses: list[str] = []
        server = Server(config, app.state.studio, lambda url, _: addresses.append(url))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            wait_for(lambda: addresses)
            with httpx.Client(base_url=addresses[0], timeout=LIMIT) as client:
                yield Served(app, client, addresses[0])
        finally:
            server.should_exit = True
            thread.join()
            listening.close()
            server.closed()


class Process:
    """`impasto serve` as somebody runs it, with an own folder for everything."""

    def __init__(self, folder: Path, *flags: str, before: str = "", **environment: str) -> None:
        """``before`` is Python that this process runs first."""
        self.data = folder / "data"
        ours = {name: v for name, v in os.environ.items() if not name.startswith("IMPASTO_")}
        home = {"XDG_DATA_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
        self._log = (folder / "log").open("w+b")
        self.process = subprocess.Popen(
            [
                *IMPASTO[:-1],
                before + IMPASTO[-1],
                "serve",
                "--port",
                "0",
                "--data",
                str(self.data),
                *flags,
            ],
            env={**ours, **home, "IMPASTO_RATE": "100000", "IMPASTO_NICE": "0", **environment},
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self.url = self._address()

    def _address(self) -> str:
        assert self.process.stdout
        for line in self.process.stdout:
            word, _, rest = line.decode().partition(" ")
            if word == "studio":
                return rest.strip()
        raise AssertionError(f"it did not come up: {self.said()}")

    def said(self) -> str:
        """What it wrote to stderr so far."""
        return Path(self._log.name).read_text()

    def stop(self) -> int:
        """End it as a service manager does; return the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        self._log.close()
        return self.process.returncode

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
