"""What is measured of networks, and what the scripts make of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from types import SimpleNamespace

import apply_quality as quality
import apply_size
import apply_speed as speed
import numpy as np
import pytest
import torch
from apply_size import Case, random_pack
from commands import Ran
from judge import Judge, agreed

from apply import making
from impasto.images import save_picture
from impasto.options import TrainOptions
from impasto.samples import painting, photo
from impasto.zoo.cards import PackCard
from impasto.zoo.pack import Pack, write_pack

OPTIONS = TrainOptions(
    model="turbo",
    style_size=64,
    style_layers="relu1_1:1,relu2_1:3",
    content_layer="relu2_2",
    tv_weight=0.3,
    device="cpu",
)


def test_times_are_compared_turn_by_turn():
    ratio, spread = speed.compared([2.0, 3.0, 8.0], [1.0, 1.0, 2.0])
    assert (ratio, spread) == (3.0, "2.00 to 4.00")


def test_speed_and_memory_are_told_beside_the_peer_s():
    measured = {
        speed.PEER: {"seconds": [1.0, 1.0, 1.0], "peak": 2e9},
        "standard": {"seconds": [0.5, 0.4, 0.3], "peak": 1e9},
        "turbo": {"seconds": [0.3, 0.3, 0.3], "peak": 3e9},
    }
    rows = {row.what: row for row in speed.warm_rows(512, measured)}
    assert rows["512: standard, pictures a second"].value == 2.5
    assert rows["512: standard, times the peer's speed (2.00 to 3.33)"].met is True
    assert rows["512: turbo, times the peer's speed (3.33 to 3.33)"].met is False
    assert rows["512: standard, of the peer's memory"].met is True
    assert rows["512: turbo, of the peer's memory"].met is False


def test_cold_commands_are_told_beside_the_peer_s():
    rows = speed.cold_rows("png", {speed.PEER: [1.0, 1.0], "turbo": [1.1, 1.3]})
    assert [row.met for row in rows] == [None, False, False]
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
def trial(tmp_path_factory):
    """A pack of two styles at random, that says it was trained; its paintings and a cache."""
    folder = tmp_path_factory.mktemp("paintings")
    pack = making.pack("turbo")
    cards = [pack.card.styles[0]]
    for name, size in (("dots", 90), ("swirls", 64)):
        file = folder / f"{name}.png"
        save_picture(painting(name, size, 50), file)
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        cards.append(replace(pack.card.styles[1], name=name, sha256=sha256, weight=2.5))
    (folder / "notes.txt").write_text("no painting")
    card = PackCard(
        architecture="turbo", styles=tuple(cards), training={"options": OPTIONS.to_dict()}
    )
    pack = Pack(card, pack.tensors, "any", "f" * 64)
    paintings = quality.matched(cards[1:], folder)
    judge = Judge(pack, "cpu")
    return quality.Trial(pack, judge, paintings, tmp_path_factory.mktemp("cache"))


SHOT = quality.Photo("cup", photo("coffee")[::10, ::10].astype(np.float32) / 255)


def test_the_painter_s_objective_is_the_training_s(trial, monkeypatch):
    """At the photo and at what was painted: with the wrong weights it would say so."""
    once = trial.compare("dots", SHOT, 4)
    assert once["lbfgs"]["total"] < 0.9 * once["network"]["total"]
    terms = once["lbfgs"]
    assert terms["total"] >= terms["content"] + 2.5 * terms["style"]
    assert once["lbfgs_way"][-1] == pytest.approx(terms["total"], rel=1e-3)
    assert once["content"][0] == pytest.approx(0, abs=1e-6), "strength 0 is the photo"
    assert once["style"][4] == once["network"]["style"]
    monkeypatch.setattr(trial.judge, "paint", None)
    assert trial.compare("dots", SHOT, 4) == once, "what is known is not computed again"


def test_scorings_that_differ_end_the_program(trial, monkeypatch):
    agreed(1.0, 1.0005)
    with pytest.raises(SystemExit, match="the scorings differ"):
        agreed(1.0, 1.002)
    monkeypatch.setattr("judge._LEVELS", 1)
    with pytest.raises(SystemExit, match="the scorings differ"):
        trial.compare("swirls", SHOT, 2)


def test_a_mixture_goes_from_one_style_to_the_other(trial):
    mixed = trial.mix("dots", "swirls", SHOT)
    assert mixed["styles"] == ["dots", "swirls"]
    content = trial.judge.loss.content(trial.judge.tensor(SHOT.rgb))
    alone = trial._applied({"swirls": 1.0}, SHOT, 1.0)
    assert mixed["terms"][1][-1] == pytest.approx(trial._score("swirls", alone, content).style)
    assert len(mixed["terms"][0]) == len(quality.SHARES)


def test_paintings_are_known_by_their_hash(trial, tmp_path):
    with pytest.raises(SystemExit, match="the paintings of dots, swirls are not there"):
        quality.matched(trial.pack.card.styles[1:], tmp_path)


def test_photos_are_evenly_chosen(tmp_path):
    for i in range(5):
        save_picture(np.full((40, 80, 3), i * 50, np.uint8), tmp_path / f"{i}.png")
    chosen = list(quality.photographs(tmp_path, 2, 20))
    assert [(shot.name, shot.rgb.shape) for shot in chosen] == [
        ("0.png", (10, 20, 3)),
        ("2.png", (10, 20, 3)),
    ]
    assert [shot.name for shot in quality.photographs(None, 9, 32)] == list(quality.PHOTOS)


def found(network, *, style=(6, 5, 4, 3, 2, 1), content=(0, 1, 2, 3, 4, 5)):
    return {
        "photo": "cup",
        "network": {"total": network},
        "lbfgs": {"total": 2.0},
        "lbfgs_way": [8.0, 6.0, 4.0, 3.0, 2.0],
        "lbfgs_clipped": {"total": 4.0},
        "style": style,
        "content": content,
    }


def test_ratios_and_the_worst_of_them_are_told():
    trials = {"dots": [found(2.0), found(4.0), found(3.0)], "swirls": [found(5.0)]}
    rows = {row.what: row.value for row in quality.ratio_rows(trials)}
    assert rows["dots: loss, of that of L-BFGS (1.000 to 2.000)"] == 1.5
    assert rows["all: loss, of that of L-BFGS"] == 1.75
    assert rows["all: the same, of its picture clipped"] == 0.875
    assert rows["worst: swirls on cup"] == 2.5
    assert rows["all: steps of L-BFGS it is worth (2 to 4)"] == 2.5
    assert quality.steps_to(found(1.9)) == 5, "all that it took were not enough"


def test_terms_have_to_go_one_way():
    trials = {"dots": [found(1.0), found(1.0, style=(5, 4, 3, 2, 1, 1))]}
    falls, rises, falls_on, rises_on = quality.strength_rows(trials)
    assert (falls.value, falls.met) == (rises.value, rises.met) == (1.0, True)
    assert falls_on.what == "strength 0 to 1.25: pairs whose style term falls"
    assert (falls_on.value, falls_on.met) == (0.5, False)
    assert (rises_on.value, rises_on.met) == (1.0, True)
    trials["dots"][1]["content"] = (0, 1, 1, 2, 3, 4)
    assert quality.strength_rows(trials)[1].value == 0.5
    (row,) = quality.mix_rows([{"terms": [(1, 2, 3), (3, 2, 4)]}])
    assert row.value == 0.5
    assert quality.mix_rows([]) == []


def test_it_is_told_from_end_to_end(trial, tmp_path, monkeypatch, capsys):
    file, shown = tmp_path / "two.safetensors", tmp_path / "photos"
    write_pack(trial.pack, file)
    shown.mkdir()
    save_picture(SHOT.rgb, shown / "cup.png")
    monkeypatch.setattr(quality, "keep_freed_memory", lambda: None)
    monkeypatch.setattr(quality, "matched", lambda *_: trial._paintings)
    words = ["--pack", file, "--paintings", tmp_path, "--photos", shown, "--cache", tmp_path]
    words += ["--size", "32", "--steps", "2", "--device", "cpu"]
    quality.main([str(word) for word in words])
    printed = capsys.readouterr()
    assert "worst: " in printed.out
    assert "mixtures" in printed.out
    assert "photo 1 of 1, cup.png, swirls" in printed.err
    assert torch.get_num_threads() == 1, "tests compute on one thread"
