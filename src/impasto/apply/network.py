"""A network with selected styles: call it with a photo to get the stylised picture."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard, Unpack, overload

import numpy as np

import impasto
from impasto.apply import backends, tiles
from impasto.apply.frame_moments import FrameMoments
from impasto.apply.masks import Mask, lay_over, masks_of
from impasto.apply.padded import Box
from impasto.apply.passes import Passes, Progress, sizes_of
from impasto.apply.stylised import Stylised
from impasto.errors import ImageError, OptionsError, in_memory
from impasto.images import fit, resize
from impasto.images.alpha import seen_part
from impasto.images.color import is_grey, make_grey_
from impasto.images.picture import Stored, eight_bits, floats
from impasto.images.read import Source, read_stored
from impasto.images.resize import resize_plane
from impasto.nets import noise
from impasto.nets.geometry import padded
from impasto.options import ApplyOptions, ReadOptions, SaveOptions
from impasto.options.keywords import StylizeKeywords
from impasto.zoo.pack import Pack

if TYPE_CHECKING:
    from torch import Tensor

_OPTIONS = ApplyOptions()
_WAY_OUT = "choose a smaller --size or --tile"


class _CallKeywords(StylizeKeywords, total=False):
    """The keyword arguments of a network's call."""

    read: ReadOptions | None
    mask: Source | Sequence[Source] | None
    progress: Progress | None
    bits: int | None


