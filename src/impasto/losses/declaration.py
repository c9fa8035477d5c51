"""Declarations of losses: name, help, defaults, and how their terms are built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.losses.targets import Targets
    from impasto.losses.terms import Term

Terms = Mapping[str, "Term"]
"""Terms by their reported names, which follow "style" or "content"."""


@dataclass(frozen=True)
class ContentLoss:
    """A way to compare the picture with the content.

    ``help`` is one phrase; ``source`` is the paper or code. ``terms`` builds the terms of one
    scale. ``whole_maps``: some terms are not sums over positions, so memory is planned for whole
    maps of the layers.
    """

    name: str
    help: str
    terms: Callable[[Targets], Terms]
    source: str = ""
    whole_maps: bool = False


@dataclass(frozen=True)
class StyleLoss(ContentLoss):
    """A way to compare the picture with paintings.

    ``terms`` builds the terms of one region at one scale; they are then multiplied by the region's
    share of the picture. ``layers`` (with weights) and ``weight`` are the defaults of
    ``style_layers`` and ``style_weight``; ``defaults`` are those of other fields of `PaintOptions`.
    ``suits`` describes what the loss is good for.
    """

    layers: Mapping[str, float] = field(kw_only=True)
    weight: float = 1.0
    defaults: Mapping[str, Any] = field(default_factory=dict)
    suits: str = ""

    @property
    def options(self) -> dict[str, Any]:
        """Its defaults for the fields of `PaintOptions` that a preset fills in."""
        layers = tuple(self.layers.items())
        return {"style_layers": layers, "style_weight": self.weight, **self.defaults}
