"""The pictures of a time-lapse, collected during a run in bounded memory.

The film should follow the change in the picture, not the clock. So pictures are collected at steps
spaced geometrically within each scale (`ShotSpacing`), and when the film is cut, pictures that
differ little from the one before are dropped (`evenly`).
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

MAX_SHOTS = 150
LONG_SIDE = 480
_THUMB = 48
_ONSET = 8.0
"""Steps at the start of a scale that are spaced evenly, before the spacing grows."""


class Shot(NamedTuple):
    """One picture of the film: its step, its position on the time axis, a JPEG."""

    step: int
    position: float
    data: bytes


@dataclass
class ShotSpacing:
    """The time axis of the film: linear in the first steps of each scale, then logarithmic."""

    scale: int = 0
    start: int = 0  # first step of the scale
    base: float = 0.0  # position of that step
    position: float = 0.0  # of the latest step
    gap: float = 0.0  # minimum distance between two shots

    def to(self, step: int, scale: int) -> float:
        """Move to a step and return its position."""
        if scale != self.scale:
            self.scale, self.start, self.base = scale, step, self.position
        self.position = self.base + math.log1p(max(step - self.start, 0) / _ONSET)
        return self.position


class TimeLapse:
    """Collects at most `MAX_SHOTS` pictures of at most `LONG_SIDE` pixels, stored as JPEG.

    ``width`` and ``height`` are those of the finished picture; pictures of coarser scales are
    enlarged. With ``even``, both sides of the film are even, as H.264 requires. ``alpha`` (h, w) in
    [0, 1] is the transparency of all pictures; the background is white.
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
        self._spacing = ShotSpacing()

    def due(self, step: int, scale: int, *, last: bool) -> bool:
        """Return whether to add this step's picture. Call it for every step, in order."""
        position = self._spacing.to(step, scale)
        return last or not self.shots or position - self.shots[-1].position >= self._spacing.gap

    def add(self, step: int, rgb: NDArray[np.float32]) -> None:
        """Add the picture of the step that `due` was last called for."""
        self.shots.append(Shot(step, self._spacing.position, self.encode(rgb)))
        if len(self.shots) > MAX_SHOTS:
            self._thin()

    def encode(self, rgb: NDArray[np.float32]) -> bytes:
        """Return a picture as the JPEG of a shot."""
        small = resize(np.nan_to_num(rgb).clip(0, 1), self.width, self.height)
        pixels = (on_white(small, self._alpha) * 255 + 0.5).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=92, subsampling=0)
        return buffer.getvalue()

    def decode(self, data: bytes) -> Image.Image:
        """Return the picture of a shot at the size of the film."""
        with Image.open(io.BytesIO(data)) as image:
            picture = image.convert("RGB")
        size = (self.width, self.height)
        return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)

    def cut(self, step: int) -> None:
        """Forget the shots from this step on: the run went back."""
        self.shots = [shot for shot in self.shots if shot.step < step]

    def film(self, most: int, photo: bytes | None, finished: bytes | None) -> list[Image.Image]:
        """Return the pictures: the photo, about ``most`` shots, the finished picture."""
        kept = evenly([_thumbnail(shot.data) for shot in self.shots], most)
        reel = (photo, *(self.shots[i].data for i in kept), finished)
        return [self.decode(data) for data in reel if data]

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs: numpy arrays."""
        data = [shot.data for shot in self.shots]
        return {
            "film_spacing": np.array(
                [getattr(self._spacing, f.name) for f in fields(ShotSpacing)], np.float64
            ),
            "film_steps": np.array([shot.step for shot in self.shots], np.int64),
            "film_positions": np.array([shot.position for shot in self.shots], np.float64),
            "film_sizes": np.array([len(d) for d in data], np.int64),
            "film_data": np.frombuffer(b"".join(data), np.uint8),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`; if it has no time-lapse, the film starts here."""
        if "film_spacing" not in state:
            return
        scale, start, *rest = np.asarray(state["film_spacing"]).tolist()
        self._spacing = ShotSpacing(int(scale), int(start), *rest)
        ends = np.cumsum(state["film_sizes"], dtype=np.int64).tolist()
        data = np.asarray(state["film_data"], np.uint8).tobytes()
        steps = np.asarray(state["film_steps"]).tolist()
        positions = np.asarray(state["film_positions"]).tolist()
        if ends and len(data) != ends[-1]:
            raise ValueError("film_data is cut short")
        reel = [data[a:b] for a, b in zip([0, *ends], ends, strict=False)]
        self.shots = [Shot(*shot) for shot in zip(steps, positions, reel, strict=True)]

    def _thin(self) -> None:
        """Widen the gap so that about half of the shots remain, with those of early steps."""
        first, *others, latest = self.shots
        self._spacing.gap = (latest.position - first.position) / (MAX_SHOTS / 2)
        kept = [first]
        for shot in others:
            if shot.position - kept[-1].position >= self._spacing.gap:
                kept.append(shot)
        self.shots = [*kept, latest]


def evenly(thumbnails: Sequence[NDArray[np.float32]], most: int) -> list[int]:
    """Choose pictures so that about the same amount changes from each to the next.

    A picture stays if at least ``1/most`` of all change lies between it and the last one kept. The
    first and the last always stay. Fast changes are not smoothed.
    """
    if len(thumbnails) < 2:
        return list(range(len(thumbnails)))
    changes = [float(np.abs(b - a).mean()) for a, b in pairwise(thumbnails)]
    passed = np.cumsum([0.0, *changes])
    # Slightly under the share, so that rounding does not drop a picture of an even film.
    share = max(passed[-1] / most * (1 - 1e-6), 1e-9)
    kept = [0]
    for i in range(1, len(thumbnails) - 1):
        if passed[i] - passed[kept[-1]] >= share:
            kept.append(i)
    return [*kept, len(thumbnails) - 1]


def _thumbnail(data: bytes) -> NDArray[np.float32]:
    """Decode a JPEG at a small size, enough to measure how much changes between two."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (_THUMB, _THUMB))
        small = image.convert("RGB").resize((_THUMB, _THUMB), Image.Resampling.BOX)
        return np.asarray(small, np.float32)
