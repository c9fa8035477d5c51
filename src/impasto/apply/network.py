"""A network with the styles chosen: called with a photo, it returns the stylised picture."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard, overload

import numpy as np

import impasto
from impasto.apply import backends, tiles
from impasto.apply.canvas import Canvas
from impasto.apply.stylised import Stylised
from impasto.errors import ImageError, OptionsError
from impasto.images import fit, resize
from impasto.images.picture import Floats, Stored, floats
from impasto.images.read import Source, read_stored
from impasto.options import ApplyOptions, ReadOptions, SaveOptions
from impasto.zoo.pack import Pack

if TYPE_CHECKING:
    from torch import Tensor

Progress = Callable[[int, int], None]
"""Is called with how many tiles are done, and how many there are."""

_OPTIONS = ApplyOptions()


class Network:
    """A pack's network with a share of each style, ready to be called. `impasto.load` returns it.

    ``shares`` by style name are made to add up to 1. ``backend`` and ``device`` are as in
    `ApplyOptions`; ``threads`` is how many of the CPU's to use, None for all. Raises
    `OptionsError` for a style that the pack has not and a device that is not there, and
    `MissingExtraError`.
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
        pack.mix(shares)  # raises for what cannot be mixed
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
    def __call__(self, picture: Tensor, **options: Any) -> Tensor: ...

    @overload
    def __call__(self, picture: Source, **options: Any) -> Stylised: ...

    @overload
    def __call__(self, picture: Sequence[Source], **options: Any) -> list[Stylised]: ...

    def __call__(
        self,
        picture: Any,
        *,
        read: ReadOptions | None = None,
        progress: Progress | None = None,
        bits: int | None = None,
        **options: Any,
    ) -> Any:
        """Stylise a picture, or each of a list of them.

        ``picture`` is what `read_picture` takes: a path, bytes, a PIL image or an array; a list of
        those gives a list. A tensor (3, h, w) or (n, 3, h, w) in [0, 1] gives a tensor of its type,
        on its device. ``options`` are ``strength``, ``color``, ``size`` and ``tile`` of
        `ApplyOptions`. With ``bits=8`` the result is kept in 8 bits a channel, which are enough
        for most files and take a quarter of the memory: 100 megapixels fit into 2 GB.

        Raises `ImageError` for what is no picture, and `OptionsError`.
        """
        chosen = ApplyOptions.from_dict(options)
        for name in options.keys() & {"backend", "device", "jobs"}:
            raise OptionsError(f"{name} is no matter of a picture: choose it when you load")
        if _is_tensor(picture):
            return self._tensor(picture, chosen, progress)
        several = picture if isinstance(picture, list | tuple) else [picture]
        found = [
            self.stylise(one, chosen, read=read, progress=progress, bits=bits) for one in several
        ]
        return found if several is picture else found[0]

    def stylise(
        self,
        picture: Source,
        options: ApplyOptions,
        *,
        read: ReadOptions | None = None,
        progress: Progress | None = None,
        bits: int | None = None,
    ) -> Stylised:
        """Stylise one picture. ``backend``, ``device`` and ``jobs`` of ``options`` are not used."""
        if bits is not None:
            SaveOptions(bits=bits)  # raises for what no file can have
        mix = self.pack.mix(self.shares, options.strength)
        photo = read_stored(picture, read or ReadOptions())
        if options.size is not None:
            photo = _resized(photo, options.size)
        eight = bits == 8 or (options.size is None and _is_eight_bit(picture))
        kind = "uint8" if eight else "float32"
        canvas = Canvas(photo.rgb, self.pack.architecture, options.color, kind)
        tile = self._paint(canvas, mix, options.tile, progress)
        return Stylised(canvas.picture, photo.alpha, self._recipe(photo, options, tile))

    def _paint(
        self, canvas: Canvas, mix: Floats, tile: str | int, progress: Progress | None
    ) -> int | None:
        """Fill the canvas, whole or in tiles; return their side."""
        architecture, everything = self.pack.architecture, canvas.everything
        side = tiles.side_for(everything, architecture) if isinstance(tile, str) else tile
        if side is None or side >= max(everything.bottom, everything.right):
            canvas.put(everything, self.backend.stylise(canvas.cut(everything), mix))
            return None
        for event in tiles.stylise(canvas, self.backend, architecture, mix, side):
            if progress:
                progress(event.tile, event.tiles)
        return side

    def _tensor(self, picture: Tensor, options: ApplyOptions, progress: Progress | None) -> Tensor:
        import torch

        batch = picture[None] if picture.ndim == 3 else picture
        n, c, *sides = batch.shape
        if c != 3 or len(sides) != 2 or 0 in (n, *sides) or not picture.is_floating_point():
            raise ImageError(
                f"a tensor {tuple(picture.shape)} of {picture.dtype} is no picture; "
                "give floats (3, h, w) or (n, 3, h, w) from 0 to 1"
            )
        arrays = batch.detach().float().cpu().permute(0, 2, 3, 1).numpy()
        found = [self.stylise(array, options, progress=progress).rgb for array in arrays]
        result = torch.stack([torch.from_numpy(rgb).permute(2, 0, 1) for rgb in found])
        result = (result if picture.ndim == 4 else result[0]).contiguous()
        return result.to(picture)

    def _recipe(self, photo: Stored, options: ApplyOptions, tile: int | None) -> dict[str, Any]:
        """Return how a picture was made, as plain data."""
        return {
            "kind": "apply",
            "version": impasto.__version__,
            "model": {
                "name": self.pack.name,
                "architecture": self.pack.architecture.name,
                "sha256": self.pack.sha256,
            },
            "shares": self.shares,
            "strength": options.strength,
            "color": options.color,
            "size": options.size,
            "content": {"name": photo.name, "sha256": photo.sha256},
            "ran": {"backend": self.backend.name, "device": self.backend.device, "tile": tile},
        }

    def __repr__(self) -> str:
        """Pack, styles and back end."""
        shares = ", ".join(f"{name}:{share:g}" for name, share in self.shares.items())
        where = f"{self.backend.name} on {self.backend.device}"
        return f"<Network {self.pack.name!r}, {shares}, {where}>"


