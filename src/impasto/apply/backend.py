"""The interface of the libraries that can run a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from impasto.apply.stages import Segment
from impasto.images.picture import Floats


class Moments(NamedTuple):
    """Mean and (biased) variance over positions, (channels,) each."""

    mean: Floats
    variance: Floats


Fields = Mapping[str, Floats]
"""Tensors (1, channels, height, width), float32, by name."""


class Backend(Protocol):
    """A network with its weights, on a device."""

    @property
    def name(self) -> str:
        """Its name in options."""

    @property
    def device(self) -> str:
        """The device it runs on: ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""

    def run(
        self,
        segment: Segment,
        given: Fields,
        mix: Floats,
        noise: Fields,
        moments: Mapping[str, Moments] | None = None,
    ) -> dict[str, Floats]:
        """Compute the outputs of a segment of the network from its inputs, ``given``.

        The photo, RGB in [0, 1], is already padded (see `nets.geometry`). ``mix`` (styles,) is the
        share of each style; ``noise`` holds the noise of each layer that adds it. Normalisations
        named in ``moments`` use these instead of the mean and variance of their own input.
        """