class Network:
    """A pack's network with a share of each style, ready to be called. `impasto.load` returns it.

    ``shares`` maps style names to shares and is normalised. ``backend`` and ``device`` are as in
    `ApplyOptions`; ``threads`` is the number of CPU threads, None for all. Raises `OptionsError`
    for an unknown style or an unavailable device, and `MissingExtraError`.
    """

    def __init__(
        self,
        pack: Pack,
        shares: Mapping[str, float],
        *,
        backend: str = _OPTIONS.backend,
        device: str = _OPTIONS.device,
        threads: int | None = None,
    ) -> None:
        pack.mix(shares)  # raises an error for invalid shares
        self.pack = pack
        self.shares = dict(shares)
        options = ApplyOptions(backend=backend, device=device)
        self.backend = backends.choose(
            pack.architecture,
            pack.tensors,
            backend=options.backend,
            device=options.device,
            threads=threads,
        )

    @overload
    def __call__(self, picture: Tensor, **options: Unpack[_CallKeywords]) -> Tensor: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]  # a text is one path
        self, picture: Source, **options: Unpack[_CallKeywords]
    ) -> Stylised: ...

    @overload
    def __call__(
        self, picture: Sequence[Source], **options: Unpack[_CallKeywords]
    ) -> list[Stylised]: ...

    def __call__(
        self,
        picture: Any,
        *,
        read: ReadOptions | None = None,
        mask: Source | Sequence[Source] | None = None,
        progress: Progress | None = None,
        bits: int | None = None,
        **options: Unpack[StylizeKeywords],
    ) -> Any:
        """Stylise one picture, or a list of pictures.

        ``picture`` is anything that `read_picture` accepts: a path, bytes, a PIL image or an array;
        a list gives a list. A tensor (3, h, w) or (n, 3, h, w) in [0, 1] gives a tensor of the same
        type on the same device. ``options`` are ``strength``, ``color``, ``style_scale``, ``seed``,
        ``size`` and ``tile`` of `ApplyOptions`. ``mask`` is a grey picture, white where the photo
        is painted and black where it stays, or a list with one for each style. With ``bits=8`` the
        result has 8 bits per channel, which is enough for most files and takes a quarter of the
        memory: 100 megapixels fit into 2 GB.

        Raises `ImageError` for anything that is not a picture, and `OptionsError`.
        """
        chosen = ApplyOptions.from_dict(options)
        for name in options.keys() & {"backend", "device", "jobs"}:
            raise OptionsError(
                f"{name} applies to the network, not to one picture; pass it to impasto.load"
            )
        if _is_tensor(picture):
            return self._tensor(picture, chosen, mask, progress)
        several = picture if isinstance(picture, list | tuple) else [picture]
        found = [
            self.stylise(one, chosen, mask=mask, read=read, progress=progress, bits=bits)
            for one in several
        ]
        return found if several is picture else found[0]

    @in_memory(_WAY_OUT)
    def stylise(
        self,
        picture: Source,
        options: ApplyOptions,
        *,
        mask: Source | Sequence[Source] | None = None,
        read: ReadOptions | None = None,
        progress: Progress | None = None,
        bits: int | None = None,
        moments: FrameMoments | None = None,
    ) -> Stylised:
        """Stylise one picture. ``backend``, ``device`` and ``jobs`` of ``options`` are ignored.

        ``mask`` overrides the one in the options. With ``moments`` the picture is the next frame of
        a film.
        """
        if bits is not None:
            SaveOptions(bits=bits)  # raises an error for an invalid number
        read = read or ReadOptions()
        self.check(options)
        photo = read_stored(picture, read)
        seen_part(photo)  # raises an error if nothing is visible
        if options.size is not None:
            photo = _resized(photo, options.size)
        height, width, _ = photo.rgb.shape
        given = options.mask if mask is None else mask
        masks = masks_of(given, self.shares, width, height, read) if given is not None else []
        eight = bits == 8 or (options.size is None and _is_eight_bit(picture))
        kind = "uint8" if eight else "float32"
        painter = Passes(self.pack, self.backend, options, kind, progress, moments)
        shares = [{name: 1.0} for name in self.shares] if len(masks) > 1 else [self.shares]
        if masks:
            made = (eight_bits(photo.rgb) if eight else floats(photo.rgb)).copy()
            for share, where in zip(shares, masks, strict=True):
                lay_over(made, painter.paint(photo.rgb, share), floats(photo.rgb), where.white)
        else:
            made = painter.paint(photo.rgb, self.shares)
        if self._is_grey and is_grey(photo.rgb):  # a grey style must not colour a grey photo
            make_grey_(made)
        return Stylised(made, photo.alpha, self._recipe(photo, options, masks, painter))

    def check(self, options: ApplyOptions, read: ReadOptions | None = None) -> None:
        """Raise `OptionsError` for options that this network does not support.

        With ``read`` the masks are read and checked, too: that may also raise `ImageError`.
        """
        self.pack.mix(self.shares, options.strength)
        if read is not None and options.mask is not None:
            masks_of(options.mask, self.shares, 1, 1, read)
        if options.style_scale != 1 and not self.pack.has_original:
            raise OptionsError(
                f"{self.pack.name} cannot vary --style-scale; leave out --style-scale"
            )

    @property
    def _is_grey(self) -> bool:
        """Whether the paintings of all styles are grey."""
        cards = {card.name: card for card in self.pack.card.styles}
        return all(cards[name].grey for name, share in self.shares.items() if share)

    @in_memory(_WAY_OUT)
    def _tensor(
        self,
        picture: Tensor,
        options: ApplyOptions,
        mask: Source | Sequence[Source] | None,
        progress: Progress | None,
    ) -> Tensor:
        import torch

        batch = picture[None] if picture.ndim == 3 else picture
        n, c, *sides = batch.shape
        if c != 3 or len(sides) != 2 or 0 in (n, *sides) or not picture.is_floating_point():
            raise ImageError(
                f"a tensor {tuple(picture.shape)} of {picture.dtype} is not a picture; "
                "give floats (3, h, w) or (n, 3, h, w) from 0 to 1"
            )
        result = self._on_device(batch, options) if mask is None else None
        if result is None:
            arrays = batch.detach().float().cpu().permute(0, 2, 3, 1).numpy()
            made = [
                self.stylise(array, options, mask=mask, progress=progress).rgb for array in arrays
            ]
            result = torch.stack([torch.from_numpy(rgb).permute(2, 0, 1) for rgb in made])
        return (result if picture.ndim == 4 else result[0]).contiguous().to(picture)

    def _on_device(self, batch: Tensor, options: ApplyOptions) -> Tensor | None:
        """Stylise a batch on its device if a single pass of PyTorch is enough, else return None."""
        height, width = batch.shape[2:]
        architecture = self.pack.architecture
        whole = Box(0, padded(height, architecture), 0, padded(width, architecture))
        plain = (options.color, options.size, options.mask) == ("style", None, None)
        one = len(sizes_of(self.pack, options, width, height)) == 1
        fits = isinstance(options.tile, str) and not tiles.side_for(whole, architecture)
        if self._is_grey or not (self.backend.name == "torch" and plain and one and fits):
            return None
        self.check(options)
        from impasto.apply.torch_backend import TorchBackend

        assert isinstance(self.backend, TorchBackend)
        fields = noise.fields(architecture, whole.bottom, whole.right, options.seed)
        mix = self.pack.mix(self.shares, options.strength)
        photos = batch.detach().float().to(self.backend.device)
        return self.backend.stylise(photos, mix, fields)

    def _recipe(
        self, photo: Stored, options: ApplyOptions, masks: Sequence[Mask], painter: Passes
    ) -> dict[str, Any]:
        """Return the recipe of a picture, as plain data."""
        return {
            "kind": "apply",
            "version": impasto.__version__,
            "model": {
                "name": self.pack.name,
                "architecture": self.pack.architecture.name,
                "body": self.pack.body,
                "rows": {name: self.pack.row(name).sha256 for name in self.shares},
            },
            "shares": self.shares,
            "strength": options.strength,
            "color": options.color,
            "style_scale": options.style_scale,
            "seed": options.seed,
            "mask": [{"name": mask.name, "sha256": mask.sha256} for mask in masks],
            "size": options.size,
            "content": {"name": photo.name, "sha256": photo.sha256},
            "ran": {
                "backend": self.backend.name,
                "device": self.backend.device,
                "tile": painter.tile,
            },
        }

    def __repr__(self) -> str:
        """Pack, styles and back end."""
        shares = ", ".join(f"{name}:{share:g}" for name, share in self.shares.items())
        where = f"{self.backend.name} on {self.backend.device}"
        return f"<Network {self.pack.name!r}, {shares}, {where}>"


