"""The values of --vary, and the resulting grid."""

from __future__ import annotations

from dataclasses import fields

import pytest

from impasto.errors import OptionsError
from impasto.options import PaintOptions
from impasto.options.sweep import MAX_CELLS, PREVIEW_SIZE, SweepOptions, given, parse_axis
from impasto.sweep.grid import lay_out


@pytest.mark.parametrize(
    ("text", "name", "texts", "values"),
    [
        ("style-weight=0.1,1,10", "style_weight", ("0.1", "1", "10"), (0.1, 1.0, 10.0)),
        ("style_weight= 1 ; 2e3 ", "style_weight", ("1", "2e3"), (1.0, 2000.0)),
        ("--steps=10,20", "steps", ("10", "20"), (10, 20)),
        ("seed=0,1", "seed", ("0", "1"), (0, 1)),
        ("preset=gatys,default", "preset", ("gatys", "default"), ("gatys", "default")),
        ("rescale-pooling=yes,False", "rescale_pooling", ("yes", "False"), (True, False)),
        ("budget=10s,1m30s", "budget", ("10s", "1m30s"), ("10s", "1m30s")),
        ("init=a,b.png;noise", "init", ("a,b.png", "noise"), ("a,b.png", "noise")),
        (
            "style-layers=relu1_1;relu1_1:0.5,relu2_1",
            "style_layers",
            ("relu1_1", "relu1_1:0.5,relu2_1"),
            ("relu1_1", "relu1_1:0.5,relu2_1"),
        ),
        ("scales=auto;64,128", "scales", ("auto", "64,128"), ("auto", "64,128")),
        ("blend=1,0;0.5,0.5", "blend", ("1,0", "0.5,0.5"), ("1,0", "0.5,0.5")),
        ("style-scale=0.5,1,2", "style_scale", ("0.5", "1", "2"), None),
    ],
)
def test_values(text, name, texts, values):
    axis = parse_axis(text)
    assert (axis.name, axis.texts) == (name, texts)
    if values is not None:
        assert axis.values == values
        assert list(map(type, axis.values)) == list(map(type, values))
    for value in axis.values:
        length = {"steps": 5} if name == "blend" else {}
        PaintOptions(**{name: value, "size": 256, "pooling": "average"} | length)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("style-weight", ["NAME=VALUE", "'style-weight'"]),
        ("", ["NAME=VALUE"]),
        ("=1,2", ["''"]),
        ("style-wieght=1,2", ["'style-wieght'", "did you mean 'style-weight'"]),
        ("zzzz=a,b", ["'zzzz'", "choose from", "style-weight"]),
        ("size=100,200", ["cannot vary size", "--pick"]),
        ("style-weight=1,,2", ["style-weight has an empty value", "'1,,2'"]),
        ("style-weight=", ["empty value"]),
        ("style-weight=1", ["only one value", "two or more"]),
        ("style-layers=relu1_1,relu2_1", ["only one value", "semicolons", "'style-layers=A;B,C'"]),
        ("scales=64,128", ["only one value", "semicolons"]),
        ("style-weight=1,2,1", ["'1' twice"]),
        ("style-weight=1,many", ["style-weight must be numbers", "'many'"]),
        ("steps=1,2.5", ["steps must be whole numbers", "'2.5'"]),
        ("rescale-pooling=true,maybe", ["true or false", "'maybe'"]),
    ],
)
def test_mistakes(text, parts):
    with pytest.raises(OptionsError, match="--vary") as caught:
        parse_axis(text)
    for part in parts:
        assert part in str(caught.value)


def test_one_option_makes_a_row():
    grid = lay_out({"steps": 7}, [parse_axis("style-weight=0.1,1,10")])
    assert [[cell.name for cell in row] for row in grid.rows] == [["1,1", "1,2", "1,3"]]
    assert grid.down == ()
    for cell, weight in zip(grid.cells, (0.1, 1, 10), strict=True):
        assert cell.options == PaintOptions(size=PREVIEW_SIZE, steps=7, style_weight=weight)
        assert cell.work == 7


def test_the_last_option_runs_across_the_others_down():
    axes = [parse_axis(text) for text in ("pooling=max,l2", "padding=zeros,reflect", "seed=1,2,3")]
    grid = lay_out({}, axes)
    assert grid.across == axes[-1]
    assert grid.down == tuple(axes[:-1])
    found = [[tuple(cell.labels.values()) for cell in row] for row in grid.rows]
    assert found == [
        [(pooling, padding, seed) for seed in "123"]
        for pooling in ("max", "l2")
        for padding in ("zeros", "reflect")
    ]
    for cell in grid.cells:
        for name, text in cell.labels.items():
            assert str(getattr(cell.options, name)) == text
    assert grid.rows[2][1].name == "3,2"


def test_each_cell_is_filled_by_its_own_preset():
    grid = lay_out({"tv_weight": 2.0}, [parse_axis("preset=gatys,paper")])
    for cell, preset in zip(grid.cells, ("gatys", "paper"), strict=True):
        assert cell.options == PaintOptions(preset=preset, tv_weight=2.0, size=PREVIEW_SIZE)
    one, other = (cell.options for cell in grid.cells)
    assert one.style_layers != other.style_layers


def test_work_is_steps_or_seconds():
    cells = lay_out({}, [parse_axis("quality=draft,best")]).cells
    assert [cell.work for cell in cells] == [50, 500]
    assert [cell.work for cell in lay_out({}, [parse_axis("budget=5s,1m")]).cells] == [5, 60]


@pytest.mark.parametrize(
    ("common", "axes", "part"),
    [
        ({}, [], "nothing varies"),
        ({"seed": 1}, ["seed=1,2"], "--seed is both given and varied"),
        ({}, ["seed=1,2", "seed=3,4"], "seed is given twice"),
        ({"steps": 5}, ["quality=draft,good"], "with quality draft: --steps and --quality"),
        ({}, ["style-weight=1,-1"], "with style-weight -1: --style-weight must be at least 0"),
        ({}, ["preset=gatys,gatis"], "did you mean 'gatys'"),
        (
            {},
            [f"seed={','.join(map(str, range(MAX_CELLS // 2 + 1)))}", "pooling=max,l2"],
            f"51 × 2 = 102 pictures; the limit is {MAX_CELLS}",
        ),
    ],
)
def test_invalid_grids(common, axes, part):
    with pytest.raises(OptionsError) as caught:
        lay_out(common, [parse_axis(text) for text in axes])
    assert part in str(caught.value)


def test_what_was_given():
    """The flags are those of PaintOptions; presets fill in the options that were not given."""
    assert [f.name for f in fields(SweepOptions)] == [f.name for f in fields(PaintOptions)]
    assert given(SweepOptions()) == {}
    assert given(SweepOptions(style_scale="1.0", seed=0)) == {}
    options = SweepOptions(size=64, style_layers="relu1_1", seed=3)
    assert given(options) == {"size": 64, "style_layers": "relu1_1", "seed": 3}
    for f in fields(SweepOptions):
        assert f.metadata["help"].endswith(".")
