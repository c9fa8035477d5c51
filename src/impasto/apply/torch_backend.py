"""PyTorch, on any device that it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.apply.backends import Moments
from impasto.images.picture import Floats
from impasto.nets import transformer
from impasto.nets.architecture import Architecture
from impasto.nets.transformer import own_moments
from impasto.optimize.device import choose_device


class _Reached(Exception):  # noqa: N818 (no error: the network was followed as far as asked)
    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features


class TorchBackend:
    """A `Backend` by PyTorch. Raises `OptionsError` for a device that is not there."""

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
        self._threads = threads
        net = transformer.load(architecture, {k: torch.from_numpy(v) for k, v in tensors.items()})
        self._net = net.to(self._device)

    @property
    def device(self) -> str:
        """As `Backend.device`."""
        return str(self._device)

    def stylise(
        self, padded: Floats, mix: Floats, moments: Mapping[str, Moments] | None = None
    ) -> Floats:
        """As `Backend.stylise`."""
        return self._run(padded, mix, own_moments if moments is None else self._given(moments))

    def features(
        self, padded: Floats, mix: Floats, moments: Mapping[str, Moments], norm: str
    ) -> Floats:
        """As `Backend.features`."""
        given = self._given(moments)

        def until(name: str, x: Tensor) -> transformer.Moments:
            if name == norm:
                raise _Reached(x)
            return given(name, x)

        return self._run(padded, mix, until)

    def _given(
        self, moments: Mapping[str, Moments]
    ) -> Callable[[str, Tensor], transformer.Moments]:
        def given(name: str, _x: Tensor) -> transformer.Moments:
            mean, variance = (self._tensor(m)[None, :, None, None] for m in moments[name])
            return mean, variance

        return given

    def _run(
        self, padded: Floats, mix: Floats, moments: Callable[[str, Tensor], transformer.Moments]
    ) -> Floats:
        with torch.inference_mode(), _threads(self._threads):
            try:
                y = self._net.body(self._tensor(padded), self._tensor(mix)[None], moments)
                y = y.clamp_(0, 1)
            except _Reached as reached:
                y = reached.features
            result: Floats = y.contiguous().cpu().numpy()
            return result

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
