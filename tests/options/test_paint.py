"""How to paint: presets, every way to say a value, conflicts."""

from __future__ import annotations

from dataclasses import fields

import pytest

from impasto.errors import OptionsError
from impasto.options import PRESETS, QUALITIES, PaintOptions
from options.refusing import INF, NAN, refused

STYLE = tuple(f"relu{block}_1" for block in range(1, 6))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_fills_what_is_not_given(preset):
    built = PaintOptions(preset=preset)
    for name, value in PRESETS[preset].items():
        assert getattr(built, name) == value, name
    filled = [f.name for f in fields(built) if f.name in PRESETS[preset] or f.default is not None]
    assert None not in [getattr(built, name) for name in filled]


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_given_wins_over_the_preset(preset):
    given = {
        "content_weight": 3.5,
        "tv_weight": 0.25,
        "pooling": "l2",
        "rescale_pooling": True,
        "padding": "reflect",
        "init": "style",
        "content_loss": "half-sum",
        "content_layers": (("conv3_1", 0.5),),
    }
    built = PaintOptions(preset=preset, **given)
    assert {name: getattr(built, name) for name in given} == given
    assert built.style_weight == PRESETS[preset]["style_weight"]


def test_false_and_zero_win_over_a_preset_too(monkeypatch):
    monkeypatch.setitem(
        PRESETS, "default", PRESETS["default"] | {"pooling": "l2", "rescale_pooling": True}
    )
    assert PaintOptions().rescale_pooling is True
    assert PaintOptions(rescale_pooling=False).rescale_pooling is False
    assert PaintOptions(content_weight=0).content_weight == 0


def test_the_presets_are_those_of_the_papers():
    gatys, paper = PaintOptions(preset="gatys"), PaintOptions(preset="paper")
    assert gatys.content_layers == (("relu4_2", 1.0),)
    widths = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}
    assert dict(gatys.style_layers) == {name: 1e3 / widths[name[4]] ** 2 for name in STYLE}
    assert (gatys.pooling, gatys.padding, gatys.init) == ("max", "zeros", "matched")
    assert paper.content_layers == (("conv4_2", 1.0),)
    assert [name for name, _ in paper.style_layers] == list(STYLE)
    assert (paper.pooling, paper.init, paper.content_loss) == ("average", "noise", "half-sum")
    # The ratios alpha / beta that figure 3 of the paper shows.
    assert 1e-5 * (1 - 1e-9) <= paper.content_weight / paper.style_weight <= 1e-2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("auto", "auto"),
        ("single", "single"),
        ("deep", "deep"),
        ("160,320", (160, 320, 640)),
        ("160, 320, 640", (160, 320, 640)),
        ((320, 640), (320, 640)),
        ([100], (100, 640)),
        ([], (640,)),
    ],
)
def test_scales_end_at_the_size(value, expected):
    assert PaintOptions(size=640, scales=value).scales == expected


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("320,160", "rise towards --size 640"),
        ("160,160", "rise towards --size 640"),
        ("641", "rise towards --size 640"),
        ("640,320", "rise towards --size 640"),
        ("0,320", "rise towards --size 640"),
        ("-1", "rise towards --size 640"),
        ("atuo", "auto, deep, single, or long sides"),
        ("", "auto, deep, single, or long sides"),
        ("160,,320", "auto, deep, single, or long sides"),
        (5, "auto, deep, single, or long sides"),
        ([None], "auto, deep, single, or long sides"),
        ([NAN], "auto, deep, single, or long sides"),
    ],
)
def test_scales_that_make_no_sense(value, part):
    message = refused(size=640, scales=value)
    assert message.startswith("--scales")
    assert part in message


def test_shares_of_a_blend():
    assert PaintOptions(blend="0.7,0.3").blend == (0.7, 0.3)
    assert PaintOptions(blend=[2, 0]).blend == (2.0, 0.0)
    assert PaintOptions().blend is None
    for value in ("", "a,b", "1,,2", [], [0, 0], [-1, 2], [NAN], [INF], 5, [None], [[1]]):
        assert refused(blend=value).startswith("--blend must be")


