"""A VGG (Simonyan and Zisserman 2014, arXiv:1409.1556) as a feature extractor.

Layers have the usual names: ``conv1_1``, ``relu1_1``, ..., ``pool5``. The network is computed only
down to the deepest requested layer, and its weights get no gradient.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.nets import layers
from impasto.nets.feature_net import VGG19, VJP, Geometry, LayerSpec
from impasto.weights import Found, load

# Activations become smaller when a maximum is replaced by an average. These factors from
# crowsonkb's style-transfer-pytorch compensate for that.
_RESCALE = {"average": 2.0, "l2": 0.78}


class VGG(nn.Module):
    """The convolutional part of a VGG, by default VGG-19; a `FeatureNet`.

    ``parameters`` maps ``conv1_1.weight`` (out, in, 3, 3), ``conv1_1.bias`` (out,), ... to
    tensors. The network takes (n, 3, h, w) RGB in [0, 1] and normalises it to the input that the
    weights expect: x · ``scale`` - ``mean``, in BGR order if ``bgr``. ``rescale`` preserves the
    size of activations with average and l2 pooling. ``geometry`` lists the layers.
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
        geometry: Geometry = VGG19,
    ) -> None:
        super().__init__()
        self.geometry = geometry
        self._convolutions = [spec.name for spec in geometry.layers if spec.kind == "conv"]
        self.pooling = pooling
        self.padding = padding
        self.factor = _RESCALE.get(pooling, 1.0) if rescale else 1.0
        for name in self._convolutions:
            weight = parameters[f"{name}.weight"].contiguous(memory_format=torch.channels_last)
            self.register_buffer(f"{name}_weight", weight)
            self.register_buffer(f"{name}_bias", parameters[f"{name}.bias"])
        self._make_backward_weights()
        order = [2, 1, 0] if bgr else [0, 1, 2]
        self.register_buffer("order", torch.tensor(order))
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(scale).view(1, 3, 1, 1))

    def prepare(self, device: torch.device, precision: torch.dtype) -> Self:
        """Move to a device and compute convolutions in ``precision``; inputs stay float32."""
        self.to(device)
        for name in self._convolutions:
            for kind in ("weight", "bias"):
                buffer = f"{name}_{kind}"
                self.register_buffer(buffer, self.get_buffer(buffer).to(precision))
        self._make_backward_weights()
        return self

    def _make_backward_weights(self) -> None:
        for name in self._convolutions:
            weight = layers.backward_weight(self.get_buffer(f"{name}_weight"))
            self.register_buffer(f"{name}_backward", weight)

    @property
    def precision(self) -> torch.dtype:
        """The type that features are computed in."""
        return self.get_buffer("conv1_1_weight").dtype

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
        features = {}
        for spec, x in self._walk(image, wanted):
            if spec.name in wanted:
                features[spec.name] = x
        return features

    @torch.no_grad()
    def trace(self, image: Tensor, names: Iterable[str]) -> VGGTrace:
        """Compute as `forward` does, and keep what the backward pass needs."""
        return VGGTrace(self, image, set(names))

    def _walk(self, image: Tensor, wanted: set[str]) -> Iterator[tuple[LayerSpec, Tensor]]:
        """Yield each layer with its output, down to the deepest of ``wanted``."""
        x = self.normalise(image).to(self.precision)
        x = x.contiguous(memory_format=torch.channels_last)
        for spec in self.geometry.until(wanted):
            if spec.kind == "conv":
                weight = self.get_buffer(f"{spec.name}_weight")
                x = layers.convolve(x, weight, self.get_buffer(f"{spec.name}_bias"), self.padding)
            elif spec.kind == "relu":
                x = F.relu(x) if self.geometry.before(spec) in wanted else F.relu_(x)
            else:
                x = layers.pool(x, self.pooling, self.factor)
            yield spec, x


class VGGTrace:
    """The features of a picture (1, 3, h, w), and the backward pass from them to its gradient.

    The backward pass can run only once: it works in place and frees its inputs.
    """

    def __init__(self, net: VGG, image: Tensor, wanted: set[str]) -> None:
        self._net = net
        self._specs = net.geometry.until(wanted)
        self._kept: dict[str, Tensor] = {}
        for spec, x in net._walk(image, wanted):
            if spec.name in wanted or spec.kind == "relu":
                self._kept[spec.name] = x
        self._wanted = wanted

    @property
    def features(self) -> dict[str, Tensor]:
        """The features at the requested layers."""
        return {name: self._kept[name] for name in self._wanted}

    @torch.no_grad()
    def backward(self, vjp: VJP) -> Tensor:
        """As `impasto.nets.feature_net.Trace.backward`."""
        g = None
        for spec in reversed(self._specs):
            if spec.name in self._wanted:
                g = vjp(spec.name, self._kept[spec.name], g)
            assert g is not None  # the deepest layer was requested
            g = self._back(spec, g)
        assert g is not None
        net = self._net
        return g.float()[:, net.get_buffer("order")] * net.get_buffer("scale")

    def _back(self, spec: LayerSpec, g: Tensor) -> Tensor:
        net = self._net
        if spec.kind == "conv":
            self._kept.pop(spec.name, None)
            return layers.convolve_backward(g, net.get_buffer(f"{spec.name}_backward"), net.padding)
        if spec.kind == "relu":
            return layers.relu_backward_(g, self._kept.pop(spec.name))
        self._kept.pop(spec.name, None)
        before = self._kept[net.geometry.before(spec)]
        return layers.pool_backward(g, before, net.pooling, net.factor)


def build(
    found: Found, *, pooling: str = "max", rescale: bool = False, padding: str = "zeros"
) -> VGG:
    """Build the network from the weights found, in float32 on the CPU.

    Raises `WeightsError` if the file cannot be read.
    """
    origin = found.origin
    return VGG(
        load(found),
        mean=origin.mean,
        scale=origin.scale,
        bgr=origin.bgr,
        pooling=pooling,
        rescale=rescale,
        padding=padding,
    ).eval()


def random_vgg(geometry: Geometry = VGG19, seed: int = 0) -> VGG:
    """Build a network with random weights that preserve activation sizes (He et al. 2015)."""
    random = torch.Generator().manual_seed(seed)
    parameters, channels = {}, 3
    for spec in geometry.layers:
        if spec.kind == "conv":
            weight = torch.randn(spec.channels, channels, 3, 3, generator=random)
            parameters[f"{spec.name}.weight"] = weight * (2 / (9 * channels)) ** 0.5
            parameters[f"{spec.name}.bias"] = torch.zeros(spec.channels)
            channels = spec.channels
    middle, scale = (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)
    return VGG(parameters, mean=middle, scale=scale, bgr=False, geometry=geometry).eval()
