"""The only home of every default. Conflicts are rejected here, once, up front.

Each dataclass is frozen and checks itself when built; what is wrong is an `OptionsError`
that names the field, what was found and what is allowed. Command-line flags are derived
from the fields and their metadata, so a help text has one home too.
"""

from impasto.options.apply import BACKENDS, COLORS, MAX_SEED, SMALLEST_TILE, ApplyOptions
from impasto.options.layers import LayerWeights
from impasto.options.learn import LearnOptions
from impasto.options.machine import PRECISIONS, WEIGHTS
from impasto.options.paint import (
    INITS,
    MAX_STEPS,
    QUALITIES,
    TILEABLE_STEP,
    PaintOptions,
)
from impasto.options.parsing import MAX_BUDGET
from impasto.options.pictures import MAX_SIDE, ReadOptions, SaveOptions
from impasto.options.presets import PRESETS
from impasto.options.record import CheckpointOptions, RecordOptions
from impasto.options.train import MODELS, TrainOptions
from impasto.options.video import VideoOptions

__all__ = [
    "BACKENDS",
    "COLORS",
    "INITS",
    "MAX_BUDGET",
    "MAX_SEED",
    "MAX_SIDE",
    "MAX_STEPS",
    "MODELS",
    "PRECISIONS",
    "PRESETS",
    "QUALITIES",
    "SMALLEST_TILE",
    "TILEABLE_STEP",
    "WEIGHTS",
    "ApplyOptions",
    "CheckpointOptions",
    "LayerWeights",
    "LearnOptions",
    "PaintOptions",
    "ReadOptions",
    "RecordOptions",
    "SaveOptions",
    "TrainOptions",
    "VideoOptions",
]
