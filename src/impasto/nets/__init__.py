"""Networks: those that look at pictures, for losses, and those that paint them in one pass.

A `FeatureNet` gives features by the names of layers and has a `Geometry`, which says what each
layer sees of a picture; `VGG` is one. Architectures of networks that paint are plain data:

>>> from impasto.nets import ARCHITECTURES, VGG19
>>> sorted(ARCHITECTURES)
['quality', 'standard', 'transformer-net', 'turbo']
>>> VGG19.layer("relu4_1")
LayerSpec(name='relu4_1', kind='relu', channels=512, stride=8, receptive_field=68)
>>> VGG19.smallest_side(["relu2_1", "relu4_1"])
8

The weights may be random; layers need the names of VGG-19 where options are to name them:

>>> import torch
>>> from impasto.nets import random_vgg, vgg_geometry
>>> net = random_vgg(vgg_geometry("a small VGG", (1, 1), (8, 16)))
>>> net(torch.rand(1, 3, 32, 48), ["relu2_1"])["relu2_1"].shape
torch.Size([1, 16, 16, 24])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.lazy import exports
from impasto.nets.feature_net import (
    VGG19,
    FeatureNet,
    Geometry,
    LayerSpec,
    Trace,
    vgg_geometry,
)

if TYPE_CHECKING:
    from impasto.nets.architecture import ARCHITECTURES, Architecture
    from impasto.nets.vgg import VGG, random_vgg

__getattr__ = exports(
    __name__, {"architecture": ["ARCHITECTURES", "Architecture"], "vgg": ["VGG", "random_vgg"]}
)

__all__ = [
    "ARCHITECTURES",
    "VGG",
    "VGG19",
    "Architecture",
    "FeatureNet",
    "Geometry",
    "LayerSpec",
    "Trace",
    "random_vgg",
    "vgg_geometry",
]
