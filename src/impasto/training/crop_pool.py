"""A small set of crops that are used repeatedly, with features that are computed once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.training.data import Crops
from impasto.training.perceptual import Layers, PerceptualLoss


@dataclass(frozen=True, eq=False)
class CropBatch:
    """Crops (n, 3, h, w), RGB in [0, 1], their content features, and errors of photos skipped."""

    crops: Tensor
    features: Layers
    passed: tuple[str, ...] = ()


class CropPool:
    """The first ``count`` crops, used cyclically: computing features takes a third of a step.

    Several threads may request different crops at the same time.
    """

    def __init__(self, crops: Crops, criterion: PerceptualLoss, count: int) -> None:
        self._crops, self._criterion, self._count = crops, criterion, count
        self._seen: dict[int, tuple[Tensor, dict[float, Mapping[str, Tensor]]]] = {}

    def __call__(self, numbers: Sequence[int], sizes: Collection[float]) -> CropBatch:
        """Return crops by number, with their features at some sizes."""
        return joined([self._one(number % self._count, sizes) for number in numbers])

    def _one(self, number: int, sizes: Collection[float]) -> CropBatch:
        passed: list[str] = []
        if number not in self._seen:
            crops, passed = self._crops.take([number])
            self._seen[number] = crops, {}
        crops, features = self._seen[number]
        features |= self._criterion.photos(crops, [size for size in sizes if size not in features])
        return CropBatch(
            crops, {size: features[size] for size in sizes if size in features}, tuple(passed)
        )


def joined(seen: Sequence[CropBatch]) -> CropBatch:
    """Concatenate crops into one batch, in their order."""
    if len(seen) == 1:
        return seen[0]
    first = seen[0].features
    features = {
        size: {name: torch.cat([one.features[size][name] for one in seen]) for name in layers}
        for size, layers in first.items()
    }
    passed = tuple(reason for one in seen for reason in one.passed)
    return CropBatch(torch.cat([one.crops for one in seen]), features, passed)
