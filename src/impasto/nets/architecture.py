"""Feed-forward transfer networks described as data: a list of layers, independent of any library.

An `Architecture` is a sequence of layers that act on one tensor, channels first. PyTorch
(`nets.transformer`) and ONNX (`apply.graph`) each interpret it; it needs neither.

Impasto's own family (`MODELS`) has one shape in three sizes: a U-net with three levels. Strided
convolutions embed the photo at 1/4, 1/8 and 1/16 of its resolution. On the way up there are
residual blocks at each level, starting with the coarsest, whose receptive field is large enough for
large forms. Between two levels the tensor is enlarged by nearest neighbour and convolved (Odena et
al. 2016: no checkerboards), and the tensor of the way down is added (a skip connection). Every
normalisation is a conditional instance normalisation (Dumoulin et al. 2017, arXiv:1610.07629,
equation 5): one scale and one shift for each style and channel. White noise is added at the two
coarse levels, times a factor for each style and channel, so that flat areas do not all look the
same. At the end the photo is added, with a scale and a shift per style. So one style, `ORIGINAL`,
reproduces the photo bit for bit, and the strength of a style is varied by mixing it in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from impasto.errors import OptionsError, nearest
from impasto.options import MODELS

ORIGINAL = "original"
"""The first style of every pack of Impasto's own family: the unchanged photo."""

PHOTO = ("photo_scale", "photo_shift")
"""The scale and shift of the photo, in networks that add the photo."""

HERE = "here"
"""The name of the tensor that layers act on, next to those of kept tensors."""

EPSILON = 1e-5
"""Added to the variance by every instance normalisation."""


@dataclass(frozen=True)
class Convolve:
    """A convolution (outputs, inputs, size, size); it divides height and width by ``stride``.

    ``enlarge`` first repeats every position this many times in both directions (nearest neighbour).
    ``padding`` is ``"reflect"``, or ``"edge"`` to repeat the outermost values; see `pad` for its
    width. After enlarging by two, padding by one position is the same either way.
    """

    name: str
    inputs: int
    outputs: int
    size: int = 3
    stride: int = 1
    enlarge: int = 1
    padding: str = "reflect"
    bias: bool = True

    @property
    def pad(self) -> int:
        """The number of positions added on each side."""
        return self.size // 2 if self.size % 2 else (self.size - self.stride) // 2

    @property
    def folded(self) -> bool:
        """Whether it is cheaper to convolve before enlarging, with a kernel for each phase.

        The result is the same (see `nets.geometry.fold`), with far fewer operations if there are
        few outputs.
        """
        return self.enlarge == 2 and self.padding == "edge" and self.outputs <= 4


@dataclass(frozen=True)
class Normalise:
    """Conditional instance normalisation: a scale and a shift for each style and channel."""

    name: str
    channels: int


@dataclass(frozen=True)
class Noise:
    """Add one channel of white noise times a factor for each style and channel."""

    name: str
    channels: int


@dataclass(frozen=True)
class Rectify:
    """ReLU."""


@dataclass(frozen=True)
class Keep:
    """Keep the current tensor under a name."""

    name: str


@dataclass(frozen=True)
class Add:
    """Add the tensor kept under a name."""

    name: str


Layer = Convolve | Normalise | Noise | Rectify | Keep | Add


