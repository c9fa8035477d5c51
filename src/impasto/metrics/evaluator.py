"""All measures of a picture under one protocol, so that their numbers can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import ImageError, OptionsError
from impasto.images import fit, resize, with_pixel_count
from impasto.images.tensors import to_tensor
from impasto.losses import functional
from impasto.losses.contents import self_similarity
from impasto.losses.guides import Guide, guided_grams
from impasto.metrics import colour, structure, transport
from impasto.metrics.measures import NAMES, Measured
from impasto.nets import vgg
from impasto.nets.feature_net import FeatureNet, Geometry
from impasto.text import shown
from impasto.weights import Found

CONTENT_LAYER = "relu4_2"
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
SIMILARITY_LAYERS = (
    *("relu1_1", "relu1_2", "relu2_1", "relu2_2"),
    *("relu3_1", "relu3_2", "relu3_4", "relu4_4", "relu5_4"),
)
"""Kolkin et al. 2019 use these layers of VGG-16; VGG-19 adds the last layers of longer blocks."""

POSITIONS = 1024
"""The most positions compared with each other, as many as the authors of STROTSS use."""

DIRECTIONS = 64
"""Directions of the sliced Wasserstein distance in each layer."""

ASPECT = 0.05
"""The largest relative difference allowed between the aspect ratios of picture and photo."""

_LEAST = 1e-9
"""Of a flat picture, where nothing is unlike anything, self-similarity is all rounding."""

_LAYERS = tuple(dict.fromkeys((CONTENT_LAYER, *STYLE_LAYERS, *SIMILARITY_LAYERS)))

RGB = NDArray[np.float32]

Pixels = NDArray[Any]


def network(found: Found, device: torch.device) -> vgg.VGG:
    """Return VGG-19 as the protocol requires it: float32, max pooling, zero padding."""
    return vgg.build(found).prepare(device, torch.float32)


def protocol(size: tuple[int, int], weights: str) -> str:
    """Describe the protocol in words; ``weights`` is the name of the weights' origin."""
    width, height = size
    return (
        f"Protocol: pictures at {width}×{height}, paintings at as many pixels, 8 bits. VGG-19 "
        f"({weights} weights, float32, max pooling, zero padding). Content: {CONTENT_LAYER}, "
        f"‖F - P‖² / ‖P‖². Style: {STYLE_LAYERS[0]} to {STYLE_LAYERS[-1]}, the mean of "
        f"‖G - A‖² / ‖A‖². Sliced W₂²: the same layers, {DIRECTIONS} directions, relative. SSIM: "
        f"luma, Gaussian window. Self-similarity: {POSITIONS} positions. Colours: CIELAB. "
        "Sharpness: variance of the Laplacian."
    )


@dataclass(frozen=True)
class _Style:
    """What pictures are compared with: the statistics of a painting."""

    grams: Mapping[str, Tensor]
    projected: Mapping[str, Tensor]
    palette: Tensor


