"""Staying within a memory limit, by tiles and by a shorter or more compact history.

Sizes are estimates, in bytes, of the peak memory of a step. Tests and benchmarks compare them with
what the operating system measures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from impasto.errors import OptionsError
from impasto.nets.feature_net import Geometry
from impasto.runtime.machine import available, resident

_LARGE_TILES = (2048, 1536, 1024)
_TILES = (*_LARGE_TILES, 768)
_SMALL_TILES = (512, 384, 256, 128)
"""Sides of tiles in pixels, fastest first: small tiles spend more on their margin of 80 pixels."""

_HISTORY_BYTES = 2 * 2**30
"""The most memory for L-BFGS pairs; fixed, so that a run can be repeated on any machine."""

_VECTORS = 6.5
"""float32 pictures that a step holds at its peak: the optimiser's and intermediate ones."""

_MAPS = 4
"""Memory of whole feature maps over their size: with gradients, and copies for sorting."""

_VALUE = 4
_FREE_SHARE = 0.8
"""The share of free memory that a painting may take."""

_PLANNED_SHARE = 0.92
"""The share of --max-memory to plan for: fragmentation takes the rest."""


@dataclass(frozen=True)
class Layout:
    """The memory layout of one scale.

    ``tile`` is the side of the tiles in pixels, or None for the whole picture at once. ``history``
    is the number of pairs that L-BFGS keeps, in bfloat16 if ``compact``.
    """

    tile: int | None
    history: int
    compact: bool


@dataclass(frozen=True)
class Demand:
    """What the memory layout of a scale depends on.

    ``geometry`` is that of the network. ``bytes_per_value`` applies to the features. ``history`` is
    the number of pairs that L-BFGS should keep, 0 for optimisers without a history. ``map_layers``
    are the layers whose feature maps are kept whole. ``wrap`` tells whether the picture wraps
    around at its edges.
    """

    geometry: Geometry
    width: int
    height: int
    layers: tuple[str, ...]
    content_layers: tuple[str, ...]
    bytes_per_value: int
    history: int
    map_layers: tuple[str, ...] = ()
    wrap: bool = False

    @property
    def pixels(self) -> int:
        """Number of pixels of the picture."""
        return self.width * self.height

    def step(self, tile: int | None) -> int:
        """Return the bytes of a step without history, in tiles of this side or as a whole."""
        vectors = round(3 * _VALUE * _VECTORS * self.pixels)
        targets = self._values_per_pixel(self.content_layers) * self.bytes_per_value * self.pixels
        maps = _MAPS * self._values_per_pixel(self.map_layers) * self.bytes_per_value * self.pixels
        return vectors + round(targets + maps) + self._pass(tile)

    def pair(self, compact: bool) -> int:
        """Return the bytes of one L-BFGS pair."""
        return 2 * 3 * self.pixels * (2 if compact else _VALUE)

    def _pass(self, tile: int | None) -> int:
        """Return the bytes of one forward and backward pass through the network."""
        margin = 2 * self.geometry.margin(self.layers) if self.layers else 0
        sides = (self._side(n, tile, margin) for n in (self.width, self.height))
        pixels = next(sides) * next(sides)
        specs = self.geometry.until(self.layers) if self.layers else ()
        kept = [spec.name for spec in specs if spec.kind == "relu"]
        # Besides what the backward pass needs: one and a half times the largest layer as workspace.
        values = self._values_per_pixel([*kept, *self.layers])
        values += 1.5 * self.geometry.layers[0].channels
        return round(values * self.bytes_per_value * pixels)

    def _side(self, length: int, tile: int | None, margin: int) -> int:
        """Return the side of what passes through the network at a time."""
        if self.wrap:
            return min(length, tile or length) + margin
        return length if tile is None else min(length, tile + margin)

    def _values_per_pixel(self, names: Iterable[str]) -> float:
        specs = [self.geometry.layer(name) for name in dict.fromkeys(names)]
        return sum(spec.channels / spec.stride**2 for spec in specs)


def lay_out(demand: Demand, room: int | None) -> Layout:
    """Return the fastest layout that fits into ``room`` bytes; None means no limit.

    Raises `OptionsError` if nothing fits.
    """
    wanted = min(demand.history, max(3, _HISTORY_BYTES // demand.pair(compact=False)))
    if room is None:
        return Layout(None, wanted, compact=False)
    for least, compact, tiles in (
        (20, False, _TILES),
        (8, False, _LARGE_TILES),
        (8, True, _LARGE_TILES),
        (3, True, _TILES),
        (1, True, _SMALL_TILES),
    ):
        for tile in (None, *tiles):
            if tile is not None and tile >= max(demand.width, demand.height):
                continue
            pairs = (room - demand.step(tile)) // demand.pair(compact)
            if pairs >= min(least, wanted):
                return Layout(tile, min(wanted, pairs), compact)
    smallest = min(demand.step(None), demand.step(_SMALL_TILES[-1]))
    missing = smallest + demand.pair(compact=True) * min(1, wanted) - room
    raise OptionsError(
        f"a painting of {demand.width}x{demand.height} pixels needs {format_bytes(missing)} more "
        "memory: lower --size, raise --max-memory, or close other programs"
    )


def room(max_memory: int | None, device: torch.device) -> int | None:
    """Return the bytes that painting may take beyond what the process already holds.

    ``max_memory`` limits the total memory of the process, or GPU memory on a GPU. The result is
    never more than most of the free memory. GPU memory that PyTorch caches counts as free.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        held = torch.cuda.memory_allocated(device)
        free += torch.cuda.memory_reserved(device) - held
    else:
        free, held = available(), resident()
    most = round(_FREE_SHARE * free)
    return most if max_memory is None else min(most, round(_PLANNED_SHARE * max_memory) - held)


def format_bytes(size: int) -> str:
    """Format a number of bytes for people: 1.5 GB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{max(size, 0) / 1e3:.0f} kB"