def test_shares_by_layer():
    pairs = (("relu1_1", (1.0, 0.0)), ("relu4_1", (0.2, 0.8)))
    for value in ("relu1_1=1,0 relu4_1=.2,.8", "relu1_1=1,0;relu4_1=.2,.8", dict(pairs), pairs):
        assert PaintOptions(blend=value).blend == pairs
    assert "did you mean 'relu1_1'" in refused(blend="relu11=1,0")
    assert "names relu1_1 twice" in refused(blend="relu1_1=1,0 relu1_1=0,1")
    assert refused(blend="relu1_1=a,0").startswith("--blend must be numbers")


def test_one_number_or_one_for_each_style():
    assert PaintOptions(style_scale="1,0.5").style_scale == (1.0, 0.5)
    assert PaintOptions(style_rotation=[0, 90]).style_rotation == (0.0, 90.0)
    assert PaintOptions(style_rotation="-45").style_rotation == -45.0
    assert "one number or one for each style" in refused(style_scale="1,0")
    assert refused(style_rotation="1,,2").startswith("--style-rotation must be")


def test_where_styles_belong():
    assert PaintOptions(masks="a.png, b.png").masks == ("a.png", "b.png")
    assert PaintOptions(guide="g.png", style_guide="s.png").style_guide == ("s.png",)
    assert "need each other" in refused(guide="g.png")
    assert "need each other" in refused(style_guide="g.png")
    assert "give one of them" in refused(guide="g.png", style_guide="s.png", masks="m.png")
    assert refused(masks="a.png,,b.png").startswith("--masks must be files")


def test_a_style_loss_brings_the_weights_that_suit_it():
    wasserstein = PaintOptions(style_loss="wasserstein")
    assert dict(wasserstein.style_layers) == {f"relu{k}_1": 0.2 for k in range(1, 6)}
    assert wasserstein.style_weight > 1e5
    assert PaintOptions(style_loss="gram") == PaintOptions()
    own = PaintOptions(style_loss="wasserstein", style_weight=5, style_layers="relu1_1,relu2_1:3")
    assert (own.style_weight, own.style_layers) == (5, (("relu1_1", 0.2), ("relu2_1", 3)))
    assert "did you mean 'wasserstein'" in refused(style_loss="waserstein")
    assert PaintOptions.from_dict(own.to_dict()) == own


@pytest.mark.parametrize("style_loss", ["histogram", "sliced", "nearest", "emd"])
def test_every_style_loss_goes_through_plain_data(style_loss):
    options = PaintOptions(style_loss=style_loss)
    assert PaintOptions.from_dict(options.to_dict()) == options
    assert options.weighted_layers("style")


def test_the_earth_movers_distance_brings_its_content_loss():
    options = PaintOptions(style_loss="emd")
    assert (options.content_loss, options.scales) == ("self-similarity", "deep")
    assert PaintOptions(style_loss="emd", content_loss="mean").content_loss == "mean"


def test_layers_that_weigh_anything():
    options = PaintOptions(style_weight=2, style_layers="relu1_1:3,relu2_1:0", content_weight=0)
    assert options.weighted_layers("style") == {"relu1_1": 6}
    assert options.weighted_layers("content") == {}


def test_a_canvas():
    for value in ("192x108", "192×108", (192, 108), [192, 108]):
        options = PaintOptions(canvas=value)
        assert (options.canvas, options.size) == ((192, 108), 192)
        assert PaintOptions.from_dict(options.to_dict()) == options
    for value in ("192", "0x5", "axb", (1,), (1, 2, 3), (1.5, 2), (True, 2), 5, "1x99999999"):
        assert refused(canvas=value).startswith("--canvas must be")
    assert "give one of them" in refused(canvas="192x108", size=100)
    assert PaintOptions(canvas="64x96", tileable=True).tileable
    assert "got 100; use 96 or 128" in refused(canvas="64x100", tileable=True)
    assert "got 20; use 32 or 64" in refused(canvas="20x64", tileable=True)


def test_all_weights_nothing():
    weights = dict.fromkeys(("content_weight", "style_weight", "laplacian_weight"), 0)
    assert "nothing to optimise" in refused(**weights)
    PaintOptions(**{**weights, "laplacian_weight": 1})


