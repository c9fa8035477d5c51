"""Guides: the region of a style, at the resolution of each layer.

Gatys et al. 2017 (CVPR, "Controlling Perceptual Factors in Neural Style Transfer"), section 4: the
features of a layer are multiplied by a guidance channel T before their Gram matrix is computed, and
T is normalised, here by dividing by Σ T².
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from impasto.lazy import Tensor, torch
from impasto.losses.functional import grams
from impasto.nets.feature_net import LayerSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_REACH = 0.25
"""The share of a receptive field that counts to each side; the rest has little influence (Luo et
al. 2016, "Understanding the Effective Receptive Field")."""

_MAX_REACH = 0.5
"""The reach is at most this share of the region's largest depth, so that narrow regions count."""


@dataclass(frozen=True)
class Guide:
    """A region of a picture.

    ``mask`` (1, 1, h, w) is 1 inside and 0 outside; soft edges are allowed. ``depth`` (1, 1, h, w)
    is the distance in pixels to the outside, infinite if there is no outside.
    """

    mask: Tensor
    depth: Tensor

    @classmethod
    def of(cls, mask: NDArray[np.float32]) -> Self:
        """Return the guide of a mask (h, w) in [0, 1]; above 0.5 is inside."""
        import numpy as np
        from scipy.ndimage import distance_transform_edt

        inside = mask > 0.5
        depth = distance_transform_edt(inside) if not inside.all() else np.full(mask.shape, np.inf)
        return cls(_plane(mask), _plane(depth))

    def at(self, layer: LayerSpec) -> Tensor:
        """Return T (1, 1, h // stride, w // stride) for a layer.

        It shrinks with the receptive field, so that features that see much of another style have
        little weight: the weight rises from the border to a depth of a quarter of the field.
        """
        deepest = float(self.depth.max())
        reach = min(_REACH * layer.receptive_field, _MAX_REACH * deepest)
        weight = self.mask * (self.depth / reach).clamp(0, 1) if reach > 0 else self.mask
        stride = layer.stride
        return torch.nn.functional.avg_pool2d(weight, stride) if stride > 1 else weight

    def to(self, device: torch.device) -> Self:
        """Return the guide on a device."""
        return replace(self, mask=self.mask.to(device), depth=self.depth.to(device))

    @property
    def share(self) -> float:
        """The share of the picture that the region covers."""
        return float(self.mask.mean())


@dataclass(frozen=True)
class StyleRegion:
    """A region of the picture with its paintings.

    ``guide`` is None for the whole picture. ``styles`` are numbers of paintings, each with a guide
    to the part to use, None for the whole painting.
    """

    name: str
    guide: Guide | None
    styles: tuple[tuple[int, Guide | None], ...]

    def to(self, device: torch.device) -> Self:
        """Return the region on a device."""
        styles = tuple((number, guide and guide.to(device)) for number, guide in self.styles)
        return replace(self, guide=self.guide and self.guide.to(device), styles=styles)


def weighted(F: Tensor, T: Tensor | None) -> Tensor:
    """Return features F (1, c, h, w) times a guide T (1, 1, h, w)."""
    return F if T is None else F * T.to(F.dtype)


def guided_grams(F: Tensor, guide: Guide | None, layer: LayerSpec) -> Tensor:
    """Return the Gram matrix of a layer's features F (1, c, h, w) inside a guide, as (1, c, c)."""
    if guide is None:
        return grams(F)
    T = guide.at(layer).to(F.device)
    return grams(weighted(F, T)) * (T.numel() / positions(T))


def _plane(values: NDArray[Any]) -> Tensor:
    import numpy as np

    return torch.from_numpy(np.ascontiguousarray(values, np.float32))[None, None]


def positions(T: Tensor) -> float:
    """Return Σ T², which replaces the number of positions. Raises `ValueError` if it is 0."""
    total = float(T.cpu().double().square().sum())  # not every device has float64
    if not total > 0:
        raise ValueError("a guide is empty at a layer")
    return total