@dataclass(frozen=True)
class Architecture:
    """A network as a sequence of layers.

    The picture, RGB in [0, 1], is padded by reflection on the right and at the bottom to a multiple
    of ``stride``; the result is cropped. The input of the first layer is (picture - ``centre``) ·
    ``range``, and the output of the last is divided by ``range``. With ``photo``, the picture
    itself is added at the end, with a scale and a shift for each style and channel.
    """

    name: str
    layers: tuple[Layer, ...]
    centre: float = 0.0
    range: float = 1.0
    photo: bool = False

    @property
    def convolutions(self) -> tuple[Convolve, ...]:
        """The convolutions, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, Convolve))

    @property
    def norms(self) -> tuple[Normalise, ...]:
        """The normalisations, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, Normalise))

    @property
    def noises(self) -> tuple[Noise, ...]:
        """The layers that add noise, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, Noise))

    @cached_property
    def noise_strides(self) -> Mapping[str, int]:
        """The stride, in pixels, of each noise layer, by name."""
        found = {x.name: stride for x, stride in self.strides() if isinstance(x, Noise)}
        return MappingProxyType(found)

    @cached_property
    def stride(self) -> int:
        """The stride, in pixels, of the coarsest layer."""
        return max(stride for _, stride in self.strides())

    @property
    def macs(self) -> float:
        """Multiply-accumulate operations of the convolutions per pixel of the picture."""
        total = 0.0
        for layer, stride in self.strides():
            if isinstance(layer, Convolve):
                kernel = layer.size**2
                if layer.folded:  # a kernel of 3 for each of the 4 phases, at a quarter
                    kernel = folded_size(layer.size) ** 2
                total += kernel * layer.inputs * layer.outputs / stride**2
        return total

    @property
    def parameters(self) -> int:
        """The number of weights and biases, without per-style parameters."""
        return sum(c.outputs * (c.inputs * c.size**2 + c.bias) for c in self.convolutions)

    def shapes(self, styles: int) -> dict[str, tuple[int, ...]]:
        """Return the name and shape of every tensor of a network with this many styles."""
        found: dict[str, tuple[int, ...]] = {}
        for layer in self.layers:
            if isinstance(layer, Convolve):
                size = (layer.size, layer.size)
                found[f"{layer.name}_weight"] = (layer.outputs, layer.inputs, *size)
                if layer.bias:
                    found[f"{layer.name}_bias"] = (layer.outputs,)
            elif isinstance(layer, Normalise):
                found[f"{layer.name}_scale"] = (styles, layer.channels)
                found[f"{layer.name}_shift"] = (styles, layer.channels)
            elif isinstance(layer, Noise):
                found[f"{layer.name}_noise"] = (styles, layer.channels)
        if self.photo:
            found |= dict.fromkeys(PHOTO, (styles, 3))
        return found

    def strides(self) -> Iterator[tuple[Layer, int]]:
        """Yield each layer with the stride, in pixels, of its output."""
        stride = 1
        for layer in self.layers:
            if isinstance(layer, Convolve):
                stride = stride * layer.stride // layer.enlarge
            yield layer, stride


def folded_size(size: int) -> int:
    """Return the size of the kernels that replace a kernel after enlarging by 2."""
    return 2 * ((size // 2 + 1) // 2) + 1


def style_tensors(architecture: Architecture) -> tuple[str, ...]:
    """Return the names of the tensors that have a row for each style."""
    names = [f"{norm.name}_{kind}" for norm in architecture.norms for kind in ("scale", "shift")]
    names += [f"{noise.name}_noise" for noise in architecture.noises]
    return (*names, *PHOTO) if architecture.photo else tuple(names)


def exact_tensors(architecture: Architecture) -> tuple[str, ...]:
    """Return the names of the tensors whose first row keeps the first style equal to the photo."""
    last = architecture.norms[-1].name
    return (f"{last}_scale", f"{last}_shift", *PHOTO)


def _family(
    name: str, channels: tuple[int, int, int], blocks: tuple[int, int, int], head: int
) -> Architecture:
    """Build a network of Impasto's own family.

    ``channels`` and residual ``blocks`` are those at 1/4, 1/8 and 1/16 of the resolution, ``head``
    is the number of channels at 1/2.
    """
    quarter, eighth, sixteenth = channels
    layers: list[Layer] = []

    def embed(name: str, inputs: int, outputs: int, size: int, stride: int) -> None:
        layers.extend((
            Convolve(name, inputs, outputs, size, stride, bias=False),
            Normalise(name, outputs),
            Rectify(),
        ))  # fmt: skip

    def enlarge(name: str, inputs: int, outputs: int) -> None:
        layers.extend((
            Convolve(name, inputs, outputs, enlarge=2, bias=False),
            Normalise(name, outputs),
        ))  # fmt: skip

    def work(level: str, channels: int, count: int) -> None:
        for block in range(1, count + 1):
            layers.extend((
                Keep("block"),
                Convolve(f"{level}{block}_1", channels, channels, bias=False),
                Normalise(f"{level}{block}_1", channels),
                Rectify(),
                Convolve(f"{level}{block}_2", channels, channels),
                Add("block"),
            ))  # fmt: skip

    embed("quarter", 3, quarter, size=8, stride=4)
    layers.append(Keep("quarter"))
    embed("eighth", quarter, eighth, size=3, stride=2)
    layers.append(Keep("eighth"))
    embed("sixteenth", eighth, sixteenth, size=3, stride=2)
    layers.append(Noise("sixteenth", sixteenth))
    work("sixteenth", sixteenth, blocks[2])
    enlarge("to_eighth", sixteenth, eighth)
    layers += [Add("eighth"), Rectify(), Noise("eighth", eighth)]
    work("eighth", eighth, blocks[1])
    enlarge("to_quarter", eighth, quarter)
    layers += [Add("quarter"), Rectify()]
    work("quarter", quarter, blocks[0])
    enlarge("to_half", quarter, head)
    layers += [
        Rectify(),
        Convolve("to_whole", head, 3, size=5, enlarge=2, padding="edge", bias=False),
    ]
    return Architecture(name, tuple(layers), centre=0.5, photo=True)


def _transformer_net() -> Architecture:
    """Build TransformerNet of pytorch/examples (fast_neural_style), after Johnson et al. 2016."""
    layers: list[Layer] = []

    def convolve(
        name: str, inputs: int, outputs: int, size: int = 3, stride: int = 1, enlarge: int = 1
    ) -> None:
        layers.append(Convolve(name, inputs, outputs, size, stride, enlarge))

    def normalise(name: str, channels: int) -> None:
        layers.extend((Normalise(name, channels), Rectify()))

    for i, (inputs, outputs, size, stride) in enumerate(
        ((3, 32, 9, 1), (32, 64, 3, 2), (64, 128, 3, 2)), start=1
    ):
        convolve(f"conv{i}", inputs, outputs, size=size, stride=stride)
        normalise(f"in{i}", outputs)
    for i in range(1, 6):
        layers.append(Keep("block"))
        convolve(f"res{i}_conv1", 128, 128)
        normalise(f"res{i}_in1", 128)
        convolve(f"res{i}_conv2", 128, 128)
        layers.extend((Normalise(f"res{i}_in2", 128), Add("block")))
    convolve("deconv1", 128, 64, enlarge=2)
    normalise("in4", 64)
    convolve("deconv2", 64, 32, enlarge=2)
    normalise("in5", 32)
    convolve("deconv3", 32, 3, size=9)
    return Architecture("transformer-net", tuple(layers), range=255.0)


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        architecture.name: architecture
        for architecture in (
            _family("turbo", (24, 40, 56), (1, 2, 3), 12),
            _family("standard", (32, 48, 64), (2, 2, 3), 16),
            _family("quality", (48, 80, 96), (3, 3, 4), 24),
            _transformer_net(),
        )
    }
)
"""All architectures by name: Impasto's own three, and the one for imported checkpoints."""

assert all(name in ARCHITECTURES for name in MODELS)


def architecture(name: str) -> Architecture:
    """Return an architecture by name. Raises `OptionsError` with the nearest known name."""
    if name not in ARCHITECTURES:
        raise OptionsError(f"there is no architecture {name!r}{nearest(name, ARCHITECTURES)}")
    return ARCHITECTURES[name]
