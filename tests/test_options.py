"""Options: defaults, presets, every bad value and conflict, and junk."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from impasto import options
from impasto.errors import OptionsError
from impasto.options import (
    PRESETS,
    QUALITIES,
    ApplyOptions,
    CheckpointOptions,
    PaintOptions,
    ReadOptions,
    RecordOptions,
    SaveOptions,
)

ALL = (PaintOptions, ApplyOptions, ReadOptions, SaveOptions, RecordOptions, CheckpointOptions)
STYLE = tuple(f"relu{block}_1" for block in range(1, 6))
INF, NAN = float("inf"), float("nan")


def refused(kind=PaintOptions, /, **values):
    with pytest.raises(OptionsError) as caught:
        kind(**values)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("kind", ALL)
def test_they_are_frozen_and_every_field_has_a_help(kind):
    built = kind()
    for field in fields(kind):
        assert field.metadata["help"].endswith(".")
        with pytest.raises(FrozenInstanceError):
            setattr(built, field.name, 1)


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


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("auto", "auto"),
        ("single", "single"),
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
        ("atuo", "auto, single, or long sides"),
        ("", "auto, single, or long sides"),
        ("160,,320", "auto, single, or long sides"),
        (5, "auto, single, or long sides"),
        ([None], "auto, single, or long sides"),
        ([NAN], "auto, single, or long sides"),
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


@pytest.mark.parametrize(
    ("value", "tile"), [("auto", "auto"), (512, 512), ("512", 512), (64, 64), ("65500", 65_500)]
)
def test_a_tile_is_said_in_two_ways(value, tile):
    assert ApplyOptions(tile=value).tile == tile


@pytest.mark.parametrize(
    "value", [0, 63, "63", 65_501, "", "big", "5e2", "-512", "٣٣٣", 512.0, True, None, []]
)
def test_a_tile_that_makes_no_sense(value):
    assert refused(ApplyOptions, tile=value).startswith("--tile must be auto or from 64 to 65500")


def test_how_many_steps_there_are():
    assert PaintOptions().total_steps == 150
    assert PaintOptions(steps=7).total_steps == 7
    words = {quality: PaintOptions(quality=quality).total_steps for quality in QUALITIES}
    assert words == QUALITIES
    assert 0 < words["draft"] < words["good"] == PaintOptions().total_steps < words["best"]


@pytest.mark.parametrize(
    ("kind", "name", "bad", "good"),
    [
        (PaintOptions, "size", [0, -1, 65_501, 1.5, "640", None, True, [1]], [1, 65_500]),
        (PaintOptions, "steps", [0, -1, 1_000_001, 1.0, "1", True], [None, 1, 1_000_000]),
        (PaintOptions, "history", [0, 1001, 2.0, None], [1, 1000]),
        (PaintOptions, "seed", [-1, 2**63, 0.0, None, "1"], [0, 2**63 - 1]),
        (PaintOptions, "learning_rate", [0, -1, INF, NAN, "x", None, True, []], [1e-9, 5, "0.5"]),
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
        (ApplyOptions, "jobs", [0, 65, 1.0, None, "2", True], [1, 64]),
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


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("preset", "gatis", "did you mean 'gatys'"),
        ("preset", None, "choose from gatys, paper, default"),
        ("optimizer", "lbgfs", "did you mean 'lbfgs'"),
        ("optimizer", "sgd", "choose from relaxed, lbfgs, adam"),
        ("pooling", "avg", "did you mean 'average'"),
        ("quality", "bets", "did you mean 'best'"),
        ("quality", 95, "choose from draft, good, best"),
        ("padding", "zero", "did you mean 'zeros'"),
        ("precision", "float16", "did you mean 'bfloat16'"),
        ("content_loss", "halfsum", "did you mean 'half-sum'"),
        ("pooling", ["max"], "max"),
        ("precision", {}, "choose from auto, float32, bfloat16"),
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
    PaintOptions(budget="1m30s"),
    PaintOptions(quality="draft"),
    ReadOptions(max_pixels=5),
    ApplyOptions(strength=0.5, tile="512", size=9, device="cuda:1"),
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


def test_the_layers_are_those_of_vgg19():
    assert len(options.LAYER_NAMES) == 37
    assert options.LAYER_NAMES[:6] == (
        "conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1",
    )  # fmt: skip
    assert options.LAYER_NAMES[-3:] == ("conv5_4", "relu5_4", "pool5")


NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([10**400, -(10**400), 2**63, 1e308, -0.0])
)
TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["auto", "1,2", "relu1_1:1e999", "٣", "²", "cuda:²", "a\0b", "\ud800", "1_0", "relu1_1"]
    ),
)
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.binary(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(TEXTS, inner, max_size=3),
    ),
    max_leaves=5,
)
NAMES = [field.name for field in fields(PaintOptions)]
APPLY_NAMES = [field.name for field in fields(ApplyOptions)]
ESCAPES = "BUG: something else than OptionsError escapes"


def only_options_errors(values):
    try:
        built = PaintOptions.from_dict(values)
    except OptionsError:
        return
    # What is accepted is whole: it comes back from JSON the same.
    assert PaintOptions.from_dict(json.loads(json.dumps(built.to_dict()))) == built


@pytest.mark.parametrize("name", NAMES)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(value=JUNK)
@example(value=10**400)
def test_junk_in_one_field(name, value):
    known = name in ("content_layers", "style_layers") and not isinstance(value, str | type(None))
    known |= name in ("scales", "blend") and isinstance(value, list | tuple | dict)
    if not known:  # the cases below
        only_options_errors({name: value})


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.sampled_from([n for n in NAMES if n not in ("content_layers", "style_layers")]),
        st.one_of(st.none(), st.booleans(), st.integers(-2, 700), st.floats(), TEXTS),
        max_size=4,
    )
)
def test_junk_in_several_fields(values):
    if "scales" in values and not isinstance(values.get("size", 1), int):
        return  # the cases below
    only_options_errors(values)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(APPLY_NAMES), JUNK, max_size=3))
@example({"tile": 10**400})
@example({"tile": "9" * 5000})
def test_junk_in_how_to_apply(values):
    try:
        built = ApplyOptions.from_dict(values)
    except OptionsError:
        return
    assert ApplyOptions.from_dict(json.loads(json.dumps(built.to_dict()))) == built


@pytest.mark.parametrize(
    "values",
    [
        values
        for values, _ in [
            ({"content_layers": 5}, TypeError),
            ({"style_layers": True}, TypeError),
            ({"style_layers": 0.5}, TypeError),
            ({"style_layers": {"relu1_1": 10**400}}, OverflowError),
            ({"scales": [INF]}, OverflowError),
            ({"scales": "100", "size": "640"}, TypeError),
            ({"scales": "100", "size": [640]}, TypeError),
            ({"scales": [100], "size": None}, TypeError),
            ({"blend": [10**400]}, OverflowError),
            ({"size": 10**5000}, ValueError),
            ({"steps": -(10**5000)}, ValueError),
            ({"tv_weight": 10**5000}, ValueError),
        ]
    ],
    ids=lambda values: "-".join(values),
)
def test_junk_that_escapes(values):
    only_options_errors(values)


def test_shares_whose_sum_overflows():
    from impasto.losses.objective import blend_shares

    try:
        shares = blend_shares(PaintOptions(blend=(1e308, 1e308)).blend, 2)
    except OptionsError:
        return
    assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize("value", [[100.9], [True]])
def test_scales_that_are_no_whole_numbers(value):
    refused(scales=value)


def test_bits_that_are_no_whole_number():
    try:
        bits = SaveOptions(bits=8.0).bits
    except OptionsError:
        return
    assert isinstance(bits, int)
