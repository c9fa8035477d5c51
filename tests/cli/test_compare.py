"""``impasto compare`` on the command line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image, ImageFilter

from cli.shell import Outcome, draw, listing
from impasto.cli.compare import shown
from impasto.cli.main import app
from impasto.metrics.measures import MEASURES, NAMES
from impasto.options.measure import MeasureOptions

Run = Callable[..., Outcome]
AGAINST = ["--photo=photo.png", "--painting=style.png", "--size=64"]


@pytest.fixture
def made(folder: Path) -> Path:
    """Pictures to compare: the photo a little blurred, much blurred, and another altogether."""
    with Image.open(folder / "photo.png") as photo:
        for name, radius in (("soft.png", 0.5), ("softer.png", 3)):
            photo.filter(ImageFilter.GaussianBlur(radius)).save(folder / name)
    draw(folder / "other.png", 128, 96, seed=9)
    return folder


def rows_of(outcome: Outcome) -> dict[str, list[str]]:
    """Return the numbers of the printed table by picture."""
    assert outcome.code == 0, outcome.err
    lines = outcome.out.split("\n\n")[0].splitlines()
    found = (re.fullmatch(r"(\S+|\(the photo\)) +([-0-9. *]+)", line.rstrip()) for line in lines)
    return {row[1]: row[2].split() for row in found if row}


def test_the_table(made: Path, run: Run) -> None:
    pictures = ["soft.png", "softer.png", "other.png"]
    outcome = run("compare", *pictures, *AGAINST, "--csv=table.csv")
    rows = rows_of(outcome)
    assert list(rows) == [*pictures, "(the photo)"]
    # Best of each column is marked, however it is rounded, and only there.
    with (made / "table.csv").open(newline="") as file:
        table = {row.pop("picture"): row for row in csv.DictReader(file)}
    assert list(table) == pictures
    for number, measure in enumerate(MEASURES):
        values = {name: float(row[measure.name]) for name, row in table.items()}
        best = shown(measure.best(list(values.values())))
        for name, value in values.items():
            mark = "*" if shown(value) == best else ""
            assert rows[name][number] == shown(value) + mark
        assert sum(rows[name][number].endswith("*") for name in pictures) >= 1
        assert not rows["(the photo)"][number].endswith("*")
    assert [float(x) for x in rows["(the photo)"][:1]] == [0]
    ssim, sharp = NAMES.index("ssim"), NAMES.index("sharpness")
    assert rows["soft.png"][ssim].endswith("*")
    assert float(rows["softer.png"][sharp]) < float(rows["soft.png"][sharp].strip("*")) < 1


@pytest.mark.usefixtures("made")
def test_every_column_is_explained_and_so_is_the_protocol(run: Run) -> None:
    outcome = run("compare", "soft.png", "softer.png", *AGAINST)
    for measure in MEASURES:
        line = f"{measure.title}, {measure.better} is better: {measure.meaning}.\n"
        assert line in outcome.out
    assert "* best in its column\n" in outcome.out
    assert "Protocol: pictures at 64×48" in outcome.out
    assert "original weights" in outcome.out
    # With one picture there is nothing to be best of.
    assert "*" not in run("compare", "soft.png", *AGAINST).out


def test_json_has_the_same_numbers(made: Path, run: Run) -> None:
    outcome = run("compare", "soft.png", "other.png", *AGAINST, "--json", "--csv=table.csv")
    facts = json.loads(outcome.out)
    with (made / "table.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            found = facts["pictures"][row.pop("picture")]
            assert {name: float(value) for name, value in row.items()} == found
    assert list(facts["measures"]) == list(NAMES)
    assert {m["better"] for m in facts["measures"].values()} == {"lower", "higher"}
    assert facts["photo"]["vgg_content"] == 0
    assert facts["protocol"].startswith("Protocol: pictures at 64×48")


@pytest.mark.usefixtures("made")
def test_the_painting_itself_has_its_style(run: Run) -> None:
    against = ["--photo=photo.png", "--painting=soft.png", "--painting=soft.png", "--size=64"]
    facts = json.loads(run("compare", "soft.png", *against, "--json").out)
    measured = facts["pictures"]["soft.png"]
    assert [measured[k] for k in ("vgg_style", "sliced_wasserstein", "colour_to_painting")] == [
        0, 0, 0,
    ]  # fmt: skip


def test_a_folder_is_one_style(made: Path, run: Run) -> None:
    (made / "hand").mkdir()
    for name in ("style.png", "other.png"):
        (made / "hand" / name).write_bytes((made / name).read_bytes())

    def measured(*paintings: str) -> dict[str, float]:
        flags = [f"--painting={painting}" for painting in paintings]
        outcome = run("compare", "soft.png", "--photo=photo.png", *flags, "--size=64", "--json")
        return dict(json.loads(outcome.out)["pictures"]["soft.png"])

    both = measured("style.png", "other.png")
    assert measured("hand") == both
    # Half for the hand, half for the photo.
    mixed, photo = measured("hand", "photo.png"), measured("photo.png")
    for name in ("vgg_style", "sliced_wasserstein", "colour_to_painting"):
        assert mixed[name] == pytest.approx((both[name] + photo[name]) / 2)


@pytest.mark.usefixtures("made")
def test_the_table_fits_a_narrow_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    outcome = run("compare", "soft.png", "softer.png", *AGAINST)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", outcome.out)
    assert max(map(len, plain.splitlines())) <= 80
    assert len(rows_of(Outcome(0, plain, ""))["soft.png"]) == len(MEASURES)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00"),
        (1.0, "1.00"),
        (0.12345, "0.123"),
        (0.000012345, "0.0000"),
        (12.345, "12.3"),
        (123.45, "123"),
        (12345.6, "1.23e+04"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert shown(value) == text


def test_the_flags_are_the_options(run: Run) -> None:
    commands: Any = typer.main.get_command(app)
    flags = {p.name: p for p in commands.commands["compare"].params}
    defaults = MeasureOptions()
    for name in ("size", "weights", "device"):
        assert flags[name].default == getattr(defaults, name)
    text = run("compare", "--help").out
    examples = re.findall(r"^ +impasto compare ([^(\n]*(?:\n    [^\s(][^(\n]*)?)", text, re.M)
    assert len(examples) == 2
    for arguments in examples:
        assert commands.commands["compare"].make_context("compare", arguments.split()).params


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["nix.png", *AGAINST], ["nix.png: no such file"]),
        (["soft.png", "--photo=nix.png", "--painting=style.png"], ["nix.png: no such file"]),
        (["soft.png", "--photo=photo.png", "--painting=nix.png"], ["nix.png: no such file"]),
        (["soft.png", "tall.png", *AGAINST], ["tall.png: is 48x64 pixels", "64x48", "aspect"]),
        (["soft.png", "--photo=photo.png", "--painting=empty"], ["empty: contains no pictures"]),
        (["soft.png", *AGAINST, "--csv=a.txt"], ["a.txt", ".csv"]),
        (["soft.png", *AGAINST, "--csv=no/a.csv"], ["no", "does not exist"]),
        (["soft.csv", *AGAINST, "--csv=soft.csv"], ["soft.csv", "also an input"]),
        (["soft.png", *AGAINST, "--size=31"], ["--size", "from 32 to 1024", "31"]),
        (["soft.png", *AGAINST[:2], "--size=2000"], ["--size", "2000"]),
        (
            ["flat.png", "--photo=flat.png", "--painting=style.png"],
            ["the photo would be", "--size"],
        ),
        (["flat.png", "--photo=photo.png", "--painting=style.png"], ["flat.png", "aspect"]),
        (["soft.png", *AGAINST, "--device=gpu"], ["--device must be"]),
        (["soft.png", *AGAINST, "--weights=nix.pth"], ["nix.pth"]),
        (["soft.png", *AGAINST, "--max-pixels=9"], ["--max-pixels"]),
        (["soft.png", "--painting=style.png"], ["--photo", "impasto compare --help"]),
        (["soft.png", "--photo=photo.png"], ["--painting"]),
        ([*AGAINST], ["PICTURE"]),
    ],
)
def test_mistakes(made: Path, run: Run, arguments: list[str], parts: list[str]) -> None:
    draw(made / "tall.png", 48, 64)
    draw(made / "flat.png", 640, 8)
    (made / "empty").mkdir()
    (made / "soft.csv").write_bytes((made / "soft.png").read_bytes())
    before = listing(made)
    outcome = run("compare", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    (line,) = outcome.err.splitlines()
    assert line.startswith("impasto: ")
    for part in parts:
        assert part in line
    assert listing(made) == before


def test_a_picture_in_sixteen_bits_and_one_with_alpha(made: Path, run: Run) -> None:
    with Image.open(made / "soft.png") as soft:
        values = np.asarray(soft).astype(np.uint16) * 257
        soft.putalpha(200)
        soft.save(made / "alpha.png")
    import png

    with (made / "deep.png").open("wb") as file:
        png.Writer(64, 48, greyscale=False, bitdepth=16).write(file, values.reshape(48, -1))
    facts = json.loads(run("compare", "soft.png", "deep.png", "alpha.png", *AGAINST, "--json").out)
    first, *others = facts["pictures"].values()
    assert all(other == first for other in others)
