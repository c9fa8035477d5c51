"""How to train: what is refused, and how long it takes."""

from __future__ import annotations

import pytest

from impasto.options import TrainOptions
from options.refusing import INF, NAN, refused


def test_how_long():
    assert TrainOptions().seconds == 20 * 60
    assert TrainOptions(minutes=0.5).seconds == 30
    assert TrainOptions(steps=7).steps == 7
    message = refused(TrainOptions, steps=7, minutes=1)
    assert message.startswith("--steps and --minutes")


def test_style_layers_and_their_shares():
    assert TrainOptions().style_shares == dict.fromkeys(
        ("relu1_2", "relu2_2", "relu3_3", "relu4_1"), 1.0
    )
    assert TrainOptions(style_layers="relu1_1:3,pool2").style_shares == {"relu1_1": 3, "pool2": 1}


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        [],
        {},
        "relu1_1:0",
        "relu1_1:0,relu2_1:0",
        "relu9_1",
        3,
        "relu1_1:1e308,pool1:1e308",
    ],
)
def test_style_layers_that_make_no_sense(value):
    assert refused(TrainOptions, style_layers=value).startswith("--style-layers")


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("model", ["turbos", "", None, 1], ["turbo", "standard", "quality"]),
        ("minutes", [0, -1, INF, NAN, "x", True], [None, 0.1, "5"]),
        ("steps", [0, -1, 1.5, "5", True], [None, 1, 100_000_000]),
        ("size", [63, 2049, 1.5, None], [64, 2048]),
        ("batch", [0, 4097, None], [1, 4096]),
        ("style_size", [63, 8193, None], [64, 8192]),
        ("style_weight", [0, -1, INF, NAN, None, "1,x", ()], [0.01, 100, "2,0.5"]),
        ("content_layer", ["relu3_5", "", None, ["relu3_3"]], ["conv4_2"]),
        ("tv_weight", [-1, INF, NAN, None], [0, 3]),
        ("learning_rate", [0, 1.1, NAN, None], [1e-9, 1]),
        ("seed", [-1, 2**63, 0.0, None], [0, 2**63 - 1]),
        ("device", [None, 0, "", "gpu"], ["auto", "cuda:1"]),
        ("precision", ["float16", None], ["float32"]),
        ("weights", [None, 3, ""], ["original", "my.bin"]),
        ("workers", [-1, 257, None], [0, 256]),
    ],
)
def test_values_out_of_range(name, bad, good):
    for value in bad:
        message = refused(TrainOptions, **{name: value})
        assert message.startswith("--" + name.replace("_", "-")), value
        assert repr(value) in message
    for value in good:
        TrainOptions(**{name: value})
