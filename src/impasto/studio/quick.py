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


@dataclass(frozen=True)
class Asked:
    """What is asked of a photo: a style or a mixture, and how it is applied.

    With ``fast`` a style's name means a smaller network. ``own`` are the styles of who asks:
    nobody else's can be named.
    """

    style: str
    options: ApplyOptions = ApplyOptions()
    format: str = "jpeg"
    fast: bool = False
    own: Own = ()


class Quick:
    """The networks, loaded when first used. Photos beyond `Settings.at_once` wait in line.

    Nothing here imports PyTorch. `stylise` blocks; `begin` is for who has an event loop.
    ``catalogue`` has the styles.
    """

    def __init__(self, settings: Settings) -> None:
        self._most_work = settings.max_work * 1e9
        self._default = settings.style
        self._read = settings.limits
        self._threads = max(1, processors() // settings.at_once)
        self.catalogue = Catalogue()
        places = settings.at_once + settings.max_waiting
        self._pool = FairPool(settings.at_once, "quick", places)
        self._local = threading.local()
        self._alone = threading.Lock()

    def styles(self) -> list[Style]:
        """Return every style that can be asked for, in the order of looking for them."""
        return self.catalogue.styles()

    @property
    def default(self) -> str | None:
        """The style when none is named; None where there is none at all."""
        return self._default or next((style.name for style in self.styles()), None)

    def exemplars(self, style: str, own: Own = ()) -> list[tuple[Exemplar, float]]:
        """Return an exemplar for each part of a style or a mixture, with its share.

        Raises `OptionsError` for an unknown style, or one that has no exemplar here.
        """
        found, mine = [], {style.name: style for style in own}
        for name, share in self.catalogue.find(style, own=own)[1].items():
            own_painting = Exemplar(mine[name].painting) if name in mine else None
            exemplar = own_painting or self.catalogue.exemplar(name)
            if exemplar is None:
                raise OptionsError(f"the painting of {name} is not here: add it in Paint instead")
            found.append((exemplar, share))
        return found

    def finishable(self, style: str, own: Own = ()) -> bool:
        """Return whether `exemplars` finds all of them; reads no file. Raises `OptionsError`."""
        mine = {style.name for style in own}
        shares = self.catalogue.find(style, own=own)[1]
        return all(name in mine or self.catalogue.exemplar(name) for name in shares)

    def check(self, asked: Asked) -> Pack:
        """Return the network for it. Raises `OptionsError` for what it cannot do."""
        pack, shares = self._find(asked)
        pack.mix(shares, asked.options.strength)
        if asked.options.style_scale != 1 and not pack.has_original:
            raise OptionsError("--style-scale cannot vary in this style: it was not trained to")
        return pack

    def check_size(self, asked: Asked, photo: Header) -> None:
        """Raise `TooManyPixels` or `OutputError` for a result that is too large for the style."""
        width, height = _size(photo, asked.options)
        most = self._read.max_pixels
        if width * height > most:
            raise TooManyPixels(
                f"would be {width}x{height} pixels, more than the {most:,} allowed: "
                "ask for a smaller size"
            )
        work = work_of(self._find(asked)[0], asked.options, width, height)
        if work > self._most_work:
            raise TooManyPixels(
                f"would be {width}x{height} pixels, {work / self._most_work:.2g} times the work "
                "allowed in this style: ask for a smaller size"
            )
        check_format(f"result.{_FORMATS[asked.format].kind}", width, height)

    def draft(self, asked: Asked, photo: bytes) -> Asked:
        """Return what to ask for to get a quick look at a picture.

        The same styles in a smaller network, at a smaller size if need be: the strokes look as they
        will, or larger where fine ones would take too long. What is no more work than a draft is
        answered as it is, and so is a style that there is one network of. Raises `OptionsError` and
        `ImageError`.
        """
        lighter = self.catalogue.lighter(asked.style, asked.own)
        if not lighter:
            return asked
        header = measure(photo, self._read)
        if self._fits(asked, header):
            return asked
        longest = max(_size(header, asked.options))
        sides = [*range(min(longest, LOOK), _STEP, -_STEP), min(longest, _STEP)]
        found = []
        for style in lighter:
            tries = [
                replace(asked, style=style, options=replace(asked.options, size=side))
                for side in sides
            ]
            found.append(next((one for one in tries if self._fits(one, header)), tries[-1]))
        least = min(longest, _DRAFT_SIDE)
        return next((one for one in found if (one.options.size or 0) >= least), found[-1])

    def _fits(self, asked: Asked, photo: Header) -> bool:
        """Return whether a picture is as quick as a draft is to be: little work, a network kept."""
        picture = self._find(asked)[0], asked.options, *_size(photo, asked.options)
        return work_of(*picture) <= _DRAFT_WORK and bytes_of(*picture) <= _KEEP

    def stylise(
        self, photo: bytes, style: str, *, mask: bytes | None = None, **given: Any
    ) -> tuple[bytes, str]:
        """As `make`, when its turn comes. ``given`` are fields of `Asked` and of `ApplyOptions`.

        Raises `PoolFull`, too.
        """
        own = {name: given.pop(name) for name in ("format", "fast", "own") if name in given}
        asked = Asked(style, ApplyOptions.from_dict(given), **own)
        return self.begin("", lambda: self.make(asked, photo, mask)).result()

    def begin(self, client: str, work: Callable[[], T]) -> Future[T]:
        """Put a client's work in line. Raises `PoolFull`."""
        return self._pool.submit(client, work)

    @property
    def taken(self) -> int:
        """How many photos are in line or being stylised."""
        return self._pool.taken

    def make(self, asked: Asked, photo: bytes, mask: bytes | None = None) -> tuple[bytes, str]:
        """Return the stylised photo as the bytes of a picture file, and its media type.

        At once and in this thread: for work whose turn it is. Raises `OptionsError`, `ImageError`,
        `WeightsError` and, for a format that cannot hold the picture, `OutputError`.
        """
        if asked.format not in _FORMATS:
            raise OptionsError(f"--format must be one of {', '.join(FORMATS)}")
        chosen, options = _FORMATS[asked.format], asked.options
        pack, shares = self._find(asked)
        stored = _mirrored(read_fitting(photo, options.size, self._read), chosen.multiple)
        height, width, _ = stored.rgb.shape
        self.check_size(asked, Header(width, height))
        white = None if mask is None else self._grey(mask, max(_size((width, height), options)))
        made = self._stylised(pack, shares, stored, options, white)
        recipe = {**made.recipe, "save": chosen.save.to_dict()}
        job = Job(made.samples, made.transparency, chosen.save, recipe, "the result")
        return chosen.encode(job), f"image/{chosen.kind}"

    def close(self) -> None:
        """Finish what was begun, drop what waits."""
        self._pool.close()

    def _find(self, asked: Asked) -> tuple[Pack, Shares]:
        return self.catalogue.find(asked.style, fast=asked.fast, own=asked.own)

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
