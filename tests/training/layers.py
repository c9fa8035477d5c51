"""Learners as tests run them."""

from __future__ import annotations

from functools import partial

import pytest

from impasto.options import TrainOptions


def few_layers(patch: pytest.MonkeyPatch) -> None:
    """Have learners look through few layers."""
    few = partial(
        TrainOptions,
        style_layers="relu1_1,relu2_1",
        style_sizes="1:1",
        content_layers="relu2_2",
        content_sizes="1:1",
    )
    patch.setattr("impasto.training.learner.TrainOptions", few)
