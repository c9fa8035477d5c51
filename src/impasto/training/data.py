"""Photos to train on: read once, cached as uint8, and cut into numbered crops.

A crop depends only on the seed and its number, so an interrupted training continues with the same
crops. Photos are read in the background in the order in which they will be needed; files that
cannot be read are skipped and reported.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from impasto.errors import ImageError, ImpastoError
from impasto.images.folders import pictures_in
from impasto.images.fraction import read_fitting
from impasto.images.picture import eight_bits
from impasto.images.read import Source, read_stored
from impasto.options import ReadOptions

_LARGER = 1.125
"""The short side of a cached photo, relative to the side of the crops."""

_CLOSEST = 1.5
"""The largest zoom of a crop."""

_LONGEST = 2.0
"""The largest aspect ratio of a photo; longer ones are cropped."""

_ROOM = 2 * 10**9
"""The largest size of the cache, in bytes."""

_TIMES = 8
"""How often each photo of a subset is shown before the next subset is read, if not all fit."""

_AHEAD = 32
"""How many crops ahead photos are read."""

_TRIES = 50
"""The number of unreadable photos in a row after which training stops."""


def photos_in(folder: Path, unreadable: Callable[[ImageError], None] | None = None) -> list[Path]:
    """Return the picture files in a folder and its subfolders, sorted.

    Errors of unreadable subfolders are passed to ``unreadable``. Raises `ImageError` if there are
    no pictures.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder}: is not a folder; --photos takes a folder of photos")
    closed: list[ImageError] = []
    found = list(pictures_in(folder, unreadable=closed.append))
    if not found or (closed and unreadable is None):
        raise closed[0] if closed else ImageError(f"{folder}: contains no photos")
    if unreadable is not None:
        for error in closed:
            unreadable(error)
    return found


@dataclass(frozen=True)
class PhotoOrder:
    """Which of ``count`` photos a crop shows, by its number.

    Every photo is used once before any is used again. If not all fit into the cache, they are used
    in subsets of ``part`` photos: each subset is repeated several times, so that no photo is read
    for only one crop.
    """

    count: int
    part: int
    seed: int

    def __call__(self, number: int, attempt: int = 0) -> int:
        """Return the photo; on later attempts, a random photo of the same subset."""
        turn, place = divmod(number, self.count * _TIMES)
        first = place // (self.part * _TIMES) * self.part
        length = min(self.part, self.count - first)
        again, place = divmod(place - first * _TIMES, length)
        if attempt:
            place = int(np.random.default_rng((self.seed, number, attempt)).integers(length))
        else:
            place = int(_shuffled(length, self.seed, turn, first, again)[place])
        return int(_shuffled(self.count, self.seed, turn)[first + place])


