"""`impasto apply` as it is used, and all that can go wrong with many photos."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import impasto
from cli.shell import IMPASTO, Outcome, draw, listing, pixels, scripted
from impasto.apply.network import Network
from impasto.cli.counter import Counter
from impasto.errors import OutOfMemoryError
from impasto.images import read_recipe
from impasto.images.folders import picture_extensions, pictures_in
from patience import Clock
from zoo.making import write

Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two packs, written once."""
    found = tmp_path_factory.mktemp("packs")
    write(found / "painters.safetensors", "starry", "wave")
    write(found / "candy.safetensors", "candy", size="transformer-net")
    return found


@pytest.fixture(autouse=True)
def models(folder: Path, packs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Packs in the user's place, and nothing else known; return their folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "home"))
    monkeypatch.setattr("impasto.zoo.registry.BUNDLED", folder / "nothing")
    own = folder / "home" / "impasto" / "models"
    monkeypatch.setattr("impasto.zoo.registry.user_folder", lambda: own)
    shutil.copytree(packs, own)
    return own


@pytest.fixture
def holiday(folder: Path) -> Path:
    """A folder with four photos in two formats, two of them further down, and other things."""
    (folder / "holiday" / "beach").mkdir(parents=True)
    for i, name in enumerate(("a.png", "b.JPG", "beach/c.bmp", "beach/d.png")):
        draw(folder / "holiday" / name, 40, 32, seed=i)
    (folder / "holiday" / "notes.txt").write_text("no picture")
    (folder / "holiday" / ".hidden.png").write_bytes(b"no picture")
    return folder / "holiday"


def made(folder: Path) -> list[str]:
    return sorted(listing(folder))


def test_one_photo_becomes_a_file(folder: Path, run: Run) -> None:
    assert run("apply", "starry", "photo.png", "-o", "out.png") == Outcome(
        0, "picture  out.png\n", ""
    )
    expected = impasto.load("starry")("photo.png")
    np.testing.assert_array_equal(pixels(folder / "out.png"), np.asarray(expected.image))
    recipe = read_recipe(folder / "out.png")
    assert recipe["shares"] == {"starry": 1}


def test_the_flags_reach_the_network(folder: Path, run: Run) -> None:
    flags = ["--strength=0.5", "--color=photo", "--size=32", "--backend=torch", "--tile=auto"]
    outcome = run("apply", "starry:1,wave:3", "photo.png", "-o", "out.tif", "--bits=16", *flags)
    assert outcome.code == 0, outcome.err
    recipe = read_recipe(folder / "out.tif")
    assert recipe["shares"] == {"starry": 1, "wave": 3}
    assert (recipe["strength"], recipe["color"], recipe["size"]) == (0.5, "photo", 32)
    assert recipe["ran"]["backend"] == "torch"
    assert recipe["save"]["bits"] == 16
    with Image.open(folder / "out.tif") as image:
        assert image.size == (32, 24)


def test_strokes_seeds_and_masks(folder: Path, run: Run) -> None:
    Image.fromarray(np.uint8(255 * (np.arange(64) < 32))[None].repeat(48, 0)).save("left.png")
    flags = ["--style-scale=0.5", "--seed=3", "--mask=left.png"]
    outcome = run("apply", "starry", "photo.png", "-o", "out.png", *flags)
    assert outcome.code == 0, outcome.err
    recipe = read_recipe(folder / "out.png")
    assert (recipe["style_scale"], recipe["seed"]) == (0.5, 3)
    (mask,) = recipe["mask"]
    sha256 = hashlib.sha256((folder / "left.png").read_bytes()).hexdigest()
    assert mask == {"name": "left.png", "sha256": sha256}
    photo, found = pixels(folder / "photo.png"), pixels(folder / "out.png")
    np.testing.assert_array_equal(found[:, 33:], photo[:, 33:])
    whole = impasto.load("starry")("photo.png", style_scale=0.5, seed=3)
    np.testing.assert_allclose(found[:, :31], np.asarray(whole.image)[:, :31], atol=1)
    wrong = run("apply", "starry", "photo.png", "-o", "new.png", "--mask=a.png,b.png")
    assert (wrong.code, "new.png" in listing(folder)) == (2, False)
    assert "2 masks, but 1 styles" in wrong.err
    wrong = run("apply", "starry", "photo.png", "-o", "new.png", "--mask=nowhere.png")
    assert (wrong.code, "nowhere.png: no such file" in wrong.err) == (2, True)


def test_a_bundled_style_is_refined_with_the_texture_of_its_painting(
    folder: Path, models: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = run("apply", "starry", "photo.png", "-o", "out.png", "--refine=1s")
    assert (wrong.code, "needs the painting" in wrong.err) == (2, True)
    monkeypatch.setattr("impasto.zoo.exemplars.TEXTURES", folder / "textures")
    monkeypatch.setattr("impasto.painter.recipe.TEXTURES", folder / "textures")
    write(models / "more.safetensors", "dots", sha256="5" * 64)
    (folder / "textures").mkdir()
    Image.open("style.png").save("textures/5555555555555555.webp", lossless=True)
    flags = ["--refine=1s", "--size=48", "--style-scale=2"]
    outcome = run("apply", "dots", "photo.png", "-o", "out.png", *flags)
    assert outcome.code == 0, outcome.err
    recipe = read_recipe(folder / "out.png")
    assert recipe["start"]["shares"] == {"dots": 1}
    assert recipe["options"]["style_scale"] == 1.0  # half of what was asked
    (folder / "textures" / "5555555555555555.webp").rename("5555555555555555.webp")
    monkeypatch.setattr("impasto.painter.recipe.TEXTURES", folder)  # installed elsewhere
    (folder / "results").mkdir()
    (folder / "out.png").rename("results/out.png")
    shutil.copy("photo.png", "results")
    again = run("rerun", "results/out.png", "-o", "again.png", "--quiet")
    assert again.code == 0, again.err
    np.testing.assert_array_equal(pixels(folder / "again.png"), pixels("results/out.png"))


def test_fast_takes_the_smaller_network(folder: Path, models: Path, run: Run) -> None:
    write(models / "better.safetensors", "starry", size="quality")
    for flags, expected in (([], "quality"), (["--fast"], "turbo")):
        assert run("apply", "starry", "photo.png", "-o", "out.png", *flags).code == 0
        assert read_recipe(folder / "out.png")["model"]["architecture"] == expected
    wrong = run("apply", "turbo/starry", "photo.png", "-o", "out.png", "--fast")
    assert wrong.code == 2
    assert "--fast" in wrong.err


def test_strength_0_is_the_photo(folder: Path, run: Run) -> None:
    assert run("apply", "starry", "photo.png", "-o", "out.png", "--strength=0").code == 0
    np.testing.assert_array_equal(pixels(folder / "out.png"), pixels(folder / "photo.png"))


def test_a_file_is_made_anew(folder: Path, run: Run) -> None:
    (folder / "out.png").write_bytes(b"an earlier result")
    assert run("apply", "starry", "photo.png", "-o", "out.png").code == 0
    assert pixels(folder / "out.png").shape == (48, 64, 3)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folder_keeps_its_structure(folder: Path, holiday: Path, run: Run, jobs: int) -> None:
    outcome = run("apply", "starry", "holiday", "-o", "new/painted", f"--jobs={jobs}")
    assert (outcome.code, outcome.out) == (0, "4 stylised: new/painted\n")
    assert "impasto" not in outcome.err
    painted = folder / "new" / "painted"
    assert made(painted) == ["a.png", "b.JPG", "beach/c.png", "beach/d.png"]
    network = impasto.load("starry")
    for name in ("a.png", "beach/d.png"):
        expected = np.asarray(network(holiday / name).image)
        np.testing.assert_allclose(pixels(painted / name), expected, atol=1)


@pytest.mark.parametrize("out", ["painted", "painted/"])
def test_one_photo_into_a_folder(folder: Path, run: Run, out: str) -> None:
    if out == "painted":
        (folder / "painted").mkdir()
    assert run("apply", "starry", "photo.png", "-o", out).out == f"1 stylised: {out}\n"
    assert made(folder / "painted") == ["photo.png"]


def test_several_photos_in_one_format(folder: Path, holiday: Path, run: Run) -> None:
    line = ["apply", "starry", "photo.png", "style.png", holiday / "beach", "-o", "painted"]
    assert run(*line, "--format=jpg").code == 0
    assert made(folder / "painted") == ["c.jpg", "d.jpg", "photo.jpg", "style.jpg"]
    for name in made(folder / "painted"):
        with Image.open(folder / "painted" / name) as image:
            assert image.format == "JPEG"


def test_a_photo_that_is_said_twice_is_made_once(run: Run) -> None:
    outcome = run("apply", "starry", "photo.png", "photo.png", "-o", "painted")
    assert outcome.out == "1 stylised: painted\n"


@pytest.mark.usefixtures("holiday")
def test_what_is_done_is_left_alone(folder: Path, run: Run) -> None:
    line = ["apply", "starry", "holiday", "-o", "painted"]
    assert run(*line).code == 0
    before = {path: path.stat().st_mtime_ns for path in (folder / "painted").rglob("*.png")}
    (folder / "painted" / "beach" / "d.png").unlink()
    again = run(*line)
    assert again.out == "1 stylised, 3 already existed (--overwrite replaces them): painted\n"
    assert (folder / "painted" / "a.png").stat().st_mtime_ns in before.values()
    third = run(*line)
    assert third == Outcome(
        0, "0 stylised, 4 already existed (--overwrite replaces them): painted\n", ""
    )
    assert run(*line, "--overwrite").out == "4 stylised: painted\n"
    assert (folder / "painted" / "a.png").stat().st_mtime_ns not in before.values()


def test_the_output_folder_may_be_inside_the_input_folder(holiday: Path, run: Run) -> None:
    line = ["apply", "starry", "holiday", "-o", "holiday/painted"]
    assert run(*line).out == "4 stylised: holiday/painted\n"
    assert run(*line).out.startswith("0 stylised, 4 already existed")
    assert not (holiday / "painted" / "painted").exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_failures_are_named_and_the_rest_goes_on(
    folder: Path, holiday: Path, run: Run, jobs: int
) -> None:
    (holiday / "a.png").write_bytes(b"no picture")
    data = (holiday / "b.JPG").read_bytes()
    (holiday / "b.JPG").write_bytes(data[: len(data) // 2])
    (holiday / "e.heic").write_bytes(b"no picture")
    outcome = run("apply", "starry", "holiday", "-o", "painted", f"--jobs={jobs}")
    assert outcome.code == 1
    assert outcome.out == "2 stylised, 3 failed: painted\n"
    lines = sorted(line for line in outcome.err.splitlines() if line.startswith("impasto"))
    assert len(lines) == 3
    for line, name in zip(lines, ("a.png", "b.JPG", "e.heic"), strict=True):
        assert line.startswith(f"impasto: holiday/{name}: ")
    assert made(folder / "painted") == ["beach/c.png", "beach/d.png"]


def test_an_unforeseen_error_of_one_picture_is_one_line_too(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    stylise = Network.stylise

    def failing(self: Network, picture: Path, *arguments: object, **others: object) -> object:
        if picture.name == "photo.png":
            raise ZeroDivisionError("division\nby zero")
        if picture.name == "other.png":
            raise OutOfMemoryError("out of memory: choose a smaller --size or --tile")
        return stylise(self, picture, *arguments, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(Network, "stylise", failing)
    outcome = run("apply", "starry", "photo.png", "other.png", "style.png", "-o", "painted")
    assert outcome.code == 1
    assert outcome.err.splitlines() == [
        "impasto: photo.png: ZeroDivisionError: division by zero",
        "impasto: other.png: out of memory: choose a smaller --size or --tile",
    ]
    assert made(folder / "painted") == ["style.png"]


def test_json_and_quiet(folder: Path, holiday: Path, run: Run) -> None:
    (holiday / "b.JPG").write_bytes(b"no picture")
    (folder / "painted").mkdir()
    shutil.copy(holiday / "a.png", folder / "painted" / "a.png")
    outcome = run("apply", "starry", "holiday", "-o", "painted", "--json", "--quiet")
    assert outcome.code == 1
    facts = json.loads(outcome.out)
    assert facts.pop("seconds") > 0
    failed = facts["failed"][0]
    assert (failed["photo"], len(facts["failed"])) == ("holiday/b.JPG", 1)
    assert failed["error"] in outcome.err
    assert sorted(facts["done"], key=lambda done: done["photo"]) == [
        {"photo": "holiday/beach/c.bmp", "out": "painted/beach/c.png"},
        {"photo": "holiday/beach/d.png", "out": "painted/beach/d.png"},
    ]
    assert (facts["skipped"], facts["left"]) == (1, 0)
    assert run("apply", "starry", "photo.png", "-o", "out.png", "--quiet") == Outcome(0, "", "")


ONE = ["photo.png", "-o", "out.png"]
MISTAKES: dict[str, tuple[list[str], list[str]]] = {
    "unknown style": (["stary", *ONE], ["no style 'stary'; did you mean 'starry'?"]),
    "unknown pack": (["candi/starry", *ONE], ["no pack 'candi'; did you mean 'candy'?"]),
    "no pack": (["text.safetensors", *ONE], ["text.safetensors: is not a pack of styles"]),
    "missing pack": (["nix.safetensors", *ONE], ["nix.safetensors: no such file"]),
    "styles of two packs": (["starry,candy", *ONE], ["no pack has all of starry, candy"]),
    "strength": (["starry", *ONE, "--strength=1.6"], ["--strength", "at most 1.5, got 1.6"]),
    "negative strength": (["starry", *ONE, "--strength=-1"], ["--strength", "at least 0"]),
    "strength of candy": (["candy", *ONE, "--strength=0.5"], ["cannot vary its strength"]),
    "color": (["starry", *ONE, "--color=foto"], ["--color", "did you mean 'photo'"]),
    "tile": (["starry", *ONE, "--tile=7"], ["--tile must be auto or 64"]),
    "jobs": (["starry", *ONE, "--jobs=0"], ["--jobs", "from 1 to"]),
    "device": (["starry", *ONE, "--device=gpu"], ["--device must be auto, cpu, cuda"]),
    "device of onnx": (["starry", *ONE, "--backend=onnx", "--device=mps"], ["--device mps"]),
    "missing photo": (["starry", "nix.png", "-o", "out.png"], ["nix.png: no such file"]),
    "missing of two": (["starry", "photo.png", "nix.png", "-o", "d"], ["nix.png: no such file"]),
    "long name": (["starry", "a" * 5000, "-o", "out.png"], ["name too long"]),
    "long output": (["starry", "photo.png", "-o", "a" * 5000 + ".png"], ["name too long"]),
    "empty folder": (["starry", "empty", "-o", "d"], ["empty: contains no pictures"]),
    "no pictures": (["starry", "texts", "-o", "d"], ["texts: contains no pictures"]),
    "same file": (["starry", "photo.png", "-o", "photo.png"], ["photo.png: is also an input"]),
    "link to it": (["starry", "photo.png", "-o", "link.png"], ["link.png: is also an input"]),
    "same folder": (["starry", "photos", "-o", "photos"], ["photos/a.png: is also an input"]),
    "linked folder": (["starry", "photos", "-o", "linked"], ["linked/a.png: is also an input"]),
    "beside it": (["starry", "photo.png", "other.png", "-o", "."], ["photo.png: is also an inp"]),
    "two of one name": (
        ["starry", "photos/a.png", "more/a.png", "-o", "d"],
        ["photos/a.png and more/a.png would both become d/a.png"],
    ),
    "two of one format": (
        ["starry", "more", "-o", "d", "--format=jpg"],
        ["more/a.bmp and more/a.png would both become d/a.jpg"],
    ),
    "two into a file": (
        ["starry", "photo.png", "other.png", "-o", "d.png"],
        ["d.png: is not a fol"],
    ),
    "folder into a file": (["starry", "photos", "-o", "d.png"], ["d.png: is not a folder"]),
    "folder is a file": (["starry", "photos", "-o", "text"], ["text: cannot be created"]),
    "no extension": (["starry", "photo.png", "-o", "out"], ["out: has no extension"]),
    "unknown extension": (["starry", "photo.png", "-o", "out.pgn"], ["did you mean '.png'"]),
    "unknown format": (["starry", "photos", "-o", "d", "--format=jpgg"], ["did you mean 'jpg'"]),
    "format of a file": (["starry", *ONE, "--format=jpg"], ["--format is for folders"]),
    "16 bits": (["starry", "photo.png", "-o", "out.jpg", "--bits=16"], ["--bits 16 needs"]),
    "16 bits of many": (["starry", "jpegs", "-o", "d", "--bits=16"], ["--bits 16 needs"]),
    "nowhere": (["starry", "photo.png", "-o", "nowhere/out.png"], ["nowhere does not exist"]),
    "no photos": (["starry", "-o", "out.png"], ["PHOTO"]),
    "no output": (["starry", "photo.png"], ["--out"]),
}


@pytest.fixture
def mess(folder: Path) -> Path:
    (folder / "empty" / "below").mkdir(parents=True)
    for name in ("texts", "photos", "more", "jpegs"):
        (folder / name).mkdir()
    (folder / "text").write_text("a text")
    (folder / "texts" / "a.txt").write_text("a text")
    (folder / "text.safetensors").write_text("a text")
    for name in ("photos/a.png", "more/a.png", "more/a.bmp", "jpegs/a.jpg"):
        draw(folder / name, 16, 16)
    (folder / "link.png").symlink_to(folder / "photo.png")
    (folder / "linked").symlink_to(folder / "photos")
    return folder


def test_what_cannot_be_looked_at_is_named_and_the_rest_is_made(folder: Path, run: Run) -> None:
    (folder / "photos").mkdir()
    draw(folder / "photos" / "a.png", 16, 16)
    (folder / "photos" / "b.png").symlink_to(folder / "nothing.png")
    outcome = run("apply", "starry", "photos", "-o", "out")
    assert outcome.code == 1
    assert "photos/b.png: no such file" in outcome.err
    assert "1 stylised, 1 failed" in outcome.out
    assert (folder / "out" / "a.png").is_file()


def test_into_the_same_folder_in_another_format_it_goes_on(folder: Path, run: Run) -> None:
    (folder / "photos").mkdir()
    for name in ("a.bmp", "b.bmp"):
        draw(folder / "photos" / name, 16, 16)
    line = ("apply", "starry", "photos", "-o", "photos", "--format", "png")
    assert run(*line).code == 0
    (folder / "photos" / "b.png").unlink()  # as if it had been stopped
    before = (folder / "photos" / "a.png").read_bytes()
    outcome = run(*line)
    assert (outcome.code, "1 stylised, 1 already existed" in outcome.out) == (0, True)
    assert (folder / "photos" / "a.png").read_bytes() == before
    assert sorted(path.name for path in (folder / "photos").iterdir()) == [
        "a.bmp", "a.png", "b.bmp", "b.png",
    ]  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_one_line_and_nothing_is_touched(mess: Path, run: Run, mistake: str) -> None:
    arguments, parts = MISTAKES[mistake]
    before = listing(mess)
    outcome = run("apply", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    (line,) = outcome.err.splitlines()
    assert line.startswith("impasto: ")
    for part in parts:
        assert part in line
    assert listing(mess) == before
    assert not (mess / "d").exists()


def test_one_photo_that_is_no_picture(folder: Path, run: Run) -> None:
    (folder / "photo.png").write_bytes(b"no picture")
    outcome = run("apply", "starry", "photo.png", "-o", "out.png")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("impasto: photo.png: is not a picture")
    assert not (folder / "out.png").exists()


STRUCK = """
import os, signal
from impasto.apply.network import Network
stylise = Network.stylise
def struck(*arguments, **others):
    os.kill(os.getpid(), signal.SIGINT)
    while signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        pass  # until it was heard
    return stylise(*arguments, **others)
Network.stylise = struck
from impasto.cli.main import run
run()
"""


@pytest.mark.usefixtures("holiday")
def test_ctrl_c_finishes_the_picture_under_way(folder: Path, run: Run) -> None:
    line = ["apply", "starry", "holiday", "-o", "painted", "--jobs=1"]
    script = "from pathlib import Path\nfrom impasto.zoo import registry\n"
    script += "registry.BUNDLED = Path('nothing')\n" + STRUCK
    process = scripted(folder, script, *line)
    assert process.returncode == 130
    assert process.stdout == "1 stylised: painted\n"
    assert "finishing this picture (" in process.stderr
    assert "stopped with 3 left; repeat the command to continue" in process.stderr
    assert len(made(folder / "painted")) == 1
    again = run(*line)
    assert again.code == 0
    assert again.out.startswith("3 stylised, 1 already existed")


def test_ctrl_c_before_the_first_picture(folder: Path) -> None:
    code = (
        "import impasto.zoo.registry, signal\n"
        "impasto.zoo.registry.resolve = lambda *_, **__: signal.raise_signal(signal.SIGINT)\n"
        "from impasto.cli.main import run; run()"
    )
    line = [sys.executable, "-c", code, "apply", "starry", "photo.png", "-o", "out.png"]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "impasto: stopped\n")


def test_torch_is_not_imported(folder: Path) -> None:
    script = (
        "import sys\nfrom impasto.cli.main import run\n"
        "try:\n    run()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print(sorted({'torch', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    pack = "home/impasto/models/painters.safetensors"
    line = ["apply", f"{pack}/starry", "photo.png", "-o", "out.png", "--backend=onnx"]
    done = subprocess.run(
        [sys.executable, "-c", script, *line],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "picture  out.png\n[]\n"


def test_in_a_real_shell(folder: Path) -> None:
    pack = "home/impasto/models/painters.safetensors"
    line = [*IMPASTO, "apply", f"{pack}/wave", "photo.png", "style.png", "-o", "painted"]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("2 stylised: painted\n", "")


def test_long_work_is_counted_in_lines_without_a_terminal(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = Clock(0.0)
    monkeypatch.setattr("impasto.cli.counter.time.monotonic", now)
    with Counter(50, quiet=False) as counter:
        for _ in range(50):
            now.go_on(1)
            counter.advance()
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "5 of 50 pictures, 1 a second, 0:45 left"
    assert 8 <= len(lines) <= 10
    with Counter(50, quiet=True) as counter:
        now.go_on(100)
        counter.advance()
    with Counter(3, quiet=False) as counter:  # quick work
        for _ in range(3):
            counter.advance()
    assert capfd.readouterr().err == ""


def test_what_counts_as_a_picture(holiday: Path) -> None:
    extensions = picture_extensions()
    assert {
        ".jpg",
        ".jpeg",
        ".png",
        ".webp",
        ".tif",
        ".tiff",
        ".heic",
        ".bmp",
        ".gif",
    } <= extensions
    assert not extensions & {".pdf", ".eps", ".ps", ".mpg", ".txt", ".svg", ".mp4"}
    found = [str(path.relative_to(holiday)) for path in pictures_in(holiday)]
    assert found == ["a.png", "b.JPG", "beach/c.bmp", "beach/d.png"]
    (holiday / "loop").symlink_to(holiday)
    assert len(list(pictures_in(holiday))) == 4
    assert len(list(pictures_in(holiday, without=holiday / "beach"))) == 2


def test_a_picture_of_ones_own_is_not_taken_for_a_result(folder: Path, run: Run) -> None:
    """Into the same folder: two photos of one name are told, not passed over."""
    (folder / "photos").mkdir()
    for name in ("a.bmp", "a.png"):
        draw(folder / "photos" / name, 16, 16)
    before = (folder / "photos" / "a.png").read_bytes()
    for more in ((), ("--overwrite",)):
        outcome = run("apply", "starry", "photos", "-o", "photos", "--format", "png", *more)
        assert outcome.code == 2
        assert "would both become photos/a.png" in outcome.err
        assert (folder / "photos" / "a.png").read_bytes() == before
