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
from impasto.zoo.rows import read_rows

FILES = sorted(registry.BUNDLED.glob("*"))
GALLERY = read_rows(registry.BUNDLED / "gallery.safetensors")
PACKS = {path.stem: read_pack(path) for path in FILES if path.stem != "gallery"}
LEARNT = {row.card.name: row for row in GALLERY.rows}


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


def test_sixty_more_are_rows_on_the_network_that_ships():
    assert (registry.BUNDLED / "gallery.safetensors").stat().st_size < 500_000
    network = registry.network("quality")
    assert (GALLERY.architecture, GALLERY.body) == ("quality", network.body)
    assert len(LEARNT) >= 60
    assert not LEARNT.keys() & set(network.styles)
    assert len({row.card.group for row in GALLERY.rows}) >= 6


@pytest.mark.parametrize("name", LEARNT)
def test_the_card_of_a_learnt_style_says_where_it_comes_from(name):
    row = LEARNT[name]
    card = row.card
    assert all([card.title, card.painter, card.licence, card.source, card.group, card.words])
    assert re.search(r"1[2-9]\d\d", card.year)
    assert not re.search("NC|ND|NonCommercial|NoDeriv|Scholarly", card.licence)
    assert re.fullmatch(r"[0-9a-f]{64}", card.sha256)
    assert 0.5 <= card.distance < 1
    assert row.learning["crops"] > 100
    assert not row.painting, "no file of a painting goes along"


@pytest.mark.parametrize("name", LEARNT)
def test_a_photo_in_a_learnt_style_is_still_to_be_seen(name):
    whole = photo("astronaut")[:256, 64:320, :3].copy()
    made = np.asarray(impasto.load(name)(whole).image)
    assert np.abs(made.astype(float) - whole).mean() > 8
    grey = [block_reduce(picture.mean(2), 4, np.mean) for picture in (whole, made)]
    a, b = ((g - g.mean()) / g.std() for g in grey)
    assert structural_similarity(a, b, data_range=4) > 0.15  # of another photo: 0.0


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
