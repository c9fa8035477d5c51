"""The only home of every default. Conflicts are rejected here, once, up front.

Each dataclass is frozen and checks itself when built; what is wrong is an `OptionsError`
that names the field, what was found and what is allowed. Command-line flags are derived
from the fields and their metadata, so a help text has one home too.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from impasto.errors import OptionsError, nearest

CONVOLUTIONS_PER_BLOCK = (2, 2, 4, 4, 4)
"""VGG-19: how many 3×3 convolutions each of its five blocks holds."""

LAYER_NAMES: tuple[str, ...] = tuple(
    name
    for block, convolutions in enumerate(CONVOLUTIONS_PER_BLOCK, start=1)
    for name in (
        *(f"{kind}{block}_{i}" for i in range(1, convolutions + 1) for kind in ("conv", "relu")),
        f"pool{block}",
    )
)
"""The names of VGG-19's layers, in order: conv1_1, relu1_1, conv1_2, ... relu5_4, pool5."""

OPTIMIZERS = ("relaxed", "lbfgs", "adam")
POOLINGS = ("max", "average", "l2")
PADDINGS = ("zeros", "replicate", "reflect")
PRECISIONS = ("auto", "float32", "bfloat16")
CONTENT_LOSSES = ("mean", "half-sum")
INITS = ("matched", "content", "noise", "style")
WEIGHTS = ("auto", "original", "torchvision")
COLORS = ("style", "photo", "luminance")
BACKENDS = ("auto", "onnx", "torch")
MODELS = ("turbo", "standard", "quality")
"""The sizes of feed-forward network that can be trained."""

VGG_WIDTHS = (64, 128, 256, 512, 512)
"""VGG-19: the channels of each of its five blocks."""

QUALITIES = {"draft": 50, "good": 150, "best": 500}
"""How many steps each ``quality`` takes."""

_USUAL_QUALITY = "good"

_USUAL_MINUTES = 20.0

MAX_STEPS = 1_000_000
"""The most steps of one painting."""

MAX_BUDGET = 30 * 24 * 3600.0
"""The longest budget, in seconds: 30 days."""

MAX_SIDE = 65_500
"""The longest side of any picture, in pixels: what libjpeg can write."""

SMALLEST_TILE = 64
"""The least side of a tile, in pixels."""

_STYLE_LAYERS = tuple(f"relu{block}_1" for block in range(1, 6))
_GATYS_STYLE_WEIGHTS = tuple(
    (name, 1e3 / width**2) for name, width in zip(_STYLE_LAYERS, VGG_WIDTHS, strict=True)
)

# LeonGatys/PytorchNeuralStyleTransfer, the authors' own code.
_GATYS: dict[str, Any] = {
    "content_layers": (("relu4_2", 1.0),),
    "style_layers": _GATYS_STYLE_WEIGHTS,
    "content_loss": "mean",
    "content_weight": 1.0,
    "style_weight": 1.0,
    "tv_weight": 0.0,
    "pooling": "max",
    "rescale_pooling": False,
    "padding": "zeros",
    # The content in the style's colours: all that differs from the authors' code is the start.
    "init": "matched",
    "scales": "single",
}

PRESETS: dict[str, dict[str, Any]] = {
    "gatys": _GATYS,
    # Gatys, Ecker, Bethge 2015 (arXiv:1508.06576), equations 1 to 7. Its style term
    # 1/(4 N² M²) Σ (G - A)² is a quarter of the mean squared difference of G / M; the five
    # layers weigh 1/5 each. Alone among the presets its content term is a sum over positions.
    "paper": {
        "content_layers": (("conv4_2", 1.0),),
        "style_layers": tuple((name, 0.25 / 5) for name in _STYLE_LAYERS),
        "content_loss": "half-sum",
        "content_weight": 1.0,
        "style_weight": 1e5,
        "tv_weight": 0.0,
        "pooling": "average",
        "rescale_pooling": False,
        "padding": "zeros",
        "init": "noise",
        "scales": "single",
    },
    # Coarse to fine makes larger, more coherent strokes; replicated borders leave no frame.
    "default": {**_GATYS, "padding": "replicate", "scales": "auto"},
}
"""What each preset says of the fields that are None until a preset fills them."""

LayerWeights = tuple[tuple[str, float], ...]