def test_colours():
    assert refused(color="colour").startswith("--color does not know 'colour'")
    assert "needs a --color" in refused(color_strength=0.5)
    assert PaintOptions(color="match", color_strength=0.5).color_strength == 0.5


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("0.5", 0.5),
        ("1.5m", 90),
        ("10m", 600),
        ("1h", 3600),
        ("1m30s", 90),
        ("1m30", 90),
        ("2h15m10s", 8110),
        (" 10m ", 600),
        (90, 90),
        (2.5, 2.5),
        (None, None),
    ],
)
def test_a_budget_is_said_in_many_ways(value, seconds):
    assert PaintOptions(budget=value).budget == seconds


@pytest.mark.parametrize(
    "value",
    ["", " ", "soon", "10 m", "m", "s", "1s1m", "-5", "-5s", "0", "0s", "nan", "inf", "1e3", "10M",
     "٣", "31d", "721h", "9" * 400, 0, -1, INF, NAN, True, 10**400, [90], {}],
)  # fmt: skip
def test_a_budget_that_makes_no_sense(value):
    message = refused(budget=value)
    assert message.startswith("--budget must be a time such as 90s, 10m or 1h30m")
    assert "got " in message


def test_how_many_steps_there_are():
    assert PaintOptions().total_steps == 150
    assert PaintOptions(steps=7).total_steps == 7
    words = {quality: PaintOptions(quality=quality).total_steps for quality in QUALITIES}
    assert words == QUALITIES
    assert 0 < words["draft"] < words["good"] == PaintOptions().total_steps < words["best"]


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("preset", "gatis", "did you mean 'gatys'"),
        ("preset", None, "choose from gatys, paper, default"),
        ("optimizer", "lbgfs", "did you mean 'lbfgs'"),
        ("optimizer", "sgd", "choose from lbfgs, adam"),
        ("pooling", "avg", "did you mean 'average'"),
        ("quality", "bets", "did you mean 'best'"),
        ("quality", 95, "choose from draft, good, best"),
        ("padding", "zero", "did you mean 'zeros'"),
        ("precision", "float16", "did you mean 'bfloat16'"),
        ("content_loss", "halfsum", "did you mean 'half-sum'"),
        ("pooling", ["max"], "max"),
        ("precision", {}, "choose from auto, float32, tf32, bfloat16"),
    ],
)
def test_a_misspelt_choice_names_the_nearest(name, value, hint):
    message = refused(**{name: value})
    assert message.startswith(f"--{name.replace('_', '-')} does not know {value!r}")
    assert hint in message


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"noise_ratio": 0.5}, ["--noise-ratio 0.5", "--init noise", "--init matched"]),
        ({"noise_ratio": 0.5, "init": "a.png"}, ["--noise-ratio", "--init a.png"]),
        ({"noise_ratio": 1.5, "init": "noise"}, ["--noise-ratio", "at most 1", "1.5"]),
        ({"steps": 5, "budget": 60}, ["--steps and --budget", "give one of them"]),
        ({"steps": 300, "quality": "good"}, ["--steps and --quality", "give one of them"]),
        ({"steps": 5, "budget": "1m", "quality": "best"}, ["--steps and --budget and --quality"]),
        ({"rescale_pooling": True}, ["--rescale-pooling", "--pooling average or l2", "max"]),
        (
            {"content_weight": 0, "style_weight": 0},
            ["--content-weight", "--style-weight", "--tv-weight", "nothing to optimise"],
        ),
    ],
)
def test_conflicts_name_the_fields(values, parts):
    message = refused(**values)
    for part in parts:
        assert part in message


def test_what_is_no_conflict():
    PaintOptions(noise_ratio=0.5, init="noise")
    PaintOptions(noise_ratio=0.5, preset="paper")
    PaintOptions(rescale_pooling=True, preset="paper")
    PaintOptions(content_weight=0, style_weight=0, tv_weight=1)


def test_shares_whose_sum_overflows():
    from impasto.losses.blend import blend_shares

    try:
        shares = blend_shares(PaintOptions(blend=(1e308, 1e308)).blend, 2)
    except OptionsError:
        return
    assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize("value", [[100.9], [True]])
def test_scales_that_are_no_whole_numbers(value):
    refused(scales=value)
