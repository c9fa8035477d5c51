"""What somebody asks for: a painting, with the options that are theirs to choose."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from impasto.errors import OptionsError, nearest
from impasto.options import INITS, PaintOptions
from impasto.options.checked import Checked, option
from impasto.options.paint import COLORS

FORMATS = ("png", "jpeg", "webp", "tiff")

STEERED = (
    "size", "steps", "quality", "budget", "preset", "style_scale", "content_weight",
    "style_weight", "tv_weight", "content_layers", "style_layers", "init", "blend", "seed",
)  # fmt: skip
"""The fields of `PaintOptions` that a request may set; the rest is the studio's business."""


_OF_PAINTING = {f.name: f.metadata["help"] for f in dataclasses.fields(PaintOptions)}
"""What each field of `PaintOptions` is for."""


@dataclass(frozen=True, kw_only=True)
class PaintRequest(Checked):
    """A painting that is asked for. ``paint`` holds the fields of `PaintOptions` in `STEERED`."""

    strength: float = option(
        1.0,
        "How much of the style: 0.1 is a hint of it, 1 all of it; beyond that, up to 1.5, the "
        "content has to give way.",
    )
    color: str = option(PaintOptions().color, _OF_PAINTING["color"], choices=COLORS)
    format: str = option("png", "Format of the picture.", choices=FORMATS)
    paint: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check everything, what is asked of the painter too."""
        self._number("strength", 0.1, 1.5)
        self._choice("color", COLORS)
        self._choice("format", FORMATS)
        for name in self.paint:
            if name not in STEERED:
                known = [*self._own(), *STEERED]
                raise OptionsError(f"unknown option {name!r}{nearest(name, known)}")
        if self.paint.get("init", INITS[0]) not in INITS:
            raise OptionsError(f"--init must be one of {', '.join(INITS)}")
        self.options()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Build from one flat mapping, as a form or a page has it. Raises `OptionsError`."""
        own = {name: given[name] for name in cls._own() if name in given}
        return cls(**own, paint={name: given[name] for name in given if name not in own})

    @classmethod
    def _own(cls) -> list[str]:
        return [f.name for f in dataclasses.fields(cls) if f.name != "paint"]

    def flat(self) -> dict[str, Any]:
        """Return what `of` takes back."""
        data = self.to_dict()
        return {**data.pop("paint"), **data}

    def options(self, **chosen: Any) -> PaintOptions:
        """Return the options to paint with; ``chosen`` are those that the studio adds."""
        strength = min(self.strength, 1.0)
        plain = PaintOptions(**self.paint, **chosen, strength=strength, color=self.color)
        # A style weight works by orders of magnitude: at 1.5 it is ten times as much.
        weight = plain.style_weight * 10 ** (2 * (self.strength - strength))
        return dataclasses.replace(plain, style_weight=weight) if self.strength > 1 else plain
