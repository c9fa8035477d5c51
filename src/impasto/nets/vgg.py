"""VGG-19 (Simonyan and Zisserman 2014, arXiv:1409.1556, configuration E) as a feature extractor.

Layers go by the names of the field: ``conv1_1``, ``relu1_1``, ..., ``pool5``. The network is
computed only as deep as the deepest layer asked for, and its weights take no gradient.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.errors import OptionsError, nearest
from impasto.options import LAYER_NAMES, VGG_WIDTHS
from impasto.weights import Found, load

# Mean sizes of activations fall when a maximum becomes an average: the factors that
# crowsonkb's style-transfer-pytorch found to make up for it.
_RESCALE = {"average": 2.0, "l2": 0.78}


@dataclass(frozen=True)
class Layer:
    """What one layer of VGG-19 is. ``stride`` and ``receptive_field`` are in input pixels."""

    name: str
    kind: str  # "conv", "relu" or "pool"
    channels: int
    stride: int
    receptive_field: int


def _layers() -> tuple[Layer, ...]:
    layers = []
    stride, field = 1, 1
    for name in LAYER_NAMES:
        kind, block = name[:4], int(name[4])
        if kind == "conv":
            field += 2 * stride
        elif kind == "pool":
            field += stride
            stride *= 2
        layers.append(Layer(name, kind, VGG_WIDTHS[block - 1], stride, field))
    return tuple(layers)


LAYERS: tuple[Layer, ...] = _layers()
"""Every layer of VGG-19, in order."""

CONVOLUTIONS: tuple[str, ...] = tuple(layer.name for layer in LAYERS if layer.kind == "conv")
"""The names of the sixteen convolutions, in order."""


def layer(name: str) -> Layer:
    """Return the layer called ``name``. Raises `OptionsError` with the nearest known name."""
    for candidate in LAYERS:
        if candidate.name == name:
            return candidate
    raise OptionsError(f"VGG-19 has no layer {name!r}{nearest(name, LAYER_NAMES)}")


def deepest(names: Iterable[str]) -> Layer:
    """Return the deepest of the layers named."""
    return max((layer(name) for name in names), key=LAYERS.index)


def smallest_side(names: Iterable[str], padding: str = "zeros") -> int:
    """Return the smallest side in pixels of a picture that reaches the deepest layer named.

    Every pooling halves and rounds down, and at least one position must be left; reflection
    padding mirrors one position, so each convolution needs two.
    """
    last = deepest(names)
    if padding != "reflect":
        return last.stride
    # A pool's own stride is twice that of the convolution before it.
    return last.stride if last.kind == "pool" else 2 * last.stride


class VGG19(nn.Module):
    """The convolutional part of VGG-19.

    ``parameters`` maps ``conv1_1.weight`` (out, in, 3, 3), ``conv1_1.bias`` (out,), ... to
    tensors; ``mean`` and ``scale`` and ``bgr`` say what the weights expect: the network takes
    (n, 3, h, w) RGB in [0, 1] and normalises by itself, (x · scale - mean), in BGR order if
    ``bgr``. ``rescale`` keeps the size of activations under average and l2 pooling.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        *,
        mean: tuple[float, float, float],
        scale: tuple[float, float, float],
        bgr: bool,
        pooling: str = "max",
        rescale: bool = False,
        padding: str = "zeros",
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.padding = padding
        self.factor = _RESCALE.get(pooling, 1.0) if rescale else 1.0
        for name in CONVOLUTIONS:
            weight = parameters[f"{name}.weight"].contiguous(memory_format=torch.channels_last)
            self.register_buffer(f"{name}_weight", weight)
            self.register_buffer(f"{name}_bias", parameters[f"{name}.bias"])
        order = [2, 1, 0] if bgr else [0, 1, 2]
        self.register_buffer("order", torch.tensor(order))
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(scale).view(1, 3, 1, 1))

    def prepare(self, device: torch.device, precision: torch.dtype) -> Self:
        """Move to a device and compute convolutions in ``precision``; inputs stay float32."""
        self.to(device)
        for name in CONVOLUTIONS:
            for kind in ("weight", "bias"):
                buffer = f"{name}_{kind}"
                self.register_buffer(buffer, self.get_buffer(buffer).to(precision))
        return self

    def normalise(self, image: Tensor) -> Tensor:
        """Bring (n, 3, h, w) RGB in [0, 1] to what the first convolution expects."""
        return image[:, self.get_buffer("order")] * self.get_buffer("scale") - self.get_buffer(
            "mean"
        )

    def forward(self, image: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Return the features of (n, 3, h, w) RGB in [0, 1] at the layers named.

        Each is (n, c, h // stride, w // stride), in channels_last memory and in the precision of
        the network's weights.
        """
        wanted = set(names)
        last = deepest(wanted).name
        x = self.normalise(image).to(self.get_buffer("conv1_1_weight").dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        features: dict[str, Tensor] = {}
        for spec in LAYERS:
            x = self._apply_layer(spec, x, keep_input=_before(spec) in wanted)
            if spec.name in wanted:
                features[spec.name] = x
            if spec.name == last:
                break
        return features

    def _apply_layer(self, spec: Layer, x: Tensor, *, keep_input: bool) -> Tensor:
        if spec.kind == "conv":
            return self._convolve(spec.name, x)
        if spec.kind == "relu":
            return F.relu(x) if keep_input else F.relu_(x)
        return self._pool(x)

    def _convolve(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias")
        if self.padding == "zeros":
            return F.conv2d(x, weight, bias, padding=1)
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode=self.padding), weight, bias)

    def _pool(self, x: Tensor) -> Tensor:
        if self.pooling == "max":
            return F.max_pool2d(x, 2)
        if self.pooling == "average":
            return F.avg_pool2d(x, 2) * self.factor
        # The smallest normal number keeps the gradient of the root finite where all four are 0.
        tiny = torch.finfo(x.dtype).tiny
        return (F.avg_pool2d(x * x, 2) * 4 + tiny).sqrt() * self.factor


def build(
    found: Found, *, pooling: str = "max", rescale: bool = False, padding: str = "zeros"
) -> VGG19:
    """Build the network of the weights found, in float32 on the CPU.

    Raises `WeightsError` when the file cannot be read.
    """
    origin = found.origin
    return VGG19(
        load(found),
        mean=origin.mean,
        scale=origin.scale,
        bgr=origin.bgr,
        pooling=pooling,
        rescale=rescale,
        padding=padding,
    ).eval()


def _before(spec: Layer) -> str:
    index = LAYERS.index(spec)
    return LAYERS[index - 1].name if index else ""
