"""VGG-19 (Simonyan and Zisserman 2014, arXiv:1409.1556, configuration E) as a feature extractor.

Layers go by the names of the field: ``conv1_1``, ``relu1_1``, ..., ``pool5``. The network is
computed only as deep as the deepest layer asked for, and its weights take no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.errors import OptionsError, nearest
from impasto.nets import layers
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
    found = []
    stride, field = 1, 1
    for name in LAYER_NAMES:
        kind, block = name[:4], int(name[4])
        if kind == "conv":
            field += 2 * stride
        elif kind == "pool":
            field += stride
            stride *= 2
        found.append(Layer(name, kind, VGG_WIDTHS[block - 1], stride, field))
    return tuple(found)


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


def positions(image: Tensor, name: str) -> int:
    """Return how many positions a layer has of a picture (1, 3, h, w)."""
    stride = layer(name).stride
    return (image.shape[2] // stride) * (image.shape[3] // stride)


def margin(names: Iterable[str]) -> int:
    """Return how many pixels around a region its features depend on, at the layers named.

    A multiple of the deepest layer's stride, so that a region's surroundings pool as it does.
    """
    specs = until(names)
    reach = sum(spec.stride for spec in specs if spec.kind == "conv")
    return -(-reach // specs[-1].stride) * specs[-1].stride


def until(names: Iterable[str]) -> tuple[Layer, ...]:
    """Return the layers from the first to the deepest of those named."""
    return LAYERS[: LAYERS.index(deepest(names)) + 1]


Pull = Callable[[str, Tensor, Tensor | None], Tensor]
"""From a layer's name, its features and the gradient so far to the gradient; see `Trace`."""


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
        self._make_backward_weights()
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
        self._make_backward_weights()
        return self

    def _make_backward_weights(self) -> None:
        for name in CONVOLUTIONS:
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
    def trace(self, image: Tensor, names: Iterable[str]) -> Trace:
        """Compute as `forward` does, and keep what the way back needs."""
        return Trace(self, image, set(names))

    def _walk(self, image: Tensor, wanted: set[str]) -> Iterator[tuple[Layer, Tensor]]:
        """Yield each layer with what it gives, down to the deepest wanted."""
        x = self.normalise(image).to(self.precision)
        x = x.contiguous(memory_format=torch.channels_last)
        for spec in until(wanted):
            if spec.kind == "conv":
                weight = self.get_buffer(f"{spec.name}_weight")
                x = layers.convolve(x, weight, self.get_buffer(f"{spec.name}_bias"), self.padding)
            elif spec.kind == "relu":
                x = F.relu(x) if _before(spec) in wanted else F.relu_(x)
            else:
                x = layers.pool(x, self.pooling, self.factor)
            yield spec, x


class Trace:
    """The features of a picture (1, 3, h, w), and the way back from them to its gradient.

    The way back can be gone once: it works in place and lets go of what it has used.
    """

    def __init__(self, net: VGG19, image: Tensor, wanted: set[str]) -> None:
        self._net = net
        self._specs = until(wanted)
        self._kept: dict[str, Tensor] = {}
        for spec, x in net._walk(image, wanted):
            if spec.name in wanted or spec.kind == "relu":
                self._kept[spec.name] = x
        self._wanted = wanted

    @property
    def features(self) -> dict[str, Tensor]:
        """The features at the layers wanted."""
        return {name: self._kept[name] for name in self._wanted}

    @torch.no_grad()
    def backward(self, pull: Pull) -> Tensor:
        """Return the gradient (1, 3, h, w), float32, of a function of the features.

        ``pull(name, F, g)`` is called for each layer wanted, deepest first, with its features
        and the gradient that has come down to them from deeper layers (None at the deepest):
        it adds the gradient of what depends on these features directly, in place if it likes.
        """
        g = None
        for spec in reversed(self._specs):
            if spec.name in self._wanted:
                g = pull(spec.name, self._kept[spec.name], g)
            assert g is not None  # the deepest layer is wanted
            g = self._back(spec, g)
        assert g is not None
        net = self._net
        return g.float()[:, net.get_buffer("order")] * net.get_buffer("scale")

    def _back(self, spec: Layer, g: Tensor) -> Tensor:
        net = self._net
        if spec.kind == "conv":
            self._kept.pop(spec.name, None)
            return layers.convolve_backward(g, net.get_buffer(f"{spec.name}_backward"), net.padding)
        if spec.kind == "relu":
            return layers.relu_backward_(g, self._kept.pop(spec.name))
        self._kept.pop(spec.name, None)
        return layers.pool_backward(g, self._kept[_before(spec)], net.pooling, net.factor)


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
