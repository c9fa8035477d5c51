"""The options of painting."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from impasto.errors import OptionsError
from impasto.losses.contents import CONTENT_LOSSES
from impasto.losses.styles import STYLE_LOSSES
from impasto.nets.feature_net import PADDINGS, POOLINGS
from impasto.optimize import OPTIMIZERS
from impasto.options import parsing
from impasto.options.checked import Checked, flag, option
from impasto.options.layers import LayerWeights, layer_weights
from impasto.options.machine import PRECISIONS, check_device
from impasto.options.parsing import Blend
from impasto.options.pictures import MAX_SIDE
from impasto.options.presets import PRESETS
from impasto.plugins import Plugins

INITS = ("matched", "content", "noise", "style")
COLORS = ("style", "photo", "hue", "luminance", "match", "histogram")

QUALITIES = {"draft": 50, "good": 150, "best": 500}
"""The steps of each ``quality``."""

_DEFAULT_QUALITY = "good"

_SIZE = 640

TILEABLE_STEP = 32
"""The sides of a tileable painting are multiples of this, so that its features repeat too."""

MAX_STEPS = 1_000_000
"""The most steps of one painting."""


def _helps(table: Plugins[Any]) -> str:
    return "; ".join(f"{name}: {item.help}" for name, item in table.known.items())


def _relaxing() -> list[str]:
    return [name for name, spec in OPTIMIZERS.known.items() if spec.relaxation]


@dataclass(frozen=True, kw_only=True)
class PaintOptions(Checked):
    """The options of painting. A field of None gets its value from ``preset``.

    Layers can be ``"relu4_2"``, ``"relu1_1:0.5,relu2_1:1"``, a list of names, a mapping or pairs;
    they are stored as pairs of name and weight. A name without a weight gets that of the preset,
    else 1. Every loss term is a mean over positions (except the content of preset ``paper``), so
    weights have the same effect at every size.
    """

    size: int = option(_SIZE, "Long side of the painting in pixels.")
    canvas: tuple[int, int] | None = option(
        None,
        "Width and height instead of --size: 1920x1080. The photo is cropped to that shape.",
        metavar="WxH",
    )
    tileable: bool = option(
        False, "Make opposite edges fit, so that copies can be placed side by side."
    )
    steps: int | None = option(
        None,
        "Number of steps; each evaluates the losses and their gradient once. "
        f"Default: {QUALITIES[_DEFAULT_QUALITY]}.",
    )
    budget: float | None = option(
        None,
        "Total time instead of --steps: 90s, 10m, 1h30m.",
        metavar="TIME",
        text=True,
    )
    quality: str | None = option(
        None,
        "A word instead of --steps: "
        f"{', '.join(f'{name} is {steps}' for name, steps in QUALITIES.items())}.",
        choices=tuple(QUALITIES),
    )
    preset: str = option("default", "The objective to start from.", choices=tuple(PRESETS))
    optimizer: str = option("lbfgs", f"The optimiser. {_helps(OPTIMIZERS)}.", choices=OPTIMIZERS)
    relaxation: bool = option(
        None,
        "Relax the stiff directions of Gram matrices: the same picture in fewer steps. "
        f"Default: with --optimizer {' and '.join(_relaxing())}.",
    )
    learning_rate: float = option(
        0.02, "Step size of --optimizer adam, in units of the full pixel range."
    )
    history: int = option(100, "Pairs in the history of L-BFGS; fewer if memory is short.")
    init: str = option(
        None,
        "The start: matched (the content in the style's colours), content, noise, style, a picture "
        "file, or a style of impasto models (the output of its network).",
        metavar="START",
    )
    noise_ratio: float = option(1.0, "With --init noise: start from R × noise + (1 - R) × content.")
    content_weight: float = option(None, "Weight of the content term.")
    style_weight: float = option(None, "Weight of the style term.")
    tv_weight: float = option(None, "Weight of the total variation term (smooths).")
    content_layers: LayerWeights = option(
        None, "Content layers: relu4_2, or with weights relu4_2:1,relu3_2:0.5.", metavar="LAYERS"
    )
    style_layers: LayerWeights = option(
        None, "Style layers: relu1_1,relu2_1, or with weights relu1_1:0.2,...", metavar="LAYERS"
    )
    style_loss: str = option(None, f"The style loss. {_helps(STYLE_LOSSES)}.", choices=STYLE_LOSSES)
    content_loss: str = option(
        None, f"The content loss. {_helps(CONTENT_LOSSES)}.", choices=CONTENT_LOSSES
    )
    laplacian_weight: float = option(
        None, "Weight of the Laplacian of the pixels, which preserves edges and fine detail."
    )
    pooling: str = option(None, "Pooling of the VGG.", choices=POOLINGS)
    rescale_pooling: bool = option(
        None, "Rescale average and l2 pooling to preserve the size of activations."
    )
    padding: str = option(None, "Padding of the VGG's convolutions.", choices=PADDINGS)
    scales: str | tuple[int, ...] = option(
        None,
        "Coarse to fine: auto (from 320 pixels), deep (from 64), single, or long sides in pixels "
        "such as 160,320.",
        metavar="SCALES",
    )
    strength: float = option(
        1.0,
        "Strength of the style, from 0 to 1: interpolates the target between the statistics of the "
        "photo and of the painting.",
    )
    style_scale: float | tuple[float, ...] = option(
        1.0,
        "Size of the style picture: 1 is the photo's pixel count, 0.5 gives smaller strokes. One "
        "number, or one for each style: 1,0.5.",
        metavar="SCALES",
    )
    style_rotation: float | tuple[float, ...] = option(
        0.0,
        "Rotation of the style picture in degrees. One number, or one for each style.",
        metavar="DEGREES",
    )
    blend: Blend = option(
        None,
        "Share of each style, such as 0.7,0.3, or by layer: "
        '"relu1_1=1,0 relu4_1=0.2,0.8". Default: equal shares.',
        metavar="SHARES",
    )
    color: str = option(
        "style",
        "Colours of the result: those of the style; of the photo, or only its hue, restored at the "
        "end; luminance transfers lightness only; match and histogram first give the style the "
        "photo's colours.",
        choices=COLORS,
    )
    color_strength: float = option(1.0, "How much of --color, from 0 to 1.")
    masks: tuple[str, ...] | None = option(
        None,
        "A mask for each style, white where the style is used: sky.png,ground.png. The photo stays "
        "unchanged outside all masks.",
        metavar="FILES",
    )
    guide: str | None = option(
        None, "A map of the photo in flat colours, for --style-guide.", metavar="FILE"
    )
    style_guide: tuple[str, ...] | None = option(
        None,
        "A map for each style. A region of the photo is painted in the style of the regions with "
        "the same colour; a region without a match stays unchanged.",
        metavar="FILES",
    )
    freeze: str | None = option(
        None, "A mask, white where the start must not change.", metavar="FILE"
    )
    weights: str = option(
        "auto", "VGG-19 weights: auto, original, torchvision, or a file.", metavar="WEIGHTS"
    )
    seed: int = option(0, "Random seed.")
    device: str = option("auto", "auto, cpu, cuda, cuda:N or mps.", metavar="DEVICE")
    max_memory: int | None = option(
        None,
        "Memory limit, such as 4GB. Default: most of the free memory.",
        metavar="SIZE",
        text=True,
    )
    precision: str = option(
        "auto", "Precision of convolutions; auto is bfloat16 if native.", choices=PRECISIONS
    )

    def __post_init__(self) -> None:
        """Fill in the preset, normalise all fields, and check them."""
        self._choice("preset", PRESETS)
        self._choice("optimizer", OPTIMIZERS)
        relaxation = OPTIMIZERS[self.optimizer].relaxation
        preset = {**PRESETS[self.preset], "relaxation": relaxation}
        if self.style_loss is not None:
            self._choice("style_loss", STYLE_LOSSES)
            if self.style_loss != preset["style_loss"]:
                preset = {**preset, **STYLE_LOSSES[self.style_loss].options}
        for name in preset.keys() - {field.name for field in fields(self)}:
            raise OptionsError(f"--style-loss {self.style_loss}: sets {name!r}, which is no option")
        for name in ("content_layers", "style_layers"):
            self._set(name, layer_weights(name, getattr(self, name), preset[name]))
        for name, value in preset.items():
            if getattr(self, name) is None:
                self._set(name, value)
        self._integer("size", 1, MAX_SIDE)
        self._boolean("tileable")
        self._set_canvas()
        self._set("scales", parsing.scales(self.scales, self.size))
        self._set("blend", parsing.blend(self.blend))
        self._set("style_scale", parsing.numbers("style_scale", self.style_scale, 0.05, 20))
        self._set(
            "style_rotation", parsing.numbers("style_rotation", self.style_rotation, -360, 360)
        )
        for name in ("masks", "style_guide"):
            self._set(name, parsing.files(name, getattr(self, name)))
        self._set("budget", parsing.budget(self.budget))
        self._set("max_memory", parsing.memory(self.max_memory))
        for name in ("init", "weights", "device"):
            self._text(name)
        self._check_values()
        self._check_conflicts()

    def _set_canvas(self) -> None:
        self._set("canvas", parsing.canvas(self.canvas, MAX_SIDE))
        if self.canvas is None:
            return
        if self.size not in (_SIZE, max(self.canvas)):
            raise OptionsError("--size and --canvas both set the size; give one of them")
        self._set("size", max(self.canvas))
        uneven = [side for side in self.canvas if side % TILEABLE_STEP]
        if self.tileable and uneven:
            below = max(1, uneven[0] // TILEABLE_STEP) * TILEABLE_STEP
            raise OptionsError(
                f"--tileable needs a --canvas in multiples of {TILEABLE_STEP} pixels, got "
                f"{uneven[0]}; use {below} or {below + TILEABLE_STEP}"
            )

    def _check_values(self) -> None:
        if self.steps is not None:
            self._integer("steps", 1, MAX_STEPS)
        if self.quality is not None:
            self._choice("quality", tuple(QUALITIES))
        self._integer("history", 1, 1000)
        self._integer("seed", 0, 2**63 - 1)
        self._number("learning_rate", 0, open_low=True)
        self._number("noise_ratio", 0, 1)
        self._number("strength", 0, 1)
        self._number("color_strength", 0, 1)
        self._choice("color", COLORS)
        for name in ("guide", "freeze"):
            if getattr(self, name) is not None:
                self._text(name)
        for name in ("content_weight", "laplacian_weight", "style_weight", "tv_weight"):
            self._number(name, 0)
        self._choice("content_loss", CONTENT_LOSSES)
        self._choice("pooling", POOLINGS)
        self._choice("padding", PADDINGS)
        self._choice("precision", PRECISIONS)
        self._boolean("rescale_pooling")
        self._boolean("relaxation")
        check_device(self.device)

    def weighted_layers(self, kind: str) -> dict[str, float]:
        """Return the layers of a kind, "content" or "style", with their total weights above 0."""
        pairs = self.content_layers if kind == "content" else self.style_layers
        total = self.content_weight if kind == "content" else self.style_weight
        return {name: weight * total for name, weight in pairs if weight * total > 0}

    @property
    def total_steps(self) -> int:
        """The steps of ``steps`` or ``quality``; does not apply with a ``budget``."""
        return self.steps or QUALITIES[self.quality or _DEFAULT_QUALITY]

    def _check_conflicts(self) -> None:
        lengths = [n for n in ("steps", "budget", "quality") if getattr(self, n) is not None]
        if len(lengths) > 1:
            raise OptionsError(
                f"{' and '.join(map(flag, lengths))} {'both' if len(lengths) == 2 else 'all'} set "
                "the length; give one of them"
            )
        if self.noise_ratio != 1.0 and self.init != "noise":
            raise OptionsError(
                f"--noise-ratio {self.noise_ratio:g} needs --init noise, got --init {self.init}"
            )
        if self.rescale_pooling and self.pooling == "max":
            raise OptionsError("--rescale-pooling needs --pooling average or l2, got max")
        if (self.guide is None) != (self.style_guide is None):
            raise OptionsError("--guide and --style-guide need each other: give both, or --masks")
        if self.masks and self.guide:
            raise OptionsError("--masks and --guide both set regions; give one of them")
        if self.color_strength != 1.0 and self.color == "style":
            raise OptionsError("--color-strength needs a --color other than style")
        weights = ("content_weight", "laplacian_weight", "style_weight", "tv_weight")
        if not any(getattr(self, name) for name in weights):
            *first, last = map(flag, weights)
            raise OptionsError(f"{', '.join(first)} and {last} are all 0: nothing to optimise")
        layers = self.weighted_layers("content") or self.weighted_layers("style")
        if not (layers or self.laplacian_weight or self.tv_weight):
            raise OptionsError("every layer's weight is 0: nothing to optimise")
