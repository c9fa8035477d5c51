"""Network slimming: initialises a small network with the strongest channels of a large one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from impasto.nets.architecture import Architecture, architecture
from impasto.zoo.pack import Pack
from impasto.zoo.rows import Arrays

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

_LEVELS = ("quarter", "eighth", "sixteenth")


def slimmed(pack: Pack, model: str) -> Pack:
    """Return a network of another size with all styles, as the start for training by a teacher.

    This halves the training by the large network. The strength of a channel is that of its styles'
    scales and shifts, times the norm of the weights that use it.
    """
    small = architecture(model)
    made = dict(_Slimming(pack.tensors, pack.architecture, small).tensors())
    return replace(pack, card=replace(pack.card, architecture=model), tensors=made)


@dataclass(frozen=True)
class _Slimming:
    """Selects from the tensors ``given`` of the architecture ``large`` those for ``small``."""

    given: Arrays
    large: Architecture
    small: Architecture

    def tensors(self) -> Iterator[tuple[str, Floats]]:
        """Yield every tensor of the small network by its name."""
        kept = self._kept()
        for name, inputs, outputs in (
            ("quarter", "photo", "quarter"),
            ("eighth", "quarter", "eighth"),
            ("sixteenth", "eighth", "sixteenth"),
            ("to_eighth", "sixteenth", "eighth"),
            ("to_quarter", "eighth", "quarter"),
            ("to_half", "quarter", "half"),
            ("to_whole", "half", "photo"),
        ):
            yield f"{name}_weight", self._weight(name, kept[inputs], kept[outputs])
            if name != "to_whole":
                yield from self._norm(name, name, kept[outputs])
        for level in _LEVELS:
            yield from self._blocks(level, kept[level])
            if f"{level}_noise" in self.given:
                yield f"{level}_noise", self.given[f"{level}_noise"][:, kept[level]]
        for name in ("photo_scale", "photo_shift"):
            yield name, self.given[name]

    def _kept(self) -> dict[str, Rows]:
        """Return the channels to keep, by level."""
        quarter = self._strength("quarter", "eighth") + self._strength("to_quarter", "to_half")
        eighth = self._strength("eighth", "sixteenth") + self._strength("to_eighth", "to_quarter")
        count = {norm.name: norm.channels for norm in self.small.norms}
        return {
            "photo": np.arange(3),
            "quarter": _strongest(quarter, count["quarter"]),
            "eighth": _strongest(eighth, count["eighth"]),
            "sixteenth": _strongest(self._strength("sixteenth", "to_eighth"), count["sixteenth"]),
            "half": _strongest(self._strength("to_half", "to_whole"), count["to_half"]),
        }

    def _blocks(self, level: str, kept: Rows) -> Iterator[tuple[str, Floats]]:
        """Take evenly spaced blocks, including the first and the last."""
        there, wanted = (self._count(shape, level) for shape in (self.large, self.small))
        chosen = np.rint(np.linspace(0, there - 1, wanted) if wanted > 1 else [there - 1])
        for number, source in enumerate(chosen.astype(int) + 1, start=1):
            to, of = f"{level}{number}", f"{level}{source}"
            within = _strongest(self._strength(f"{of}_1", f"{of}_2"), len(kept))
            yield f"{to}_1_weight", self._weight(f"{of}_1", kept, within)
            yield from self._norm(f"{to}_1", f"{of}_1", within)
            yield f"{to}_2_weight", self._weight(f"{of}_2", within, kept)
            yield f"{to}_2_bias", self.given[f"{of}_2_bias"][kept]

    def _count(self, shape: Architecture, level: str) -> int:
        names = {norm.name for norm in shape.norms}
        return sum(f"{level}{i}_1" in names for i in range(1, len(names)))

    def _strength(self, norm: str, after: str) -> Floats:
        """Return the strength of the channels between a normalisation and a convolution."""
        table = np.abs(self.given[f"{norm}_scale"]) + np.abs(self.given[f"{norm}_shift"])
        weight = self.given[f"{after}_weight"]
        found: Floats = table[1:].mean(0) * np.sqrt(np.square(weight).sum((0, 2, 3)))
        return found

    def _weight(self, name: str, inputs: Rows, outputs: Rows) -> Floats:
        weight: Floats = self.given[f"{name}_weight"][outputs][:, inputs]
        return weight

    def _norm(self, to: str, of: str, kept: Rows) -> Iterator[tuple[str, Floats]]:
        for kind in ("scale", "shift"):
            yield f"{to}_{kind}", self.given[f"{of}_{kind}"][:, kept]


def _strongest(strength: Floats, count: int) -> Rows:
    return np.sort(np.argsort(-strength, kind="stable")[:count])
