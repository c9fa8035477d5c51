"""What editors show as keyword parameters is what the options take."""

from __future__ import annotations

import dataclasses
import inspect
import typing

import pytest

import impasto
from impasto.options import ApplyOptions, LearnOptions, PaintOptions, TrainOptions, keywords

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
    fields = {field.name for field in dataclasses.fields(options)}
    if options is ApplyOptions:
        fields -= OF_THE_NETWORK
    assert set(shown.__annotations__) == fields
    assert not shown.__required_keys__


@pytest.mark.parametrize(
    ("function", "shown"),
    [
        (impasto.paint, keywords.PaintKeywords),
        (impasto.train, keywords.TrainKeywords),
        (impasto.learn, keywords.LearnKeywords),
        (impasto.Network.__call__, keywords.StylizeKeywords),
    ],
)
def test_functions_show_their_keywords(function: object, shown: type) -> None:
    last = list(inspect.signature(function).parameters.values())[-1]
    assert last.kind is inspect.Parameter.VAR_KEYWORD
    assert last.annotation == f"Unpack[{shown.__name__}]"
    assert typing.is_typeddict(shown)
