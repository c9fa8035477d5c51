"""Keyword parameters of the facade, for editors and type checkers.

Names and types of what `impasto.paint`, `train`, `learn` and a network's call may be given;
defaults, checks and help are those of the dataclass of the same name in `impasto.options`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TypedDict

Layers = str | Sequence[str | tuple[str, float]] | Mapping[str, float]
"""``"relu4_2"``, ``"relu1_1:0.5,relu2_1"``, names, pairs, or weights by name."""

Sizes = str | Mapping[float, float] | Sequence[tuple[float, float]]
"""``"1:0.5,0.5:0.5"``, pairs, or shares by size."""

PerStyle = float | str | Sequence[float]
"""One number, or one for each style: ``"1,0.5"``."""

File = str | os.PathLike[str]
Files = str | Sequence[File]


class PaintKeywords(TypedDict, total=False):
    """What `PaintOptions` takes."""

    size: int
    canvas: str | tuple[int, int] | None
    tileable: bool
    steps: int | None
    budget: float | str | None
    quality: str | None
    preset: str
    optimizer: str
    relaxation: bool | None
    learning_rate: float
    history: int
    init: File | None
    noise_ratio: float
    content_weight: float | None
    style_weight: float | None
    tv_weight: float | None
    content_layers: Layers | None
    style_layers: Layers | None
    style_loss: str | None
    content_loss: str | None
    laplacian_weight: float | None
    pooling: str | None
    rescale_pooling: bool | None
    padding: str | None
    scales: str | Sequence[int] | None
    strength: float
    style_scale: PerStyle
    style_rotation: PerStyle
    blend: str | Sequence[float] | Mapping[str, Sequence[float]] | None
    color: str
    color_strength: float
    masks: Files | None
    guide: File | None
    style_guide: Files | None
    freeze: File | None
    weights: File
    seed: int
    device: str
    max_memory: int | str | None
    precision: str


class TrainKeywords(TypedDict, total=False):
    """What `TrainOptions` takes."""

    model: str
    budget: float | str | None
    steps: int | None
    distance: PerStyle | None
    size: int
    batch: int | None
    each: int
    style_size: int
    content_layers: Layers
    style_layers: Layers
    content_sizes: Sizes
    style_sizes: Sizes
    taught: float
    learning_rate: float | None
    seed: int
    device: str
    precision: str
    weights: File


class LearnKeywords(TypedDict, total=False):
    """What `LearnOptions` takes."""

    budget: float | str | None
    steps: int | None
    distance: float | None
    style_size: int
    model: str
    size: int
    learning_rate: float
    seed: int
    device: str
    precision: str
    weights: File


class StylizeKeywords(TypedDict, total=False):
    """What `ApplyOptions` takes for one picture."""

    strength: float
    color: str
    style_scale: float
    seed: int
    size: int | None
    tile: str | int


class VideoKeywords(StylizeKeywords, total=False):
    """What `VideoOptions` takes, and `ApplyOptions` for a film."""

    stability: float
    start: float | str
    end: float | str | None
    fps: float | None
    codec: str
    crf: int | None
    steps: int
    mask: Files | None
    backend: str
    device: str
