"""Losses, and the objective that combines them.

`build` makes the objective of a photo, paintings and options; `register` adds a `StyleLoss` or a
`ContentLoss` to the names that options accept. A loss consists of a `StatisticLoss` for each layer,
which is a sum over positions, or of a `MapLoss`, which takes whole feature maps. `Targets` provides
the features of the paintings. ``docs/extending.md`` has a complete example.

>>> from impasto.losses import STYLE_LOSSES
>>> list(STYLE_LOSSES)[:3]
['gram', 'wasserstein', 'histogram']
>>> STYLE_LOSSES["sliced"].source
'Heitz et al. 2021'

An objective is evaluated at a picture, (1, 3, h, w) RGB in [0, 1]; it returns its terms and the
gradient:

>>> import torch
>>> from impasto.losses import build
>>> from impasto.nets import random_vgg
>>> from impasto.options import PaintOptions
>>> photo, painting = torch.rand(2, 1, 3, 48, 64)
>>> options = PaintOptions(style_layers="relu1_1,relu2_1", content_layers="relu2_2")
>>> evaluation = build(options, random_vgg(), photo, [painting]).evaluate(photo)
>>> sorted(evaluation.terms)
['content relu2_2', 'style relu1_1', 'style relu2_1']
>>> evaluation.gradient.shape
torch.Size([1, 3, 48, 64])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.lazy import exports
from impasto.losses.contents import CONTENT_LOSSES
from impasto.losses.declaration import ContentLoss, StyleLoss
from impasto.losses.styles import STYLE_LOSSES
from impasto.losses.targets import Targets
from impasto.losses.terms import (
    MapLoss,
    MapTerm,
    RandomMapLoss,
    StatisticLoss,
    StatisticTerm,
    Value,
)

if TYPE_CHECKING:
    from impasto.losses.builder import build
    from impasto.losses.objective import Criterion, Evaluation, Objective

__getattr__ = exports(
    __name__, {"builder": ["build"], "objective": ["Criterion", "Evaluation", "Objective"]}
)

__all__ = [
    "CONTENT_LOSSES",
    "STYLE_LOSSES",
    "ContentLoss",
    "Criterion",
    "Evaluation",
    "MapLoss",
    "MapTerm",
    "Objective",
    "RandomMapLoss",
    "StatisticLoss",
    "StatisticTerm",
    "StyleLoss",
    "Targets",
    "Value",
    "build",
    "register",
]


def register(loss: ContentLoss) -> ContentLoss:
    """Register a style loss or a content loss under its name, and return it.

    Packages register theirs by entry points of the group ``impasto.style_losses`` or
    ``impasto.content_losses``.
    """
    if isinstance(loss, StyleLoss):
        return STYLE_LOSSES.register(loss)
    return CONTENT_LOSSES.register(loss)
