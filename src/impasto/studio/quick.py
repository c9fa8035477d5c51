"""Quick: photos stylised by trained networks, in the server itself, a few at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from impasto.apply.network import Network
from impasto.apply.stylised import Stylised
from impasto.apply.tiles import bytes_per_pixel
from impasto.errors import OptionsError
from impasto.images import check_format, fit, resize
from impasto.images.encode import Job, jpeg, png, tiff, webp
from impasto.images.fraction import read_fitting
from impasto.images.picture import Stored, floats
from impasto.options import ApplyOptions, ReadOptions, SaveOptions
from impasto.studio.pictures import Header, TooManyPixels
from impasto.studio.settings import Settings
from impasto.studio.styles import Catalogue, Style
from impasto.zoo.pack import Pack

__all__ = ["MEDIA_TYPES", "Busy", "Quick", "Style"]

T = TypeVar("T")

MEDIA_TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "tiff": "image/tiff",
}
"""What a picture of each format is called on the net."""

_ENCODERS: dict[str, Callable[[Job], bytes]] = {
    "png": png,
    "jpeg": jpeg,
    "webp": webp,
    "tiff": tiff,
}
_SAVE = SaveOptions()

_KEEP = 128 * 2**20
"""A picture that takes more than this has a network of its own: ONNX Runtime keeps what a picture
took for the next one, and that goes with the network."""

_ALONE = 512 * 2**20
"""A picture that takes more than this is computed while no other of its kind is."""

_READING = 16
"""Bytes that a pixel takes while a picture is read and brought to its size, at most."""

_LATEST = 4
"""Networks that each thread keeps."""


class Busy(Exception):  # noqa: N818 - it is no error, but a state
    """More photos wait to be stylised than the settings allow."""


class Quick:
    """The networks, loaded when first used. Photos beyond `Settings.at_once` wait in line.

    Nothing here imports PyTorch. `stylise` blocks; `place` and `begin` are its parts, for who has
    an event loop.
    """

    def __init__(self, settings: Settings) -> None:
        self._most = settings.at_once + settings.max_waiting
        self._most_work = settings.max_work * 1e9
        self._default = settings.style
        self._read = ReadOptions(max_pixels=settings.max_pixels, max_bytes=settings.max_upload)
        self._threads = max(1, _processors() // settings.at_once)
        self._catalogue = Catalogue()
        self._pool = ThreadPoolExecutor(settings.at_once, thread_name_prefix="quick")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._alone = threading.Lock()
        self._taken = 0

    def styles(self) -> list[Style]:
        """Return every style that can be asked for, in the order of looking for them."""
        return self._catalogue.styles()

    @property
    def default(self) -> str | None:
        """The style when none is named; None where there is none at all."""
        return self._default or next((style.name for style in self.styles()), None)

    def hash_of(self, style: str) -> str:
        """Return the SHA-256 of the pack that a style is in. Raises `OptionsError`."""
        return self._catalogue.find(style)[0].sha256

    def check(self, style: str, strength: float = 1.0) -> None:
        """Raise `OptionsError` for a style or a strength of it that cannot be had."""
        pack, shares = self._catalogue.find(style)
        pack.mix(shares, strength)

    def check_size(self, photo: Header, style: str, size: int | None, format: str) -> None:
        """Raise `TooManyPixels` or `OutputError` for a result that is too large for the style."""
        width, height = fit(*photo, size) if size else photo
        architecture = self._catalogue.find(style)[0].architecture
        most = min(self._read.max_pixels, int(self._most_work / max(architecture.macs, 1)))
        if width * height > most:
            raise TooManyPixels(
                f"would be {width}x{height} pixels, more than the {most:,} allowed in this style: "
                "ask for a smaller size"
            )
        check_format(f"result.{format}", width, height)

    def stylise(
        self,
        photo: bytes,
        style: str,
        *,
        strength: float = 1.0,
        color: str = "style",
        size: int | None = None,
        format: str = "jpeg",
    ) -> tuple[bytes, str]:
        """Return the stylised photo as the bytes of a picture file, and its media type.

        Raises `Busy`, `OptionsError`, `ImageError`, `WeightsError` and, for a format that cannot
        hold the picture, `OutputError`.
        """
        options = ApplyOptions(strength=strength, color=color, size=size)
        with self.place():
            return self.begin(lambda: self.make(photo, style, options, format)).result()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place among those who may wait, for as long as the block lasts. Raises `Busy`."""
        with self._lock:
            if self._taken >= self._most:
                raise Busy
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1

    def begin(self, work: Callable[[], T]) -> Future[T]:
        """Put work in line, for who has a `place`; what is cancelled before its turn never runs."""
        return self._pool.submit(work)

    @property
    def taken(self) -> int:
        """How many photos are coming in, in line or being stylised."""
        return self._taken

    def make(
        self, photo: bytes, style: str, options: ApplyOptions, format: str
    ) -> tuple[bytes, str]:
        """As `stylise`, at once and in this thread: for work whose turn it is."""
        if format not in _ENCODERS:
            raise OptionsError(f"--format must be one of {', '.join(_ENCODERS)}")
        pack, shares = self._catalogue.find(style)
        stored = read_fitting(photo, options.size, self._read)
        height, width, _ = stored.rgb.shape
        self.check_size(Header(width, height), style, options.size, format)
        made = self._stylised(pack, shares, stored, options)
        recipe = {**made.recipe, "save": _SAVE.to_dict()}
        job = Job(made.samples, made.transparency, _SAVE, recipe, "the result")
        return _ENCODERS[format](job), MEDIA_TYPES[format]

    def close(self) -> None:
        """Finish what was begun, drop what waits."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _stylised(
        self, pack: Pack, shares: dict[str, float], photo: Stored, options: ApplyOptions
    ) -> Stylised:
        height, width, _ = photo.rgb.shape
        columns, rows = fit(width, height, options.size) if options.size else (width, height)
        takes = max(columns * rows * bytes_per_pixel(pack.architecture), width * height * _READING)
        alone = takes > _ALONE
        with self._alone if alone else nullcontext():
            network = self._network(pack, keep=takes <= _KEEP, threads=None if alone else 1)
            network.shares = shares
            made: Stylised = network.stylise(photo.rgb, options, bits=8)
        # What travels in the picture says nothing of where files lie here.
        told = {
            "model": {**made.recipe["model"], "name": Path(pack.name).stem},
            "content": {"name": photo.name, "sha256": photo.sha256},
        }
        alpha = photo.alpha
        if alpha is not None and alpha.shape != (rows, columns):
            alpha = resize(floats(alpha)[:, :, None], columns, rows)[:, :, 0]
        return replace(made, transparency=alpha, recipe={**made.recipe, **told})

    def _network(self, pack: Pack, *, keep: bool, threads: int | None) -> Network:
        """Return a network that is this thread's own, from among its latest if it can be."""
        kept: dict[str, Network] = self._local.__dict__.setdefault("networks", {})
        network = kept.pop(pack.sha256, None) if keep else None
        if network is None:
            threads = None if threads is None else self._threads
            first = {pack.styles[0]: 1.0}
            network = Network(pack, first, backend="onnx", device="cpu", threads=threads)
        if keep:
            kept[pack.sha256] = network
            while len(kept) > _LATEST:
                del kept[next(iter(kept))]
        return network


def _processors() -> int:
    """Return how many of the processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
