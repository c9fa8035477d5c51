"""`impasto video` and animations in `impasto apply`, as they are used."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.shell import Outcome, draw
from impasto.video.frames import NetworkStylizer
from impasto.video.reading import Film
from impasto.video.writing import read_recipe
from video.making import apart, decoded, film, picture
from zoo.making import write

Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack in the user's place, and nothing else known."""
    monkeypatch.setattr("impasto.zoo.registry.BUNDLED", folder / "nothing")
    own = folder / "home"
    monkeypatch.setattr("impasto.zoo.registry.user_folder", lambda: own)
    write(own / "painters.safetensors", "starry", "wave")


@pytest.fixture
def clip(folder: Path) -> Path:
    return film(folder / "clip.mp4", 8, sound="aac")


@pytest.mark.usefixtures("clip")
def test_a_film_becomes_a_film(folder: Path, run: Run) -> None:
    done = run("video", "starry", "clip.mp4", "-o", "out.mp4", "--strength=0.5", "--seed=3")
    assert (done.code, done.out) == (0, "film  out.mp4\n"), done.err
    assert "painting clip.mp4: about 8 frames of 64×48" in done.err
    assert len(decoded(folder / "out.mp4")[0]) == 8
    recipe = json.loads(read_recipe(folder / "out.mp4") or "")
    assert (recipe["kind"], recipe["strength"], recipe["seed"]) == ("video", 0.5, 3)
    assert recipe["content"]["name"] == "clip.mp4"


def test_strength_0_is_the_clip(folder: Path, clip: Path, run: Run) -> None:
    line = ["video", "starry", "clip.mp4", "-o", "out.mkv", "--strength=0", "--codec=ffv1"]
    line += ["--stability=0"]
    done = run(*line, "--quiet", "--json", "--end=0.2")
    facts = json.loads(done.out)
    assert (done.err, facts["frames"], facts["stopped"]) == ("", 5, False)
    found, source = (list(Film(path).frames_after()) for path in (folder / "out.mkv", clip))
    for one, other in zip(found, source, strict=False):
        np.testing.assert_array_equal(one.rgb, other.rgb)


@pytest.mark.usefixtures("clip")
def test_ctrl_c_and_resume(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stylize, asked = NetworkStylizer.stylize, []

    def struck(self: NetworkStylizer, *given: object) -> object:
        asked.append(given)
        if len(asked) == 3:
            signal.raise_signal(signal.SIGINT)
        return stylize(self, *given)

    monkeypatch.setattr(NetworkStylizer, "stylize", struck)
    done = run("video", "starry", "clip.mp4", "-o", "out.mp4")
    assert done.code == 130
    stopped = re.search(r"stopped after ([123]) frames; repeat the command with --resume", done.err)
    assert stopped, done.err
    assert not (folder / "out.mp4").exists()
    done = run("video", "starry", "clip.mp4", "-o", "out.mp4", "--resume")
    assert done.code == 0, done.err
    assert f"continuing after frame {stopped[1]}" in done.err
    assert len(decoded(folder / "out.mp4")[0]) == 8


@pytest.mark.usefixtures("clip")
def test_a_painting_is_optimised(folder: Path, run: Run) -> None:
    line = ["video", "style.png", "clip.mp4", "-o", "out.mp4", "--paint", "--steps=2", "--end=0.1"]
    done = run(*line, "--quiet")
    assert done.code == 0, done.err
    pictures, _ = decoded(folder / "out.mp4")
    assert len(pictures) == 3
    assert apart(pictures[2], picture(2)) > 5


@pytest.mark.usefixtures("clip")
@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--paint"], "--paint needs the file of a painting as STYLE, got starry"),
        (["--budget=3s"], "--budget is the time to learn a painting"),
        (["--end=0"], "--end must be after --start"),
        (["--codec=divx"], "--codec does not know"),
        (["--style-scale=9"], "--style-scale must be"),
    ],
)
def test_mistakes(run: Run, more: list[str], told: str) -> None:
    done = run("video", "starry", "clip.mp4", "-o", "out.mp4", *more)
    assert done.code == 2
    assert told in done.err
    assert len(done.err.splitlines()) == 1


def test_animations(folder: Path, run: Run) -> None:
    first, *others = [Image.fromarray(picture(k)) for k in range(3)]
    for name in ("clip.gif", "clip.webp"):
        first.save(folder / name, save_all=True, append_images=others, duration=90, loop=0)
        done = run("apply", "starry", name, "-o", f"out-{name}")
        assert done == Outcome(0, f"picture  out-{name}\n", "")
        with Image.open(folder / f"out-{name}") as image:
            image.load()
            assert (image.n_frames, image.info["duration"], image.info["loop"]) == (3, 90, 0)
    done = run("apply", "starry", "photo.png", "-o", "still.gif")
    assert done.code == 0, done.err
    with Image.open(folder / "still.gif") as image:
        assert image.n_frames == 1
    assert run("apply", "starry", "clip.gif", "-o", "one.png").code == 0
    wrong = run("apply", "starry", "clip.gif", "-o", "out.gif", "--bits=16")
    assert (wrong.code, "--bits 16 needs .png, .tif" in wrong.err) == (2, True)


