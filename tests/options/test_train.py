"""Options of training: what is refused, and the duration."""

from __future__ import annotations

import pytest

from impasto.options import TrainOptions
from options.refusing import INF, NAN, refused


def test_how_long():
    assert TrainOptions().seconds == 20 * 60
    assert TrainOptions(budget="1h30m").seconds == 5400
    assert TrainOptions(budget=30).seconds == 30
    assert TrainOptions(steps=7).steps == 7
    message = refused(TrainOptions, steps=7, budget=1)
    assert message.startswith("--steps and --budget")


def test_layers_and_sizes_and_their_shares():
    usual = TrainOptions()
    assert usual.content_layers == (("relu4_2", 1.0),)
    assert dict(usual.style_layers) == {
        "relu1_1": 0.15, "relu2_1": 0.25, "relu3_1": 0.5, "relu4_1": 1.0
    }  # fmt: skip
    assert dict(usual.content_sizes) == {1.0: 0.25, 0.5: 0.5, 0.25: 0.25}
    assert dict(usual.style_sizes) == {1.0: 1.0, 0.5: 1.0, 0.25: 0.5}
    assert TrainOptions(style_layers="relu1_1:3,pool2").style_layers == (
        ("relu1_1", 3.0), ("pool2", 1.0)
    )  # fmt: skip
    for sizes in ("0.5:2,1:1", {0.5: 2, 1: 1}, [(0.5, 2), (1, 1)], (("0.5", "2"), (1.0, 1.0))):
        assert TrainOptions(style_sizes=sizes).style_sizes == ((0.5, 2.0), (1.0, 1.0))


def test_options_survive_being_written_down():
    options = TrainOptions(budget="2m", distance="0.8,0.9", style_sizes="1:1")
    assert TrainOptions.from_dict(options.to_dict()) == options


@pytest.mark.parametrize("name", ["style_layers", "content_layers"])
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
def test_layers_that_make_no_sense(name, value):
    assert refused(TrainOptions, **{name: value}).startswith("--" + name.replace("_", "-"))


@pytest.mark.parametrize("name", ["style_sizes", "content_sizes"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        1,
        "1",
        "1:x",
        "2:1",
        "0.3:1",
        "1:-1",
        "1:nan",
        "1:inf",
        "1:0",
        "1:1,1:2",
        "1:1:1",
        [1],
    ],
)
def test_sizes_that_make_no_sense(name, value):
    message = refused(TrainOptions, **{name: value})
    assert message.startswith("--" + name.replace("_", "-"))


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("model", ["turbos", "", None, 1], ["turbo", "standard", "quality"]),
        ("budget", [0, -1, INF, NAN, "x", True], [None, 0.1, "5", "1h"]),
        ("steps", [0, -1, 1.5, "5", True], [None, 1, 100_000_000]),
        ("size", [63, 2049, 1.5, None], [64, 2048]),
        ("batch", [0, 4097, 1.5], [None, 1, 4096]),
        ("each", [0, 65, None], [1, 64]),
        ("style_size", [63, 8193, None], [64, 8192]),
        ("distance", [0, -1, 2.1, INF, NAN, "1,x", ()], [None, 0.05, 2, "0.9,0.5"]),
        ("taught", [-0.1, 1.1, NAN, None], [0, 1]),
        ("learning_rate", [0, 1.1, NAN], [None, 1e-9, 1]),
        ("seed", [-1, 2**63, 0.0, None], [0, 2**63 - 1]),
        ("device", [None, 0, "", "gpu"], ["auto", "cuda:1"]),
        ("precision", ["float16", None], ["float32"]),
        ("weights", [None, 3, ""], ["original", "my.bin"]),
    ],
)
def test_values_out_of_range(name, bad, good):
    for value in bad:
        message = refused(TrainOptions, **{name: value})
        assert message.startswith("--" + name.replace("_", "-")), value
        assert repr(value) in message
    for value in good:
        TrainOptions(**{name: value})
