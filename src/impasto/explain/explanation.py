"""The explanation of a painting as data, for a page, a notebook or slides.

The symbols are those of Gatys, Ecker, Bethge 2016 (CVPR): F and P are features of the picture and
of the photo, G and A Gram matrices of the picture and of the painting, N filters, M positions.
Pictures are float32 (h, w, 3) RGB in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from impasto.nets.feature_net import LayerSpec

Floats = NDArray[np.float32]

T = TypeVar("T")


class PerPicture(NamedTuple, Generic[T]):
    """One value per picture: photo, first picture of the run, result, painting."""

    photo: T
    start: T
    result: T
    painting: T


@dataclass(frozen=True, eq=False)
class Channel:
    """One filter of a layer and its feature maps, (h, w) each.

    ``number`` counts from 0, as in PyTorch. ``share`` is the filter's share of the layer's variance
    over positions, averaged over photo and painting.
    """

    number: int
    share: float
    maps: PerPicture[Floats]


@dataclass(frozen=True, eq=False)
class Grams:
    """The Gram matrices of some channels of a layer, (k, k) each, all in the same order.

    ``channels`` are their numbers; ``energy`` is their share of the painting's energy (the trace of
    A). ``largest`` is the pair of different channels with the largest entry in A; ``entries`` are
    the entries of this pair for each picture.
    """

    channels: tuple[int, ...]
    energy: float
    matrices: PerPicture[Floats]
    largest: tuple[int, int]
    entries: PerPicture[float]


@dataclass(frozen=True, eq=False)
class LayerView:
    """One layer and how it sees the pictures.

    ``weight`` is w_l in the term ("content" or "style"). ``positions`` are (h, w) of each picture's
    feature maps. ``distance`` is the unweighted loss of each picture, in float32: E_l to the
    painting for style, the mean of (F - P)² for content. ``squares`` is the sum that it is the mean
    of: Σ (F - P)² or Σ (G - A)². ``relative`` is the square root of that sum over ‖P‖ or ‖A‖.
    """

    layer: LayerSpec
    term: str
    weight: float
    positions: PerPicture[tuple[int, int]]
    channels: tuple[Channel, ...]
    grams: Grams | None
    distance: PerPicture[float]
    squares: PerPicture[float]
    relative: PerPicture[float]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A picture made from noise with some layers only.

    ``kind`` is "content" (of the photo) or "style" (of the painting). ``losses`` has one number per
    step. ``distances`` is the distance to the photo or painting by layer: ‖F - P‖ / ‖P‖ for
    content, ‖G - A‖ / ‖A‖ for style. ``levels`` is the root mean square difference to the photo in
    pixel levels from 0 to 255; it is meaningful only for content.
    """

    kind: str
    layers: tuple[str, ...]
    picture: Floats
    losses: tuple[float, ...]
    distances: Mapping[str, float]
    levels: float
    seconds: float


class StepLosses(NamedTuple):
    """The weighted losses of one step; ``terms`` has them by term and layer."""

    step: int
    scale: int
    width: int
    height: int
    loss: float
    content: float
    style: float
    terms: Mapping[str, float]
    seconds: float


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The picture of a step."""

    row: StepLosses
    picture: Floats


@dataclass(frozen=True, eq=False)
class Run:
    """The run that made the painting: its steps, some of its pictures, and its weights.

    ``best`` is the step whose picture is the result: the one with the lowest loss at the last
    scale. ``recipe`` is the recipe of the painting.
    """

    rows: tuple[StepLosses, ...]
    snapshots: tuple[Snapshot, ...]
    best: StepLosses
    content_weight: float
    style_weight: float
    layer_weights: Mapping[str, float]  # by term: "content relu4_2", "style relu1_1", ...
    recipe: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Explanation:
    """All data of the report."""

    pictures: PerPicture[Floats]
    names: tuple[str, str]  # of photo and painting, as given
    layers: tuple[LayerView, ...]
    contents: tuple[Reconstruction, ...]
    styles: tuple[Reconstruction, ...]
    run: Run
    began: datetime  # UTC
    seconds: Mapping[str, float]  # by part, in order
