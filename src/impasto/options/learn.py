"""How to learn a new style for an existing network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from impasto.errors import OptionsError
from impasto.options import parsing
from impasto.options.checked import Checked, option
from impasto.options.machine import PRECISIONS, check_device
from impasto.options.train import MODELS

LEARNT_DISTANCE = 0.65
"""How far a learnt style changes crops of photos by default."""

_USUAL_BUDGET = 60.0


@dataclass(frozen=True, kw_only=True)
class LearnOptions(Checked):
    """How to learn a new style for an existing network."""

    budget: float | None = option(
        None,
        "How long to learn: 30s, 2m. A known style is improved for that time. "
        "Default: 60s, unless --steps is given.",
        metavar="TIME",
        text=True,
    )
    steps: int | None = option(None, "Number of steps, instead of --budget.")
    distance: float | None = option(
        None,
        "How far the style may change a photo, as for impasto train: more is bolder, less keeps "
        f"forms. Default: {LEARNT_DISTANCE:g}.",
    )
    style_size: int = option(
        768, "Long side of the painting in pixels; a larger one gives larger strokes."
    )
    model: str = option("quality", "Size of the bundled network.", choices=MODELS)
    size: int = option(384, "Side of the square crops of the photos, in pixels.")
    learning_rate: float = option(0.025, "Peak learning rate of Adam.")
    seed: int = option(0, "Seed of all random numbers.")
    device: str = option("auto", "auto, cpu, cuda, cuda:N or mps.", metavar="DEVICE")
    precision: str = option(
        "auto",
        "Precision of the convolutions; auto is bfloat16 if the hardware supports it.",
        choices=PRECISIONS,
    )
    weights: str = option(
        "auto", "VGG-19 weights: auto, original, torchvision, or a file.", metavar="WEIGHTS"
    )

    def __post_init__(self) -> None:
        """Normalise and check all fields."""
        if self.steps is not None and self.budget is not None:
            raise OptionsError("--steps and --budget exclude each other; give one of them")
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
        """The budget in seconds."""
        return self.budget or _USUAL_BUDGET

    @property
    def asked(self) -> dict[str, Any]:
        """The options that identify a style of a painting, for caching."""
        names = ("distance", "style_size", "size", "seed")
        return {name: getattr(self, name) for name in names}
