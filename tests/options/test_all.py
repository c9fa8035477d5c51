"""What all options share: frozen fields, ranges, conversion to JSON and back."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

import impasto.options
from impasto.errors import OptionsError
from impasto.options import (
    PRESETS,
    ApplyOptions,
    CheckpointOptions,
    LearnOptions,
    PaintOptions,
    ReadOptions,
    RecordOptions,
    SaveOptions,
    TrainOptions,
    VideoOptions,
)
from options.refusing import INF, NAN, refused

ALL = (
    PaintOptions,
    TrainOptions,
    LearnOptions,
    ApplyOptions,
    ReadOptions,
    SaveOptions,
    RecordOptions,
    CheckpointOptions,
    VideoOptions,
)


def test_the_names():
    names = impasto.options.__all__
    assert len(names) == len(set(names))
    assert {kind.__name__ for kind in ALL} == {name for name in names if name.endswith("Options")}
    assert all(hasattr(impasto.options, name) for name in names)


@pytest.mark.parametrize("kind", ALL)
def test_they_are_frozen_and_every_field_has_a_help(kind):
    built = kind()
    for field in fields(kind):
        assert field.metadata["help"].endswith(".")
        with pytest.raises(FrozenInstanceError):
            setattr(built, field.name, 1)


@pytest.mark.parametrize(
    ("kind", "name", "bad", "good"),
    [
        (PaintOptions, "size", [0, -1, 65_501, 1.5, "640", None, True, [1]], [1, 65_500]),
        (PaintOptions, "steps", [0, -1, 1_000_001, 1.0, "1", True], [None, 1, 1_000_000]),
        (PaintOptions, "history", [0, 1001, 2.0, None], [1, 1000]),
        (PaintOptions, "seed", [-1, 2**63, 0.0, None, "1"], [0, 2**63 - 1]),
        (PaintOptions, "learning_rate", [0, -1, INF, NAN, "x", None, True, []], [1e-9, 5, "0.5"]),
        (PaintOptions, "strength", [-0.1, 1.1, NAN, None, "x"], [0, 0.5, 1]),
        (PaintOptions, "style_scale", [0, 0.049, 20.1, NAN, None], [0.05, 1, 20]),
        (PaintOptions, "content_weight", [-1, -1e-9, INF, NAN, "x", True], [0, 1e9]),
        (PaintOptions, "style_weight", [-1, INF, NAN, "x", True], [0, 1e9]),
        (PaintOptions, "tv_weight", [-1, INF, NAN, "x", False], [0, 1e9]),
        (PaintOptions, "rescale_pooling", [1, 0, "true", "", []], [False]),
        (PaintOptions, "init", [3, ["content"], "", True], ["content", "a.png", Path("b.png")]),
        (PaintOptions, "weights", [None, 3, "", {}], ["original", "my.bin", Path("my.bin")]),
        (
            PaintOptions,
            "device",
            [None, 0, "", "gpu", "cuda0", "cuda:x", "cuda:-1", "cpu:1", "mps:0", "CPU"],
            ["auto", "cpu", "cuda", "cuda:3", "mps"],
        ),
        (ApplyOptions, "strength", [-0.1, 1.51, INF, NAN, "x", None, True], [0, 1, 1.5, "0.5"]),
        (ApplyOptions, "color", ["styles", "", None, 1], ["style", "photo", "luminance"]),
        (ApplyOptions, "size", [0, 65_501, 1.5, "640", True], [None, 1, 65_500]),
        (ApplyOptions, "backend", ["onyx", None], ["auto", "onnx", "torch"]),
        (ApplyOptions, "device", [None, 0, "gpu", "cuda:x"], ["auto", "cpu", "cuda:1", "mps"]),
        (ApplyOptions, "jobs", [0, 1025, 1.0, None, "many", "-2", True], ["auto", 1, "2", 1024]),
        (ReadOptions, "max_pixels", [0, -1, 1.5, None, "9", True], [1, 2**40]),
        (ReadOptions, "max_bytes", [0, -1, 1.5, None, "9", True], [1, 2**50]),
        (SaveOptions, "jpeg_quality", [0, 101, 95.0, None, "95", True], [1, 100]),
        (SaveOptions, "bits", [0, 1, 32, None, "8", True, [8]], [8, 16]),
        (RecordOptions, "save_every", [0, -1, 1.5, None, True], [1, 1_000_000]),
        (CheckpointOptions, "checkpoint_every", [-1, INF, NAN, None, "x"], [0, 60, 1e9]),
        (CheckpointOptions, "resume", [1, 0, None, "yes"], [False]),
    ],
)
def test_values_out_of_range(kind, name, bad, good):
    flag = "--" + name.replace("_", "-")
    for value in bad:
        message = refused(kind, **{name: value})
        assert message.startswith(flag), value
        assert repr(value) in message
    for value in good:
        kind(**{name: value})


FULL = [
    *(PaintOptions(preset=preset) for preset in PRESETS),
    PaintOptions(
        size=500,
        scales="100,200",
        blend="1,2,3",
        init=Path("größer.png"),
        style_layers={"relu1_1": 0.1},
        seed=2**63 - 1,
        noise_ratio=1,
        tv_weight=1e-12,
    ),
    PaintOptions(budget="1m30s", color="hue", color_strength=0.5, strength=0.2, freeze="f.png"),
    PaintOptions(blend="relu1_1=1,0", style_scale="1,2", style_rotation="5,90", masks="a,b"),
    PaintOptions(guide="g.png", style_guide="s.png"),
    PaintOptions(quality="draft"),
    ReadOptions(max_pixels=5),
    ApplyOptions(strength=0.5, tile="512", size=9, device="cuda:1"),
    TrainOptions(steps=5, style_layers="relu1_1:0.5,relu2_1"),
    SaveOptions(bits=16),
    RecordOptions(save_every=3),
    CheckpointOptions(checkpoint_every=0),
    pytest.param(
        RecordOptions(frames=Path("frames"), log=Path("a.jsonl")),
    ),
    pytest.param(
        CheckpointOptions(checkpoint=Path("a")),
    ),
]


@pytest.mark.parametrize("built", FULL)
def test_the_round_trip_through_json(built):
    data = json.loads(json.dumps(built.to_dict()))
    again = type(built).from_dict(data)
    assert again == built
    assert again.to_dict() == built.to_dict()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sise", "'size'"),
        ("style-weight", "'style_weight'"),
        ("zzzz", "choose from size"),
        (3, "3"),
    ],
)
def test_an_unknown_option_names_the_nearest(name, hint):
    with pytest.raises(OptionsError, match="unknown option") as caught:
        PaintOptions.from_dict({name: 1})
    assert repr(name) in str(caught.value)
    assert hint in str(caught.value)


def test_bits_that_are_no_whole_number():
    try:
        bits = SaveOptions(bits=8.0).bits
    except OptionsError:
        return
    assert isinstance(bits, int)
