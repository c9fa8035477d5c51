"""Photos to train on: crops by number, the same whoever asks and however often.

The crop with a number depends on the seed and the number alone, so that a training that was
interrupted goes on with the very crops it would have had. Files that are no photos are passed over
and reported.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from impasto.errors import ImageError
from impasto.images import read_picture, resize
from impasto.options import ReadOptions

_CLOSEST = 2.0
"""How close crops look: from all that fits to so many times closer, enlarged where need be.

Networks are trained on small photos and used on large ones, whose skies and faces are smoother.
"""

_TRIES = 50
"""So many photos in a row that cannot be read are one too many."""

Crop = tuple[NDArray[np.uint8], tuple[str, ...]]


def photos_in(folder: Path) -> list[Path]:
    """Return the picture files under a folder, sorted. Raises `ImageError` when there are none."""
    if not folder.is_dir():
        raise ImageError(f"{folder}: is no folder; --photos takes a folder of photos")
    known = {extension.lower() for extension in Image.registered_extensions()}
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in known and not path.name.startswith(".")
    )
    if not found:
        raise ImageError(f"{folder}: holds no photos")
    return found


@dataclass(frozen=True)
class Crops(Dataset[Crop]):
    """Square crops of ``size`` pixels: random photo, scale, place and direction for each number.

    With ``part`` below 1 they are that part of the side, of photos at the same scale.
    """

    photos: Sequence[Path]
    size: int
    seed: int
    read: ReadOptions
    part: float = 1.0

    def __getitem__(self, number: int) -> Crop:
        """Return the crop uint8 (h, w, 3), and what was passed over to get there."""
        bad = []
        for attempt in range(_TRIES):
            path = self.photos[self._choice(number, attempt)]
            try:
                rgb = read_picture(path, self.read).rgb
            except ImageError as error:
                bad.append(str(error))
                continue
            rng = np.random.default_rng((self.seed, number))
            return _cropped(rgb, self.size, self.part, rng), tuple(bad)
        raise ImageError(f"{_TRIES} photos in a row cannot be read; the last: {bad[-1]}")

    def _choice(self, number: int, attempt: int) -> int:
        """Every photo comes once before any comes again; after a bad one, any other."""
        if attempt:
            rng = np.random.default_rng((self.seed, number, attempt))
            return int(rng.integers(len(self.photos)))
        epoch, place = divmod(number, len(self.photos))
        return int(_order(self.seed, epoch, len(self.photos))[place])


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch)).permutation(count)


def _cropped(
    rgb: NDArray[np.float32], size: int, part: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Cut a square of a random scale from a random place, mirrored every second time."""
    h, w, _ = rgb.shape
    size = round(part * size)
    side = max(1, round(part * min(h, w) / _CLOSEST ** rng.random()))
    top, left = rng.integers(h - side + 1), rng.integers(w - side + 1)
    crop = rgb[top : top + side, left : left + side]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    if side != size:
        crop = resize(np.ascontiguousarray(crop), size, size)
    return np.rint(np.clip(crop, 0, 1) * 255).astype(np.uint8)


@dataclass(frozen=True)
class _Numbers(Sampler[list[int]]):
    """The numbers of the crops of one process's batches, from a step on."""

    first: int
    batch: int
    rank: int
    world: int

    def __iter__(self) -> Iterator[list[int]]:
        step = self.first
        while True:
            start = (step * self.world + self.rank) * self.batch
            yield list(range(start, start + self.batch))
            step += 1


def _collate(crops: list[Crop]) -> tuple[Tensor, list[str]]:
    pixels = torch.from_numpy(np.stack([pixels for pixels, _ in crops]))
    return pixels, [reason for _, reasons in crops for reason in reasons]


def batches(
    crops: Crops, batch: int, *, first: int, workers: int, rank: int = 0, world: int = 1
) -> Iterator[tuple[Tensor, list[str]]]:
    """Yield batches uint8 (batch, size, size, 3) from step ``first`` on, without end.

    With each, what was passed over. Of ``world`` processes, number ``rank`` gets its own part.
    """
    loader = DataLoader(
        crops,
        batch_sampler=_Numbers(first, batch, rank, world),
        collate_fn=_collate,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_quiet_worker if workers else None,
    )
    return iter(loader)


def _quiet_worker(_worker: int) -> None:
    """One thread each: the processor belongs to the training. Ctrl-C is the main process's."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    os.nice(5)


def to_images(pixels: Tensor, device: torch.device) -> Tensor:
    """Turn uint8 (n, h, w, 3) to float32 (n, 3, h, w) RGB in [0, 1] on a device."""
    return pixels.to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 255
