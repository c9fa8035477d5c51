"""VGG-19 once more, as a plain torch.nn.Sequential that shares no line with Impasto's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

NAMES = [
    "conv1_1",
    "relu1_1",
    "conv1_2",
    "relu1_2",
    "pool1",
    "conv2_1",
    "relu2_1",
    "conv2_2",
    "relu2_2",
    "pool2",
    "conv3_1",
    "relu3_1",
    "conv3_2",
    "relu3_2",
    "conv3_3",
    "relu3_3",
    "conv3_4",
    "relu3_4",
    "pool3",
    "conv4_1",
    "relu4_1",
    "conv4_2",
    "relu4_2",
    "conv4_3",
    "relu4_3",
    "conv4_4",
    "relu4_4",
    "pool4",
    "conv5_1",
    "relu5_1",
    "conv5_2",
    "relu5_2",
    "conv5_3",
    "relu5_3",
    "conv5_4",
    "relu5_4",
    "pool5",
]

FACTORS = {("average", True): 2.0, ("l2", True): 0.78}
"""crowsonkb's style-transfer-pytorch: `pooling_scales`, by pooling and rescaling."""

MEAN_BGR = (103.939, 116.779, 123.68)


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def narrow(
    widths: tuple[int, ...] = (4, 5, 6, 7, 8), seed: int = 0, positive: bool = False
) -> dict[str, Tensor]:
    """Random parameters of a VGG-19 with few channels: as quick as it is deep."""
    random = torch.Generator().manual_seed(seed)
    parameters, channels = {}, 3
    for name in NAMES:
        if name.startswith("conv"):
            width = widths[int(name[4]) - 1]
            weight = torch.randn(width, channels, 3, 3, generator=random)
            weight *= (2 / (9 * channels)) ** 0.5
            bias = 0.1 * torch.randn(width, generator=random)
            if positive:
                weight, bias = weight.abs(), torch.zeros(width)
            parameters[f"{name}.weight"], parameters[f"{name}.bias"] = weight, bias
            channels = width
    return parameters


def features(
    parameters: dict[str, Tensor],
    x: Tensor,
    *,
    pooling: str = "max",
    rescale: bool = False,
    padding: str = "zeros",
) -> dict[str, Tensor]:
    """Return every layer's activations for what the first convolution is given."""
    pool = {"max": nn.MaxPool2d(2), "average": nn.AvgPool2d(2), "l2": nn.LPPool2d(2, 2)}[pooling]
    modules = nn.Sequential()
    for name in NAMES:
        if name.startswith("conv"):
            out, into, _, _ = parameters[f"{name}.weight"].shape
            conv = nn.Conv2d(into, out, 3, padding=1, padding_mode=padding)
            conv.weight.data = parameters[f"{name}.weight"].clone().to(x.dtype)
            conv.bias.data = parameters[f"{name}.bias"].clone().to(x.dtype)
            modules.add_module(name, conv)
        elif name.startswith("relu"):
            modules.add_module(name, nn.ReLU())
        else:
            factor = FACTORS.get((pooling, rescale), 1.0)
            modules.add_module(name, nn.Sequential(pool, Times(factor)))
    modules.requires_grad_(False)
    found = {}
    for name, module in modules.named_children():
        x = found[name] = module(x)
    return found


def caffe(image: Tensor) -> Tensor:
    """What the original network is given: BGR in 0..255, minus the mean pixel."""
    r, g, b = (image * 255).unbind(1)
    return torch.stack([b - MEAN_BGR[0], g - MEAN_BGR[1], r - MEAN_BGR[2]], dim=1)
