"""Films as tests have them stylised: tiny ones, by an untrained network."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from impasto.studio.heartbeat import Heartbeat
from studio.serving import Served
from video.making import film, picture


def clip(folder: Path, frames: int = 12, **how: Any) -> bytes:
    """A film that moves, as the bytes of a file."""
    path = folder / "clip.mp4"
    film(path, frames, **how)
    return path.read_bytes()


def animation(format: str, frames: int = 5) -> bytes:
    """A GIF or a WebP that moves."""
    images = [Image.fromarray(picture(number)) for number in range(frames)]
    file = io.BytesIO()
    images[0].save(file, format, save_all=True, append_images=images[1:], duration=80)
    return file.getvalue()


def send(api: Served, data: bytes | None, **given: Any) -> httpx.Response:
    """Ask for a film."""
    headers = given.pop("headers", {})
    fields = {name: str(value) for name, value in given.items()}
    files = {"clip": data} if data is not None else {"": ("", b"")}
    if data is None:  # a form without a file
        files = {name: (None, value) for name, value in fields.items()}
        return api.client.post("/v1/videos", files=files, headers=headers)
    return api.client.post("/v1/videos", files=files, data=fields, headers=headers)


def beat_always(patch: pytest.MonkeyPatch) -> None:
    """Have a worker hear of the owner's wishes after every frame, whatever the time."""
    note = Heartbeat.note

    def noted(self: Heartbeat, *given: Any, **progress: Any) -> None:
        note(self, *given, **progress)
        self.beat()

    patch.setattr(Heartbeat, "note", noted)
