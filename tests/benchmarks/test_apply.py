"""What is measured of networks, and what the scripts make of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from types import SimpleNamespace

import apply_look as look
import apply_size
import apply_speed as speed
import apply_strokes as strokes
import judge
import numpy as np
import pytest
import torch
from apply_size import Case, random_pack
from commands import Ran
from judge import Judge, Seen

from apply import making
from impasto import Network
from impasto.images import read_picture, resize, save_picture
from impasto.images.picture import eight_bits, floats
from impasto.samples import photo
from impasto.zoo.cards import PackCard
from impasto.zoo.pack import Pack, write_pack

pytestmark = pytest.mark.usefixtures("networks_thin")


def test_times_are_compared_turn_by_turn():
    ratio, spread = speed.compared([2.0, 3.0, 8.0], [1.0, 1.0, 2.0])
    assert (ratio, spread) == (3.0, "2.00 to 4.00")


def test_speed_and_memory_are_told_beside_the_peer_s():
    measured = {
        speed.PEER: {"seconds": [1.0, 1.0, 1.0], "peak": 2e9},
        "standard": {"seconds": [0.5, 0.4, 0.3], "peak": 1e9},
        "turbo": {"seconds": [0.2, 0.2, 0.2], "peak": 3e9},
        "quality": {"seconds": [0.6, 0.6, 0.6], "peak": 2e9},
    }
    rows = {row.what: row for row in speed.warm_rows(512, measured)}
    assert rows["512: standard, pictures a second"].value == 2.5
    assert rows["512: standard, times the peer's speed (2.00 to 3.33)"].met is False
    assert rows["512: quality, times the peer's speed (1.67 to 1.67)"].met is True
    assert rows["512: turbo, times the peer's speed (5.00 to 5.00)"].met is True
    assert rows["512: standard, of the peer's memory"].met is True
    assert rows["512: turbo, of the peer's memory"].met is False
    large = [row.what for row in speed.warm_rows(2048, measured)]
    assert "2048: turbo, times the peer's speed (5.00 to 5.00), in 2 passes" in large


def test_cold_commands_are_told_beside_the_peer_s():
    seconds = {"turbo": [1.1, 1.3], "standard": [0.9, 0.9], "quality": [1.1, 1.3]}
    rows = speed.cold_rows("png", {speed.PEER: [1.0, 1.0], **seconds})
    assert [row.met for row in [rows[0], *rows[1::2]]] == [None] * 4, "seconds are of the machine"
    assert [row.met for row in rows[2::2]] == [None, True, False]
    assert rows[-1].value == pytest.approx(1.2)


def test_without_a_pack_weights_are_random_and_said_to_be(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "known", tuple)
    asked = SimpleNamespace(packs=None, models=["turbo"])
    (model,) = speed.chosen(asked, tmp_path)
    assert model == speed.Model("turbo", f"{tmp_path}/turbo.safetensors/any", random=True)
    given = SimpleNamespace(packs=[tmp_path / "turbo.safetensors"], models=[])
    assert list(speed.chosen(given, tmp_path)) == [replace(model, random=False)]


def test_a_pack_that_ships_is_what_is_measured(tmp_path, monkeypatch):
    entry = SimpleNamespace(
        pack=random_pack("turbo"), bundled=True, path=tmp_path / "t.safetensors", styles=("any",)
    )
    monkeypatch.setattr(speed, "known", lambda: (entry,))
    (model,) = speed.chosen(SimpleNamespace(packs=None, models=["turbo"]), tmp_path)
    assert model == speed.Model("turbo", f"{tmp_path}/t.safetensors/any", random=False)


def test_commands_take_turns(tmp_path, monkeypatch):
    ran = []

    def run(*words):
        ran.append(words[0])
        return Ran("", 1.0, 1)

    monkeypatch.setattr(speed, "run", run)
    asked = SimpleNamespace(peers=tmp_path / "bin" / "python", backend="auto", cold=2)
    model = speed.Model("turbo", "x.safetensors/any", random=True)
    seconds = speed.cold("png", [model], asked, tmp_path)
    assert seconds == {speed.PEER: [1.0, 1.0], "turbo": [1.0, 1.0]}
    assert ran == [tmp_path / "bin" / speed.PEER, speed.IMPASTO] * 3, "the first are not timed"


def test_sizes_are_read_with_their_format():
    case = Case.of("12288x8192:2GB:jpg")
    assert (case.gigabytes, case.extension, str(case)) == (2, "jpg", "12288x8192:jpg")
    assert Case.of("40x30") == Case(40, 30)
    with pytest.raises(apply_size.ArgumentTypeError):
        Case.of("40x30:2GB:gif")


def test_a_size_goes_from_file_to_file():
    pytest.importorskip("onnxruntime")
    asked = SimpleNamespace(model="turbo", backend="onnx", threads=None)
    result = apply_size.measured(Case.of("90x70:2GB:jpg"), "64", asked)
    assert result.seconds == result.ran.seconds > 0
    assert result.ran.peak > 10e6
    assert [row.met for row in apply_size.rows(result)] == [True, None]


@pytest.fixture(scope="module")
def eye(keep_networks):
    with pytest.MonkeyPatch.context() as patch:
        keep_networks(patch)
        return Judge("cpu")


@pytest.fixture(scope="module")
def gallery(eye, tmp_path_factory):
    """A pack of two styles at random, in whose paintings `paint` takes two steps."""
    folder = tmp_path_factory.mktemp("paintings")
    pack = making.pack("turbo")
    cards = [pack.card.styles[0]]
    # Any pictures will do for paintings; our own take seconds to draw.
    for name, rgb in (("dots", photo("rocket")[::8, ::8]), ("swirls", photo("chelsea")[::5, ::5])):
        file = folder / f"{name}.png"
        save_picture(rgb, file)
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        cards.append(replace(pack.card.styles[1], name=name, sha256=sha256))
    (folder / "notes.txt").write_text("no painting")
    card = PackCard(architecture="turbo", styles=tuple(cards))
    pack = Pack(card, pack.tensors, "any", "f" * 64)
    made = look.Gallery(eye, {"turbo": pack}, 64, 2, tmp_path_factory.mktemp("cache"))
    made.folder = folder
    return made


@pytest.fixture(scope="module")
def pairs(gallery):
    paintings = look.matched(gallery.packs["turbo"].card.styles[1:], gallery.folder)
    return [(painting, SHOT) for painting in paintings]


SHOT = look.Shot("cup", photo("coffee")[::8, ::8][:48, :64])


def test_errors_are_relative_and_weighted_by_their_shares():
    one = torch.ones(2, 2)
    grams = {(part, layer): one for part in judge.STYLE_SIZES for layer in judge.STYLE_LAYERS}
    target = Seen(grams, dict.fromkeys(judge.CONTENT_SIZES, one))
    assert judge.score(target, target, target) == judge.Score(0, 0)
    twice = Seen({at: 2 * G for at, G in grams.items()}, {1: one, 2: 3 * one, 4: one})
    assert judge.style_error(twice, target) == pytest.approx(1)
    assert judge.content_error(twice, target) == pytest.approx(0.5 * 4)
    deep = Seen({**grams, (4, "relu4_1"): 3 * one}, target.features)
    assert judge.style_error(deep, target) == pytest.approx(4 * 0.5 / 2.5 * 1 / 1.9)


def test_it_looks_at_a_half_and_a_quarter_of_the_size(eye):
    rgb = photo("astronaut")[:256, :256]
    whole, half = eye.see(rgb), eye.see(eight_bits(resize(rgb, 128, 128)))
    for layer in judge.STYLE_LAYERS:
        difference = whole.grams[2, layer] - half.grams[1, layer]
        assert difference.norm() < 0.2 * half.grams[1, layer].norm()
    assert whole.features[4].shape == (1, 512, 8, 8)


def test_nothing_lies_beyond_the_edges(eye):
    """The features of one colour are one everywhere; the Gram matrix is their product."""
    seen = eye.see(np.full((64, 96, 3), 90, np.uint8))
    most, least = seen.features[1].amax((2, 3)), seen.features[1].amin((2, 3))
    assert (most - least).max() < 1e-3 * most.max()
    assert torch.linalg.matrix_rank(seen.grams[1, "relu3_1"], rtol=1e-3) == 1


def test_everybody_is_scored_and_what_was_painted_is_kept(gallery, pairs, monkeypatch, tmp_path):
    sheet, pairs = tmp_path / "sheet.png", pairs[:1]
    found = look.look(gallery, pairs, sheet)
    first = found[0]["scores"]
    assert list(first) == ["photo", "paint", "turbo"]
    assert first["photo"]["content"] == 0
    assert first["paint"]["style"] < first["photo"]["style"]
    assert read_picture(sheet).width == look.sheet_width(3, 480)
    monkeypatch.setattr(look, "paint", None)
    assert look.look(gallery, pairs, None) == found, "what is there is not painted again"


def test_means_are_told_beside_those_of_paint(gallery):
    def pair(style, paint, network, content):
        scores = {"photo": (0.6, 0.0), "paint": (paint, 1.0), "turbo": (network, content)}
        named = {name: {"style": s, "content": c} for name, (s, c) in scores.items()}
        return {"style": style, "photo": "cup", "scores": named}

    found = [pair("dots", 0.04, 0.06, 0.5), pair("swirls", 0.06, 0.12, 1.3)]
    rows = {row.what: row for row in look.look_rows(found, gallery.packs)}
    ratio = rows["turbo: style error, times paint's"]
    assert (ratio.value, ratio.at_most, ratio.met) == (pytest.approx(1.8), 2.1, True)
    assert rows["turbo: content error"].met is True
    assert rows["photo: style error"].value == pytest.approx(0.6)
    assert "| cup, swirls | 0.600 (0.00) | 0.060 (1.00) | 0.120 (1.30) |" in look.of_pairs(found)
    for one in found:
        del one["scores"]["paint"]
    (*_, content) = look.look_rows(found, gallery.packs)
    assert content.met is None, "without a painting there is nothing to compare with"


def test_strength_begins_at_the_photo(gallery, pairs):
    (first, _) = look.strengths(gallery, pairs)
    assert first["contents"][0] == pytest.approx(0, abs=1e-6)
    own = eight_bits(Network(gallery.packs["turbo"], {"dots": 1})(SHOT.rgb).samples)
    whole = gallery.score(own, pairs[0])
    assert (first["styles"][-1], first["contents"][-1]) == (whole.style, whole.content)


def test_mixtures_go_from_one_style_to_the_other(gallery, pairs):
    (mixed,) = look.mixtures(gallery, pairs)
    assert mixed["of"] == ["dots", "swirls"]
    alone = gallery.applied(gallery.packs["turbo"], {"swirls": 1.0}, SHOT)
    assert mixed["errors"][1][-1] == pytest.approx(gallery.score(alone, pairs[1]).style)


def test_errors_have_to_go_one_way():
    def one(styles, contents=(0, 1, 2)):
        return {"model": "turbo", "styles": styles, "contents": contents}

    mixed = [{"model": "turbo", "errors": ((1, 2, 3), (3, 2, 4))}]
    rows = look.way_rows([one((3, 2, 1)), one((3, 2, 2))], mixed)
    assert [(row.value, row.met) for row in rows] == [(0.5, False), (1.0, True), (0.5, False)]
    assert look.way_rows([one((3, 2, 1), (0, 1, 1))], [])[1].value == 0


def test_the_largest_normalised_value_is_found(gallery):
    """One place of n at 1, all others at 0, is √(n - 1) standard deviations from the mean."""
    largest = {}
    x = torch.zeros(1, 2, 4, 4)
    x[0, 1, 2, 3] = 1
    look.watching(largest)("norm", x)
    assert largest["norm"] == pytest.approx(15**0.5, rel=1e-3)
    assert x.sum() == 1, "the network goes on with what it had"
    pack, other = gallery.packs["turbo"], look.Shot("other", SHOT.rgb[:, ::-1].copy())
    alone = [look.spikes(pack, ["dots"], [shot], "cpu")["dots"] for shot in (SHOT, other)]
    assert alone[0]["norm"] in [norm.name for norm in pack.architecture.norms]
    both = look.spikes(pack, ["dots"], [SHOT, other], "cpu")["dots"]
    assert both["value"] == max(found["value"] for found in alone) == max(both["norms"].values())
    assert list(both["norms"]) == [norm.name for norm in pack.architecture.norms]
    (row,) = look.spike_rows({"turbo": {"dots": {"value": 9.0, "photo": "cup", "norm": "eighth"}}})
    assert row.met is False


def test_paintings_are_known_by_their_hash(gallery, tmp_path):
    cards = gallery.packs["turbo"].card.styles[1:]
    assert [p.path.name for p in look.matched(cards, gallery.folder)] == ["dots.png", "swirls.png"]
    with pytest.raises(SystemExit, match="the paintings of dots, swirls are not there"):
        look.matched(cards, tmp_path)


def test_styles_are_those_that_all_networks_have(gallery):
    turbo = gallery.packs["turbo"]
    packs = {"turbo": turbo, "other": turbo.only(["original", "swirls"])}
    assert [card.name for card in look.chosen(packs, None)] == ["swirls"]
    with pytest.raises(SystemExit, match="other has no style dots"):
        look.chosen(packs, ["dots"])


def test_photos_are_named_ones_else_evenly_chosen(tmp_path):
    for i in range(5):
        save_picture(np.full((40, 80, 3), i * 50, np.uint8), tmp_path / f"{i}.png")
    shots = list(look.photographs(tmp_path, 2, 20, ("3.png", "missing.png")))
    assert [(shot.name, shot.rgb.shape) for shot in shots] == [
        ("0.png", (10, 20, 3)),
        ("2.png", (10, 20, 3)),
    ]
    named = look.photographs(tmp_path, 1, 20, ("3.png", "1.png"))
    assert [shot.name for shot in named] == ["3.png"]
    assert [shot.name for shot in look.photographs(None, 9, 32)] == list(look.PHOTOS)


def test_every_style_meets_every_photo_or_one_in_rotation(pairs, tmp_path):
    paintings = [painting for painting, _ in pairs]
    asked = SimpleNamespace(photos=None, size=32, count=2, pairs="all")
    first, second = look.PHOTOS[0], look.PHOTOS[len(look.PHOTOS) // 2]
    met = [(p.style, shot.name) for p, shot in look.paired(paintings, asked)]
    assert met == [("dots", first), ("swirls", first), ("dots", second), ("swirls", second)]
    asked.pairs = "rotate"
    met = [(p.style, shot.name) for p, shot in look.paired(paintings, asked)]
    assert met == [("dots", first), ("swirls", second)]
    asked.pairs = "three"
    with pytest.raises(SystemExit, match="classic_tubingen"):
        look.paired(paintings, asked)
    for name in look.THREE.values():
        save_picture(np.zeros((9, 9, 3), np.uint8), tmp_path / f"{name[:-4]}.jpg")
    asked.photos = tmp_path
    waves = [replace(painting, style="wave") for painting in paintings[:1]]
    assert [shot.name for _, shot in look.paired(waves, asked)] == ["classic_golden-gate.jpg"]


def test_it_is_told_from_end_to_end(gallery, eye, tmp_path, monkeypatch, capsys):
    file, shown = tmp_path / "two.safetensors", tmp_path / "photos"
    write_pack(gallery.packs["turbo"], file)
    shown.mkdir()
    save_picture(SHOT.rgb, shown / "cup.png")
    monkeypatch.setattr(look, "keep_freed_memory", lambda: None)
    monkeypatch.setattr(look, "Judge", lambda device: {"cpu": eye}[device])
    monkeypatch.setattr(look, "paint", lambda rgb, *_, **__: SimpleNamespace(rgb=rgb))
    words = ["--packs", file, "--paintings", gallery.folder, "--photos", shown]
    words += ["--size", "64", "--steps", "1", "--device", "cpu", "--cache", tmp_path / "kept"]
    look.main([str(word) for word in words])
    printed = capsys.readouterr()
    for part in ("two: style error, times paint's", "two, strength 0 to 1", "two, mixtures"):
        assert part in printed.out
    assert "two, swirls: largest normalised value (cup.png, " in printed.out
    assert "| cup.png, dots |" in printed.out
    assert "pair 2 of 2, cup.png, swirls: photo " in printed.err
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_grain_is_grey_and_as_coarse_as_asked():
    grained = strokes.grain(np.full((160, 200, 3), 0.5, np.float32), 4)
    assert floats(grained).std() * 255 == pytest.approx(4, rel=0.05)
    assert (grained == grained[..., :1]).all()


def test_large_and_small_are_compared_beside_two_seeds(gallery, tmp_path, capsys):
    """The commands run; a picture of so few pixels is painted in one pass, whatever its size."""
    file = tmp_path / "two.safetensors"
    write_pack(gallery.packs["turbo"], file)
    save_picture(photo("coffee")[::4, ::4], tmp_path / "photo.png")
    words = ["--photo", tmp_path / "photo.png", "--packs", file, "--styles", "dots"]
    words += ["--megapixels", "0.06", "--small", "150", "--sheet", tmp_path / "sheet.png"]
    strokes.main([str(word) for word in words])
    printed = capsys.readouterr().out
    assert f"{file}/dots, large and small: similarity at 128 px" in printed
    assert "megapixels: peak memory" in printed
    assert read_picture(tmp_path / "sheet.png").width == strokes.sheet_width(3, 150)


def test_large_has_to_be_as_like_small_as_another_seed():
    alike = {"composition": 0.9, "strokes": 0.5, "colour": 0.95, "difference": 0.1}
    found = {
        "megapixels": 12.0,
        "large": {**alike, "strokes": 0.4},
        "another seed": alike,
        "seconds": {"large": 9.0, "small": 1.0},
        "peak": {"large": 1e9, "small": 5e8},
    }
    rows = strokes.rows("quality/starry", found)
    assert [row.met for row in rows] == [True, False, True, True, None, None, None, None]
    assert rows[5].value == 1
