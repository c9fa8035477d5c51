"""The commands in typical use."""

from __future__ import annotations

import importlib.util
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from dataclasses import replace
from fcntl import ioctl
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

import impasto
from cli.shell import IMPASTO, SHALLOW, Outcome, draw, listing, pixels
from impasto.cli.main import app
from impasto.cli.words import duration
from impasto.errors import WeightsError
from impasto.images import read_recipe, save_picture
from impasto.options import PaintOptions
from impasto.painter import Painter


def test_version_imports_nothing_heavy_and_not_much() -> None:
    """What takes time is importing: counted, it is the same on every machine."""
    line = [IMPASTO[0], "-X", "importtime", *IMPASTO[1:], "--version"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout == f"impasto {impasto.__version__}\n"
    names = set(re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE))
    assert "impasto.cli.main" in names
    heavy = {"torch", "numpy", "rich", "PIL", "scipy", "matplotlib", "importlib.metadata"}
    assert not names & {*heavy, "impasto.painter"}
    assert not {name for name in names if name.startswith(("impasto.options", "impasto.losses"))}
    assert len(names) < 300


@pytest.mark.parametrize("size", [(64, 48), (48, 64)], ids=["landscape", "portrait"])
def test_size_is_the_long_side(
    folder: Path, paint: Callable[..., Outcome], size: tuple[int, int]
) -> None:
    draw(folder / "photo.png", *size)
    assert paint("-o", "out.png", size=32, steps=1).code == 0
    with Image.open(folder / "out.png") as out:
        assert out.size == (size[0] // 2, size[1] // 2)


@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "tif"])
def test_every_format_carries_the_recipe(
    folder: Path, paint: Callable[..., Outcome], extension: str
) -> None:
    name = f"out.{extension}"
    assert paint("-o", name, steps=1).out == f"painting  {name}\n"
    recipe = read_recipe(folder / name)
    assert recipe["options"]["size"] == 48
    assert recipe["save"] == {"jpeg_quality": 95, "bits": 8}


def test_json_is_one_object_and_nothing_else(folder: Path, paint: Callable[..., Outcome]) -> None:
    records = ["--log=log.jsonl", "--frames=frames", "--timelapse=film.gif", "--plot=plot.svg"]
    outcome = paint("-o", "out.png", "--json", *records)
    facts = json.loads(outcome.out)
    files = facts.pop("files")
    assert files == {
        "painting": "out.png",
        "log": "log.jsonl",
        "plot": "plot.svg",
        "time-lapse": "film.gif",
        "frames": "frames",
    }
    assert all((folder / file).exists() for file in files.values())
    assert facts == json.loads((folder / "log.jsonl").read_text().splitlines()[-1])
    assert facts["loss"] == pytest.approx(facts["content"] + facts["style"] + facts["tv"])
    assert (facts["step"], facts["width"], facts["height"]) == (3, 48, 36)


def test_quiet_is_quiet(paint: Callable[..., Outcome]) -> None:
    assert paint("-o", "out.png", "--quiet") == Outcome(0, "", "")


def test_quiet_json_is_json_alone(paint: Callable[..., Outcome]) -> None:
    outcome = paint("-o", "out.png", "--quiet", "--json")
    assert outcome.err == ""
    assert json.loads(outcome.out)["step"] == 3


def test_without_a_terminal_progress_is_plain_lines(paint: Callable[..., Outcome]) -> None:
    outcome = paint("-o", "out.png", "--scales=24,48", steps=30)
    first, *steps = outcome.err.splitlines()
    assert first == "painting at 24×18 → 48×36, 30 steps, cpu float32"
    line = r"step \d+/30 · scale [12]/2 \d+×\d+  loss \S+ · content \S+ · style \S+  \d+:\d\d left"
    assert 10 <= len(steps) <= 12
    assert all(re.fullmatch(line, step) for step in steps)
    assert "\x1b" not in outcome.err


