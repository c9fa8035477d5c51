"""The inputs of a painting: the photo and the paintings, at the size of every scale."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.errors import OptionsError
from impasto.images import fit, match_colours, resize, with_pixel_count
from impasto.images.alpha import partly, seen_colours, seen_part
from impasto.images.color import grey, is_grey, whiteness
from impasto.images.folders import pictures_in
from impasto.images.picture import Floats, Stored, floats
from impasto.images.read import Source, read_stored
from impasto.images.resize import resize_plane
from impasto.images.tensors import to_array, to_tensor
from impasto.images.turn import turned
from impasto.losses.blend import blend_shares
from impasto.losses.guides import StyleRegion
from impasto.optimize.schedule import Scale
from impasto.options import INITS, TILEABLE_STEP, PaintOptions, ReadOptions, parsing
from impasto.painter.colours import Colours
from impasto.painter.regions import MaskedStyles, coverage, from_maps, from_masks

_NOISE = 20 / 255
"""Amplitude of a noise start: faint, as in the tutorials. Strong noise never fully disappears."""


@dataclass(frozen=True, eq=False)
class Start:
    """A start that is not a file, with its recipe as plain data.

    ``frozen`` takes the place of the file named by ``freeze``.
    """

    picture: Source
    recipe: Mapping[str, Any]
    frozen: Source | None = None

    @property
    def files(self) -> dict[str, Source]:
        """The pictures by the options that they stand for."""
        found = {"init": self.picture, "freeze": self.frozen}
        return {name: source for name, source in found.items() if source is not None}

    @property
    def styles(self) -> str:
        """The style or mixture whose network made it, as ``init`` names them."""
        return ",".join(f"{name}:{share:g}" for name, share in self.recipe["shares"].items())


class Inputs:
    """The pictures of one painting, with the bit depth of their files, and at every scale.

    ``content`` and each style are as for `read_stored`; a style may also be a folder or a list of
    pictures. ``start`` replaces the file named by ``init``. ``width`` and ``height`` are those of
    the painting. Raises `OptionsError`, `ImageError` and `MissingExtraError`.
    """

    def __init__(
        self,
        content: Source,
        styles: Source | Sequence[Source],
        options: PaintOptions,
        read: ReadOptions,
        device: torch.device,
        start: Start | None = None,
    ) -> None:
        self._options, self._device, self._start = options, device, start
        self._colours = Colours(options)
        groups = pictures_of(styles)
        self.shares = blend_shares(options.blend, len(groups))
        self.photo = read_stored(content, read)
        self.style_of_painting = [k for k, group in enumerate(groups) for _ in group]
        self.styles = [read_stored(source, read) for group in groups for source in group]
        self._scales = parsing.each("style_scale", options.style_scale, len(groups))
        self._turns = parsing.each("style_rotation", options.style_rotation, len(groups))
        given = start.files if start else {}
        self.files = {
            name: read_stored(given.get(name, path), read) for name, path in named_files(options)
        }
        parts = [seen_part(style) for style in self.styles]
        if not options.style_guide:  # style guides cover whole paintings
            self.styles = parts
        if options.canvas:
            self._cut(*options.canvas)
        seen_part(self.photo)  # raises if the photo is fully transparent
        self._regions = self._read_regions()
        self._painted = self._without_transparent(self._without_frozen())
        self._grey = all(is_grey(picture.rgb) for picture in (self.photo, *self.styles))
        h, w, _ = self.photo.rgb.shape
        step = TILEABLE_STEP if options.tileable else 1
        self.width, self.height = options.canvas or fit(w, h, options.size, step)

    @property
    def pictures(self) -> list[Stored]:
        """All pictures that were read, in the order of the recipe."""
        return [self.photo, *self.styles, *self.named.values()]

    @property
    def named(self) -> dict[str, Stored]:
        """The files named by options; a `Start` is not among them."""
        started = {"init"} if self._start else set()
        return {name: file for name, file in self.files.items() if name not in started}

    def style_size(self, number: int, scale: Scale) -> tuple[int, int]:
        """Return the width and height of a painting at a scale, before its rotation."""
        h, w, _ = self.styles[number].rgb.shape
        pixels = scale.width * scale.height * self._scales[self.style_of_painting[number]] ** 2
        return with_pixel_count(w, h, round(pixels))

    def photo_at(self, scale: Scale) -> Tensor:
        """Return the photo at a scale for the network, (1, 3, h, w)."""
        return to_tensor(self._colours.photo(self._photo(scale)), self._device)

    def styles_at(self, scale: Scale) -> list[Tensor]:
        """Return the paintings at a scale for the network, (1, 3, h', w') each."""
        photo = self._photo(scale)
        return [
            to_tensor(self._colours.style(self._style(number, scale), photo), self._device)
            for number in range(len(self.styles))
        ]

    def regions_at(self, scale: Scale) -> list[StyleRegion]:
        """Return the region of each group of paintings; none if all are used everywhere."""
        sizes = [self.style_size(number, scale) for number in range(len(self.styles))]
        turns = [self._turns[style] for style in self.style_of_painting]
        size = (scale.width, scale.height)
        found = [masked.region(size, sizes, turns) for masked in self._painted]
        return [region.to(self._device) for region in found]

    def frozen_at(self, scale: Scale) -> tuple[Tensor, Tensor] | None:
        """Return a picture (1, 3, h, w) to keep, and where it may change, (1, 1, h, w) in [0, 1].

        None if all may change.
        """
        free = self._free(scale.width, scale.height)
        if free is None:
            return None
        kept = to_tensor(self._kept(scale.width, scale.height), self._device)
        return kept, torch.from_numpy(free)[None, None].to(self._device)

    def finished(self, picture: Floats) -> Floats:
        """Return the final form of a picture (h, w, 3) of any scale: its colours, frozen parts."""
        height, width, _ = picture.shape
        if self._grey:  # grey inputs give a grey painting
            picture = grey(picture)
        if self._colours.at_the_end:
            photo = resize(floats(self.photo.rgb), width, height)
            picture = self._colours.picture(picture, photo)
        free = self._free(width, height)
        if free is None:
            return picture
        kept = self._kept(width, height)
        return kept + free[:, :, None] * (picture - kept)

    def alpha(self) -> Floats | None:
        """Return the transparency of the photo at the size of the painting, if it has any."""
        if self.photo.alpha is None:
            return None
        return resize_plane(self.photo.alpha, self.width, self.height)

    def start(self, scale: Scale) -> Tensor:
        """Return the picture to start from, (1, 3, h, w)."""
        init, size = self._options.init, (scale.width, scale.height)
        if "init" in self.files:
            return to_tensor(resize(floats(self.files["init"].rgb), *size), self._device)
        if init == "style":
            return to_tensor(resize(floats(self.styles[0].rgb), *size), self._device)
        photo = self.photo_at(scale)
        if init == "content":
            return photo
        if init == "matched":
            return torch.lerp(photo, self._matched(photo, scale), self._options.strength)
        # White noise around grey, drawn on the CPU so that it is the same on every device.
        random = torch.Generator().manual_seed(self._options.seed)
        noise = 0.5 + _NOISE * (2 * torch.rand(photo.shape, generator=random) - 1)
        return torch.lerp(photo, noise.to(self._device), self._options.noise_ratio)

    def _cut(self, width: int, height: int) -> None:
        """Crop the photo and all masks over it to a shape."""
        self.photo = self.photo.cut(width, height)
        for name, file in self.files.items():
            if not name.startswith("style_guide"):
                self.files[name] = file.cut(width, height)

    def _photo(self, scale: Scale) -> Floats:
        return resize(floats(self.photo.rgb), scale.width, scale.height, soft=True)

    def _style(self, number: int, scale: Scale) -> Floats:
        size = self.style_size(number, scale)
        style = resize(floats(self.styles[number].rgb), *size, soft=True)
        return turned(style, self._turns[self.style_of_painting[number]])

    def _matched(self, photo: Tensor, scale: Scale) -> Tensor:
        """Return the photo with the colours of the styles, weighted by their shares."""
        photo_rgb = self._photo(scale)
        styles = [self._colours.style(seen_colours(style), photo_rgb) for style in self.styles]
        numbers = self.style_of_painting
        shares = [self.shares[style] / numbers.count(style) for style in numbers]
        return to_tensor(match_colours(to_array(photo), styles, shares), self._device)

    def _kept(self, width: int, height: int) -> Floats:
        """Return the picture that is shown where nothing is painted."""
        return resize(floats(self.files.get("init", self.photo).rgb), width, height)

    def _free(self, width: int, height: int) -> Floats | None:
        """Return where the picture may change, (height, width) in [0, 1]; None for everywhere."""
        free = coverage(self._regions, width, height) if self._regions else None
        if "freeze" in self.files:
            frozen = whiteness(self.files["freeze"])[:, :, None]
            unfrozen = 1 - resize(frozen, width, height, soft=True)[:, :, 0]
            free = unfrozen if free is None else free * unfrozen
        return None if free is None or free.min() == 1 else free

    def _without_frozen(self) -> tuple[MaskedStyles, ...]:
        """Return the regions without frozen parts, which do not count as painted."""
        if "freeze" not in self.files:
            return self._regions
        file = self.files["freeze"]
        frozen = whiteness(file)
        left = [masked.without(frozen) for masked in self._regions or (self._everywhere(),)]
        found = tuple(masked for masked in left if not masked.empty)
        if not found:
            raise OptionsError(
                f"{file.name}: is white wherever there is a style, so there is nothing to paint; "
                "--freeze must be black where the picture may change"
            )
        return found

    def _without_transparent(self, regions: tuple[MaskedStyles, ...]) -> tuple[MaskedStyles, ...]:
        """Return the regions without the transparent parts of the paintings."""
        alphas = [partly(style.alpha) for style in self.styles]
        if all(alpha is None for alpha in alphas):
            return regions
        left = [masked.opaque(alphas) for masked in regions or (self._everywhere(),)]
        found = tuple(masked for masked in left if masked.styles)
        if not found:
            raise OptionsError("the paintings are transparent wherever a style is taken from them")
        named = {masked.name for masked in found}  # the other regions are not painted
        self._regions = tuple(masked for masked in self._regions if masked.name in named)
        return found

    def _everywhere(self) -> MaskedStyles:
        return MaskedStyles("", None, tuple((number, None) for number in range(len(self.styles))))

    def _read_regions(self) -> tuple[MaskedStyles, ...]:
        masks = [self.files[name] for name in self.files if name.startswith("masks")]
        if masks:
            return from_masks(masks, self.style_of_painting)
        maps = [self.files[name] for name in self.files if name.startswith("style_guide")]
        if not maps:
            return ()
        if len(maps) != len(self.styles):
            raise OptionsError(
                f"--style-guide has {len(maps)} files, but {len(self.styles)} paintings were given"
            )
        return from_maps(self.files["guide"], maps)


def pictures_of(styles: Source | Sequence[Source]) -> list[list[Source]]:
    """Return the pictures of each style."""
    sources = list(styles) if isinstance(styles, list | tuple) else [styles]
    if not sources:
        raise OptionsError("no style was given: give at least one painting")
    return [_pictures(source) for source in sources]


def _pictures(source: Source | Sequence[Source]) -> list[Source]:
    """Return the pictures of one style; for a folder, all pictures in it."""
    if isinstance(source, list | tuple):
        found: list[Source] = list(source)
    elif isinstance(source, str | os.PathLike) and Path(source).is_dir():
        found = list(pictures_in(Path(source)))
    else:
        return [source]  # type: ignore[list-item]
    if not found:
        raise OptionsError(
            f"{source}: contains no pictures; give a painting, or a folder of paintings"
        )
    return found


def named_files(options: PaintOptions) -> list[tuple[str, str]]:
    """Return the files named by options, as pairs of purpose and path."""
    found = [] if options.init in INITS else [("init", options.init)]
    for name in ("guide", "freeze"):
        found += [(name, path) for path in [getattr(options, name)] if path]
    for name in ("masks", "style_guide"):
        found += [(f"{name} {k}", path) for k, path in enumerate(getattr(options, name) or (), 1)]
    return found
