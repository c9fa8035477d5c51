"""Steps made by hand: a bright bar that moves over a gradient while the losses fall."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impasto.events import Step
from impasto.options import RecordOptions
from impasto.record import Recorder

SCALES = ((16, 12), (32, 24), (64, 48))


def bar(step: int, steps: int, width: int, height: int) -> np.ndarray:
    x = np.linspace(0, 1, width, dtype=np.float32)
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    rgb = np.stack(np.broadcast_arrays(0.6 * x, 0.6 * y, 0.3 + 0 * x * y), axis=-1)
    return np.maximum(rgb, (np.abs(x - step / steps) < 0.12)[None, :, None]).astype(np.float32)


def make_step(step: int, steps: int, sizes: Any = SCALES, **changes: Any) -> Step:
    scale = min((step - 1) * len(sizes) // steps, len(sizes) - 1)
    width, height = sizes[scale]
    content, style, tv = 2.0 + step / steps, 1e4 / step**1.5, 0.125
    values: dict[str, Any] = {
        "step": step,
        "steps": steps,
        "scale": scale + 1,
        "scales": len(sizes),
        "width": width,
        "height": height,
        "loss": content + style + tv,
        "content": content,
        "style": style,
        "tv": tv,
        "terms": {},
        "seconds": step * 0.1234567,
        "remaining": 0.0,
        "picture": lambda: bar(step, steps, width, height),
    }
    return Step(**values | changes)


@pytest.fixture
def step() -> Callable[..., Step]:
    return make_step


@pytest.fixture
def steps() -> Callable[..., Iterator[Step]]:
    def make(count: int, sizes: Any = SCALES, *, after: int = 0, until: int | None = None) -> Any:
        return (make_step(i, count, sizes) for i in range(after + 1, (until or count) + 1))

    return make


@pytest.fixture
def picture() -> Callable[..., np.ndarray]:
    return bar


@pytest.fixture
def everything(tmp_path: Path) -> Callable[..., RecordOptions]:
    """Options that ask for every file, in a folder of the given name."""

    def make(name: str, **changes: Any) -> RecordOptions:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        asked: dict[str, Any] = {
            "save_every": 4,
            "frames": folder / "frames",
            "timelapse": folder / "film.gif",
            "log": folder / "log.jsonl",
            "plot": folder / "plot.png",
        }
        return RecordOptions(**asked | changes)

    return make


@pytest.fixture
def recorder() -> Callable[..., Recorder]:
    def make(options: RecordOptions, **kwargs: Any) -> Recorder:
        return Recorder(options, *SCALES[-1], **kwargs)

    return make
