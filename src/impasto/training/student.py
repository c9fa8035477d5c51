"""A transfer network for training: the same function, with a gradient that reads memory less often.

A small network spends most of its time not on arithmetic but on normalisation, which reads every
value several times in the forward pass and more often in the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.nets.architecture import EPSILON, Architecture, Convolve, Normalise
from impasto.nets.transformer import Moments, TransferNet

_SPIKE = 5.0
"""Standard deviations above which a normalised value counts as a spike."""

_FEW = 1024
"""With fewer positions than this, PyTorch's normalisation is slow."""


class Student(TransferNet):
    """A `TransferNet` that also sums up its spikes; see `spikes`.

    Convolutions are computed in ``precision``, statistics in float32. Autocast is not used, because
    it would pad in float32.
    """

    def __init__(
        self, architecture: Architecture, styles: int, precision: torch.dtype = torch.float32
    ) -> None:
        super().__init__(architecture, styles)
        self._precision = precision
        self._convolved = {
            f"{layer.name}_{kind}"
            for layer in architecture.convolutions
            for kind in ("weight", "bias")
        }
        self._spikes: list[Tensor] = []

    def spikes(self) -> Tensor:
        """Return Σ over normalisations and channels of mean(relu(|q| - 5)²), and reset it.

        The mean is over all pictures since the last call; q are the normalised values. Instance
        normalisation lets a network concentrate contrast in one spot that dominates all others
        (Karras et al. 2020, section 2); it appears as a pale mark in the brightest part of a photo.
        """
        total = torch.stack(self._spikes).sum()
        self._spikes.clear()
        return total

    def _convolve(self, layer: Convolve, x: Tensor) -> Tensor:
        return super()._convolve(layer, x.to(self._precision))

    def _tensor(self, name: str) -> Tensor:
        tensor = super()._tensor(name)
        return tensor.to(self._precision) if name in self._convolved else tensor

    def _normalise(
        self, layer: Normalise, x: Tensor, mix: Tensor, _moments: Callable[[str, Tensor], Moments]
    ) -> Tensor:
        scale = mix @ self._tensor(f"{layer.name}_scale")
        shift = mix @ self._tensor(f"{layer.name}_shift")
        y, spikes = _Normalisation.apply(x, scale, shift)  # type: ignore[no-untyped-call]
        self._spikes.append(spikes)
        made: Tensor = y
        return made


class _Normalisation(torch.autograd.Function):
    """Conditional instance normalisation of (n, c, h, w), and the sum of its spikes.

    ``scale`` and ``shift`` (n, c) are given for each picture. With q = (x - mean) / deviation and
    the gradient h with respect to q, that with respect to x is
    (h - mean(h) - q · mean(h · q)) / deviation.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        n, _, h, w = x.shape
        q, over = _normalised(x)
        beyond = F.softshrink(q, _SPIKE)  # the sign of q times relu(|q| - 5)
        spikes = _sums(beyond.square()).sum() / (n * h * w)
        ctx.save_for_backward(q, over, scale, beyond, spikes)
        return torch.addcmul(_spread(shift, q), q, _spread(scale, q)), spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, over, scale, beyond, spikes = ctx.saved_tensors
        g, of_spikes = gradients
        n, _, h, w = q.shape
        to_shift, to_scale = _sums(g), _sums(g * q)
        mean, product = scale * to_shift, scale * to_scale  # of h, and of h · q, times h · w
        gained = of_spikes * 2 / (n * h * w)
        if spikes.is_cuda or spikes != 0:  # on a GPU, comparing would wait for the device
            mean = mean + gained * _sums(beyond)
            product = product + gained * _sums(beyond * q)
            spiked = beyond.mul_(_spread((gained * over).to(q.dtype), q))
        else:
            spiked = None
        to_x = torch.addcmul(
            _spread(-over * mean / (h * w), q), q, _spread(-over * product / (h * w), q)
        )
        to_x.addcmul_(g, _spread(over * scale, q))
        return to_x if spiked is None else to_x.add_(spiked), to_scale, to_shift


def _normalised(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return (x - mean) / deviation in the type of x, and 1 / deviation (n, c), float32."""
    n, c, h, w = x.shape
    if x.device.type == "cpu" and h * w >= _FEW:  # on GPUs it would change the memory format
        one = torch.ones(c, dtype=torch.float64 if x.dtype == torch.float64 else torch.float32)
        q, _, over = torch.native_group_norm(x, one, one - 1, n, c, h * w, c, EPSILON)
        return q, over.view(n, c)
    variance, mean = torch.var_mean(
        x if x.dtype == torch.float64 else x.float(), dim=(2, 3), unbiased=False
    )
    over = (variance + EPSILON).rsqrt()
    return torch.addcmul(_spread(-mean * over, x), x, _spread(over, x)), over


def _sums(x: Tensor) -> Tensor:
    """Sum (n, c, h, w) over positions to (n, c), in float32 or float64."""
    rows = x.permute(0, 2, 3, 1).flatten(1, 2)
    if x.dtype in (torch.float32, torch.float64):
        return rows.sum(1)
    ones = torch.ones(len(x), 1, rows.shape[1], dtype=x.dtype, device=x.device)
    return (ones @ rows)[:, 0].float()  # a matrix product accumulates in float32


def _spread(values: Tensor, like: Tensor) -> Tensor:
    """Return (n, c) as (n, c, 1, 1) with the type of ``like``."""
    return values[:, :, None, None].to(like.dtype)
