"""Layers of VGG-19 and their weights, as they are said."""

from __future__ import annotations

import pytest

from impasto.nets.feature_net import VGG19
from impasto.options import PaintOptions
from options.refusing import refused


def test_the_layers_are_those_of_vgg19():
    assert len(VGG19.names) == 37
    assert VGG19.names[:6] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1")
    assert VGG19.names[-3:] == ("conv5_4", "relu5_4", "pool5")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("relu4_2", (("relu4_2", 1.0),)),
        ("relu1_1:0.5,relu2_1:1", (("relu1_1", 0.5), ("relu2_1", 1.0))),
        (" relu1_1 : 0.5 , conv5_4 ", (("relu1_1", 0.5), ("conv5_4", 1.0))),
        (["pool3", "relu1_2"], (("pool3", 1.0), ("relu1_2", 1.0))),
        (["pool3:2"], (("pool3", 2.0),)),
        ({"relu3_1": 2}, (("relu3_1", 2.0),)),
        ([["relu3_1", 0.5], ("relu4_1", 0)], (("relu3_1", 0.5), ("relu4_1", 0.0))),
    ],
)
def test_layers_are_said_in_many_ways(value, expected):
    assert PaintOptions(content_layers=value).content_layers == expected


def test_a_layer_without_a_weight_weighs_what_the_preset_gives_it():
    built = PaintOptions(preset="gatys", style_layers="relu2_1,relu2_2,relu3_1:7")
    assert built.style_layers == (("relu2_1", 1e3 / 128**2), ("relu2_2", 1.0), ("relu3_1", 7.0))


@pytest.mark.parametrize("name", ["content_layers", "style_layers"])
@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("relu4_5", "'relu4_5'; did you mean 'relu4_"),
        ("relu41", "did you mean 'relu4_1'"),
        ("Relu4_1", "did you mean 'relu4_1'"),
        ("", "does not know ''"),
        ("relu1_1,", "does not know ''"),
        ([], "is empty"),
        ({}, "is empty"),
        ("relu1_1,relu1_1:2", "names relu1_1 twice"),
        ("relu1_1:x", "numbers, got 'x'"),
        ("relu1_1:", "numbers, got ''"),
        ("relu1_1:-1", "at least 0, got -1"),
        ("relu1_1:nan", "at least 0, got nan"),
        ("relu1_1:inf", "at least 0, got inf"),
        ({"relu1_1": "x"}, "got ('relu1_1', 'x')"),
        ([("relu1_1", 1, 2)], "got ('relu1_1', 1, 2)"),
        ([3], "got 3"),
        ([None], "got None"),
    ],
)
def test_layers_that_make_no_sense(name, value, part):
    message = refused(**{name: value})
    assert message.startswith("--" + name.replace("_", "-"))
    assert part in message