def _option(default: Any, help: str, **metadata: Any) -> Any:
    return field(default=default, metadata={"help": help, **metadata})


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """A frozen bundle of options that turns to and from plain JSON data."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain data; ``from_dict`` takes it back."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from plain data. Unknown names raise `OptionsError`."""
        known = [f.name for f in fields(cls)]
        for name in data:
            if name not in known:
                raise OptionsError(f"unknown option {name!r}{nearest(name, known)}")
        return cls(**data)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _number(
        self, name: str, low: float, high: float = math.inf, *, open_low: bool = False
    ) -> None:
        value = getattr(self, name)
        allowed = f"{'more than' if open_low else 'at least'} {low:g}" + (
            f" and at most {high:g}" if high < math.inf else ""
        )
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        inside = (number > low if open_low else number >= low) and number <= high
        if isinstance(value, bool) or not math.isfinite(number) or not inside:
            raise OptionsError(f"{_flag(name)} must be {allowed}, got {_shown(value)}")
        self._set(name, number)

    def _integer(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise OptionsError(
                f"{_flag(name)} must be a whole number from {low} to {high}, got {_shown(value)}"
            )

    def _choice(self, name: str, known: Sequence[str]) -> None:
        value = getattr(self, name)
        if value not in known:
            raise OptionsError(
                f"{_flag(name)} does not know {_shown(value)}{nearest(value, known)}"
            )

    def _path(self, name: str) -> None:
        value = getattr(self, name)
        if value is not None and not isinstance(value, str | Path):
            raise OptionsError(f"{_flag(name)} must be a path, got {_shown(value)}")
        self._set(name, None if value is None else Path(value))

    def _boolean(self, name: str) -> None:
        value = getattr(self, name)
        if not isinstance(value, bool):
            raise OptionsError(f"{_flag(name)} must be true or false, got {_shown(value)}")


@dataclass(frozen=True, kw_only=True)
class PaintOptions(_Checked):
    """How to paint. A field left at None takes what ``preset`` says of it.

    Layers are given as ``"relu4_2"``, ``"relu1_1:0.5,relu2_1:1"``, a list of names, a mapping or
    pairs; they are kept as pairs of name and weight. A name without a weight weighs what the
    preset gives it, else 1. Every loss term is a mean over positions (preset ``paper``'s content
    aside), so weights mean the same at every size.
    """

    size: int = _option(640, "Long side of the painting in pixels.")
    steps: int | None = _option(
        None,
        "Steps in all: each evaluates the losses and their gradient once, then moves. "
        f"Default: {QUALITIES[_USUAL_QUALITY]}.",
    )
    budget: float | None = _option(
        None,
        "Instead of --steps, the time that everything may take: 90s, 10m, 1h30m.",
        metavar="TIME",
        text=True,
    )
    quality: str | None = _option(
        None,
        "Instead of --steps, a word for them: "
        f"{', '.join(f'{name} is {steps}' for name, steps in QUALITIES.items())}.",
        choices=tuple(QUALITIES),
    )
    preset: str = _option("default", "The objective to start from.", choices=tuple(PRESETS))
    optimizer: str = _option(
        "relaxed",
        "How to move: L-BFGS on style terms that are relaxed at first (fastest), L-BFGS or Adam.",
        choices=OPTIMIZERS,
    )
    learning_rate: float = _option(
        0.02, "Step size of --optimizer adam, in units of the full pixel range."
    )
    history: int = _option(
        100, "Pairs that L-BFGS remembers; fewer are kept where memory is short."
    )
    init: str = _option(
        None,
        "Where to start: matched (the content in the style's colours), content, noise, style, or a "
        "picture file.",
        metavar="START",
    )
    noise_ratio: float = _option(
        1.0, "With --init noise: start from R × noise + (1 - R) × content."
    )
    content_weight: float = _option(None, "Weight of the content term.")
    style_weight: float = _option(None, "Weight of the style term.")
    tv_weight: float = _option(None, "Weight of the total variation term (smooths).")
    content_layers: LayerWeights = _option(
        None, "Content layers: relu4_2, or with weights relu4_2:1,relu3_2:0.5.", metavar="LAYERS"
    )
    style_layers: LayerWeights = _option(
        None, "Style layers: relu1_1,relu2_1, or with weights relu1_1:0.2,...", metavar="LAYERS"
    )
    content_loss: str = _option(
        None, "Squared differences as a mean, or as half their sum.", choices=CONTENT_LOSSES
    )
    pooling: str = _option(None, "Pooling of the VGG.", choices=POOLINGS)
    rescale_pooling: bool = _option(
        None, "Scale average and l2 pooling so that activations keep their size."
    )
    padding: str = _option(None, "Padding of the VGG's convolutions.", choices=PADDINGS)
    scales: str | tuple[int, ...] = _option(
        None,
        "Coarse to fine: auto, single, or long sides in pixels such as 160,320.",
        metavar="SCALES",
    )
    style_scale: float = _option(
        1.0, "Size of the style picture: 1 has the photo's pixel count, 0.5 makes smaller strokes."
    )
    blend: tuple[float, ...] | None = _option(
        None, "Share of each style, such as 0.7,0.3. Default: equal shares.", metavar="SHARES"
    )
    weights: str = _option(
        "auto", "VGG-19 weights: auto, original, torchvision, or a file.", metavar="WEIGHTS"
    )
    seed: int = _option(0, "Seed of everything random.")
    device: str = _option("auto", "auto, cpu, cuda, cuda:N or mps.", metavar="DEVICE")
    max_memory: int | None = _option(
        None,
        "Most memory to take, such as 4GB. Default: most of what is free.",
        metavar="SIZE",
        text=True,
    )
    precision: str = _option(
        "auto", "Arithmetic of the convolutions; auto is bfloat16 where native.", choices=PRECISIONS
    )

    def __post_init__(self) -> None:
        """Fill what the preset says, bring every field to its one form, check all."""
        self._choice("preset", tuple(PRESETS))
        preset = PRESETS[self.preset]
        for name in ("content_layers", "style_layers"):
            self._set(name, _layer_weights(name, getattr(self, name), preset[name]))
        for name, value in preset.items():
            if getattr(self, name) is None:
                self._set(name, value)
        self._integer("size", 1, MAX_SIDE)
        self._set("scales", _scales(self.scales, self.size))
        self._set("blend", _blend(self.blend))
        self._set("budget", _budget(self.budget))
        self._set("max_memory", _memory(self.max_memory))
        for name in ("init", "weights", "device"):
            if not isinstance(getattr(self, name), str | Path) or not str(getattr(self, name)):
                raise OptionsError(
                    f"{_flag(name)} must be a text, got {_shown(getattr(self, name))}"
                )
            self._set(name, str(getattr(self, name)))
        self._check_values()
        self._check_conflicts()

    def _check_values(self) -> None:
        if self.steps is not None:
            self._integer("steps", 1, MAX_STEPS)
        if self.quality is not None:
            self._choice("quality", tuple(QUALITIES))
        self._integer("history", 1, 1000)
        self._integer("seed", 0, 2**63 - 1)
        self._number("learning_rate", 0, open_low=True)
        self._number("noise_ratio", 0, 1)
        self._number("style_scale", 0.05, 20)
        for name in ("content_weight", "style_weight", "tv_weight"):
            self._number(name, 0)
        self._choice("optimizer", OPTIMIZERS)
        self._choice("content_loss", CONTENT_LOSSES)
        self._choice("pooling", POOLINGS)
        self._choice("padding", PADDINGS)
        self._choice("precision", PRECISIONS)
        self._boolean("rescale_pooling")
        _check_device(self.device)

    @property
    def total_steps(self) -> int:
        """What ``steps`` or ``quality`` says; a ``budget`` takes as many as it has time for."""
        return self.steps or QUALITIES[self.quality or _USUAL_QUALITY]

    def _check_conflicts(self) -> None:
        lengths = [n for n in ("steps", "budget", "quality") if getattr(self, n) is not None]
        if len(lengths) > 1:
            raise OptionsError(
                f"{' and '.join(map(_flag, lengths))} each say how long to paint: give one of them"
            )
        if self.noise_ratio != 1.0 and self.init != "noise":
            raise OptionsError(
                f"--noise-ratio {self.noise_ratio:g} goes with --init noise, got --init {self.init}"
            )
        if self.rescale_pooling and self.pooling == "max":
            raise OptionsError("--rescale-pooling goes with --pooling average or l2, got max")
        total = self.content_weight + self.style_weight + self.tv_weight
        if total == 0:
            raise OptionsError(
                "--content-weight, --style-weight and --tv-weight are all 0: nothing to optimise"
            )


@dataclass(frozen=True, kw_only=True)
class TrainOptions(_Checked):
    """How to train a transfer network. Weights mean the same for every photo and painting."""

    model: str = _option("standard", "Size of the network.", choices=MODELS)
    minutes: float | None = _option(
        None, f"How long to train. Default: {_USUAL_MINUTES:g}, unless --steps are given."
    )
    steps: int | None = _option(None, "Instead of --minutes, how many steps, a batch each.")
    size: int = _option(256, "Side of the square crops of the photos, in pixels.")
    batch: int = _option(4, "Crops that each step looks at, on each process.")
    style_size: int = _option(
        512, "Long side of the paintings in pixels: larger makes larger strokes."
    )
    style_weight: float = _option(
        1.0, "More or less style than calibration chooses: a factor, for taste."
    )
    content_layer: str = _option("relu3_3", "Layer at which the photo is compared.")
    style_layers: str | LayerWeights = _option(
        "relu1_2,relu2_2,relu3_3,relu4_1",
        "Layers whose Gram matrices are compared with the painting's.",
        metavar="LAYERS",
    )
    tv_weight: float = _option(0.0, "Weight of the total variation term (smooths).")
    learning_rate: float = _option(5e-3, "Step size of Adam at its largest.")
    seed: int = _option(0, "Seed of everything random.")
    device: str = _option("auto", "auto, cpu, cuda, cuda:N or mps.", metavar="DEVICE")
    precision: str = _option(
        "auto", "Arithmetic of the convolutions; auto is bfloat16 where native.", choices=PRECISIONS
    )
    weights: str = _option(
        "auto", "VGG-19 weights: auto, original, torchvision, or a file.", metavar="WEIGHTS"
    )
    workers: int = _option(1, "Processes that decode photos; 0 decodes in between.")

    def __post_init__(self) -> None:
        """Bring every field to its one form, check all."""
        self._choice("model", MODELS)
        self._set("style_layers", _layer_weights("style_layers", self.style_layers, ()))
        if self.content_layer not in LAYER_NAMES:
            raise OptionsError(
                f"--content-layer does not know {_shown(self.content_layer)}"
                f"{nearest(str(self.content_layer), LAYER_NAMES)}"
            )
        if self.steps is not None and self.minutes is not None:
            raise OptionsError("--steps and --minutes each say how long to train: give one of them")
        if self.steps is not None:
            self._integer("steps", 1, 100_000_000)
        if self.minutes is not None:
            self._number("minutes", 0, 60 * 24 * 365, open_low=True)
        self._integer("size", 64, 2048)
        self._integer("batch", 1, 4096)
        self._integer("style_size", 64, 8192)
        self._number("style_weight", 0, open_low=True)
        self._number("tv_weight", 0)
        self._number("learning_rate", 0, 1, open_low=True)
        self._integer("seed", 0, 2**63 - 1)
        self._integer("workers", 0, 256)
        self._choice("precision", PRECISIONS)
        _check_device(self.device)

    @property
    def style_shares(self) -> dict[str, float]:
        """The style layers and their weights."""
        return dict(_layer_weights("style_layers", self.style_layers, ()))

    @property
    def seconds(self) -> float:
        """What ``minutes`` says, in seconds."""
        return 60 * (self.minutes or _USUAL_MINUTES)


@dataclass(frozen=True, kw_only=True)
class ApplyOptions(_Checked):
    """How to stylise pictures with a trained network."""

    strength: float = _option(
        1.0, "How much of the style: 0 is the photo, 1 the style as trained, up to 1.5 beyond it."
    )
    color: str = _option(
        "style",
        "Whose colours: the style's, or the photo's, by taking over its chroma at the end; with "
        "luminance the network is also shown the photo in grey.",
        choices=COLORS,
    )
    size: int | None = _option(
        None, "Long side of the results in pixels. Default: that of each photo."
    )
    tile: str | int = _option(
        "auto",
        "Side in pixels of the tiles that large pictures are computed in; auto fits the memory.",
        metavar="auto|PX",
    )
    backend: str = _option(
        "auto", "What computes: ONNX Runtime, PyTorch, or the quicker one here.", choices=BACKENDS
    )
    device: str = _option("auto", "auto, cpu, cuda, cuda:N or mps.", metavar="DEVICE")
    jobs: int = _option(
        1, "Pictures under way at once: while one is computed, others are read and written."
    )

    def __post_init__(self) -> None:
        """Bring every field to its one form, check all."""
        self._number("strength", 0, 1.5)
        self._choice("color", COLORS)
        if self.size is not None:
            self._integer("size", 1, MAX_SIDE)
        self._set("tile", _tile(self.tile))
        self._choice("backend", BACKENDS)
        if not isinstance(self.device, str):
            raise OptionsError(f"--device must be a text, got {_shown(self.device)}")
        _check_device(self.device)
        self._integer("jobs", 1, 64)


@dataclass(frozen=True, kw_only=True)
class ReadOptions(_Checked):
    """What is accepted from outside as a picture."""

    max_pixels: int = _option(128_000_000, "Most pixels that a picture read may have.")
    max_bytes: int = _option(256 * 2**20, "Largest picture file to read, in bytes.")

    def __post_init__(self) -> None:
        """Check the limits."""
        self._integer("max_pixels", 1, 2**40)
        self._integer("max_bytes", 1, 2**50)


@dataclass(frozen=True, kw_only=True)
class SaveOptions(_Checked):
    """How a picture is written. The extension of the file chooses the format."""

    jpeg_quality: int = _option(95, "Quality of JPEG and WebP output, 1 to 100.")
    bits: int = _option(8, "Bits a channel: 8, or 16 for PNG and TIFF.")

    def __post_init__(self) -> None:
        """Check the values."""
        self._integer("jpeg_quality", 1, 100)
        if isinstance(self.bits, float) or self.bits not in (8, 16):
            raise OptionsError(f"--bits must be 8 or 16, got {_shown(self.bits)}")


@dataclass(frozen=True, kw_only=True)
class RecordOptions(_Checked):
    """What is kept of the way to the picture."""

    save_every: int = _option(10, "Steps from one picture of --frames to the next.")
    frames: Path | None = _option(None, "Folder for a picture every --save-every steps.")
    timelapse: Path | None = _option(None, "Time-lapse: a .gif, .webp or .mp4 file.")
    log: Path | None = _option(None, "Losses of every step, a JSON object a line (.jsonl).")
    plot: Path | None = _option(None, "Picture of the losses over the steps (.png, .svg, .pdf).")

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("frames", "timelapse", "log", "plot"):
            self._path(name)
        self._integer("save_every", 1, 1_000_000)


@dataclass(frozen=True, kw_only=True)
class CheckpointOptions(_Checked):
    """How work survives an interruption."""

    checkpoint: Path | None = _option(
        None, "Keep the state of the work in this file, so that --resume can go on."
    )
    checkpoint_every: float = _option(60.0, "Seconds from one checkpoint to the next.")
    resume: bool = _option(False, "Go on from the checkpoint of an interrupted run.")

    def __post_init__(self) -> None:
        """Check the values."""
        self._path("checkpoint")
        self._number("checkpoint_every", 0)
        self._boolean("resume")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _check_device(device: str) -> None:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:(0|[1-9][0-9]?))?", device, re.ASCII):
        raise OptionsError(f"--device must be auto, cpu, cuda, cuda:N or mps, got {_shown(device)}")


