"""Junk in any field raises `OptionsError`, or is accepted as a whole."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from impasto.errors import OptionsError
from impasto.options import ApplyOptions, PaintOptions, TrainOptions
from options.refusing import INF

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
TRAIN_NAMES = [field.name for field in fields(TrainOptions)]


def only_options_errors(values, kind=PaintOptions):
    try:
        built = kind.from_dict(values)
    except OptionsError:
        return
    # What is accepted is whole: it comes back from JSON the same.
    assert kind.from_dict(json.loads(json.dumps(built.to_dict()))) == built


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(value=JUNK)
@example(value=10**400)
def test_junk_in_one_field(value):
    """Each value in every field: to draw it takes longer than to refuse it."""
    for name in NAMES:
        layers = name in ("content_layers", "style_layers")
        known = layers and not isinstance(value, str | type(None))
        known |= name in ("scales", "blend") and isinstance(value, list | tuple | dict)
        if not known:  # the cases below
            note(name)
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


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(APPLY_NAMES), JUNK, max_size=3))
@example({"tile": 10**400})
@example({"tile": "9" * 5000})
def test_junk_in_how_to_apply(values):
    only_options_errors(values, ApplyOptions)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(TRAIN_NAMES), JUNK, max_size=3))
@example({"model": 10**5000})
@example({"content_layer": 10**5000})
@example({"style_layers": None})
@example({"device": None})
@example({"minutes": 10**400})
def test_junk_in_how_to_train(values):
    only_options_errors(values, TrainOptions)


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
            ({"quality": 10**5000}, ValueError),
            ({"steps": -(10**5000)}, ValueError),
            ({"tv_weight": 10**5000}, ValueError),
        ]
    ],
    ids=lambda values: "-".join(values),
)
def test_junk_that_escapes(values):
    only_options_errors(values)
