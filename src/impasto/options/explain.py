"""Options of explaining a painting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from impasto.options.checked import Checked, option
from impasto.options.paint import PaintOptions

SMALLEST, LARGEST = 64, 1024
"""Limits of the painting's long side in pixels: what layers and a page can show."""

_LEARNING_RATE = 0.05
"""Adam's learning rate from noise: 0.02 is too slow for 75 steps, higher rates are noisy."""

_PAINT_FIELDS = {f.name: f for f in fields(PaintOptions)}


def _paint_field(name: str) -> Any:
    """Copy a field of `PaintOptions` with its default and help text."""
    found = _PAINT_FIELDS[name]
    return field(default=found.default, metadata=found.metadata)


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(Checked):
    """Options of explaining a painting. All but ``size`` mean the same as in `PaintOptions`.

    ``size`` is the long side of the painting in pixels, 64 to 1024. Reconstructions take half as
    many steps as the painting and are smaller.
    """

    size: int = option(256, f"Long side of the painting in pixels, {SMALLEST} to {LARGEST}.")
    steps: int | None = _paint_field("steps")
    quality: str | None = _paint_field("quality")
    content_weight: float = _paint_field("content_weight")
    style_weight: float = _paint_field("style_weight")
    seed: int = _paint_field("seed")
    weights: str = _paint_field("weights")
    device: str = _paint_field("device")
    precision: str = _paint_field("precision")

    def __post_init__(self) -> None:
        """Check the values by building `PaintOptions`."""
        self._integer("size", SMALLEST, LARGEST)
        painting = self.painting
        for name in _FIELD_NAMES:
            self._set(name, getattr(painting, name))

    @property
    def painting(self) -> PaintOptions:
        """The options of the painting."""
        return PaintOptions(**{name: getattr(self, name) for name in _FIELD_NAMES})

    @property
    def reconstruction_steps(self) -> int:
        """Number of steps of each reconstruction."""
        return max(1, self.painting.total_steps // 2)

    def content_reconstruction(self, layer: str, size: int) -> PaintOptions:
        """Return the options that reconstruct a photo from one layer: from noise, without style."""
        return self._reconstruction(
            size, content_layers=layer, content_weight=1.0, style_weight=0.0
        )

    def style_reconstruction(self, layers: Mapping[str, float], size: int) -> PaintOptions:
        """Return the options that synthesise a texture from noise with some layers and weights.

        They use Adam, because L-BFGS is preconditioned to start with large shapes, which would hide
        the size of the structure that each layer adds.
        """
        return self._reconstruction(
            size,
            style_layers=layers,
            style_weight=1.0,
            content_weight=0.0,
            optimizer="adam",
            learning_rate=_LEARNING_RATE,
        )

    def _reconstruction(self, size: int, **changes: Any) -> PaintOptions:
        start: dict[str, Any] = {
            "init": "noise",
            "scales": "single",
            "quality": None,
            "steps": self.reconstruction_steps,
        }
        return replace(self.painting, size=size, **start, **changes)


_FIELD_NAMES = tuple(f.name for f in fields(ExplainOptions))
