"""One interface for whatever computes a network."""

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
"""Tensors (1, channels, height, width) by name, float32."""


class Backend(Protocol):
    """A network with its weights, on a device."""

    @property
    def name(self) -> str:
        """What it is called in options."""

    @property
    def device(self) -> str:
        """What it computes on: ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""

    def run(
        self,
        segment: Segment,
        given: Fields,
        mix: Floats,
        noise: Fields,
        moments: Mapping[str, Moments] | None = None,
    ) -> dict[str, Floats]:
        """Compute a segment of the network: what it gives, from what it takes.

        The photo, RGB in [0, 1], is padded already (see `nets.geometry`). ``mix`` (styles,) says
        how much of each style; ``noise`` has the field of each place where noise is added. Where
        ``moments`` are given, they are what the normalisations of those names divide out, instead
        of the mean and variance of what they are given.
        """