def _shown(value: object) -> str:
    """Write what was found into a message, at a length that a line can hold."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write whole numbers of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _number_from(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise OptionsError(f"{what} must be numbers, got {_shown(text)}") from None


def _tile(value: Any) -> str | int:
    """Bring ``tile`` to "auto" or a side in pixels."""
    if value == "auto":
        return "auto"
    digits = isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value)
    side = int(value) if digits or (isinstance(value, int) and not isinstance(value, bool)) else 0
    if not SMALLEST_TILE <= side <= MAX_SIDE:
        raise OptionsError(
            f"--tile must be auto or from {SMALLEST_TILE} to {MAX_SIDE} pixels, got {_shown(value)}"
        )
    return side


def _layer_weights(name: str, value: Any, preset: LayerWeights) -> LayerWeights:
    """Bring any way to say layers to pairs of name and weight."""
    if value is None:
        return preset
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if isinstance(value, Mapping):
        value = list(value.items())
    if not isinstance(value, Sequence):
        raise OptionsError(f"{_flag(name)} takes names or name:weight, got {_shown(value)}")
    known = dict(preset)
    pairs: dict[str, float] = {}
    for item in value:
        layer, weight = _layer_weight(name, item, known)
        if layer not in LAYER_NAMES:
            raise OptionsError(
                f"{_flag(name)} does not know {layer!r}{nearest(layer, LAYER_NAMES)}"
            )
        if layer in pairs:
            raise OptionsError(f"{_flag(name)} names {layer} twice")
        if not math.isfinite(weight) or weight < 0:
            raise OptionsError(
                f"{_flag(name)}: the weight of {layer} must be at least 0, got {weight}"
            )
        pairs[layer] = weight
    if not pairs:
        raise OptionsError(f"{_flag(name)} is empty; to leave a term out set its weight to 0")
    return tuple(pairs.items())


def _layer_weight(name: str, item: Any, known: Mapping[str, float]) -> tuple[str, float]:
    if isinstance(item, str):
        layer, colon, weight = item.partition(":")
        if not colon:
            return layer, known.get(layer, 1.0)
        return layer.strip(), _number_from(weight, f"{_flag(name)}: weights")
    try:
        layer, weight = item
        return str(layer), float(weight)
    except (TypeError, ValueError, OverflowError):
        raise OptionsError(
            f"{_flag(name)} takes names or name:weight, got {_shown(item)}"
        ) from None


def _scales(value: Any, size: Any) -> str | tuple[int, ...]:
    """Bring ``scales`` to "auto", "single" or rising long sides that end at ``size``."""
    if value in ("auto", "single"):
        return str(value)
    wrong = OptionsError(
        f"--scales must be auto, single, or long sides such as 160,320, got {_shown(value)}"
    )
    try:
        parts = value.split(",") if isinstance(value, str) else list(value)
        sides = [int(part) if isinstance(part, str) else part for part in parts]
    except (TypeError, ValueError):
        raise wrong from None
    if not all(isinstance(side, int) and not isinstance(side, bool) for side in sides):
        raise wrong
    if not sides or sides[-1] != size:
        sides.append(size)
    if sides[0] < 1 or any(a >= b for a, b in itertools.pairwise(sides)):
        raise OptionsError(f"--scales must rise towards --size {size}, got {_shown(value)}")
    return tuple(sides)


def _budget(value: Any) -> float | None:
    """Bring ``budget`` to seconds: a number of them, or a text such as 90, 90s, 10m or 1h30m."""
    if value is None:
        return None
    seconds = math.nan
    if isinstance(value, str):
        seconds = _duration(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(OverflowError):
            seconds = float(value)
    if not 0 < seconds <= MAX_BUDGET:
        raise OptionsError(
            "--budget must be a time such as 90s, 10m or 1h30m, more than 0 and at most "
            f"{MAX_BUDGET / 3600:g}h, got {_shown(value)}"
        )
    return seconds


def _duration(text: str) -> float:
    """Return the seconds that a text such as 90, 1.5m or 1h30m says; NaN if it says none."""
    number = r"(\d+(?:\.\d+)?)"
    pattern = f"(?:{number}h)?(?:{number}m)?(?:{number}s?)?"
    found = re.fullmatch(pattern, text.strip(), re.ASCII)
    parts = found.groups() if found else ()
    if not any(parts):
        return math.nan
    hours, minutes, seconds = (float(part or 0) for part in parts)
    return 3600 * hours + 60 * minutes + seconds


def _memory(value: Any) -> int | None:
    """Bring ``max_memory`` to bytes: a whole number of them, or a text such as 800MB or 4GB."""
    if value is None or (type(value) is int and value > 0):
        return value
    found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?) ?([KMGT]?)i?B?", str(value).strip(), re.ASCII | re.I)
    size = 0
    if isinstance(value, str) and found:
        number, unit = found.groups()
        step = 1024 if "i" in value.lower() else 1000
        size = round(float(number) * step ** " KMGT".index(unit.upper() or " "))
    if size <= 0:
        raise OptionsError(f"--max-memory must be a size such as 800MB or 4GB, got {_shown(value)}")
    return size


def _blend(value: Any) -> tuple[float, ...] | None:
    """Bring ``blend`` to shares; they are made to add up to 1 where they are used."""
    if value is None:
        return None
    parts = value.split(",") if isinstance(value, str) else value
    try:
        shares = tuple(float(part) for part in parts)
    except (TypeError, ValueError, OverflowError):
        raise OptionsError(
            f"--blend must be numbers such as 0.7,0.3, got {_shown(value)}"
        ) from None
    if not shares or not all(math.isfinite(s) and s >= 0 for s in shares) or sum(shares) == 0:
        raise OptionsError(f"--blend must be shares of at least 0, not all 0, got {_shown(value)}")
    return shares
