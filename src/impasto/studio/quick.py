"""Quick: photos stylised by trained networks, in the server itself, a few at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from impasto.apply.network import Network
from impasto.apply.passes import LOOK, bytes_of, work_of
from impasto.apply.stylised import Stylised
from impasto.errors import OptionsError
from impasto.images import check_format, fit
from impasto.images.color import whiteness_in_bytes
from impasto.images.encode import Job, jpeg, png, tiff, webp
from impasto.images.fraction import read_fitting
from impasto.images.header import Header, TooManyPixels, measure
from impasto.images.picture import Stored
from impasto.images.resize import resize_plane
from impasto.options import ApplyOptions, SaveOptions
from impasto.runtime.machine import processors
from impasto.studio.fair_pool import FairPool
from impasto.studio.learnt import Own
from impasto.studio.requests import FORMATS
from impasto.studio.settings import Settings
from impasto.studio.styles import Catalogue, Style
from impasto.studio.validation import named
from impasto.zoo.exemplars import Exemplar
from impasto.zoo.pack import Pack
from impasto.zoo.registry import Shares
from impasto.zoo.rows import Rows

T = TypeVar("T")


@dataclass(frozen=True)
class _Format:
    """How a picture becomes a file. Its sides are mirrored up to a ``multiple`` before that."""

    kind: str
    encode: Callable[[Job], bytes]
    save: SaveOptions = SaveOptions()
    multiple: int = 1


MAX = "max"
"""The format of the Model Asset Exchange: JPEG as Pillow saves it by default, with sides that are
multiples of 4. Its networks halve the sides twice, rounding up, and double them twice."""

_FORMATS = {
    "png": _Format("png", png),
    "jpeg": _Format("jpeg", jpeg),
    "webp": _Format("webp", webp),
    "tiff": _Format("tiff", tiff),
    MAX: _Format("jpeg", partial(jpeg, subsampling=2), SaveOptions(jpeg_quality=75), 4),
}

_KEEP = 128 * 2**20
"""A picture that takes more than this, in bytes, has a network of its own: ONNX Runtime keeps what
a picture took for the next one, and that goes with the network."""

_ALONE = 512 * 2**20
"""A picture that takes more than this is computed while no other of its kind is."""

_READING = 16
"""Bytes that a pixel takes while a picture is read and brought to its size, at most."""

_LATEST = 3
"""Networks that each thread keeps."""

_DRAFT_WORK = 7e9
"""Multiplications of a draft, at most: about a fifth of a second on one core with AVX-512."""

_DRAFT_SIDE = 768
"""A draft of this long side shows what moves with a slider: it is not made smaller than this for a
better network."""

_STEP = 64
"""The long side of a draft goes down by so many pixels."""


class Quick:
    """The networks, loaded when first used. Photos beyond `Settings.at_once` wait in line.

    Nothing here imports PyTorch. `stylise` blocks; `begin` is for who has an event loop.
    """

    def __init__(self, settings: Settings) -> None:
        self._most_work = settings.max_work * 1e9
        self._default = settings.style
        self._read = settings.limits
        self._threads = max(1, processors() // settings.at_once)
        self._catalogue = Catalogue()
        places = settings.at_once + settings.max_waiting
        self._pool = FairPool(settings.at_once, "quick", places)
        self._local = threading.local()
        self._alone = threading.Lock()

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

    def exemplars(self, style: str, own: Own = ()) -> list[tuple[Exemplar, float]]:
        """Return an exemplar for each part of a style or a mixture, with its share.

        Raises `OptionsError` for an unknown style, or one that has no exemplar here.
        """
        found, mine = [], {style.name: style for style in own}
        for name, share in self._catalogue.find(style, own=own)[1].items():
            own_painting = Exemplar(mine[name].painting) if name in mine else None
            exemplar = own_painting or self._catalogue.exemplar(name)
            if exemplar is None:
                raise OptionsError(f"the painting of {name} is not here: add it in Paint instead")
            found.append((exemplar, share))
        return found

    def finishable(self, style: str, own: Own = ()) -> bool:
        """Return whether `exemplars` finds all of them; reads no file. Raises `OptionsError`."""
        mine = {style.name for style in own}
        shares = self._catalogue.find(style, own=own)[1]
        return all(name in mine or self._catalogue.exemplar(name) for name in shares)

    def find(self, style: str, *, fast: bool = False, own: Own = ()) -> tuple[Pack, Shares]:
        """Return the network of a style or a mixture, and the shares. Raises `OptionsError`."""
        return self._catalogue.find(style, fast=fast, own=own)

    def imported(self, style: str, own: Own = ()) -> str:
        """Return a style with the user's own packs preferred to those that come with Impasto."""
        return self._catalogue.imported(style, own)

    def has_network(self, rows: Rows) -> bool:
        """Return whether the network that rows were learnt on is here."""
        return self._catalogue.has_network(rows)

    def check(
        self,
        style: str,
        options: ApplyOptions | None = None,
        *,
        fast: bool = False,
        own: Own = (),
    ) -> None:
        """Raise `OptionsError` for a style, or options of it, that cannot be had.

        ``own`` are the styles of who asks, here and below: nobody else's can be named.
        """
        options = options or ApplyOptions()
        pack, shares = self._catalogue.find(style, fast=fast, own=own)
        pack.mix(shares, options.strength)
        if options.style_scale != 1 and not pack.has_original:
            raise OptionsError("--style-scale cannot vary in this style: it was not trained to")

    def check_size(
        self,
        photo: Header,
        style: str,
        options: ApplyOptions,
        format: str,
        *,
        fast: bool = False,
        own: Own = (),
    ) -> None:
        """Raise `TooManyPixels` or `OutputError` for a result that is too large for the style."""
        width, height = _size(photo, options)
        most = self._read.max_pixels
        if width * height > most:
            raise TooManyPixels(
                f"would be {width}x{height} pixels, more than the {most:,} allowed: "
                "ask for a smaller size"
            )
        pack, _ = self._catalogue.find(style, fast=fast, own=own)
        work = work_of(pack, options, width, height)
        if work > self._most_work:
            raise TooManyPixels(
                f"would be {width}x{height} pixels, {work / self._most_work:.2g} times the work "
                "allowed in this style: ask for a smaller size"
            )
        check_format(f"result.{_FORMATS[format].kind}", width, height)

    def draft(
        self, photo: bytes, style: str, options: ApplyOptions, own: Own = ()
    ) -> tuple[str, ApplyOptions]:
        """Return a style and options for a quick look at what `stylise` would make.

        The same styles in a smaller network, at a smaller size if need be: the strokes look as they
        will, or larger where fine ones would take too long. What is no more work than a draft is
        answered as it is, and so is a style that there is one network of. Raises `OptionsError` and
        `ImageError`.
        """
        lighter = self._catalogue.lighter(style, own)
        if not lighter:
            return style, options
        header = measure(photo, self._read)
        if self._fits(style, options, header):
            return style, options
        longest = max(_size(header, options))
        sides = [*range(min(longest, LOOK), _STEP, -_STEP), min(longest, _STEP)]
        tries = [replace(options, size=side) for side in sides]
        found = [
            (spec, next((one for one in tries if self._fits(spec, one, header)), tries[-1]))
            for spec in lighter
        ]
        least = min(longest, _DRAFT_SIDE)
        return next((pair for pair in found if (pair[1].size or 0) >= least), found[-1])

    def _fits(self, style: str, options: ApplyOptions, photo: Header) -> bool:
        """Return whether a picture is as quick as a draft is to be: little work, a network kept."""
        pack, _ = self._catalogue.find(style)
        asked = pack, options, *_size(photo, options)
        return work_of(*asked) <= _DRAFT_WORK and bytes_of(*asked) <= _KEEP

    def stylise(
        self,
        photo: bytes,
        style: str,
        *,
        format: str = "jpeg",
        fast: bool = False,
        mask: bytes | None = None,
        own: Own = (),
        **options: Any,
    ) -> tuple[bytes, str]:
        """Return the stylised photo as the bytes of a picture file, and its media type.

        With ``fast`` a style's name means a smaller network. ``options`` are those of
        `ApplyOptions`. Raises `PoolFull`, `OptionsError`, `ImageError`, `WeightsError` and, for
        a format that cannot hold the picture, `OutputError`.
        """
        chosen = ApplyOptions.from_dict(options)

        def make() -> tuple[bytes, str]:
            return self.make(photo, style, chosen, format, fast=fast, mask=mask, own=own)

        return self.begin("", make).result()

    def begin(self, client: str, work: Callable[[], T]) -> Future[T]:
        """Put a client's work in line. Raises `PoolFull`."""
        return self._pool.submit(client, work)

    @property
    def taken(self) -> int:
        """How many photos are in line or being stylised."""
        return self._pool.taken

    def make(
        self,
        photo: bytes,
        style: str,
        options: ApplyOptions,
        format: str,
        *,
        fast: bool = False,
        mask: bytes | None = None,
        own: Own = (),
    ) -> tuple[bytes, str]:
        """As `stylise`, at once and in this thread: for work whose turn it is."""
        if format not in _FORMATS:
            raise OptionsError(f"--format must be one of {', '.join(FORMATS)}")
        chosen = _FORMATS[format]
        pack, shares = self._catalogue.find(style, fast=fast, own=own)
        stored = _mirrored(read_fitting(photo, options.size, self._read), chosen.multiple)
        height, width, _ = stored.rgb.shape
        self.check_size(Header(width, height), style, options, format, fast=fast, own=own)
        white = None if mask is None else self._grey(mask, max(_size((width, height), options)))
        made = self._stylised(pack, shares, stored, options, white)
        recipe = {**made.recipe, "save": chosen.save.to_dict()}
        job = Job(made.samples, made.transparency, chosen.save, recipe, "the result")
        return chosen.encode(job), f"image/{chosen.kind}"

    def close(self) -> None:
        """Finish what was begun, drop what waits."""
        self._pool.close()

    def _grey(self, mask: bytes, side: int) -> Image.Image:
        """Read a mask, as large as it is needed. Raises `ImageError`."""
        with named("the mask"):
            stored = read_fitting(mask, side, self._read)
        return Image.fromarray(whiteness_in_bytes(stored))

    def _stylised(
        self,
        pack: Pack,
        shares: dict[str, float],
        photo: Stored,
        options: ApplyOptions,
        mask: Image.Image | None,
    ) -> Stylised:
        height, width, _ = photo.rgb.shape
        columns, rows = _size((width, height), options)
        takes = max(bytes_of(pack, options, columns, rows), width * height * _READING)
        alone = takes > _ALONE
        with self._alone if alone else nullcontext():
            network = self._network(pack, keep=takes <= _KEEP, threads=None if alone else 1)
            network.shares = shares
            made: Stylised = network.stylise(photo.rgb, options, mask=mask, bits=8)
        # What travels in the picture says nothing of where files lie here.
        told = {
            "model": {**made.recipe["model"], "name": Path(pack.name).stem},
            "content": {"name": photo.name, "sha256": photo.sha256},
        }
        alpha = photo.alpha
        if alpha is not None and alpha.shape != (rows, columns):
            alpha = resize_plane(alpha, columns, rows)
        return replace(made, transparency=alpha, recipe={**made.recipe, **told})

    def _network(self, pack: Pack, *, keep: bool, threads: int | None) -> Network:
        """Return a network that is this thread's own, from among its latest if it can be."""
        latest: dict[str, Network] = self._local.__dict__.setdefault("networks", {})
        network = latest.pop(pack.sha256, None) if keep else None
        if network is None:
            threads = None if threads is None else self._threads
            first = {pack.styles[0]: 1.0}
            network = Network(pack, first, backend="onnx", device="cpu", threads=threads)
        if keep:
            latest[pack.sha256] = network
            while len(latest) > _LATEST:
                del latest[next(iter(latest))]
        return network


def _mirrored(photo: Stored, multiple: int) -> Stored:
    """Return a photo whose sides are multiples: its last rows and columns are mirrored."""
    height, width, _ = photo.rgb.shape
    more = (0, -height % multiple), (0, -width % multiple)
    if more == ((0, 0), (0, 0)):
        return photo
    alpha = None if photo.alpha is None else np.pad(photo.alpha, more, "reflect")
    return replace(photo, rgb=np.pad(photo.rgb, (*more, (0, 0)), "reflect"), alpha=alpha)


def _size(photo: tuple[int, int], options: ApplyOptions) -> tuple[int, int]:
    """Return width and height of the result."""
    return fit(*photo, options.size) if options.size else (photo[0], photo[1])
