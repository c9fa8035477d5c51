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
PAINTED = [(pack.card.architecture, style) for pack in PACKS.values() for style in pack.styles[1:]]
FACE = photo("astronaut")[:384, :384, :3].copy()


@pytest.fixture(scope="module")
def network():
    """What opens a network by one of its styles, once, and has it paint in any of them."""
    opened = {}

    def of(size, style):
        if size not in opened:
            opened[size] = impasto.load(f"{size}/{style}", threads=1)
        assert style in opened[size].pack.styles
        opened[size].shares = {style: 1.0}
        return opened[size]

    return of


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


def distance(made, whole):
    return np.abs(made.astype(float) - whole).mean()


def similarity(made, whole):
    """Colours and strokes may differ; what is where may not. Of another photo it is 0.0."""
    grey = [block_reduce(picture.mean(2), 4, np.mean) for picture in (whole, made)]
    a, b = ((g - g.mean()) / g.std() for g in grey)
    return structural_similarity(a, b, data_range=4)


@pytest.mark.parametrize("name", LEARNT)
def test_a_photo_in_a_learnt_style_is_still_to_be_seen(name, network):
    whole = FACE[:256, 64:320].copy()
    made = np.asarray(network("quality", name)(whole).image)
    assert distance(made, whole) > 8
    assert similarity(made, whole) > 0.15


@pytest.mark.parametrize(("size", "style"), PAINTED)
def test_a_photo_is_painted_and_still_to_be_seen(size, style, network):
    made = np.asarray(network(size, style)(FACE).image)
    assert distance(made, FACE) > 10
    assert similarity(made, FACE) > 0.15


@pytest.mark.parametrize(("size", "style"), dict(PAINTED).items())  # one of each network
def test_the_more_strength_the_further_from_the_photo(size, style, network):
    strengths = (0, 0.25, 0.5, 0.75, 1)
    made = [np.asarray(network(size, style)(FACE, strength=s).image) for s in strengths]
    np.testing.assert_array_equal(made[0], FACE)
    assert all(a < b for a, b in pairwise(distance(picture, FACE) for picture in made))


def test_every_style_is_found_by_its_name():
    assert registry.catalogue().keys() >= {style for _, style in PAINTED} | LEARNT.keys()
