"""The interface of feature networks: features by layer name, and the geometry of the layers.

This does not import PyTorch, because options check the names of layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from impasto.errors import OptionsError, nearest
from impasto.lazy import Tensor

POOLINGS = ("max", "average", "l2")
PADDINGS = ("zeros", "replicate", "reflect")


@dataclass(frozen=True)
class LayerSpec:
    """A layer. ``stride`` and ``receptive_field`` are in input pixels."""

    name: str
    kind: str  # "conv", "relu" or "pool"
    channels: int
    stride: int
    receptive_field: int


class Geometry:
    """The layers of a feature network in order, with their strides and receptive fields.

    ``network`` is its name in messages.
    """

    def __init__(self, network: str, layers: Sequence[LayerSpec]) -> None:
        self.network = network
        self.layers = tuple(layers)
        self.names = tuple(layer.name for layer in layers)

    def layer(self, name: str) -> LayerSpec:
        """Return the layer ``name``. Raises `OptionsError` with the nearest known name."""
        if name not in self.names:
            raise OptionsError(f"{self.network} has no layer {name!r}{nearest(name, self.names)}")
        return self.layers[self.names.index(name)]

    def deepest(self, names: Iterable[str]) -> LayerSpec:
        """Return the deepest of the named layers."""
        return max((self.layer(name) for name in names), key=self.layers.index)

    def until(self, names: Iterable[str]) -> tuple[LayerSpec, ...]:
        """Return the layers from the first to the deepest of the named layers."""
        return self.layers[: self.layers.index(self.deepest(names)) + 1]

    def before(self, layer: LayerSpec) -> str:
        """Return the name of the layer before one, "" before the first."""
        index = self.layers.index(layer)
        return self.names[index - 1] if index else ""

    def smallest_side(self, names: Iterable[str], padding: str = "zeros") -> int:
        """Return the smallest side of a picture, in pixels, for the deepest of the named layers.

        Each pooling halves the side, rounding down, and at least one position must remain.
        Reflection padding mirrors one position, so each convolution needs two.
        """
        last = self.deepest(names)
        if padding != "reflect":
            return last.stride
        # The stride of a pooling is twice that of the convolution before it.
        return last.stride if last.kind == "pool" else 2 * last.stride

    def positions(self, image: Tensor, name: str) -> int:
        """Return the number of positions of a layer for a picture (1, 3, h, w)."""
        stride = self.layer(name).stride
        return (image.shape[2] // stride) * (image.shape[3] // stride)

    def margin(self, names: Iterable[str]) -> int:
        """Return the pixels around a region that its features at the named layers depend on.

        Rounded up to a multiple of the deepest stride, so that pooling is aligned.
        """
        specs = self.until(names)
        reach = sum(spec.stride for spec in specs if spec.kind == "conv")
        return -(-reach // specs[-1].stride) * specs[-1].stride


def vgg_geometry(network: str, convolutions: Sequence[int], widths: Sequence[int]) -> Geometry:
    """Return the geometry of a VGG: in each block 3×3 convolutions with ReLU, then a pooling.

    ``convolutions`` and ``widths`` are the numbers of convolutions and of channels of each block.
    Layers are conv1_1, relu1_1, conv1_2, ..., pool1, conv2_1, ...
    """
    found = []
    stride, field = 1, 1
    for block, (count, width) in enumerate(zip(convolutions, widths, strict=True), start=1):
        for i in range(1, count + 1):
            field += 2 * stride
            for kind in ("conv", "relu"):
                found.append(LayerSpec(f"{kind}{block}_{i}", kind, width, stride, field))
        field += stride
        stride *= 2
        found.append(LayerSpec(f"pool{block}", "pool", width, stride, field))
    return Geometry(network, found)


VGG19 = vgg_geometry("VGG-19", (2, 2, 4, 4, 4), (64, 128, 256, 512, 512))
"""Configuration E of Simonyan and Zisserman 2014 (arXiv:1409.1556)."""

VJP = Callable[[str, Tensor, Tensor | None], Tensor]
"""Maps a layer's name, its features and the gradient so far to the new gradient; see `Trace`."""


class Trace(Protocol):
    """The features of a picture, and the backward pass from them."""

    @property
    def features(self) -> Mapping[str, Tensor]:
        """Features by layer name."""

    def backward(self, vjp: VJP) -> Tensor:
        """Return the gradient (1, 3, h, w), float32, of a function of the features.

        ``vjp(name, F, g)`` is called for each requested layer, deepest first, with its features and
        the gradient from deeper layers (None at the deepest). It adds the direct gradient with
        respect to these features, possibly in place, and returns the sum.
        """


class FeatureNet(Protocol):
    """A network that computes the features of a picture by layer name."""

    @property
    def geometry(self) -> Geometry:
        """The layers."""

    def __call__(self, image: Tensor, names: Iterable[str]) -> Mapping[str, Tensor]:
        """Return features (1, c, h // stride, w // stride) of (1, 3, h, w) RGB in [0, 1]."""

    def trace(self, image: Tensor, names: Iterable[str]) -> Trace:
        """Return the same with a backward pass."""
