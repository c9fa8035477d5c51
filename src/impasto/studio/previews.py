"""Previews of a picture in the making: small JPEG files, and no more of them than needed."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.images import fit, resize
from impasto.images.picture import eight_bits
from impasto.studio.heartbeat import Heartbeat
from impasto.studio.storage import Storage

LONG_SIDE = 640

_INTERVAL = 1.0
_SHARE = 0.05
"""Of the time, at most so much goes into previews."""

Picture = NDArray[np.float32]


class Previews:
    """Makes previews when they are due, and removes those that no row names any more."""

    def __init__(
        self,
        files: Storage,
        job: str,
        attempt: int,
        heartbeat: Heartbeat,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files, self._job, self._attempt, self._heartbeat = files, job, attempt, heartbeat
        self._clock, self._count = clock, 0
        self._made: list[str] = []
        self._due = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time for the next one."""
        return self._clock() >= self._due

    def add(self, picture: Picture) -> str:
        """Make one and tell of it; return its name."""
        began = self._clock()
        self._remove_old()
        self._count += 1
        name = f"preview-{self._attempt}-{self._count}.jpg"
        self._files.put(self._job, name, encode(picture))
        self._made.append(name)
        self._heartbeat.note(preview=name)
        now = self._clock()
        self._due = now + max(_INTERVAL, (now - began) / _SHARE)
        return name

    def _remove_old(self) -> None:
        """Remove those before the one that the row names, and who reads the row may still ask."""
        told = self._heartbeat.told.get("preview")
        if told in self._made:
            old = self._made[: self._made.index(told)]
            self._made = self._made[len(old) :]
            self._files.remove(self._job, *old) if old else None


def encode(picture: Picture) -> bytes:
    """Return a JPEG file of a picture (h, w, 3) in [0, 1], no larger than a preview is to be."""
    height, width, _ = picture.shape
    if max(width, height) > LONG_SIDE:
        picture = resize(picture, *fit(width, height, LONG_SIDE))
    data = io.BytesIO()
    Image.fromarray(eight_bits(picture)).save(data, "JPEG", quality=85)
    return data.getvalue()