def test_a_folder_of_animations(folder: Path, run: Run) -> None:
    (folder / "in").mkdir()
    first, *others = [Image.fromarray(picture(k)) for k in range(3)]
    first.save(folder / "in" / "a.gif", save_all=True, append_images=others)
    draw(folder / "in" / "b.png", 32, 32)
    assert run("apply", "starry", "in", "-o", "new").out == "2 stylised: new\n"
    with Image.open(folder / "new" / "a.gif") as image:
        assert image.n_frames == 3
    assert np.asarray(Image.open(folder / "new" / "b.png")).shape == (32, 32, 3)


@pytest.mark.parametrize("name", ["out.gif", "out.webp"])
def test_an_animation_is_made_again(folder: Path, run: Run, name: str) -> None:
    first, *others = [Image.fromarray(picture(k)) for k in range(4)]
    first.save(folder / "a.gif", save_all=True, append_images=others, loop=2, duration=60)
    Image.new("L", (64, 48), 128).save(folder / "mask.png")
    line = ["apply", "starry", "a.gif", "-o", name, "--strength=0.5", "--mask=mask.png"]
    assert run(*line, "--size=32", "--jpeg-quality=70").code == 0
    done = run("rerun", name)
    again = name.replace(".", "-again.")
    assert (done.code, done.out) == (0, f"picture  {again}\nevery pixel is the same\n"), done.err
    assert (folder / again).read_bytes() == (folder / name).read_bytes()
    (folder / "a.gif").rename(folder / "b.gif")
    assert "a.gif: not found" in run("rerun", name, "-o", "c.gif").err
    done = run("rerun", name, "-o", "c.gif", "--content=b.gif")
    assert done.code == 0, done.err
    for options, said in (
        (["--content=photo.png"], "photo.png: is not the file that"),
        (["--content=b.gif", "--style=photo.png"], "rerun it without paintings"),
    ):
        wrong = run("rerun", name, "-o", "d.gif", *options)
        assert (wrong.code, said in wrong.err) == (2, True), wrong.err
    wrong = run("rerun", name, "-o", "d.mp4", "--content=b.gif")
    assert wrong.code == 2
    assert not list(folder.glob("d.*"))


def test_a_film_is_made_again(folder: Path, clip: Path, run: Run) -> None:
    Image.new("L", (64, 48), 128).save(folder / "mask.png")
    line = ["video", "starry", "clip.mp4", "-o", "out.mkv", "--codec=ffv1", "--strength=0.5"]
    assert run(*line, "--mask=mask.png", "--start=0.1", "--fps=12", "--size=32").code == 0
    done = run("rerun", "out.mkv")
    assert (done.code, done.out) == (0, "film  out-again.mkv\n"), done.err
    first, again = (folder / name for name in ("out.mkv", "out-again.mkv"))
    assert read_recipe(first) == read_recipe(again)
    for one, other in zip(*(decoded(path)[0] for path in (first, again)), strict=True):
        np.testing.assert_array_equal(one, other)
    clip.rename(folder / "moved.mp4")
    assert run("rerun", "out.mkv", "-o", "b.mkv", "--content=moved.mp4").code == 0
    assert "clip.mp4: not found" in run("rerun", "out.mkv", "-o", "c.mkv").err
    film(clip, 9)
    done = run("rerun", "out.mkv", "-o", "c.mkv")
    assert (done.code, done.err.count("is not the file that out.mkv was made with")) == (2, 1)
    assert "films have --resume" in run("rerun", "out.mkv", "-o", "c.mkv", "--log=a.csv").err
    assert "has no Impasto recipe of a film" in run("rerun", "moved.mp4").err


@pytest.mark.usefixtures("clip")
def test_a_film_that_was_painted_is_made_again(folder: Path, run: Run) -> None:
    draw(folder / "style.png")
    line = ["--paint", "--steps=1", "--end=0.08", "--codec=ffv1"]
    assert run("video", "style.png", "clip.mp4", "-o", "out.mkv", *line).code == 0
    assert run("rerun", "out.mkv").code == 0
    for one, other in zip(
        *(decoded(folder / name)[0] for name in ("out.mkv", "out-again.mkv")), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    draw(folder / "style.png", seed=1)
    done = run("rerun", "out.mkv", "-o", "c.mkv")
    assert "style.png: is not the file that out.mkv was made with" in done.err
