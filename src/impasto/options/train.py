"""How to train a transfer network."""

from __future__ import annotations

import math
from dataclasses import dataclass

from impasto.errors import OptionsError
from impasto.options import said
from impasto.options.checked import Checked, option
from impasto.options.layers import LAYER_NAMES, LayerWeights, layer_weights
from impasto.options.machine import PRECISIONS, check_device

MODELS = ("turbo", "standard", "quality")
"""The sizes of feed-forward network that can be trained."""

_USUAL_MINUTES = 20.0


@dataclass(frozen=True, kw_only=True)
class TrainOptions(Checked):
    """How to train a transfer network. Weights mean the same for every photo and painting."""

    model: str = option("standard", "Size of the network.", choices=MODELS)
    minutes: float | None = option(
        None, f"How long to train. Default: {_USUAL_MINUTES:g}, unless --steps are given."
    )
    steps: int | None = option(None, "Instead of --minutes, how many steps, a batch each.")
    size: int = option(256, "Side of the square crops of the photos, in pixels.")
    batch: int = option(4, "Crops that each step looks at, on each process.")
    style_size: int = option(
        512, "Long side of the paintings in pixels: larger makes larger strokes."
    )
    style_weight: float | tuple[float, ...] = option(
        1.0,
        "More or less style than training chooses: a factor, for taste. One number, or one for "
        "each style.",
        metavar="FACTORS",
    )
    content_layer: str = option("relu3_3", "Layer at which the photo is compared.")
    style_layers: str | LayerWeights = option(
        "relu1_2,relu2_2,relu3_3,relu4_1",
        "Layers whose Gram matrices are compared with the painting's.",
        metavar="LAYERS",
    )
    tv_weight: float = option(0.0, "Weight of the total variation term (smooths).")
    learning_rate: float = option(5e-3, "Step size of Adam at its largest.")
    seed: int = option(0, "Seed of everything random.")
    device: str = option("auto", "auto, cpu, cuda, cuda:N or mps.", metavar="DEVICE")
    precision: str = option(
        "auto", "Arithmetic of the convolutions; auto is bfloat16 where native.", choices=PRECISIONS
    )
    weights: str = option(
        "auto", "VGG-19 weights: auto, original, torchvision, or a file.", metavar="WEIGHTS"
    )
    workers: int = option(1, "Processes that decode photos; 0 decodes in between.")

    def __post_init__(self) -> None:
        """Bring every field to its one form, check all."""
        self._choice("model", MODELS)
        self._set("style_layers", layer_weights("style_layers", self.style_layers or (), ()))
        if not 0 < sum(self.style_shares.values()) < math.inf:
            raise OptionsError("--style-layers must have weights that add up to more than 0")
        self._choice("content_layer", LAYER_NAMES)
        if self.steps is not None and self.minutes is not None:
            raise OptionsError("--steps and --minutes each say how long to train: give one of them")
        if self.steps is not None:
            self._integer("steps", 1, 100_000_000)
        if self.minutes is not None:
            self._number("minutes", 0, 60 * 24 * 365, open_low=True)
        self._integer("size", 64, 2048)
        self._integer("batch", 1, 4096)
        self._integer("style_size", 64, 8192)
        self._set("style_weight", said.numbers("style_weight", self.style_weight, 0.01, 100))
        self._number("tv_weight", 0)
        self._number("learning_rate", 0, 1, open_low=True)
        self._integer("seed", 0, 2**63 - 1)
        self._integer("workers", 0, 256)
        self._choice("precision", PRECISIONS)
        self._text("weights")
        self._text("device")
        check_device(self.device)

    @property
    def style_shares(self) -> dict[str, float]:
        """The style layers and their weights."""
        return dict(layer_weights("style_layers", self.style_layers, ()))

    @property
    def seconds(self) -> float:
        """What ``minutes`` says, in seconds."""
        return 60 * (self.minutes or _USUAL_MINUTES)
