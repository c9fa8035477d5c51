"""Options of applying a network: tiles."""

from __future__ import annotations

import pytest

from impasto.options import ApplyOptions
from options.refusing import refused


@pytest.mark.parametrize(
    ("value", "tile"), [("auto", "auto"), (512, 512), ("512", 512), (64, 64), ("65500", 65_500)]
)
def test_a_tile_has_two_notations(value, tile):
    assert ApplyOptions(tile=value).tile == tile


@pytest.mark.parametrize(
    "value", [0, 63, "63", 65_501, "", "big", "5e2", "-512", "٣٣٣", 512.0, True, None, []]
)
def test_a_tile_that_makes_no_sense(value):
    assert refused(ApplyOptions, tile=value).startswith("--tile must be auto or 64 to 65500")
