"""What is measured of styles that were learnt."""

from __future__ import annotations

import json
import shutil

import learn_speed as learn
import numpy as np
import pytest
from judge import Score

from impasto.images import save_picture
from impasto.options import LearnOptions
from impasto.samples import photo
from impasto.training.learner import Learner
from impasto.zoo.registry import network
from impasto.zoo.rows import write_rows

pytestmark = pytest.mark.usefixtures("networks_thin")


def test_the_median_over_paintings_is_told_beside_what_it_should_be():
    def one(style, content, seconds):
        return {
            "scores": {
                "photo": {"style": 1.0, "content": 0.0},
                "20 s": {"style": style, "content": content},
                "paint": {"style": 0.03, "content": 0.8},
            },
            "seconds": {"20 s": seconds},
        }

    found = {"a": one(0.08, 0.6, 20), "b": one(0.09, 0.9, 24), "c": one(0.2, 0.65, 20.5)}
    rows = {row.what: row for row in learn.rows(found)}
    assert rows["style error, learnt in 20 s"].value == 0.09
    assert rows["style error, learnt in 20 s"].met is True
    assert rows["content error, learnt in 20 s"].value == 0.65
    assert rows["longest command, 20 s"].met is False
    assert rows["style error, paint"].met is None


def test_what_was_learnt_in_steps_has_no_target_for_its_time():
    scores = {"45 steps": {"style": 0.1, "content": 0.8}}
    rows = {row.what: row for row in learn.rows({"a": {"scores": scores, "seconds": {}}})}
    assert rows["style error, learnt in 45 steps"].met is None
    assert rows["content error, learnt in 45 steps"].met is False


def test_a_row_of_the_sheet_has_the_painting_first(tmp_path):
    save_picture(np.zeros((64, 96, 3), np.uint8), tmp_path / "dots.png")
    made = {"photo": np.zeros((60, 80, 3), np.uint8), "20 s": np.zeros((60, 80, 3), np.uint8)}
    scores = dict.fromkeys(made, Score(0.1, 0.2))
    tiles = learn.row_of_tiles(tmp_path / "dots.png", "dots", made, scores)
    assert [name for name, _ in tiles] == ["dots", "photo  0.100 (0.20)", "20 s  0.100 (0.20)"]
    assert len({tile.shape for _, tile in tiles}) == 1


def test_a_sheet_of_a_sample_photo_has_no_paintings():
    made = {name: np.zeros((60, 80, 3), np.uint8) for name in ("30 s", "paint")}
    tiles = learn.row_of_tiles(None, "61616", made, {})
    assert [name for name, _ in tiles] == ["Seurat, 30 s", "Seurat, paint"]


def test_what_was_learnt_is_applied_and_scored(tmp_path, monkeypatch, capsys):
    """All of it, with a command that has learnt already."""
    for folder in ("paintings", "photos"):
        (tmp_path / folder).mkdir()
    save_picture(photo("astronaut")[::2, ::2], tmp_path / "paintings" / "swirls.jpg")
    for name in learn.THREE.values():
        save_picture(photo("coffee"), tmp_path / "photos" / name)
    learner = Learner(
        tmp_path / "paintings" / "swirls.jpg",
        options=LearnOptions(model="turbo", size=128, style_size=192, steps=1),
        body=network("turbo"),
    )
    list(learner)
    write_rows(learner.rows, tmp_path / "known.safetensors")

    def run(command, **settings):
        if "learn" not in command:  # what the machine is, is asked of programs, too
            return real(command, **settings)
        return shutil.copy(tmp_path / "known.safetensors", command[command.index("-o") + 1])

    real = learn.subprocess.run
    monkeypatch.setattr(learn.subprocess, "run", run)
    learn.main(
        [
            *("--paintings", str(tmp_path / "paintings"), "--photos", str(tmp_path / "photos")),
            *("--only", "swirls", "--budgets", "5", "--steps", "2", "--paint", "0"),
            *("--size", "128"),
            *("--device", "cpu", "--model", "turbo"),
            *("--cache", str(tmp_path / "cache"), "--json", str(tmp_path / "a.json")),
            *("--sheet", str(tmp_path / "sheet.png")),
        ]
    )
    said = json.loads((tmp_path / "a.json").read_text())
    scores = said["paintings"]["swirls"]["scores"]
    assert scores["photo"]["content"] == pytest.approx(0, abs=1e-6)
    assert scores["5 s"]["content"] > 0.05
    assert (tmp_path / "cache" / "swirls-turbo-5.safetensors").is_file()
    assert (tmp_path / "cache" / "swirls-turbo-2-steps.safetensors").is_file()
    assert (tmp_path / "sheet.png").is_file()
    assert "style error, learnt in 5 s" in capsys.readouterr().out


def test_the_paintings_are_ten_and_named():
    assert len(learn.TEN) == 10
    assert all(name for name in learn.TEN.values())
