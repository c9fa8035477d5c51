"""How to train a transfer network."""

from __future__ import annotations

import math
from dataclasses import dataclass

from impasto.errors import OptionsError
from impasto.options import parsing
from impasto.options.checked import Checked, option
from impasto.options.layers import LayerWeights, layer_weights
from impasto.options.machine import PRECISIONS, check_device
from impasto.options.parsing import SizeShares

MODELS = ("turbo", "standard", "quality")
"""The sizes of feed-forward network that can be trained."""

DISTANCE = 0.85
"""How far a style takes photos from themselves, unless it is said; see `TrainOptions.distance`."""

_USUAL_BUDGET = 20 * 60.0


@dataclass(frozen=True, kw_only=True)
class TrainOptions(Checked):
    """How to train a transfer network.

    The shares of layers and of sizes say how much of a term each has. None for ``batch`` and
    ``learning_rate`` is what suits the device and what the network begins with.
    """

    model: str = option("quality", "Size of the network.", choices=MODELS)
    budget: float | None = option(
        None,
        "How long to train: 90s, 20m, 1h30m. Default: 20m, unless --steps are given.",
        metavar="TIME",
        text=True,
    )
    steps: int | None = option(None, "Instead of --budget, how many steps, a batch each.")
    distance: float | tuple[float, ...] | None = option(
        None,
        "How far a style may take a photo from itself: the part of the photo's forms that may be "
        "lost, as relu4_2 sees them. 0.5 is timid; at 0.75 faces stay themselves; at 0.95 strokes "
        "come before forms; beyond 1 the photo is hard to tell. One number, or one for each style. "
        f"Default: what a style's card says, else {DISTANCE:g}.",
        metavar="DISTANCES",
    )
    size: int = option(384, "Side of the square crops of the photos, in pixels.")
    batch: int | None = option(
        None,
        "Pictures that each step makes, on all processes together. Default: 18 on a GPU, else 6.",
    )
    each: int = option(
        3, "In so many styles each photo is painted at once: its features are found once."
    )
    style_size: int = option(
        768, "Long side of the paintings in pixels: larger makes larger strokes."
    )
    content_layers: LayerWeights = option(
        "relu4_2", "Layers at which the photo is compared, with their shares.", metavar="LAYERS"
    )
    style_layers: LayerWeights = option(
        "relu1_1:0.15,relu2_1:0.25,relu3_1:0.5,relu4_1:1",
        "Layers whose Gram matrices are compared with the painting's, with their shares.",
        metavar="LAYERS",
    )
    content_sizes: SizeShares = option(
        "1:0.25,0.5:0.5,0.25:0.25",
        "Sizes at which the photo is compared, parts of its own (1, 0.5, 0.25 or 0.125), with "
        "their shares.",
        metavar="SIZES",
    )
    style_sizes: SizeShares = option(
        "1:1,0.5:1,0.25:0.5",
        "Sizes at which the painting is compared, likewise: the smaller, the larger the strokes.",
        metavar="SIZES",
    )
    taught: float = option(
        0.4,
        "With --teacher and --style: the part of the training in which the teacher alone is "
        "followed, before the paintings are.",
    )
    learning_rate: float | None = option(
        None,
        "Step size of Adam at its largest. Default: 0.0025 from nothing or with --teacher, 0.001 "
        "where the network has learnt before, 0.02 where new styles alone are learnt.",
    )
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
        self._choice("model", MODELS)
        for name in ("content_layers", "style_layers"):
            self._set(name, layer_weights(name, getattr(self, name) or (), ()))
        for name in ("content_sizes", "style_sizes"):
            self._set(name, parsing.sizes(name, getattr(self, name)))
        for name in ("content_layers", "style_layers", "content_sizes", "style_sizes"):
            if not 0 < sum(share for _, share in getattr(self, name)) < math.inf:
                flag = "--" + name.replace("_", "-")
                raise OptionsError(f"{flag} must have shares that add up to more than 0")
        if self.steps is not None and self.budget is not None:
            raise OptionsError("--steps and --budget each say how long to train: give one of them")
        if self.steps is not None:
            self._integer("steps", 1, 100_000_000)
        self._set("budget", parsing.budget(self.budget))
        if self.distance is not None:
            self._set("distance", parsing.numbers("distance", self.distance, 0.05, 2))
        self._integer("size", 64, 2048)
        if self.batch is not None:
            self._integer("batch", 1, 4096)
        self._integer("each", 1, 64)
        self._integer("style_size", 64, 8192)
        self._number("taught", 0, 1)
        if self.learning_rate is not None:
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
