from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.errors import OptionsError
from impasto.options import PaintOptions
from impasto.studio.requests import COLORS, FORMATS, STEERED, PaintRequest


def test_an_empty_order_is_the_usual_painting() -> None:
    order = PaintRequest.of({})
    assert (order.strength, order.color, order.format) == (1.0, "style", "png")
    assert order.options() == PaintOptions()


def test_what_may_be_steered_are_fields_of_the_painter() -> None:
    assert set(STEERED) <= set(PaintOptions().to_dict())
    # Nothing that is the studio's business, or names a file.
    for name in ("device", "weights", "max_memory", "history", "threads", "precision"):
        assert name not in STEERED
        with pytest.raises(OptionsError, match=f"unknown option '{name}'"):
            PaintRequest.of({name: "1"})


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"strenght": 1}, "unknown option 'strenght'; did you mean 'strength'"),
        ({"strength": 0}, "--strength must be"),
        ({"strength": 2}, "--strength must be"),
        ({"strength": float("nan")}, "--strength must be"),
        ({"strength": "much"}, "--strength must be"),
        ({"color": "red"}, "--color does not know 'red'; choose from style, photo"),
        ({"format": "exe"}, "--format does not know 'exe'"),
        ({"size": "large"}, "--size must be"),
        ({"size": 0}, "--size must be"),
        ({"steps": 5, "budget": "10s"}, "--steps and --budget"),
        ({"quality": "divine"}, "--quality does not know 'divine'"),
        ({"init": "/etc/passwd"}, "--init must be"),
        ({"style_layers": "relu9_9"}, "relu9_9"),
        ({"content_weight": 0, "style_weight": 0, "tv_weight": 0}, "nothing to optimise"),
        ({"paint": {"size": 5}}, "unknown option 'paint'"),
    ],
)
def test_what_cannot_be_ordered_is_named(given: dict[str, Any], text: str) -> None:
    with pytest.raises(OptionsError) as caught:
        PaintRequest.of(given)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_nested_order_is_checked_as_well() -> None:
    with pytest.raises(OptionsError, match="unknown option 'device'"):
        PaintRequest(paint={"device": "cpu"})


def test_strength_up_to_all_is_that_of_the_painter() -> None:
    options = PaintRequest.of({"strength": 0.5}).options()
    assert options.strength == 0.5
    assert options.style_weight == PaintOptions().style_weight


@pytest.mark.parametrize(("strength", "factor"), [(1.0, 1.0), (1.25, 10**0.5), (1.5, 10.0)])
def test_strength_beyond_is_in_orders_of_magnitude(strength: float, factor: float) -> None:
    options = PaintRequest.of({"strength": strength, "style_weight": 2.0}).options()
    assert options.strength == 1
    assert options.style_weight == pytest.approx(2 * factor)


def test_colours_are_those_of_the_painter() -> None:
    assert PaintRequest.of({"color": "luminance"}).options().color == "luminance"


def test_the_studios_choices_are_added() -> None:
    options = PaintRequest.of({"size": 64, "strength": 0.5}).options(history=7, max_memory=2**30)
    assert (options.size, options.history, options.max_memory) == (64, 7, 2**30)


@given(
    strength=st.floats(0.1, 1.5),
    color=st.sampled_from(COLORS),
    format=st.sampled_from(FORMATS),
    paint=st.fixed_dictionaries(
        {},
        optional={
            "size": st.integers(1, 4096),
            "steps": st.integers(1, 5000),
            "seed": st.integers(0, 2**31),
            "style_scale": st.floats(0.1, 10),
            "init": st.sampled_from(["matched", "content", "noise", "style"]),
            "style_layers": st.just("relu1_1:0.5,relu2_1"),
            "preset": st.sampled_from(["default", "paper"]),
        },
    ),
)
def test_an_order_comes_back_from_the_database_as_it_was(
    strength: float, color: str, format: str, paint: dict[str, Any]
) -> None:
    order = PaintRequest.of({"strength": strength, "color": color, "format": format, **paint})
    again = PaintRequest.of(json.loads(json.dumps(order.flat())))
    assert again == order
    assert again.options() == order.options()


@given(
    st.dictionaries(
        st.text(max_size=12) | st.sampled_from([*STEERED, "strength", "color"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=9)
        | st.lists(st.integers(), max_size=3),
        max_size=3,
    )
)
def test_nonsense_is_refused_in_one_line(given: dict[str, Any]) -> None:
    try:
        order = PaintRequest.of(given)
    except OptionsError as error:
        message = str(error)
    else:
        message = str(order.options())
    assert message
    assert "\n" not in message
