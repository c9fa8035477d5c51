"""The pictures of a time-lapse, gathered while the work goes on, in bounded memory.

The film should follow the change, not the clock. Two things see to that: pictures are gathered
at steps that grow geometrically within each scale (`Pace`), and when the film is cut, those that
differ little from the one before are left out (`evenly`).
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.images import fit, resize
from impasto.images.alpha import on_white
from impasto.images.resize import resize_plane

MOST_SHOTS = 150
LONG_SIDE = 480
_THUMB = 48
_ONSET = 8.0
"""Steps of a scale that are gathered evenly, before the spacing starts to grow."""


class Shot(NamedTuple):
    """One picture of the film: its step, where it stands on the film's own axis, a JPEG."""

    step: int
    position: float
    data: bytes


@dataclass
class Pace:
    """The film's own axis: linear in the first steps of each scale, then logarithmic."""

    scale: int = 0
    start: int = 0  # first step of the scale
    base: float = 0.0  # position of that step
    position: float = 0.0  # of the latest step
    gap: float = 0.0  # least distance between two shots

    def to(self, step: int, scale: int) -> float:
        """Move to a step and return its position."""
        if scale != self.scale:
            self.scale, self.start, self.base = scale, step, self.position
        self.position = self.base + math.log1p(max(step - self.start, 0) / _ONSET)
        return self.position


class TimeLapse:
    """Gathers at most `MOST_SHOTS` pictures of at most `LONG_SIDE` pixels, kept as JPEG.

    ``width`` and ``height`` are those of the finished picture; pictures of coarser scales are
    enlarged to its shape. With ``even`` both sides of the film are even, as H.264 wants it.
    ``alpha`` (h, w) in [0, 1] is the transparency of all of them: they lie on white.
    """

    def __init__(
        self,
        width: int,
        height: int,
        *,
        even: bool = False,
        alpha: NDArray[np.float32] | None = None,
    ) -> None:
        size = fit(width, height, LONG_SIDE) if max(width, height) > LONG_SIDE else (width, height)
        self.width, self.height = (max(2, side // 2 * 2) if even else side for side in size)
        self._alpha = None
        if alpha is not None:
            self._alpha = resize_plane(alpha, self.width, self.height)
        self.shots: list[Shot] = []
        self._pace = Pace()

    def due(self, step: int, scale: int, *, last: bool) -> bool:
        """Tell whether this step's picture is wanted. To be asked of every step, in order."""
        position = self._pace.to(step, scale)
        return last or not self.shots or position - self.shots[-1].position >= self._pace.gap

    def add(self, step: int, rgb: NDArray[np.float32]) -> None:
        """Keep the picture of the step just asked about."""
        self.shots.append(Shot(step, self._pace.position, self.encode(rgb)))
        if len(self.shots) > MOST_SHOTS:
            self._thin()

    def encode(self, rgb: NDArray[np.float32]) -> bytes:
        """Return a picture as the JPEG of a shot."""
        small = resize(np.nan_to_num(rgb).clip(0, 1), self.width, self.height)
        pixels = (on_white(small, self._alpha) * 255 + 0.5).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=92, subsampling=0)
        return buffer.getvalue()

    def decode(self, data: bytes) -> Image.Image:
        """Return the picture of a shot, at the size of this film."""
        with Image.open(io.BytesIO(data)) as image:
            picture = image.convert("RGB")
        size = (self.width, self.height)
        return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)

    def cut(self, step: int) -> None:
        """Forget the shots from this step on: the work went back."""
        self.shots = [shot for shot in self.shots if shot.step < step]

    def film(self, most: int, photo: bytes | None, finished: bytes | None) -> list[Image.Image]:
        """Return the pictures: the photo, ``most`` shots or hardly more, the finished one."""
        kept = evenly([_thumbnail(shot.data) for shot in self.shots], most)
        reel = (photo, *(self.shots[i].data for i in kept), finished)
        return [self.decode(data) for data in reel if data]

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs: numpy arrays."""
        data = [shot.data for shot in self.shots]
        return {
            "film_pace": np.array([getattr(self._pace, f.name) for f in fields(Pace)], np.float64),
            "film_steps": np.array([shot.step for shot in self.shots], np.int64),
            "film_positions": np.array([shot.position for shot in self.shots], np.float64),
            "film_sizes": np.array([len(d) for d in data], np.int64),
            "film_data": np.frombuffer(b"".join(data), np.uint8),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`; one made without a time-lapse leaves the film to start here."""
        if "film_pace" not in state:
            return
        scale, start, *rest = np.asarray(state["film_pace"]).tolist()
        self._pace = Pace(int(scale), int(start), *rest)
        ends = np.cumsum(state["film_sizes"], dtype=np.int64).tolist()
        data = np.asarray(state["film_data"], np.uint8).tobytes()
        steps = np.asarray(state["film_steps"]).tolist()
        positions = np.asarray(state["film_positions"]).tolist()
        if ends and len(data) != ends[-1]:
            raise ValueError("film_data is cut short")
        reel = [data[a:b] for a, b in zip([0, *ends], ends, strict=False)]
        self.shots = [Shot(*shot) for shot in zip(steps, positions, reel, strict=True)]

    def _thin(self) -> None:
        """Widen the gap so that about half of the shots stay: early steps keep theirs."""
        first, *others, latest = self.shots
        self._pace.gap = (latest.position - first.position) / (MOST_SHOTS / 2)
        kept = [first]
        for shot in others:
            if shot.position - kept[-1].position >= self._pace.gap:
                kept.append(shot)
        self.shots = [*kept, latest]


def evenly(thumbnails: Sequence[NDArray[np.float32]], most: int) -> list[int]:
    """Choose pictures so that from each to the next about the same amount changes.

    A picture stays when at least ``1/most`` of all change lies between it and the one kept
    before. The first and the last stay in any case; fast change between two is kept as it is.
    """
    if len(thumbnails) < 2:
        return list(range(len(thumbnails)))
    changes = [float(np.abs(b - a).mean()) for a, b in pairwise(thumbnails)]
    passed = np.cumsum([0.0, *changes])
    # A hair under the share, so that rounding does not drop a picture of a perfectly even film.
    share = max(passed[-1] / most * (1 - 1e-6), 1e-9)
    kept = [0]
    for i in range(1, len(thumbnails) - 1):
        if passed[i] - passed[kept[-1]] >= share:
            kept.append(i)
    return [*kept, len(thumbnails) - 1]


def _thumbnail(data: bytes) -> NDArray[np.float32]:
    """Decode a JPEG small: enough to tell how much changes from one to the next."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (_THUMB, _THUMB))
        small = image.convert("RGB").resize((_THUMB, _THUMB), Image.Resampling.BOX)
        return np.asarray(small, np.float32)
