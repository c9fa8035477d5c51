"""What a loss says of itself: name, help, defaults, and how its terms are built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.losses.targets import Targets
    from impasto.losses.terms import Term

Terms = Mapping[str, "Term"]
"""Terms by the name that they are reported under, after "style" or "content"."""


@dataclass(frozen=True)
class ContentLoss:
    """A way to compare the picture with the content.

    ``help`` is one phrase, ``source`` where the loss is from. ``terms`` builds the terms of one
    scale. ``whole_maps`` says that they are not all sums over positions: memory is then planned
    for whole maps of its layers.
    """

    name: str
    help: str
    terms: Callable[[Targets], Terms]
    source: str = ""
    whole_maps: bool = False


@dataclass(frozen=True)
class StyleLoss(ContentLoss):
    """A way to compare the picture with paintings.

    ``terms`` builds the terms of one region at one scale; each then counts by the region's share
    of the picture. ``layers`` with weights and ``weight`` are what ``style_layers`` and
    ``style_weight`` are unless the user says otherwise, ``defaults`` the same for other fields of
    `PaintOptions`. ``suits`` says what the loss is good for.
    """

    layers: Mapping[str, float] = field(kw_only=True)
    weight: float = 1.0
    defaults: Mapping[str, Any] = field(default_factory=dict)
    suits: str = ""

    @property
    def options(self) -> dict[str, Any]:
        """What it says of the fields of `PaintOptions` that are None until a preset fills them."""
        layers = tuple(self.layers.items())
        return {"style_layers": layers, "style_weight": self.weight, **self.defaults}
