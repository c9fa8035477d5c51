"""How much is to be explained, and of which painting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from impasto.options.checked import Checked, option
from impasto.options.paint import PaintOptions

SMALLEST, LARGEST = 64, 1024
"""The long side of an explained painting in pixels: what layers and a page can show."""

_LEARNING_RATE = 0.05
"""Of Adam, from noise: 0.02 is not there yet after 75 steps, more is noisy."""

_PAINTED = {f.name: f for f in fields(PaintOptions)}


def _as_painted(name: str) -> Any:
    """Declare a field as `PaintOptions` has it: default, help and all."""
    found = _PAINTED[name]
    return field(default=found.default, metadata=found.metadata)


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(Checked):
    """How to paint what is explained. All but ``size`` means what it does in `PaintOptions`.

    ``size`` is the long side of the painting in pixels, 64 to 1024. Reconstructions take half as
    many steps as the painting, and are smaller.
    """

    size: int = option(256, f"Long side of the painting in pixels, {SMALLEST} to {LARGEST}.")
    steps: int | None = _as_painted("steps")
    quality: str | None = _as_painted("quality")
    content_weight: float = _as_painted("content_weight")
    style_weight: float = _as_painted("style_weight")
    seed: int = _as_painted("seed")
    weights: str = _as_painted("weights")
    device: str = _as_painted("device")
    precision: str = _as_painted("precision")

    def __post_init__(self) -> None:
        """Check the values: `PaintOptions` knows how."""
        self._integer("size", SMALLEST, LARGEST)
        painting = self.painting
        for name in _OWN:
            self._set(name, getattr(painting, name))

    @property
    def painting(self) -> PaintOptions:
        """How the painting itself is made."""
        return PaintOptions(**{name: getattr(self, name) for name in _OWN})

    @property
    def steps_alone(self) -> int:
        """Steps of each picture that is made by some layers alone."""
        return max(1, self.painting.total_steps // 2)

    def content_alone(self, layer: str, size: int) -> PaintOptions:
        """How a photo is reconstructed from one layer: from noise, without a style."""
        return self._alone(size, content_layers=layer, content_weight=1.0, style_weight=0.0)

    def style_alone(self, layers: Mapping[str, float], size: int) -> PaintOptions:
        """How a texture is synthesised from some layers and weights: from noise, without a content.

        With Adam: L-BFGS is preconditioned for painting and starts with the large shapes, so that
        it does not show at which size each layer brings structure.
        """
        return self._alone(
            size,
            style_layers=layers,
            style_weight=1.0,
            content_weight=0.0,
            optimizer="adam",
            learning_rate=_LEARNING_RATE,
        )

    def _alone(self, size: int, **changes: Any) -> PaintOptions:
        start: dict[str, Any] = {
            "init": "noise",
            "scales": "single",
            "quality": None,
            "steps": self.steps_alone,
        }
        return replace(self.painting, size=size, **start, **changes)


_OWN = tuple(f.name for f in fields(ExplainOptions))
