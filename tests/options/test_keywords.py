"""What editors show as keyword parameters is what the options take."""

from __future__ import annotations

import dataclasses
import inspect
import typing

import pytest

import impasto
from impasto.options import (
    ApplyOptions,
    LearnOptions,
    PaintOptions,
    TrainOptions,
    VideoOptions,
    keywords,
)


def names(options: type) -> set[str]:
    return {field.name for field in dataclasses.fields(options)}


OF_THE_NETWORK = {"backend", "device", "jobs", "mask"}  # these, and the mask, come otherwise


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (PaintOptions, keywords.PaintKeywords),
        (TrainOptions, keywords.TrainKeywords),
        (LearnOptions, keywords.LearnKeywords),
        (ApplyOptions, keywords.StylizeKeywords),
    ],
)
def test_keywords_are_the_fields_of_options(options: type, shown: type) -> None:
    expected = names(options) - (OF_THE_NETWORK if options is ApplyOptions else set())
    assert shown.__optional_keys__ == expected
    assert not shown.__required_keys__


def test_keywords_of_films_are_those_of_both_options() -> None:
    expected = names(VideoOptions) | names(ApplyOptions) - {"jobs"}
    assert keywords.VideoKeywords.__optional_keys__ == expected


@pytest.mark.parametrize(
    ("function", "shown"),
    [
        (impasto.paint, keywords.PaintKeywords),
        (impasto.train, keywords.TrainKeywords),
        (impasto.learn, keywords.LearnKeywords),
        (impasto.Network.__call__, keywords.StylizeKeywords),
        (impasto.stylize_video, keywords.VideoKeywords),
    ],
)
def test_functions_show_their_keywords(function: object, shown: type) -> None:
    last = list(inspect.signature(function).parameters.values())[-1]
    assert last.kind is inspect.Parameter.VAR_KEYWORD
    assert last.annotation == f"Unpack[{shown.__name__}]"
    assert typing.is_typeddict(shown)