def load(
    styles: str | os.PathLike[str],
    *,
    backend: str = _OPTIONS.backend,
    device: str = _OPTIONS.device,
    threads: int | None = None,
) -> Network:
    """Return a network by the styles it is to paint in, ready to be called with pictures.

    ``styles`` is a name, ``"starry"``; a mixture, ``"starry:0.6,wave:0.4"``; either with the pack
    before it, ``"turbo/starry"``; or the file of a pack, ``"mine.safetensors"``. The rest is as
    for `Network`. Raises `OptionsError`, `WeightsError` and `MissingExtraError`.
    """
    from impasto.zoo.registry import resolve

    pack, shares = resolve(os.fspath(styles))
    return Network(pack, shares, backend=backend, device=device, threads=threads)


def _resized(photo: Stored, size: int) -> Stored:
    h, w, _ = photo.rgb.shape
    width, height = fit(w, h, size)
    alpha = photo.alpha
    if alpha is not None:
        alpha = resize(floats(alpha)[:, :, None], width, height)[:, :, 0]
    return Stored(resize(floats(photo.rgb), width, height), alpha, photo.name, photo.sha256)


def _is_eight_bit(source: Any) -> bool:
    """Tell whether it is a uint8 array of RGB: what is made of it is one, too."""
    return (
        isinstance(source, np.ndarray)
        and source.dtype == np.uint8
        and source.ndim == 3
        and source.shape[2] == 3
    )


def _is_tensor(picture: Any) -> TypeGuard[Tensor]:
    """Return whether it is a PyTorch tensor, without importing PyTorch for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(picture, torch.Tensor)
