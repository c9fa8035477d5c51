"""Feed-forward transfer networks (Johnson et al. 2016; Dumoulin et al. 2017) in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.nets.architecture import (
    EPSILON,
    HERE,
    PHOTO,
    Add,
    Architecture,
    Convolve,
    Keep,
    Layer,
    Noise,
    Normalise,
    Rectify,
    folded_size,
    style_tensors,
)
from impasto.nets.geometry import padded, phases, reflected

_FAINT = 0.005
"""Initial standard deviation of the last layer's weights."""

_NOISE = 0.1
"""The initial noise factor of every channel."""

Moments = tuple[Tensor, Tensor]
"""Mean and variance of every channel, (n, c, 1, 1) each."""


def own_moments(_name: str, x: Tensor) -> Moments:
    """Return the mean and the (biased) variance of (n, c, h, w) over positions, in float32."""
    variance, mean = torch.var_mean(x.float(), dim=(2, 3), keepdim=True, unbiased=False)
    return mean, variance


class TransferNet(nn.Module):
    """A network of an `Architecture`, with a number of styles.

    Its parameters have the names and shapes of ``architecture.shapes(styles)``. Convolutions are
    initialised as in He et al. 2015, the last one of every residual block with zeros; all styles
    start with scale 1 and shift 0. If the architecture adds the photo, the first style equals the
    photo bit for bit, and the others start as a faint pattern on grey.
    """

    def __init__(self, architecture: Architecture, styles: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.styles = styles
        for name, shape in architecture.shapes(styles).items():
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))
        for layer in architecture.convolutions:
            nn.init.kaiming_normal_(self.get_parameter(f"{layer.name}_weight"))
        residual = {  # residual branches start at zero
            before.name
            for before, after in zip(architecture.layers, architecture.layers[1:], strict=False)
            if isinstance(before, Convolve) and after == Add("block")
        }
        for name in residual:
            nn.init.zeros_(self.get_parameter(f"{name}_weight"))
        for norm in architecture.norms:
            nn.init.ones_(self.get_parameter(f"{norm.name}_scale"))
        if architecture.photo:
            self._start_grey()

    @torch.no_grad()
    def _start_grey(self) -> None:
        """Initialise every style as a faint pattern on grey, and the first one as the photo."""
        architecture = self.architecture
        nn.init.normal_(
            self.get_parameter(f"{architecture.convolutions[-1].name}_weight"), std=_FAINT
        )
        scale, shift = (self.get_parameter(name) for name in PHOTO)
        scale[0], shift[1:] = 1, 0.5
        self.get_parameter(f"{architecture.norms[-1].name}_scale")[0] = 0
        for noise in architecture.noises:
            self.get_parameter(f"{noise.name}_noise").fill_(_NOISE)

    def style_parameters(self) -> dict[str, nn.Parameter]:
        """Return the parameters that have a row for each style."""
        return {name: self.get_parameter(name) for name in style_tensors(self.architecture)}

    def forward(
        self,
        image: Tensor,
        mix: Tensor,
        noise: Mapping[str, Tensor] | None = None,
        moments: Callable[[str, Tensor], Moments] = own_moments,
    ) -> Tensor:
        """Stylise (n, 3, h, w) RGB in [0, 1]; the result may leave that range slightly.

        ``mix`` (n, styles) is each picture's share of each style's scales and shifts: one-hot for a
        single style; it adds up to 1. ``noise`` has standard normal noise
        (n or 1, 1, h / stride, w / stride) of the padded picture for each of
        ``architecture.noises``; None adds none. ``moments(name, x)`` returns the moments for the
        normalisation ``name``: those of x itself, or of the whole picture if x is a tile.
        """
        h, w = image.shape[-2:]
        photo = pad(image, self.architecture)
        state = {HERE: self.begin(photo)}
        state = self.run(self.architecture.layers, state, mix, noise or {}, moments)
        return self.finish(state[HERE], photo, mix)[:, :, :h, :w]

    def begin(self, photo: Tensor) -> Tensor:
        """Turn a padded photo, RGB in [0, 1], into the input of the first layer."""
        x = (photo - self.architecture.centre) * self.architecture.range
        return x.contiguous(memory_format=torch.channels_last)

    def run(
        self,
        layers: Iterable[Layer],
        state: Mapping[str, Tensor],
        mix: Tensor,
        noise: Mapping[str, Tensor],
        moments: Callable[[str, Tensor], Moments] = own_moments,
    ) -> dict[str, Tensor]:
        """Compute some of the layers, from one state to the next.

        A state holds the tensor that layers act on, under the name `HERE`, and the kept tensors.
        """
        kept = dict(state)
        x = kept[HERE]
        for layer in layers:
            match layer:
                case Convolve():
                    x = self._convolve(layer, x)
                case Normalise():
                    x = self._normalise(layer, x, mix, moments)
                case Noise() if layer.name in noise:
                    table = (mix @ self._tensor(f"{layer.name}_noise"))[:, :, None, None]
                    x = x + (table * noise[layer.name]).to(x.dtype)
                case Rectify():
                    x = F.relu(x)
                case Keep():
                    kept[layer.name] = x
                case Add():
                    x = x + kept[layer.name]
        kept[HERE] = x
        return kept

    def finish(self, x: Tensor, photo: Tensor | None, mix: Tensor) -> Tensor:
        """Turn the output of the last layer into the stylised picture, float32."""
        x = x.float() / self.architecture.range
        if self.architecture.photo and photo is not None:
            scale, shift = ((mix @ self._tensor(name))[:, :, None, None] for name in PHOTO)
            x = x + torch.addcmul(shift, photo, scale)
        return x

    def _convolve(self, layer: Convolve, x: Tensor) -> Tensor:
        weight: Tensor = self._tensor(f"{layer.name}_weight")
        bias = self._tensor(f"{layer.name}_bias") if layer.bias else None
        if layer.folded:
            weight = fold(weight)
            bias = None if bias is None else bias.repeat_interleave(4)
            x = F.pad(x, [weight.shape[-1] // 2] * 4, mode="replicate")
            return F.pixel_shuffle(F.conv2d(x, weight, bias), 2)
        mode = "reflect" if layer.padding == "reflect" else "replicate"
        if layer.enlarge > 1:
            x = F.interpolate(x, scale_factor=layer.enlarge, mode="nearest")
        x = F.pad(x, [layer.pad] * 4, mode=mode)
        return F.conv2d(x, weight, bias, layer.stride)

    def _normalise(
        self,
        layer: Normalise,
        x: Tensor,
        mix: Tensor,
        moments: Callable[[str, Tensor], Moments],
    ) -> Tensor:
        """Normalise each instance and apply the mixed scale and shift, as a single a·x + b."""
        mean, variance = moments(layer.name, x)
        scale = (mix @ self._tensor(f"{layer.name}_scale"))[:, :, None, None]
        shift = (mix @ self._tensor(f"{layer.name}_shift"))[:, :, None, None]
        a = scale * (variance + EPSILON).rsqrt()
        b = shift - a * mean
        return torch.addcmul(b.to(x.dtype), x, a.to(x.dtype))

    def _tensor(self, name: str) -> Tensor:
        """Return a parameter, or the tensor that replaces it under `functional_call`."""
        tensor: Tensor = getattr(self, name)
        return tensor


def pad(image: Tensor, architecture: Architecture) -> Tensor:
    """Pad (n, c, h, w) by reflection as an architecture requires; no picture is too small."""
    h, w = image.shape[-2:]
    for dim, size in ((2, h), (3, w)):
        index = reflected(size, architecture)
        if len(index) > size:
            image = image.index_select(dim, torch.from_numpy(index).to(image.device))
    return image


def white_noise(
    architecture: Architecture,
    n: int,
    height: int,
    width: int,
    *,
    device: torch.device | str = "cpu",
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Draw noise for n pictures of a size, as `TransferNet.forward` expects it.

    This is for training; `nets.noise` is for applying a network.
    """
    height, width = padded(height, architecture), padded(width, architecture)
    return {
        name: torch.randn((n, 1, height // step, width // step), device=device, generator=generator)
        for name, step in architecture.noise_strides.items()
    }


def fold(weight: Tensor) -> Tensor:
    """As `nets.geometry.fold`, with a gradient."""
    outputs, inputs, k, _ = weight.shape
    meets = torch.from_numpy(phases(k)).to(weight)
    folded = torch.einsum("oikl,pyk,qxl->opqiyx", weight, meets, meets)
    f = folded_size(k)
    return folded.reshape(4 * outputs, inputs, f, f)


def load(architecture: Architecture, tensors: Mapping[str, Tensor]) -> TransferNet:
    """Build a network from tensors with the names and shapes of the architecture."""
    norm = architecture.norms[0]
    net = TransferNet(architecture, len(tensors[f"{norm.name}_scale"]))
    net.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return net.eval()
