"""What is painted from: the photo and the paintings, at the size of every scale."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from impasto.errors import OptionsError
from impasto.images import Picture, fit, match_colours, resize, with_pixel_count
from impasto.images.picture import Floats, Stored, floats
from impasto.images.read import Source, read_stored
from impasto.images.tensors import to_array, to_tensor
from impasto.losses.objective import blend_shares
from impasto.optimize.schedule import Scale
from impasto.options import INITS, PaintOptions, ReadOptions

_NOISE = 20 / 255
"""Amplitude of a noise start: faint, as in the tutorials. Strong noise never quite leaves."""


class Sources:
    """The pictures of one painting, in the depth of their files, and what scales see of them.

    ``content`` and ``styles`` are what `read_stored` takes. ``width`` and ``height`` are those of
    the painting. Raises `OptionsError`, `ImageError` and `MissingExtraError`.
    """

    def __init__(
        self,
        content: Source,
        styles: Source | Sequence[Source],
        options: PaintOptions,
        read: ReadOptions,
        device: torch.device,
    ) -> None:
        self._options, self._device = options, device
        sources = _several(styles)
        self.shares = blend_shares(options.blend, len(sources))
        self.photo = read_stored(content, read)
        self.styles = [read_stored(source, read) for source in sources]
        self.init = None if options.init in INITS else read_stored(options.init, read)
        h, w, _ = self.photo.rgb.shape
        self.width, self.height = fit(w, h, options.size)

    @property
    def pictures(self) -> list[Stored]:
        """All that was read."""
        return [self.photo, *self.styles, *([self.init] if self.init else [])]

    def style_size(self, style: Stored | Picture, scale: Scale) -> tuple[int, int]:
        """Return width and height of a painting at a scale."""
        h, w, _ = style.rgb.shape
        pixels = scale.width * scale.height * self._options.style_scale**2
        return with_pixel_count(w, h, round(pixels))

    def photo_at(self, scale: Scale) -> Tensor:
        """Return the photo at a scale, (1, 3, h, w)."""
        return self._tensor(self.photo, scale.width, scale.height)

    def styles_at(self, scale: Scale) -> list[Tensor]:
        """Return the paintings at a scale."""
        return [self._tensor(style, *self.style_size(style, scale)) for style in self.styles]

    def alpha(self) -> Floats | None:
        """Return the photo's own transparency at the painting's size, if it has any."""
        if self.photo.alpha is None:
            return None
        alpha = floats(self.photo.alpha)[:, :, None]
        return resize(alpha, self.width, self.height)[:, :, 0]

    def start(self, scale: Scale) -> Tensor:
        """Return the picture to begin with, (1, 3, h, w)."""
        init, size = self._options.init, (scale.width, scale.height)
        if self.init:
            return to_tensor(resize(floats(self.init.rgb), *size), self._device)
        if init == "style":
            return to_tensor(resize(floats(self.styles[0].rgb), *size), self._device)
        photo = self.photo_at(scale)
        if init == "content":
            return photo
        if init == "matched":
            return self._matched(photo)
        # White noise around grey, drawn on the CPU so that every device sees the same.
        random = torch.Generator().manual_seed(self._options.seed)
        noise = 0.5 + _NOISE * (2 * torch.rand(photo.shape, generator=random) - 1)
        return torch.lerp(photo, noise.to(self._device), self._options.noise_ratio)

    def _tensor(self, picture: Stored, width: int, height: int) -> Tensor:
        return to_tensor(resize(floats(picture.rgb), width, height, soft=True), self._device)

    def _matched(self, photo: Tensor) -> Tensor:
        """Return the photo with the colours of the styles, each to its share."""
        styles = [floats(style.rgb) for style in self.styles]
        return to_tensor(match_colours(to_array(photo), styles, self.shares), self._device)


def _several(styles: Source | Sequence[Source]) -> list[Source]:
    sources = list(styles) if isinstance(styles, list | tuple) else [styles]
    if not sources:
        raise OptionsError("no style was given: name at least one painting")
    return sources  # type: ignore[return-value]
