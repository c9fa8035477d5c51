"""Shares of styles, layer by layer, and of pictures of one hand."""

from __future__ import annotations

import pytest

from impasto.errors import OptionsError
from impasto.losses.blend import blend_shares, layer_shares, shares_of

BY_LAYER = (("relu1_1", (1.0, 0.0)), ("relu4_1", (1.0, 3.0)))


def test_a_layer_has_its_own_shares_and_others_equal_ones():
    assert layer_shares(BY_LAYER, 2, "relu1_1") == [1, 0]
    assert layer_shares(BY_LAYER, 2, "relu4_1") == [0.25, 0.75]
    assert layer_shares(BY_LAYER, 2, "relu2_1") == [0.5, 0.5]
    assert layer_shares((3.0, 1.0), 2, "relu2_1") == [0.75, 0.25]
    assert layer_shares(None, 4, "relu2_1") == [0.25] * 4


def test_over_all_layers_it_is_their_mean():
    assert blend_shares(BY_LAYER, 2) == [0.625, 0.375]
    assert blend_shares((3.0, 1.0), 2) == [0.75, 0.25]


def test_the_counts_must_fit():
    for blend in ((1.0,), (("relu1_1", (1.0, 0.0, 1.0)),)):
        with pytest.raises(OptionsError, match="but 2 styles were given"):
            blend_shares(blend, 2)


def test_pictures_of_one_hand_share_alike():
    hands = [0, 0, 0, 1]
    assert shares_of((1.0, 1.0), hands, hands, "relu1_1") == pytest.approx([1 / 6] * 3 + [1 / 2])


def test_where_some_do_not_belong_the_others_fill_in():
    assert shares_of((1.0, 3.0), [0, 1], [1], "relu1_1") == [1]
    assert shares_of(BY_LAYER, [0, 1], [1], "relu1_1") == [1]  # all of it was to be style 0
