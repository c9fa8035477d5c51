"""The interface of the libraries that can run a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from impasto.apply.stages import Segment
from impasto.images.picture import Floats


class Moments(NamedTuple):
    """Mean and (biased) variance over positions, (channels,) each."""

    mean: Floats
    variance: Floats


def moved_moments(outputs: Mapping[str, Floats], norms: Iterable[str]) -> dict[str, Moments]:
    """Return the moved moments out of the outputs of `Backend.run`."""
    return {name: Moments(outputs[f"{name}_mean"], outputs[f"{name}_variance"]) for name in norms}


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

    def share_processor(self, at_once: int = 1) -> int:
        """Leave the processor to other threads while there is nothing to compute.

        By default, the threads of ONNX Runtime wait actively, which is fastest if they are alone.
        Returns how many threads may then call `run` at the same time, ``at_once`` at most.
        """

    def run(
        self,
        segment: Segment,
        given: Fields,
        mix: Floats,
        noise: Fields,
        moments: Mapping[str, Moments] | None = None,
        share: float = 0.0,
    ) -> dict[str, Floats]:
        """Compute the outputs of a segment of the network from its inputs, ``given``.

        The photo, RGB in [0, 1], is already padded (see `nets.geometry`). ``mix`` (styles,) is the
        share of each style; ``noise`` holds the noise of each layer that adds it. Normalisations
        named in ``moments`` use these instead of the mean and variance of their own input. With a
        ``share`` above 0 the moments are first moved by this share towards those of the input; the
        outputs then also contain the moved moments, see `moved_moments`.
        """
