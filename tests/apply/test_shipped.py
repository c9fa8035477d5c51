"""The packs that come with Impasto."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import numpy as np
import pytest
from skimage.measure import block_reduce
from skimage.metrics import structural_similarity

import impasto
from impasto.options import MODELS
from impasto.samples import photo
from impasto.zoo import registry
from impasto.zoo.pack import read_pack

FILES = sorted(registry.BUNDLED.glob("*"))
PACKS = {path.stem: read_pack(path) for path in FILES}


def test_there_are_nine_styles_of_each_size_in_six_megabytes():
    assert sum(path.stat().st_size for path in FILES) <= 6e6
    assert {pack.card.architecture for pack in PACKS.values()} == set(MODELS)
    assert all(len(set(pack.styles)) >= 1 + 9 for pack in PACKS.values())


@pytest.mark.parametrize("name", PACKS)
def test_cards_say_where_a_style_comes_from(name):
    pack = PACKS[name]
    assert pack.has_original
    for card in pack.card.styles[1:]:
        assert all([card.title, card.painter, card.licence])
        assert re.fullmatch(r"1[4-9]\d\d", card.year)
        assert re.fullmatch(r"[0-9a-f]{64}", card.sha256)
        assert card.size > 0
        assert 0.5 < card.distance < 1
    training = pack.card.training
    assert training.get("made") or training["command"].startswith("impasto train ")
    assert training["samples"] > 1000
    assert not re.search(r"[ \"]/", json.dumps(training)), "no path of a machine"


@pytest.mark.parametrize(
    "name", [f"{p.card.architecture}/{s}" for p in PACKS.values() for s in p.styles[1:]]
)
def test_a_photo_is_painted_and_still_to_be_seen(name):
    whole = photo("astronaut")[:384, :384, :3].copy()
    network = impasto.load(name)
    strengths = (0, 0.25, 0.5, 0.75, 1)
    made = [np.asarray(network(whole, strength=s).image) for s in strengths]
    np.testing.assert_array_equal(made[0], whole)
    far = [np.abs(picture.astype(float) - whole).mean() for picture in made]
    assert all(a < b for a, b in pairwise(far))
    assert far[-1] > 10
    # Colours and strokes may differ; what is where may not.
    grey = [block_reduce(picture.mean(2), 4, np.mean) for picture in (whole, made[-1])]
    a, b = ((g - g.mean()) / g.std() for g in grey)
    assert structural_similarity(a, b, data_range=4) > 0.15  # of another photo: 0.0