@lru_cache(maxsize=4)
def _shuffled(count: int, *seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(count)


class PhotoCache:
    """A cache of photos, uint8 (h, w, 3), on a device, with a short side of ``side`` pixels.

    Each is read once, in the background, when it is first requested; the least recently used ones
    make room for others.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        side: int,
        read: ReadOptions,
        *,
        device: torch.device | str = "cpu",
        room: int = _ROOM,
        threads: int = 1,
    ) -> None:
        self._sources = sources
        self._side = side
        self._read_options = read
        self._device = torch.device(device)
        self._room = room
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="photos")
        self._kept: OrderedDict[int, Future[Tensor]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def capacity(self) -> int:
        """The number of photos that fit, whatever their aspect ratio."""
        return max(2, int(self._room / (3 * self._side**2 * _LONGEST)))

    def ask(self, number: int) -> Future[Tensor]:
        """Start reading a photo unless it is cached."""
        with self._lock:
            if number not in self._kept:
                self._kept[number] = self._pool.submit(self._read, number)
            self._kept.move_to_end(number)
            return self._kept[number]

    def __getitem__(self, number: int) -> Tensor:
        """Wait for a photo and return it. Raises `ImageError` if it cannot be read."""
        return self.ask(number).result()

    def close(self) -> None:
        """Read nothing more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _read(self, number: int) -> Tensor:
        pixels = torch.from_numpy(_fitted(self._sources[number], self._side, self._read_options))
        photo = pixels.to(self._device)
        with self._lock:
            self._bytes += photo.numel()
            self._make_room()
        return photo

    def _make_room(self) -> None:
        while self._bytes > self._room:
            ready = (key for key, photo in self._kept.items() if photo.done())
            oldest = next(ready, None)
            if oldest is None:
                return
            photo = self._kept.pop(oldest)
            self._bytes -= 0 if photo.exception() else photo.result().numel()


def _fitted(source: Source, side: int, read: ReadOptions) -> NDArray[np.uint8]:
    """Read a photo with a short side of ``side`` pixels, cropping a very long one."""
    if isinstance(source, str | bytes | os.PathLike):
        stored = read_fitting(source, side, read, short=True)
    else:
        stored = read_stored(source, read)
    h, w, _ = stored.rgb.shape
    longest = int(_LONGEST * min(h, w))
    if max(h, w) > longest:
        stored = stored.cut(min(w, longest), min(h, longest))
        h, w, _ = stored.rgb.shape
    rgb = np.ascontiguousarray(eight_bits(stored.rgb))
    if min(h, w) == side:
        return rgb.copy() if rgb is stored.rgb else rgb
    size = (max(side, round(w * side / min(h, w))), max(side, round(h * side / min(h, w))))
    return np.array(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


class Crops:
    """Square crops of ``size`` pixels: each number gives a random photo, place, zoom and flip."""

    def __init__(
        self,
        sources: Sequence[Source],
        size: int,
        seed: int,
        read: ReadOptions,
        *,
        device: torch.device | str = "cpu",
        room: int = _ROOM,
        threads: int = 1,
    ) -> None:
        self.size, self.seed = size, seed
        self._side = round(_LARGER * size)
        self._cache = PhotoCache(
            sources, self._side, read, device=device, room=room, threads=threads
        )
        count, capacity = len(sources), self._cache.capacity
        # The cache must hold the current subset and the one that is read ahead.
        self._order = PhotoOrder(count, count if count <= capacity else capacity // 2, seed)

    def ahead(self, numbers: Iterable[int]) -> None:
        """Start reading the photos of crops that are needed soon."""
        for number in islice(numbers, _AHEAD):
            self._cache.ask(self._order(number))

    def take(self, numbers: Sequence[int]) -> tuple[Tensor, list[str]]:
        """Return crops (n, 3, size, size), RGB in [0, 1], and errors of the photos skipped."""
        squares, views, skipped = [], [], []
        for number in numbers:
            photo, errors = self._photo(number)
            skipped += errors
            rng = np.random.default_rng((self.seed, number))
            top, left = (int(rng.integers(side - self._side + 1)) for side in photo.shape[:2])
            squares.append(photo[top : top + self._side, left : left + self._side])
            views.append(_view(rng))
        pixels = torch.stack(squares).permute(0, 3, 1, 2).float() / 255
        where = torch.from_numpy(np.stack(views)).to(pixels.device, non_blocking=True)
        grid = F.affine_grid(where, [len(views), 3, self.size, self.size], align_corners=False)
        crops = F.grid_sample(
            pixels, grid, mode="bicubic", padding_mode="reflection", align_corners=False
        )
        return crops.clamp_(0, 1), skipped

    def close(self) -> None:
        """Read nothing more."""
        self._cache.close()

    def _photo(self, number: int) -> tuple[Tensor, list[str]]:
        errors: list[str] = []
        for attempt in range(_TRIES):
            try:
                return self._cache[self._order(number, attempt)], errors
            except ImpastoError as error:
                errors.append(str(error))
        raise ImageError(f"{_TRIES} photos in a row cannot be read; the last: {errors[-1]}")


def _view(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the random part of its square that a crop shows, for `affine_grid`: (2, 3)."""
    part = _CLOSEST ** -rng.random()
    x, y = (1 - part) * (2 * rng.random(2) - 1)
    mirror = -1 if rng.random() < 0.5 else 1
    return np.array([[part * mirror, 0, x], [0, part, y]], np.float32)
