"""Jobs as tests make them: tiny pictures, shallow layers, workers of the test's own."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from PIL import Image

from impasto.painter import Painter, Painting
from impasto.studio.executor import execute
from impasto.studio.jobs import Job, JobStore, new_id
from impasto.studio.requests import PaintRequest
from impasto.studio.runner import WorkerContext
from impasto.studio.settings import Settings, read
from impasto.studio.storage import Storage

REQUEST: Mapping[str, Any] = {
    "size": 48,
    "steps": 8,
    "style_layers": "relu1_1,relu2_1",
    "content_layers": "relu2_2",
}
"""Quick to paint."""


def drawn(width: int = 64, height: int = 48, seed: int = 0, mode: str = "RGB") -> Image.Image:
    """Return a picture of smooth blotches."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, len(mode)), dtype=np.uint8), mode)
    return small.resize((width, height), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    data = io.BytesIO()
    picture.save(data, format, **options)
    return data.getvalue()


PHOTO, STYLE = encoded(drawn(seed=1)), encoded(drawn(48, 64, seed=2))


def pixels(data: bytes) -> np.ndarray:
    """Decode a whole picture file; raises where a part is missing."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return np.asarray(image)


def settings_for(data: Path, **given: Any) -> Settings:
    # The process of the tests has grown before it gets here; on a busy machine a worker that is
    # nice would hardly have its turn.
    return read(data=str(data), threads=1, **{"max_memory": 2**38, "nice": 0, **given})


def accept(
    store: JobStore,
    files: Storage,
    *,
    photo: bytes = PHOTO,
    styles: tuple[bytes, ...] = (STYLE,),
    **order: Any,
) -> Job:
    """Take a job as the API does: its files first."""
    id = new_id()
    files.put(id, "photo", photo)
    for number, style in enumerate(styles):
        files.put(id, f"style-{number}", style)
    request = PaintRequest.of({**REQUEST, **order}).flat()
    return store.accept("ann", "paint", request, id=id)


def context_for(settings: Settings, engine: sa.Engine, worker: str = "one") -> WorkerContext:
    files = Storage(settings.data)
    return WorkerContext(
        settings=settings,
        store=JobStore(engine),
        files=files,
        scratch=files.scratch(worker),
        worker=worker,
        leaving=threading.Event(),
    )


def work(context: WorkerContext) -> Job | None:
    """Do the job whose turn it is, and return the claim to it; None if there is none."""
    claim = context.store.claim(context.worker)
    if claim:
        execute(context, claim)
    return claim


def assert_as_good(settings: Settings, job: Job, files: Storage) -> None:
    """Compare the last loss of a job with that of the same order painted without any studio."""
    assert job.loss is not None
    assert job.loss < 1.05 * painted(settings, job, files).losses[-1].loss


def uninterrupted(settings: Settings, job: Job, files: Storage) -> np.ndarray:
    """Paint a job's order from start to end, without any studio; return the pixels."""
    return np.rint(painted(settings, job, files).rgb * 255).astype(np.uint8)


def painted(settings: Settings, job: Job, files: Storage) -> Painting:
    """Paint a job's order from start to end, without any studio."""
    order = PaintRequest.of(job.request)
    styles = sorted(name for name in files.names(job.id) if name.startswith("style-"))
    painter = Painter(
        files.get(job.id, "photo"),
        [files.get(job.id, name) for name in styles],
        order.options(max_memory=settings.max_memory),
    )
    for _ in painter:
        pass
    return painter.painting
