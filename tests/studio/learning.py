"""Styles as tests learn them: a small network, few layers, a tiny painting."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from impasto.studio import learn_runner
from impasto.studio.learnt import options
from impasto.studio.runner import WorkerContext
from impasto.zoo.rows import Rows, serialised
from patience import Clock
from pictures import painting
from studio.jobs import context_for, settings_for
from studio.serving import Served
from training import layers
from zoo.making import random_pack, write

ASKED = {"model": "turbo", "style_size": "192", "budget": "4"}
"""What is soon learnt."""


def few_layers(patch: pytest.MonkeyPatch) -> None:
    """Have learners look through few layers, at small crops."""
    layers.few_layers(patch)
    patch.setattr(learn_runner, "options", lambda asked: replace(options(asked), size=128))


def swirls(side: int = 192) -> bytes:
    """A painting, as the bytes of a file."""
    file = io.BytesIO()
    Image.fromarray(painting("swirls", side, side)).save(file, "PNG")
    return file.getvalue()


def ship(folder: Path) -> None:
    """Put networks to learn on where those that come with Impasto are, see `served`."""
    for size in ("turbo", "quality"):
        write(folder / "none" / f"{size}.safetensors", "kiss", size=size)


def learn(api: Served, *, data: bytes | None = None, **given: Any) -> httpx.Response:
    """Ask for a style to be learnt."""
    headers = given.pop("headers", {})
    fields = {**ASKED, **{name: str(value) for name, value in given.items()}}
    files = {"painting": swirls() if data is None else data}
    return api.client.post("/v1/styles", files=files, data=fields, headers=headers)


def worker(api: Served, folder: Path, **settings: Any) -> WorkerContext:
    """A worker of the test's own for a studio; its clock goes on by steps, not by time."""
    url = api.studio.settings.database_url.render_as_string(hide_password=False)
    chosen = settings_for(folder / "data", database=url, **settings)
    context = context_for(chosen, api.studio.engine)
    context.clock = Clock(tick=0.1)
    return context


def a_file(*styles: str, body: str | None = None, size: str = "turbo", **row: Any) -> bytes:
    """The file of styles that a friend had learnt on the network of `ship`."""
    pack = random_pack("kiss", *(styles or ("gift",)), size=size, seed=0)
    rows = []
    for style in styles or ("gift",):
        plain = {"learning": {"seconds": 30.0}, "painting": swirls(64)}
        rows.append(replace(pack.row(style), **{**plain, **row}))
    return serialised(Rows(size, body or random_pack("kiss", size=size).body, tuple(rows)))


def pixels(answer: httpx.Response) -> np.ndarray:
    """Decode the picture of an answer."""
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as image:
        return np.asarray(image.convert("RGB"))
