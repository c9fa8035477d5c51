"""A network in parts: what has to be computed between one stop and the next.

Where a picture is computed in tiles, each normalisation is a stop: its mean and variance are those
of the whole picture, so all tiles have to be there before any goes on. What a tile holds at a stop
is kept for the next one where it is small, which it is at the coarse levels (an eighth of the
resolution and less); at the fine ones it is computed again from the last stop that was kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from impasto.nets.architecture import HERE, Add, Architecture, Convolve, Keep, Layer, Normalise

PHOTO = "photo"
"""The padded photo, as the name of what a part takes."""

STYLISED = "stylised"
"""The stylised picture, clipped to [0, 1], as the name of what a part gives."""

_SMALL = 8
"""Pixels between positions from which on a tensor is small."""


@dataclass(frozen=True)
class Segment:
    """Layers in a row, from some tensors to others, all by name.

    One that takes the photo and not ``HERE`` begins with the first layer; one that gives
    ``STYLISED`` ends with the last, and takes the photo too.
    """

    architecture: Architecture
    start: int
    stop: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, in order."""
        return self.architecture.layers[self.start : self.stop]

    @cached_property
    def halo(self) -> int:
        """How many pixels around a region of what it gives it has to be given.

        A multiple of the architecture's stride. Statistics apart, which are of the whole picture.
        """
        reach, stride = 0, self.architecture.stride
        before = _stride_at(self.architecture, self.start)
        for layer in self.layers:
            if isinstance(layer, Convolve):
                after = before * layer.stride // layer.enlarge
                spread = before if layer.enlarge == 1 else after
                reach += (layer.size // 2) * spread + (layer.enlarge - 1) * after
                before = after
        return -(-reach // stride) * stride


@dataclass(frozen=True)
class Stage:
    """What is done of all tiles before any goes on.

    ``norm`` is the normalisation whose moments are found, None for none. ``keeps`` are the names
    that are held from here on, of what ``part`` outputs and of what was held before; with none, what
    is given is only looked at, and all stays as it was. ``again`` is computed first, from the
    photo, where the part takes what is not held.
    """

    segment: Segment
    norm: Normalise | None
    keeps: tuple[str, ...]
    recompute: Segment | None


def stages(architecture: Architecture) -> Iterator[Stage]:
    """Yield the stops of a network, in order; the last gives the stylised picture."""
    layers = architecture.layers
    base = 0
    held: tuple[str, ...] = (PHOTO,)
    for index in range(len(layers)):
        layer, small = layers[index], _stride_at(architecture, index) >= _SMALL
        norm = layer if isinstance(layer, Normalise) else None
        # Before it is enlarged to a size at which nothing is kept, only one tensor is left.
        leaves = small and _stride_at(architecture, index + 1) < _SMALL
        if norm is None and not leaves:
            continue
        keeps = _alive(architecture, index) if small else ()
        yield _stage(architecture, base, index, held, (HERE,), norm, keeps)
        if small:
            base, held = index, keeps
    yield _stage(architecture, base, len(layers), held, (STYLISED,), None, ())


def whole(architecture: Architecture) -> Segment:
    """Return the network in one part."""
    return Segment(architecture, 0, len(architecture.layers), (PHOTO,), (STYLISED,))


def _stage(
    architecture: Architecture,
    start: int,
    stop: int,
    held: tuple[str, ...],
    outputs: tuple[str, ...],
    norm: Normalise | None,
    keeps: tuple[str, ...],
) -> Stage:
    layers = architecture.layers[start:stop]
    made = {layer.name for layer in layers if isinstance(layer, Keep)}
    outputs += tuple(name for name in keeps if name in made)
    if not start:
        return Stage(Segment(architecture, start, stop, (PHOTO,), outputs), norm, keeps, None)
    needed = _needed(layers)
    recompute = None
    if missing := tuple(name for name in needed if name not in held):
        last = max(
            i for i, layer in enumerate(architecture.layers[:start])
            if isinstance(layer, Keep) and layer.name in missing
        )  # fmt: skip
        recompute = Segment(architecture, 0, last + 1, (PHOTO,), missing)
    photo = (PHOTO,) if STYLISED in outputs and architecture.photo else ()
    return Stage(
        Segment(architecture, start, stop, (HERE, *needed, *photo), outputs), norm, keeps, recompute
    )


def _needed(layers: tuple[Layer, ...]) -> tuple[str, ...]:
    """Return the names that are added without being kept before."""
    made: set[str] = set()
    found: dict[str, None] = {}
    for layer in layers:
        if isinstance(layer, Keep):
            made.add(layer.name)
        elif isinstance(layer, Add) and layer.name not in made:
            found[layer.name] = None
    return tuple(found)


def _alive(architecture: Architecture, index: int) -> tuple[str, ...]:
    """Return what has to be known before a layer so that the rest can be computed, if small."""
    strides = dict(_kept_at(architecture, index))
    later = _needed(architecture.layers[index:])
    return (HERE, *(name for name in later if strides.get(name, 0) >= _SMALL))


def _kept_at(architecture: Architecture, index: int) -> Iterator[tuple[str, int]]:
    """Yield the names that are kept before a layer, each with the stride of its latest tensor."""
    for layer, stride in list(architecture.strides())[:index]:
        if isinstance(layer, Keep):
            yield layer.name, stride


def _stride_at(architecture: Architecture, index: int) -> int:
    """Return the pixels between the positions of what a layer is given."""
    strides = [1, *(stride for _, stride in architecture.strides())]
    return strides[index]
