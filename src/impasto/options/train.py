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
"""The sizes of feed-forward networks that can be trained."""

DISTANCE = 0.85
"""How far a style changes photos by default; see `TrainOptions.distance`."""

_USUAL_BUDGET = 20 * 60.0


@dataclass(frozen=True, kw_only=True)
class TrainOptions(Checked):
    """How to train a transfer network.

    The shares of layers and sizes weigh their parts of a term. None for ``batch`` and
    ``learning_rate`` chooses a value that suits the device and the initial weights.
    """

    model: str = option("quality", "Size of the network.", choices=MODELS)
    budget: float | None = option(
        None,
        "How long to train: 90s, 20m, 1h30m. Default: 20m, unless --steps is given.",
        metavar="TIME",
        text=True,
    )
    steps: int | None = option(None, "Number of steps, of one batch each, instead of --budget.")
    distance: float | tuple[float, ...] | None = option(
        None,
        "How far a style may change a photo: the share of the photo's forms that may be lost, "
        "measured at relu4_2. 0.5 is subtle; at 0.75 faces stay recognisable; at 0.95 strokes "
        "dominate forms; above 1 the photo is hard to recognise. One number, or one for each style."
        f" Default: the value on the style's card, else {DISTANCE:g}.",
        metavar="DISTANCES",
    )
    size: int = option(384, "Side of the square crops of the photos, in pixels.")
    batch: int | None = option(
        None,
        "Pictures per step, over all processes. Default: 18 on a GPU, else 6.",
    )
    each: int = option(
        3, "Styles in which each photo is painted per step; its features are computed only once."
    )
    style_size: int = option(
        768, "Long side of the paintings in pixels; a larger one gives larger strokes."
    )
    content_layers: LayerWeights = option(
        "relu4_2", "Layers at which the photo is compared, with shares.", metavar="LAYERS"
    )
    style_layers: LayerWeights = option(
        "relu1_1:0.15,relu2_1:0.25,relu3_1:0.5,relu4_1:1",
        "Layers whose Gram matrices are compared with the painting's, with shares.",
        metavar="LAYERS",
    )
    content_sizes: SizeShares = option(
        "1:0.25,0.5:0.5,0.25:0.25",
        "Sizes at which the photo is compared, as factors (1, 0.5, 0.25 or 0.125), with shares.",
        metavar="SIZES",
    )
    style_sizes: SizeShares = option(
        "1:1,0.5:1,0.25:0.5",
        "Sizes at which the painting is compared, likewise; smaller sizes give larger strokes.",
        metavar="SIZES",
    )
    taught: float = option(
        0.4,
        "With --teacher and --style: the part of the training that follows only the teacher, "
        "before the paintings are used.",
    )
    learning_rate: float | None = option(
        None,
        "Peak learning rate of Adam. Default: 0.0025 from scratch or with --teacher, else 0.001.",
    )
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
            raise OptionsError("--steps and --budget exclude each other; give one of them")
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
        """The budget in seconds."""
        return self.budget or _USUAL_BUDGET
