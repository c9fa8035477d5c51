"""How to stay within a given memory: tiles, a shorter history, a more compact one.

Sizes are estimates, in bytes, of what a step holds at its peak; tests and benchmarks hold them
to what the operating system measures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from impasto.errors import OptionsError
from impasto.nets import vgg
from impasto.options import VGG_WIDTHS
from impasto.runtime.machine import available, resident

_LARGE_TILES = (2048, 1536, 1024)
_TILES = (*_LARGE_TILES, 768)
_SMALL_TILES = (512, 384, 256, 128)
"""Sides of tiles in pixels, the fastest first: a margin of 80 pixels weighs more on small ones."""

_HISTORY_BYTES = 2 * 2**30
"""What the pairs of L-BFGS may take; a fixed number, so that a run repeats on any machine."""

_VECTORS = 6.5
"""Pictures in float32 that a step holds at its peak, the optimiser's and what is in the making."""

_MAPS = 4
"""Maps that are kept whole take so many times their size: with slopes, and what is sorted."""

_VALUE = 4
_SHARE = 0.8
"""Of the memory that is free, so much is taken unless the user says how much."""

_FRAGMENTS = 0.92
"""Of what the user allows, so much is planned for: memory that is freed leaves gaps."""


@dataclass(frozen=True)
class Layout:
    """How one scale lies in memory.

    ``tile`` is the side of the tiles in pixels, None for the whole picture at once; ``history``
    the pairs that L-BFGS keeps, in bfloat16 if ``compact``.
    """

    tile: int | None
    history: int
    compact: bool


@dataclass(frozen=True)
class Demand:
    """What the layout of a scale depends on.

    ``bytes_per_value`` is that of the features, ``history`` the pairs that L-BFGS would like to
    keep, 0 for optimisers that keep none. ``map_layers`` are those whose maps are kept whole,
    ``wrap`` tells whether the picture is seen with itself around it.
    """

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
        """Pixels of the picture."""
        return self.width * self.height

    def step(self, tile: int | None) -> int:
        """Return the bytes of a step without history, computed in tiles of a side or whole."""
        vectors = round(3 * _VALUE * _VECTORS * self.pixels)
        targets = _values_per_pixel(self.content_layers) * self.bytes_per_value * self.pixels
        maps = _MAPS * _values_per_pixel(self.map_layers) * self.bytes_per_value * self.pixels
        return vectors + round(targets + maps) + self._pass(tile)

    def pair(self, compact: bool) -> int:
        """Return the bytes of a pair of L-BFGS."""
        return 2 * 3 * self.pixels * (2 if compact else _VALUE)

    def _pass(self, tile: int | None) -> int:
        """Return the bytes of a pass through the network and back."""
        margin = 2 * vgg.margin(self.layers) if self.layers else 0
        sides = (self._side(n, tile, margin) for n in (self.width, self.height))
        pixels = next(sides) * next(sides)
        kept = [s.name for s in vgg.until(self.layers) if s.kind == "relu"] if self.layers else []
        # With what is kept for the way back, one and a half of the largest layer in the making.
        values = _values_per_pixel([*kept, *self.layers]) + 1.5 * VGG_WIDTHS[0]
        return round(values * self.bytes_per_value * pixels)

    def _side(self, length: int, tile: int | None, margin: int) -> int:
        """Return the side of what goes through the network at a time."""
        if self.wrap:
            return min(length, tile or length) + margin
        return length if tile is None else min(length, tile + margin)


def lay_out(demand: Demand, room: int | None) -> Layout:
    """Return the fastest layout that fits into ``room`` bytes; None means there is no limit.

    Raises `OptionsError` when nothing fits.
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
        f"a painting of {demand.width}x{demand.height} pixels needs {shown(missing)} more "
        "memory: lower --size, raise --max-memory, or close other programs"
    )


def room(max_memory: int | None, device: torch.device) -> int | None:
    """Return the bytes that painting may take beyond what the process holds already.

    ``max_memory`` is the most that the process may hold, on a GPU of the GPU's own memory; never
    more than most of what is free. What PyTorch keeps of a GPU's memory for later is free.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        held = torch.cuda.memory_allocated(device)
        free += torch.cuda.memory_reserved(device) - held
    else:
        free, held = available(), resident()
    most = round(_SHARE * free)
    return most if max_memory is None else min(most, round(_FRAGMENTS * max_memory) - held)


def shown(size: int) -> str:
    """Write a number of bytes for people."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{max(size, 0) / 1e3:.0f} kB"


def _values_per_pixel(names: Iterable[str]) -> float:
    specs = [vgg.layer(name) for name in dict.fromkeys(names)]
    return sum(spec.channels / spec.stride**2 for spec in specs)
