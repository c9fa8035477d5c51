"""A painting explained, as data: all that a page, a notebook or a slide needs.

The symbols are those of Gatys, Ecker, Bethge 2016 (CVPR): F, P are features of the picture and of
the photo, G, A the Gram matrices of the picture and of the painting, N filters and M positions.
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


class Each(NamedTuple, Generic[T]):
    """One thing for each picture: photo, first picture of the run, result, painting."""

    photo: T
    start: T
    result: T
    painting: T


@dataclass(frozen=True, eq=False)
class Channel:
    """What one filter of a layer answers to the pictures: its feature maps, (h, w) each.

    ``number`` counts from 0, as PyTorch does; ``share`` is its part of the layer's variance over
    positions, the mean of photo and painting.
    """

    number: int
    share: float
    maps: Each[Floats]


@dataclass(frozen=True, eq=False)
class Grams:
    """The Gram matrices of some channels of a layer, (k, k) each, all in the same order.

    ``channels`` are their numbers; ``energy`` is the share of the painting's energy (the trace of
    A) that they carry. ``largest`` is the pair of different channels with the largest entry in A,
    with that entry for each picture.
    """

    channels: tuple[int, ...]
    energy: float
    matrices: Each[Floats]
    largest: tuple[int, int]
    entries: Each[float]


@dataclass(frozen=True, eq=False)
class LayerView:
    """One layer and how it sees the pictures.

    ``weight`` is w_l, as ``term`` ("content" or "style") has it. ``positions`` are (h, w) of each
    picture's feature maps. ``distance`` is that of each picture by which the layer is judged, in
    float32, before weighing: E_l to the painting for style, the mean of (F - P)² for content;
    ``squares`` is Σ (F - P)² or Σ (G - A)², of which it is the mean; ``relative`` is the root of
    that over ‖P‖ or ‖A‖.
    """

    layer: LayerSpec
    term: str
    weight: float
    positions: Each[tuple[int, int]]
    channels: tuple[Channel, ...]
    grams: Grams | None
    distance: Each[float]
    squares: Each[float]
    relative: Each[float]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A picture made from noise by some layers alone.

    ``kind`` is "content" (of the photo) or "style" (of the painting). ``losses`` has one number
    a step. ``distances`` says by layer how far the picture is from what it was made after:
    ‖F - P‖ / ‖P‖ for content, ‖G - A‖ / ‖A‖ for style. ``levels`` is the root of the mean squared
    difference to the photo, in pixel levels from 0 to 255; it means something for content only.
    """

    kind: str
    layers: tuple[str, ...]
    picture: Floats
    losses: tuple[float, ...]
    distances: Mapping[str, float]
    levels: float
    seconds: float


class Row(NamedTuple):
    """The losses of one step, weighted; ``terms`` has them by term and layer."""

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
class Moment:
    """The picture of a step."""

    row: Row
    picture: Floats


@dataclass(frozen=True, eq=False)
class Run:
    """The run that made the painting: its steps, some of its pictures, and what they began with.

    ``kept`` is the step whose picture is the result: that of least loss at the last scale.
    ``recipe`` is the painting's own.
    """

    rows: tuple[Row, ...]
    moments: tuple[Moment, ...]
    kept: Row
    content_weight: float
    style_weight: float
    layer_weights: Mapping[str, float]  # by term: "content relu4_2", "style relu1_1", ...
    recipe: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Explanation:
    """All parts of the report."""

    pictures: Each[Floats]
    names: tuple[str, str]  # of photo and painting, as they were given
    layers: tuple[LayerView, ...]
    contents: tuple[Reconstruction, ...]
    styles: tuple[Reconstruction, ...]
    run: Run
    began: datetime  # UTC
    seconds: Mapping[str, float]  # by part, in order
