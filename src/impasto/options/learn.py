"""How to learn a new style for a network that is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from impasto.errors import OptionsError
from impasto.options import parsing
from impasto.options.checked import Checked, option
from impasto.options.machine import PRECISIONS, check_device
from impasto.options.train import MODELS

LEARNT_DISTANCE = 0.65
"""How far a style that is learnt takes crops of photos from themselves, unless it is said."""

_USUAL_BUDGET = 60.0


@dataclass(frozen=True, kw_only=True)
class LearnOptions(Checked):
    """How to learn a new style for a network that is there."""

    budget: float | None = option(
        None,
        "How long to learn: 30s, 2m. A style that is known is learnt on for so long. "
        "Default: 60s, unless --steps are given.",
        metavar="TIME",
        text=True,
    )
    steps: int | None = option(None, "Instead of --budget, how many steps, two crops each.")
    distance: float | None = option(
        None,
        "How far the style may take a photo from itself, as for impasto train: more is bolder, "
        f"less keeps forms. Default: {LEARNT_DISTANCE:g}.",
    )
    style_size: int = option(
        768, "Long side of the painting in pixels: larger makes larger strokes."
    )
    model: str = option("quality", "The network, one that ships, by its size.", choices=MODELS)
    size: int = option(384, "Side of the square crops of the photos, in pixels.")
    learning_rate: float = option(0.025, "Step size of Adam at its largest.")
    seed: int = option(0, "Seed of everything random.")
    device: str = option("auto", "auto, cpu, cuda, cuda:N or mps.", metavar="DEVICE")
    precision: str = option(
        "auto", "Arithmetic of the convolutions; auto is bfloat16 where native.", choices=PRECISIONS
    )
    weights: str = option(
        "auto", "VGG-19 weights: auto, original, torchvision, or a file.", metavar="WEIGHTS"
    )

    def __post_init__(self) -> None:
        """Bring every field to its one form, check all."""
        if self.steps is not None and self.budget is not None:
            raise OptionsError("--steps and --budget each say how long to learn: give one of them")
        if self.steps is not None:
            self._integer("steps", 1, 1_000_000)
        self._set("budget", parsing.budget(self.budget))
        if self.distance is not None:
            self._number("distance", 0.05, 2)
        self._integer("style_size", 128, 4096)
        self._choice("model", MODELS)
        self._integer("size", 128, 2048)
        self._number("learning_rate", 0, 1, open_low=True)
        self._integer("seed", 0, 2**63 - 1)
        self._choice("precision", PRECISIONS)
        self._text("weights")
        self._text("device")
        check_device(self.device)

    @property
    def seconds(self) -> float:
        """What ``budget`` says."""
        return self.budget or _USUAL_BUDGET

    @property
    def asked(self) -> dict[str, Any]:
        """The options that make two styles of one painting different ones."""
        names = ("distance", "style_size", "size", "seed")
        return {name: getattr(self, name) for name in names}
