"""The back end for PyTorch, on any device that it supports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.apply.backend import Fields, Moments
from impasto.apply.stages import PHOTO, STYLISED, Segment
from impasto.images.picture import Floats
from impasto.nets import transformer
from impasto.nets.architecture import HERE, Architecture
from impasto.nets.transformer import own_moments
from impasto.runtime.device import choose_device, choose_precision


class TorchBackend:
    """A `Backend` that uses PyTorch. Raises `OptionsError` for a device that is not available."""

    name = "torch"

    def __init__(
        self,
        architecture: Architecture,
        tensors: Mapping[str, NDArray[Any]],
        *,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        self._device = choose_device(device)
        choose_precision("float32", self._device)
        self._threads = threads
        net = transformer.load(architecture, {k: torch.from_numpy(v) for k, v in tensors.items()})
        self._net = net.to(self._device)

    @property
    def device(self) -> str:
        """As `Backend.device`."""
        return str(self._device)

    def share_processor(self, at_once: int = 1) -> int:
        """As `Backend.share_processor`: PyTorch has nothing to set, its threads are for one run."""
        del at_once
        return 1

    def run(
        self,
        segment: Segment,
        given: Fields,
        mix: Floats,
        noise: Fields,
        moments: Mapping[str, Moments] | None = None,
        share: float = 0.0,
    ) -> dict[str, Floats]:
        """As `Backend.run`."""
        moved: dict[str, Tensor] = {}
        with torch.inference_mode(), _threads(self._threads):
            state = {name: self._tensor(field) for name, field in given.items()}
            fields = {name: self._tensor(field) for name, field in noise.items()}
            moments_of = self._moments_of(moments, share, moved)
            found = self._run(segment, state, self._tensor(mix)[None], fields, moments_of)
            outputs = {name: found[name] for name in segment.outputs} | moved
            return {name: tensor.contiguous().cpu().numpy() for name, tensor in outputs.items()}

    @torch.inference_mode()
    def stylise(self, photos: Tensor, mix: Floats, noise: Fields) -> Tensor:
        """Stylise (n, 3, h, w) RGB in [0, 1] on this device, without copying through NumPy."""
        with _threads(self._threads):
            fields = {name: self._tensor(field) for name, field in noise.items()}
            made: Tensor = self._net(photos, self._tensor(mix)[None], fields)
            return made.clamp_(0, 1)

    def _run(
        self,
        segment: Segment,
        given: Mapping[str, Tensor],
        mix: Tensor,
        noise: Mapping[str, Tensor],
        moments: Callable[[str, Tensor], transformer.Moments],
    ) -> dict[str, Tensor]:
        state = dict(given)
        if HERE not in state:
            state[HERE] = self._net.begin(given[PHOTO])
        found = self._net.run(segment.layers, state, mix, noise, moments)
        if STYLISED in segment.outputs:
            photo = given.get(PHOTO)
            found[STYLISED] = self._net.finish(found[HERE], photo, mix).clamp_(0, 1)
        return found

    def _moments_of(
        self, moments: Mapping[str, Moments] | None, share: float, moved: dict[str, Tensor]
    ) -> Callable[[str, Tensor], transformer.Moments]:
        """Return what gives a normalisation its moments; moved moments are added to ``moved``."""
        if moments is None:
            return own_moments

        def given(name: str, x: Tensor) -> transformer.Moments:
            mean, variance = (self._tensor(m)[None, :, None, None] for m in moments[name])
            if share:
                own_mean, own_variance = own_moments(name, x)
                mean, variance = mean.lerp(own_mean, share), variance.lerp(own_variance, share)
                moved[f"{name}_mean"] = mean.flatten()
                moved[f"{name}_variance"] = variance.flatten()
            return mean, variance

        return given

    def _tensor(self, array: Floats) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self._device)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