def load(
    styles: str | os.PathLike[str],
    *,
    fast: bool = False,
    backend: str = _OPTIONS.backend,
    device: str = _OPTIONS.device,
    threads: int | None = None,
) -> Network:
    """Load a network that paints in the given styles, ready to be called with pictures.

    ``styles`` is a name, ``"starry"``; a mixture, ``"starry:0.6,wave:0.4"``; either with a pack in
    front, ``"turbo/starry"``; or the file of a pack, ``"mine.safetensors"``. With ``fast``, smaller
    networks are preferred. The other arguments are as for `Network`. Raises `OptionsError`,
    `WeightsError` and `MissingExtraError`.
    """
    from impasto.zoo.registry import resolve

    pack, shares = resolve(os.fspath(styles), fast=fast)
    return Network(pack, shares, backend=backend, device=device, threads=threads)


def _resized(photo: Stored, size: int) -> Stored:
    h, w, _ = photo.rgb.shape
    width, height = fit(w, h, size)
    alpha = photo.alpha
    if alpha is not None:
        alpha = resize_plane(alpha, width, height)
    return Stored(resize(floats(photo.rgb), width, height), alpha, photo.name, photo.sha256)


def _is_eight_bit(source: Any) -> bool:
    """Return whether a source is a uint8 array of RGB; the result is then one, too."""
    return (
        isinstance(source, np.ndarray)
        and source.dtype == np.uint8
        and source.ndim == 3
        and source.shape[2] == 3
    )


def _is_tensor(picture: Any) -> TypeGuard[Tensor]:
    """Return whether a picture is a PyTorch tensor, without importing PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(picture, torch.Tensor)
