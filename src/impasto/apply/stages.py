"""Splits a network into stages, so that a picture can be computed in tiles.

Each normalisation ends a stage: its mean and variance are those of the whole picture, so every tile
must have reached it before any can go on. At the coarse levels (an eighth of the resolution and
less) tensors are small and are kept from stage to stage; at the fine levels they are recomputed
from the last tensors that were kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from impasto.nets.architecture import HERE, Add, Architecture, Convolve, Keep, Layer, Normalise

PHOTO = "photo"
"""The name of the padded photo, as an input of a segment."""

STYLISED = "stylised"
"""The name of the stylised picture, clipped to [0, 1], as an output of a segment."""

_SMALL = 8
"""The stride, in pixels, from which a tensor counts as small."""


@dataclass(frozen=True)
class Segment:
    """Consecutive layers, with the names of their input and output tensors.

    A segment that has the photo but not ``HERE`` as input starts with the first layer; one that
    outputs ``STYLISED`` ends with the last layer and has the photo as input, too.
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
        """How many pixels of input the segment needs around a box of its output.

        A multiple of the architecture's stride. Normalisations do not count, since their statistics
        are those of the whole picture.
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
    """A step that is completed for all tiles before the next one starts.

    ``norm`` is the normalisation whose moments it determines, if any. ``keeps`` names the tensors
    stored from here on, out of the outputs of ``segment`` and those stored before; if it is empty,
    the output serves only for the moments and the stored tensors stay. ``recompute`` runs first,
    from the photo, if the segment has inputs that are not stored.
    """

    segment: Segment
    norm: Normalise | None
    keeps: tuple[str, ...]
    recompute: Segment | None


def stages(architecture: Architecture) -> Iterator[Stage]:
    """Yield the stages of a network, in order; the last outputs the stylised picture."""
    layers = architecture.layers
    base = 0
    held: tuple[str, ...] = (PHOTO,)
    for index in range(len(layers)):
        layer, small = layers[index], _stride_at(architecture, index) >= _SMALL
        norm = layer if isinstance(layer, Normalise) else None
        # Just before enlarging to a level where nothing is stored, only one tensor is needed.
        leaves = small and _stride_at(architecture, index + 1) < _SMALL
        if norm is None and not leaves:
            continue
        keeps = _alive(architecture, index) if small else ()
        yield _stage(architecture, base, index, held, (HERE,), norm, keeps)
        if small:
            base, held = index, keeps
    yield _stage(architecture, base, len(layers), held, (STYLISED,), None, ())


def whole(architecture: Architecture) -> Segment:
    """Return the whole network as one segment."""
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
    """Return the names that these layers add but do not keep themselves."""
    made: set[str] = set()
    found: dict[str, None] = {}
    for layer in layers:
        if isinstance(layer, Keep):
            made.add(layer.name)
        elif isinstance(layer, Add) and layer.name not in made:
            found[layer.name] = None
    return tuple(found)


def _alive(architecture: Architecture, index: int) -> tuple[str, ...]:
    """Return the small tensors that the layers from ``index`` on need."""
    strides = dict(_kept_at(architecture, index))
    later = _needed(architecture.layers[index:])
    return (HERE, *(name for name in later if strides.get(name, 0) >= _SMALL))


def _kept_at(architecture: Architecture, index: int) -> Iterator[tuple[str, int]]:
    """Yield the names kept before a layer, each with the stride of its latest tensor."""
    for layer, stride in list(architecture.strides())[:index]:
        if isinstance(layer, Keep):
            yield layer.name, stride


def _stride_at(architecture: Architecture, index: int) -> int:
    """Return the stride, in pixels, of a layer's input."""
    strides = [1, *(stride for _, stride in architecture.strides())]
    return strides[index]