class Evaluator:
    """Measures pictures against one photo and its paintings.

    Pictures are float32 (H, W, 3) RGB in [0, 1]. A painting may have an alpha channel as its
    fourth; transparent parts are ignored. Pictures are resized to the photo's aspect ratio with the
    long side at ``size``. Paintings keep their aspect ratio and get as many pixels. Values are
    rounded to 8 bits first, so that a picture in memory and its file measure the same.

    Raises `OptionsError` for a size too small for the network.
    """

    def __init__(
        self,
        net: FeatureNet,
        photo: RGB,
        paintings: Sequence[RGB],
        *,
        size: int,
    ) -> None:
        self._net = net
        height, width, _ = photo.shape
        self.size = fit(width, height, size)
        _check_size("the photo", self.size, size, net.geometry)
        self._positions = structure.grid(self.size[1], self.size[0], POSITIONS)
        self._along = {
            name: transport.directions(net.geometry.layer(name).channels, DIRECTIONS)
            for name in STYLE_LAYERS
        }
        self._photo = _eight_bits(resize(photo, *self.size))
        features = self._features(self._photo)
        self._content = features[CONTENT_LAYER]
        self._similarity = self._similar(features)
        self._palette = colour.palette(self._photo)
        self._styles = [self._style(painting, size) for painting in paintings]

    def __call__(self, rgb: RGB, shares: Sequence[float] | None = None) -> dict[str, float]:
        """Measure a picture that shows the whole photo; see `check_same_view`.

        Distances to several paintings are averaged with ``shares``, one per painting, which sum to
        1; None gives all paintings the same share.
        """
        shares = shares or [1 / len(self._styles)] * len(self._styles)
        rgb = _eight_bits(resize(rgb, *self.size))
        features = self._features(rgb)
        found = features[CONTENT_LAYER]
        palette = colour.palette(rgb)
        measured = {
            "vgg_content": float(functional.relative_error(found - self._content, self._content)),
            **self._to_styles(features, palette, shares),
            "ssim": structure.ssim(rgb, self._photo),
            "self_similarity": float(
                self_similarity.distance(self._similar(features), self._similarity)
            ),
            "colour_to_photo": colour.colour_distance(palette, self._palette),
            "sharpness": structure.relative_sharpness(rgb, self._photo),
        }
        return {name: measured[name] for name in NAMES}

    def photo(self, shares: Sequence[float] | None = None) -> Measured:
        """Measure the photo itself: the values for no style at all."""
        return self(self._photo, shares)

    def _to_styles(
        self, features: Mapping[str, Tensor], palette: Tensor, shares: Sequence[float]
    ) -> dict[str, float]:
        """Return the distances to the paintings, averaged with their shares."""
        grams = {name: functional.grams(features[name]) for name in STYLE_LAYERS}
        projected = {name: self._project(name, features[name]) for name in STYLE_LAYERS}
        totals = dict.fromkeys(("vgg_style", "sliced_wasserstein", "colour_to_painting"), 0.0)
        for share, style in zip(shares, self._styles, strict=True):
            losses = [
                float(functional.relative_error(grams[k] - A, A)) for k, A in style.grams.items()
            ]
            sliced = [
                transport.relative_sliced_wasserstein(projected[k], target)
                for k, target in style.projected.items()
            ]
            totals["vgg_style"] += share * sum(losses) / len(losses)
            totals["sliced_wasserstein"] += share * sum(sliced) / len(sliced)
            totals["colour_to_painting"] += share * colour.colour_distance(palette, style.palette)
        return totals

    def _style(self, painting: RGB, size: int) -> _Style:
        height, width, _ = painting.shape
        shape = with_pixel_count(width, height, self.size[0] * self.size[1])
        _check_size("the painting", shape, size, self._net.geometry)
        seen = resize(painting, *shape)
        rgb, guide = _eight_bits(seen[:, :, :3]), None
        if seen.shape[2] == 4:
            guide = Guide.of(seen[:, :, 3])
        features, layer = self._features(rgb), self._net.geometry.layer
        return _Style(
            grams={name: guided_grams(features[name], guide, layer(name)) for name in STYLE_LAYERS},
            projected={name: self._project(name, features[name], guide) for name in STYLE_LAYERS},
            palette=colour.palette(rgb if guide is None else _inside(rgb, guide)),
        )

    @torch.no_grad()
    def _features(self, rgb: RGB) -> Mapping[str, Tensor]:
        found = self._net(to_tensor(rgb), _LAYERS)
        return {name: features.float().cpu() for name, features in found.items()}

    def _project(self, name: str, features: Tensor, guide: Guide | None = None) -> Tensor:
        rows = features[0].flatten(1).T
        if guide is not None:
            weight = guide.at(self._net.geometry.layer(name)).flatten()
            rows = rows[weight >= 0.5 * weight.max()]
        return transport.project(rows, self._along[name])

    def _similar(self, features: Mapping[str, Tensor]) -> Tensor:
        columns = [structure.sample(features[name], self._positions) for name in SIMILARITY_LAYERS]
        return self_similarity.shares(torch.cat(columns, dim=1).double(), _LEAST)


def _inside(rgb: RGB, guide: Guide) -> RGB:
    """Return the pixels (1, n, 3) inside a guide."""
    mask = guide.mask[0, 0].numpy()
    found: RGB = rgb[mask >= 0.5 * mask.max()][None]
    return found


def check_same_view(rgb: Pixels, photo: Pixels, name: str) -> None:
    """Raise `ImageError` if picture and photo (H, W, 3) differ in aspect ratio."""
    (height, width, _), (photo_height, photo_width, _) = rgb.shape, photo.shape
    # One pixel more or less is rounding, which matters for thin pictures.
    pixel = 1 / min(height, width)
    if abs(width * photo_height / (height * photo_width) - 1) > ASPECT + pixel:
        raise ImageError(
            f"{shown(name)}: is {width}x{height} pixels and the photo is {photo_width}x"
            f"{photo_height}; the aspect ratios must match, since a picture must show the whole "
            "photo"
        )


def _check_size(what: str, shape: tuple[int, int], size: int, geometry: Geometry) -> None:
    least = max(structure.SSIM_WINDOW, geometry.smallest_side(_LAYERS))
    if min(shape) < least:
        raise OptionsError(
            f"{what} would be {shape[0]}x{shape[1]} pixels, too small to measure: both sides must "
            f"be at least {least} pixels; raise --size (now {size})"
        )


def _eight_bits(rgb: RGB) -> RGB:
    return np.rint(rgb * 255).astype(np.uint8).astype(np.float32) / np.float32(255)
