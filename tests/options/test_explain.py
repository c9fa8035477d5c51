from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from impasto.errors import OptionsError
from impasto.options import PaintOptions
from impasto.options.explain import ExplainOptions


def test_fields_are_those_of_painting() -> None:
    painted = {f.name: f for f in fields(PaintOptions)}
    for field in fields(ExplainOptions):
        assert field.metadata["help"]
        if field.name != "size":
            assert field.default == painted[field.name].default
            assert field.metadata == painted[field.name].metadata


def test_the_painting_is_made_as_paint_would() -> None:
    options = ExplainOptions(size=300, quality="draft", style_weight=3, seed=5)
    assert options.painting == PaintOptions(size=300, quality="draft", style_weight=3, seed=5)
    assert ExplainOptions.from_dict(options.to_dict()) == options


def test_parts_are_made_by_what_they_are_named_after() -> None:
    options = ExplainOptions(size=300, steps=90, style_weight=3, seed=5, precision="float32")
    content = options.content_reconstruction("relu3_2", 225)
    assert content.content_layers == (("relu3_2", 1.0),)
    assert (content.style_weight, content.content_weight) == (0, 1)
    style = options.style_reconstruction({"relu1_1": 0.5, "relu2_1": 2.0}, 225)
    assert style.style_layers == (("relu1_1", 0.5), ("relu2_1", 2.0))
    assert (style.style_weight, style.content_weight) == (1, 0)
    for alone in (content, style):
        assert (alone.size, alone.total_steps, alone.init, alone.scales) == (
            225,
            45,
            "noise",
            "single",
        )
        assert (alone.seed, alone.precision) == (5, "float32")


@pytest.mark.parametrize(
    ("wrong", "parts"),
    [
        ({"size": 63}, ["--size", "from 64 to 1024", "63"]),
        ({"size": 1025}, ["--size", "from 64 to 1024"]),
        ({"size": 64.0}, ["--size"]),
        ({"steps": 0}, ["--steps"]),
        ({"steps": 5, "quality": "good"}, ["--steps and --quality", "one of them"]),
        ({"quality": "god"}, ["--quality", "did you mean 'good'"]),
        ({"style_weight": -1}, ["--style-weight", "at least 0"]),
        ({"device": "gpu"}, ["--device"]),
    ],
)
def test_wrong_values_are_named(wrong: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(OptionsError) as error:
        ExplainOptions(**wrong)
    assert all(part in str(error.value) for part in parts)