def test_in_a_terminal_there_is_a_bar(folder: Path) -> None:
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    sized = ["--size=64", "--steps=12", "-o", "out.png"]
    process = subprocess.Popen(
        [*IMPASTO, "paint", "photo.png", "style.png", *SHALLOW, *sized],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "OMP_NUM_THREADS": "1"},
    )
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 4096):
            shown += data
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    out, _ = process.communicate()
    assert process.returncode == 0
    assert out == b"painting  out.png\n"
    text = re.sub(r"\x1b\[[\d;?]*\w", "", shown.decode())
    assert re.search(r"step \d+/12 .*\d+% loss \S+ · content \S+ · style \S+ \d+:\d\d left", text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (754, "12:34"), (3723, "1:02:03")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_rerun_gives_the_same_pixels(
    folder: Path, paint: Callable[..., Outcome], run: Callable[..., Outcome]
) -> None:
    flags = ["--init=noise", "--noise-ratio=0.7", "--seed=5", "--tv-weight=0.1", "--bits=16"]
    assert paint("-o", "out.png", *flags).code == 0
    outcome = run("rerun", "out.png")
    assert outcome.code == 0, outcome.err
    assert outcome.out == "painting  out-again.png\nevery pixel is the same\n"
    assert (folder / "out-again.png").read_bytes() == (folder / "out.png").read_bytes()


def test_rerun_of_a_jpeg_keeps_its_quality(
    folder: Path, paint: Callable[..., Outcome], run: Callable[..., Outcome]
) -> None:
    assert paint("-o", "out.jpg", "--jpeg-quality=70").code == 0
    assert run("rerun", "out.jpg", "-o", "again.jpg", "--quiet") == Outcome(0, "", "")
    np.testing.assert_array_equal(pixels(folder / "again.jpg"), pixels(folder / "out.jpg"))
    # Through another format the painting is that of the PNG.
    assert paint("-o", "out.png").code == 0
    assert run("rerun", "out.jpg", "-o", "again.png").code == 0
    np.testing.assert_array_equal(pixels(folder / "again.png"), pixels(folder / "out.png"))


def test_rerun_finds_what_moved(
    folder: Path, paint: Callable[..., Outcome], run: Callable[..., Outcome]
) -> None:
    """Several styles and a start picture; first beside the picture, then wherever one says."""
    flags = ["other.png", "--blend=0.7,0.3", "--init=start.png"]
    draw(folder / "start.png", 30, 30, seed=9)
    assert paint(*flags, "-o", "out.png").code == 0
    moved = folder / "moved"
    moved.mkdir()
    for name in ("photo.png", "style.png", "other.png", "start.png", "out.png"):
        shutil.move(folder / name, moved / name)
    assert run("rerun", "moved/out.png", "--quiet").code == 0
    np.testing.assert_array_equal(pixels(moved / "out-again.png"), pixels(moved / "out.png"))

    (moved / "photo.png").rename(folder / "p.png")
    (moved / "style.png").rename(folder / "s.png")
    outcome = run("rerun", "moved/out.png")
    assert outcome.code == 2
    assert "photo.png: not found here nor in moved" in outcome.err
    where = ["--content=p.png", "--style=s.png", "--style=moved/other.png"]
    assert "every pixel is the same" in run("rerun", "moved/out.png", *where).out
    outcome = run("rerun", "moved/out.png", *where[:2])
    assert (outcome.code, "has 2 styles, got 1" in outcome.err) == (2, True)


@pytest.mark.parametrize("changed", ["photo.png", "style.png", "start.png"])
def test_rerun_refuses_another_picture(
    folder: Path, paint: Callable[..., Outcome], run: Callable[..., Outcome], changed: str
) -> None:
    draw(folder / "start.png", 30, 30, seed=9)
    assert paint("-o", "out.png", "--init=start.png", steps=1).code == 0
    draw(folder / changed, seed=77)
    before = listing(folder)
    outcome = run("rerun", "out.png")
    assert outcome.code == 2
    assert f"{changed}: is not the picture that out.png was painted from" in outcome.err
    assert listing(folder) == before


@pytest.mark.parametrize("change", [{"kind": "apply"}, {"styles": 3}, {"options": {"sise": 3}}])
def test_rerun_refuses_a_forged_recipe(
    folder: Path, paint: Callable[..., Outcome], run: Callable[..., Outcome], change: dict
) -> None:
    assert paint("-o", "out.png", steps=1).code == 0
    recipe = read_recipe(folder / "out.png")
    for forged in (
        {**recipe, **change},
        {k: v for k, v in recipe.items() if k not in change},
        {**recipe, "weights": {"name": "other", "sha256": "0"}, "save": 3},
        {**recipe, "content": {"name": "photo.png"}},
    ):
        save_picture(pixels(folder / "out.png"), folder / "forged.png", recipe=forged)
        outcome = run("rerun", "forged.png")
        assert outcome.code == 2
        assert len(outcome.err.splitlines()) == 1


def test_samples(folder: Path, run: Callable[..., Outcome]) -> None:
    outcome = run("samples", "coffee", "waves", "--to=new/folder")
    assert outcome == Outcome(0, "new/folder/coffee.png\nnew/folder/waves.png\n", "")
    with Image.open(folder / "new/folder/waves.png") as waves:
        assert waves.size == (768, 608)


def test_layers(run: Callable[..., Outcome]) -> None:
    outcome = run("layers")
    heading, *rows = outcome.out.splitlines()
    assert heading.split() == ["layer", "channels", "stride", "receptive", "field"]
    assert len(rows) == 2 * 16 + 5
    assert ["relu4_1", "512", "8", "68"] in [row.split() for row in rows]


def test_layers_into_a_pipe_that_closes() -> None:
    line = f"'{sys.executable}' -c 'from impasto.cli.main import run; run()' layers | true"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_doctor_is_well(run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    """What it paints for anybody, at half the size."""

    def half(photo: np.ndarray, painting: np.ndarray, options: PaintOptions) -> Painter:
        return Painter(photo, painting, replace(options, size=options.size // 2))

    monkeypatch.setattr("impasto.painter.Painter", half)
    outcome = run("doctor")
    assert outcome.code == 0, outcome.out
    facts = dict(re.findall(r"^(\S+) {2,}(.+)$", outcome.out, re.MULTILINE))
    assert facts["impasto"] == impasto.__version__
    tools = {"python", "torch", "numpy", "pillow", "device", "HEIC", "MP4", "ONNX", "weights"}
    assert tools < set(facts)
    assert re.match(r"12 steps in [\d.]+ s, loss fell from \S+ to \S+", facts["self-test"])
    assert outcome.out.endswith("everything works\n")


def test_doctor_names_the_extras_that_are_missing(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "onnxruntime" else find(name)
    )
    monkeypatch.setattr("impasto.cli.doctor._self_test", lambda: "skipped")
    outcome = run("doctor")
    assert outcome.code == 0
    assert "ONNX       not installed (pip install 'impasto[onnx]')\n" in outcome.out
    assert "HEIC       ready\n" in outcome.out


def test_doctor_without_weights_is_not_well(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, **__: object) -> None:
        raise WeightsError("no VGG-19 weights found")

    monkeypatch.setattr("impasto.weights.find", none)
    outcome = run("doctor")
    assert outcome.code == 1
    assert "problem    no VGG-19 weights found" in outcome.out
    assert outcome.out.endswith("something is wrong: see above\n")


def test_help_lists_every_command_in_its_group(run: Callable[..., Outcome]) -> None:
    text = run("--help").out
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    listed = re.findall(r"^  ([a-z]+)  +[A-Z]", text, re.MULTILINE)
    assert sorted(listed) == sorted(known)
    assert text.index("Make pictures:") < text.index("Look closer:") < text.index("Tools:")


def test_python_m_impasto_is_impasto() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "impasto", "--version"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"impasto {impasto.__version__}\n"


def test_without_a_name_the_painting_has_one_that_is_free(
    folder: Path, run: Callable[..., Outcome]
) -> None:
    line = ["paint", "photo.png", "style.png", "--size=48", "--steps=1", *SHALLOW]
    (folder / "photo-style-2.png").write_bytes(b"mine")
    for name in ("photo-style.png", "photo-style-3.png"):
        outcome = run(*line)
        assert outcome.code == 0, outcome.err
        assert outcome.out == f"painting  {name}\n"
        assert pixels(folder / name).shape == (36, 48, 3)
    assert (folder / "photo-style-2.png").read_bytes() == b"mine"
