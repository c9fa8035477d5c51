"""Files of a job in the making that follow each other, such as previews: small JPEG files."""

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
from impasto.studio.jobs import Job
from impasto.studio.storage import Storage

LONG_SIDE = 640

_INTERVAL = 1.0
_SHARE = 0.05
"""Of the time, at most so much goes into previews."""

Picture = NDArray[np.float32]


class Series:
    """Files that follow each other, of which a column of the job names the newest.

    Those before the one that the row names are removed; who read the row may still ask for that.
    """

    def __init__(
        self, files: Storage, claim: Job, heartbeat: Heartbeat, column: str, name: str
    ) -> None:
        self._files, self._claim, self._heartbeat = files, claim, heartbeat
        self._column, self._name = column, name
        self._made: list[str] = []
        self._count = 0

    def next_name(self) -> str:
        """Return a name that no other file has: ``name`` with numbers of attempt and file."""
        self._count += 1
        self._made.append(self._name.format(self._claim.attempt, self._count))
        return self._made[-1]

    def put(self, data: bytes) -> None:
        """Store the next one, and tell of it."""
        told = self._heartbeat.told.get(self._column)
        if told in self._made:
            old = self._made[: self._made.index(told)]
            self._made = self._made[len(old) :]
            if old:
                self._files.remove(self._claim.id, *old)
        name = self.next_name()
        self._files.put(self._claim.id, name, data)
        self._heartbeat.note(None, **{self._column: name})


class Previews:
    """Makes previews when they are due."""

    def __init__(
        self,
        files: Storage,
        claim: Job,
        heartbeat: Heartbeat,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._series = Series(files, claim, heartbeat, "preview", "preview-{}-{}.jpg")
        self._clock, self._due = clock, 0.0

    @property
    def due(self) -> bool:
        """Whether it is time for the next one."""
        return self._clock() >= self._due

    def add(self, picture: Picture) -> None:
        """Make one and tell of it."""
        began = self._clock()
        self._series.put(encode(picture))
        now = self._clock()
        self._due = now + max(_INTERVAL, (now - began) / _SHARE)


def encode(picture: Picture) -> bytes:
    """Return a JPEG file of a picture (h, w, 3) in [0, 1], no larger than a preview is to be."""
    height, width, _ = picture.shape
    if max(width, height) > LONG_SIDE:
        picture = resize(picture, *fit(width, height, LONG_SIDE))
    data = io.BytesIO()
    Image.fromarray(eight_bits(picture)).save(data, "JPEG", quality=85)
    return data.getvalue()
