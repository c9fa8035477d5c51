"""``impasto sweep`` on the command line."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from cli.shell import SHALLOW, Outcome, draw, interrupt_at, listing, pixels
from impasto import atomic
from impasto.cli import main
from impasto.cli.main import app
from impasto.images import read_recipe
from impasto.metrics.measures import NAMES
from impasto.nets import vgg
from impasto.nets.feature_net import VGG19
from impasto.optimize.lbfgs import LBFGS
from impasto.options import PaintOptions
from impasto.options.sweep import parse_axis
from impasto.sweep import engine
from impasto.sweep.grid import lay_out
from impasto.sweep.sheet_recipe import sheet_recipe

Run = Callable[..., Outcome]
SMALL = ["--size=48", "--steps=3", *SHALLOW[1:]]
"""Without the style layers of SHALLOW: they are what varies."""

LAYERS = "--vary=style-layers=relu1_1;relu1_1,relu2_1"
WEIGHTS = "--vary=style-weight=0.1,1,10"


@pytest.fixture
def sweep(run: Run) -> Run:
    """Run `impasto sweep` on a small picture."""

    def sweep(*arguments: Any, out: str = "sheet.png") -> Outcome:
        layers = [] if any("style-layers" in a for a in arguments) else [SHALLOW[0]]
        return run("sweep", "photo.png", "style.png", "-o", out, *SMALL, *layers, *arguments)

    return sweep


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, keep_networks: Callable[..., None]) -> Path:
    """A folder like those of the tests where a sweep of three weights was made."""
    folder = tmp_path_factory.mktemp("swept")
    photo = draw(folder / "photo.png", 64, 48, seed=1)
    style = draw(folder / "style.png", 48, 64, seed=2)
    line = ["sweep", photo.name, style.name, "-o", "sheet.png", *SMALL, SHALLOW[0]]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        keep_networks(patch, thin=True)
        patch.setattr(sys, "argv", ["impasto", *line, WEIGHTS, "--csv=sheet.csv", "--quiet"])
        main.run()
    return folder


@pytest.fixture
def finished(folder: Path, swept: Path) -> None:
    """The sheet, its table and its cells are there, as if they had been made in the folder."""
    shutil.copytree(swept, folder, dirs_exist_ok=True)


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Take down which cells are painted."""
    cells: list[str] = []
    painter = engine.Sweep._painter

    def note(self: Any, cell: Any, key: str) -> Any:
        cells.append(cell.name)
        return painter(self, cell, key)

    monkeypatch.setattr(engine.Sweep, "_painter", note)
    return cells


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_sheet_and_its_table(folder: Path, sweep: Run, run: Run) -> None:
    outcome = sweep(LAYERS, WEIGHTS, "--csv=sheet.csv")
    assert outcome.code == 0, outcome.err
    assert outcome.out == "sheet  sheet.png\ntable  sheet.csv\ncells  sheet.png.cells\n"
    rows = rows_of(folder / "sheet.csv")
    places = [(row["row"], row["column"]) for row in rows]
    assert places == [(r, c) for r in "12" for c in "123"]
    assert [row["style_weight"] for row in rows] == ["0.1", "1", "10"] * 2
    assert [row["style_layers"] for row in rows] == ["relu1_1"] * 3 + ["relu1_1,relu2_1"] * 3
    assert list(rows[0])[:4] == ["row", "column", "style_layers", "style_weight"]
    assert len(set(rows[0])) == len(rows[0])  # no two columns of one name
    for row in rows:
        assert row["steps_painted"] == "3"
        assert float(row["loss"]) == pytest.approx(
            sum(float(row[k]) for k in ("content", "style", "tv"))
        )
        assert float(row["seconds"]) > 0
        # Each picture is a painting like any other, at its own options.
        recipe = read_recipe(folder / row["file"])
        options = PaintOptions.from_dict(recipe["options"])
        assert options.style_weight == float(row["style_weight"])
        assert dict(options.style_layers).keys() == set(row["style_layers"].split(","))
        assert options.scales == row["scales"]
    # It is what impasto paint makes of them,
    files = [row["file"] for row in rows]
    line = ["paint", "photo.png", "style.png", "-o", "one.png", *SMALL]
    assert run(*line, "--style-layers=relu1_1,relu2_1", "--style-weight=10").code == 0
    np.testing.assert_array_equal(pixels(folder / "one.png"), pixels(folder / files[5]))
    # stands on the sheet,
    sheet, cell = pixels(folder / "sheet.png"), pixels(folder / files[5])
    tops, lefts = np.nonzero((sheet[:-35, :-47] == cell[0, 0]).all(axis=2))
    assert any(
        (sheet[t : t + 36, x : x + 48] == cell).all() for t, x in zip(tops, lefts, strict=True)
    )
    # and measures as impasto compare says.
    against = ["--photo=photo.png", "--painting=style.png", "--size=48", "--json"]
    facts = json.loads(run("compare", *files, *against).out)["pictures"]
    for row in rows:
        assert facts[row["file"]] == {name: float(row[name]) for name in NAMES}


@pytest.mark.usefixtures("finished")
def test_finished_cells_are_not_painted_again(folder: Path, sweep: Run, painted: list[str]) -> None:
    first = pixels(folder / "sheet.png")
    outcome = sweep(WEIGHTS, "--csv=again.csv")
    assert painted == []
    assert "3 pictures, 3 of them already finished" in outcome.err
    np.testing.assert_array_equal(pixels(folder / "sheet.png"), first)
    assert (folder / "sheet.csv").read_bytes() == (folder / "again.csv").read_bytes()
    # A larger sweep paints what is new, wherever it stands.
    assert sweep("--vary=seed=0,7", "--vary=style-weight=10,3").code == 0
    assert painted == ["1,2", "2,1", "2,2"]


@pytest.mark.usefixtures("finished")
@pytest.mark.parametrize("changed", ["--tv-weight=1", "photo.png", "style.png", "other.png"])
def test_cells_of_other_settings_are_others(
    folder: Path, sweep: Run, painted: list[str], changed: str
) -> None:
    line = ["--vary=style-weight=10,1"]
    if changed == "other.png":
        line.append("--init=other.png")
        assert sweep(*line).code == 0
    elif changed.startswith("--"):
        line.append(changed)
    painted.clear()
    if not changed.startswith("--"):
        draw(folder / changed, 64, 48, seed=77)
    assert sweep(*line).code == 0
    assert painted == ["1,1", "1,2"]


@pytest.mark.usefixtures("finished")
def test_a_damaged_cell_is_painted_again(folder: Path, sweep: Run, painted: list[str]) -> None:
    first = pixels(folder / "sheet.png")
    _, second, third = (folder / row["file"] for row in rows_of(folder / "sheet.csv"))
    second.write_bytes(second.read_bytes()[:200])
    shutil.copy(folder / "photo.png", third)
    assert sweep(WEIGHTS).code == 0
    assert painted == ["1,2", "1,3"]
    np.testing.assert_array_equal(pixels(folder / "sheet.png"), first)


@pytest.mark.parametrize("step", [3, 5])
def test_ctrl_c_loses_nothing(
    folder: Path,
    swept: Path,
    sweep: Run,
    painted: list[str],
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    """Of three pictures of three steps: at the last step of the first, in the second."""
    with monkeypatch.context() as patch:
        interrupt_at(patch, step)
        outcome = sweep(WEIGHTS, "--csv=sheet.csv", "--quiet")
    assert outcome.code == 130
    done = (step - 1) // 3
    assert f"stopped with {done} of 3 pictures finished; the sheet so far is" in outcome.err
    assert "repeat the command" in outcome.err
    assert not (folder / "sheet.png").exists()
    assert not (folder / "sheet.csv").exists()
    assert pixels(folder / "sheet.unfinished.png").shape[2] == 3
    assert len(list((folder / "sheet.png.cells").glob("*.png"))) == done
    # Once more: the steps that were done are not done again, and it ends in the same sheet.
    painted.clear()
    tell, told = LBFGS.tell, []
    monkeypatch.setattr(LBFGS, "tell", lambda self, *what: told.append(what) or tell(self, *what))
    assert sweep(WEIGHTS).code == 0
    assert len(told) == 9 - step
    assert painted == ["1,1", "1,2", "1,3"][done:]
    assert not list((folder / "sheet.png.cells").glob("*.checkpoint"))
    np.testing.assert_array_equal(pixels(folder / "sheet.png"), pixels(swept / "sheet.png"))


def test_a_damaged_state_is_begun_again(
    folder: Path, sweep: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = "--vary=style-weight=1,10"
    with monkeypatch.context() as patch:
        interrupt_at(patch, 2)
        assert sweep(two).code == 130
    (state,) = (folder / "sheet.png.cells").glob("*.checkpoint")
    state.write_bytes(b"this was never a checkpoint" * 9)
    assert sweep(two).code == 0
    assert len(list((folder / "sheet.png.cells").iterdir())) == 2


def test_a_picked_cell_at_the_same_size_is_the_same(folder: Path, sweep: Run, run: Run) -> None:
    weights = "--vary=style-weight=1,10"
    assert sweep(LAYERS, weights, "--csv=sheet.csv", "--tv-weight=2").code == 0
    outcome = run("sweep", "sheet.png", "--pick=2,1", "--size=48", "-o", "out.png")
    assert (outcome.code, outcome.out) == (0, "painting  out.png\n")
    (row,) = (r for r in rows_of(folder / "sheet.csv") if (r["row"], r["column"]) == ("2", "1"))
    np.testing.assert_array_equal(pixels(folder / "out.png"), pixels(folder / row["file"]))
    options = read_recipe(folder / "out.png")["options"]
    assert options == read_recipe(folder / row["file"])["options"]
    # rerun knows both.
    assert run("rerun", row["file"], "-o", "again.png").out.endswith("every pixel is the same\n")


def test_a_cell_is_picked_from_a_sheet_of_another_format(
    folder: Path, sweep: Run, run: Run
) -> None:
    assert sweep("--vary=scales=single;24,36", out="sheet.jpg").code == 0
    outcome = run("sweep", "sheet.jpg", "--pick=1,2", "--size=64", "--steps=4", "-o", "out.png")
    assert outcome.code == 0, outcome.err
    assert pixels(folder / "out.png").shape == (48, 64, 3)
    recipe = read_recipe(folder / "out.png")
    assert (recipe["options"]["size"], recipe["options"]["steps"]) == (64, 4)
    assert [scale[0] for scale in recipe["ran"]["schedule"]] == [24, 36, 64]


def test_a_budgets_cell_is_repeated_by_its_steps(folder: Path, run: Run) -> None:
    line = ["sweep", "photo.png", "style.png", "-o", "sheet.png", "--size=48", *SHALLOW]
    assert run(*line, "--vary=budget=0.2s,0.4s", "--csv=sheet.csv").code == 0
    rows = rows_of(folder / "sheet.csv")
    assert run("sweep", "sheet.png", "--pick=1,2", "--size=48", "-o", "out.png").code == 0
    recipe = read_recipe(folder / "out.png")
    assert recipe["options"]["budget"] is None
    assert str(recipe["options"]["steps"]) == rows[1]["steps_painted"]


@pytest.mark.usefixtures("finished")
def test_pictures_that_moved(folder: Path, run: Run) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    for name in ("photo.png", "style.png"):
        (folder / name).rename(elsewhere / name)
    line = ["sweep", "sheet.png", "--pick=1,1", "--size=24", "-o", "out.png"]
    outcome = run(*line)
    assert outcome.code == 2
    assert "photo.png: not found here" in outcome.err
    line[2:2] = ["elsewhere/photo.png", "elsewhere/style.png"]
    assert run(*line).code == 0
    draw(elsewhere / "style.png", 48, 64, seed=99)
    outcome = run(*line)
    assert outcome.code == 2
    assert "style.png: is not the picture that sheet.png was painted from" in outcome.err
    # A sheet that travels with its pictures needs nothing.
    draw(elsewhere / "style.png", 48, 64, seed=2)
    (folder / "sheet.png").rename(elsewhere / "sheet.png")
    assert run("sweep", "elsewhere/sheet.png", "--pick=1,1", "--size=24", "-o", "out.png").code == 0


@pytest.mark.usefixtures("finished")
def test_ctrl_c_while_a_cell_is_painted_large(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ["sweep", "sheet.png", "--pick=1,3", "--size=64", "-o", "out.png"]
    assert run(*line).code == 0
    whole = pixels(folder / "out.png")
    with monkeypatch.context() as patch:
        interrupt_at(patch, 2)
        outcome = run(*line)
    assert outcome.code == 130
    assert "--resume" in outcome.err
    outcome = run(*line, "--resume")
    assert outcome.code == 0
    assert "resuming at step 2" in outcome.err
    np.testing.assert_array_equal(pixels(folder / "out.png"), whole)


def test_a_cell_that_cannot_be_painted_is_reported_and_skipped(folder: Path, sweep: Run) -> None:
    outcome = sweep("--vary=style-layers=relu1_1;relu4_1", "--style-scale=0.05", "--csv=sheet.csv")
    assert outcome.code == 1
    assert "impasto: picture 1,2: style.png would be" in outcome.err
    assert "too small for relu4_1" in outcome.err
    assert [row["column"] for row in rows_of(folder / "sheet.csv")] == ["1"]
    assert "Traceback" not in outcome.err


def test_without_any_painted_cell_there_is_no_sheet(folder: Path, sweep: Run) -> None:
    outcome = sweep("--vary=style-layers=relu3_1;relu4_1", "--style-scale=0.05")
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1].startswith("impasto: style.png would be")
    assert not (folder / "sheet.png").exists()


@pytest.mark.usefixtures("finished")
def test_the_outcome_as_json(folder: Path, sweep: Run) -> None:
    outcome = sweep(WEIGHTS, "--json", "--csv=sheet.csv")
    facts = json.loads(outcome.out)
    assert facts["files"] == {"sheet": "sheet.png", "table": "sheet.csv"}
    assert facts["failed"] == {}
    assert [cell["style_weight"] for cell in facts["cells"]] == ["0.1", "1", "10"]
    for cell, row in zip(facts["cells"], rows_of(folder / "sheet.csv"), strict=True):
        assert cell["measures"] == {name: float(row[name]) for name in NAMES}
        assert (folder / cell["file"]).is_file()


def test_several_paintings(folder: Path, run: Run) -> None:
    line = ["sweep", "photo.png", "style.png", "other.png", *SMALL, "--style-layers=relu1_1"]
    outcome = run(*line, "-o", "sheet.png", "--vary=blend=1,0;0,1", "--csv=sheet.csv", "--quiet")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    rows = rows_of(folder / "sheet.csv")
    # Each is measured against the painting that it was asked for.
    for row, painting in zip(rows, ("style.png", "other.png"), strict=True):
        against = ["--photo=photo.png", f"--painting={painting}", "--size=48", "--json"]
        (found,) = json.loads(run("compare", row["file"], *against).out)["pictures"].values()
        assert found == pytest.approx({name: float(row[name]) for name in NAMES})


def test_a_folder_as_a_style_and_masks(folder: Path, run: Run) -> None:
    """Whatever a painting can be made from, a cell is picked from, and no other file passes."""
    (folder / "hand").mkdir()
    for name in ("a.png", "b.png"):
        draw(folder / "hand" / name, 60, 50, seed=ord(name[0]))
    line = [*SMALL, SHALLOW[0], "--masks=photo.png,other.png", "--csv=sheet.csv"]
    vary = "--vary=freeze=style.png,other.png"
    assert run("sweep", "photo.png", "style.png", "hand", *line, "-o", "sheet.png", vary).code == 0
    again = ["sweep", "sheet.png", "--pick=1,2", "--size=48", "-o", "out.png"]
    assert run(*again).code == 0
    row = rows_of(folder / "sheet.csv")[1]
    np.testing.assert_array_equal(pixels(folder / "out.png"), pixels(folder / row["file"]))
    moved = [*again[:2], "photo.png", "style.png", "hand", *again[2:]]
    assert run(*moved).code == 0
    draw(folder / "hand" / "c.png", 60, 50)
    outcome = run(*moved)
    assert (outcome.code, "from 4 pictures, got 5" in outcome.err) == (2, True)
    draw(folder / "other.png", 56, 56, seed=33)
    outcome = run(*again)
    assert (outcome.code, "other.png: is not the picture" in outcome.err) == (2, True)


def test_cells_that_need_the_same_network_share_it(
    sweep: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, built = vgg.build, []

    def note(*what: Any, **options: Any) -> Any:
        built.append(options)
        return build(*what, **options)

    monkeypatch.setattr(vgg, "build", note)
    assert sweep("--vary=pooling=max,average", "--vary=style-weight=1,10").code == 0
    painted = [options["pooling"] for options in built if options]  # the others measure
    assert painted == ["max", "average"]


def test_progress_is_over_all_cells(sweep: Run) -> None:
    first, *lines = sweep(WEIGHTS).err.splitlines()
    assert first == "3 pictures"
    assert re.fullmatch(r"0 of 3 pictures", lines[0])
    assert all(re.fullmatch(r"[0-3] of 3 pictures, \d+:\d\d left", line) for line in lines[1:])
    assert lines[-1].endswith("0:00 left")


@pytest.mark.usefixtures("finished")
def test_a_full_disk_says_where_the_pictures_are(
    folder: Path, sweep: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = atomic._target

    def full(path: Any) -> Path:
        if Path(path).name == "sheet.png":
            raise OSError(28, "No space left on device")
        return target(path)

    before = (folder / "sheet.png").read_bytes()
    monkeypatch.setattr("impasto.images.write.atomic_write", atomic.atomic_write)
    with monkeypatch.context() as patch:
        patch.setattr("impasto.cli.sweep_runner.check_output", lambda *_, **__: None)
        patch.setattr(atomic, "_target", full)
        outcome = sweep(WEIGHTS, "--quiet")
    assert outcome.code == 2
    assert "No space left on device; the finished pictures are in sheet.png.cells" in outcome.err
    assert (folder / "sheet.png").read_bytes() == before


def test_the_recipe_of_the_largest_sweep_fits_into_a_jpeg(folder: Path) -> None:
    grid = lay_out({}, [parse_axis(f"{n}={','.join(map(str, range(10)))}") for n in ("seed", TV)])
    assert len(grid.cells) == 100
    photo, style = folder / "photo.png", folder / "style.png"
    recipe = sheet_recipe(engine.Sweep(photo, [style], grid, folder=folder / "cells"))
    assert len(json.dumps(recipe)) < 32_000


TV = "tv-weight"
MANY_LAYERS = ";".join(",".join(f"{layer}:{k}" for layer in VGG19.names) for k in range(1, 101))
TWO = ["photo.png", "style.png"]
OUT = ["-o", "sheet.png", *SMALL]
MISTAKES: dict[str, tuple[list[str], list[str]]] = {
    "nothing varies": ([*TWO, *OUT], ["--vary NAME=VALUE"]),
    "no painting": (["photo.png", *OUT, WEIGHTS], ["at least one painting", "photo.png"]),
    "missing photo": (["nix.png", "style.png", *OUT, WEIGHTS], ["nix.png: no such file"]),
    "missing painting": (["photo.png", "nix.png", *OUT, WEIGHTS], ["nix.png: no such file"]),
    "misspelt": ([*TWO, *OUT, "--vary=style-wieght=1,2"], ["mean 'style-weight'"]),
    "size varies": ([*TWO, *OUT, "--vary=size=32,48"], ["cannot vary size"]),
    "ambiguous commas": ([*TWO, *OUT, "--vary=style-layers=relu1_1,relu2_1"], ["semicolons"]),
    "unknown layer": ([*TWO, *OUT, "--vary=style-layers=relu1_1;relu_2_1"], ["mean 'relu2_1'"]),
    "said twice": ([*TWO, *OUT, "--style-weight=3", WEIGHTS], ["--style-weight is both given"]),
    "conflict": ([*TWO, *OUT, "--vary=quality=draft,good"], ["with quality draft", "--steps and"]),
    "too many": ([*TWO, *OUT, f"--vary=seed={','.join(map(str, range(101)))}"], ["limit is 100"]),
    "extension": ([*TWO, *SMALL, WEIGHTS, "-o", "a.gif"], ["a.gif", ".png"]),
    "sheet is photo": ([*TWO, *SMALL, WEIGHTS, "-o", "photo.png"], ["also an input"]),
    "table's extension": ([*TWO, *OUT, WEIGHTS, "--csv=a.txt"], ["a.txt", ".csv"]),
    "no folder": ([*TWO, *SMALL, WEIGHTS, "-o", "no/a.png"], ["no", "does not exist"]),
    "cells are a file": ([*TWO, *SMALL, WEIGHTS, "-o", "f.png"], ["f.png.cells", "not a folder"]),
    "resume": ([*TWO, *OUT, WEIGHTS, "--resume"], ["--resume needs --pick"]),
    "blend": ([*TWO, *OUT, WEIGHTS, "--blend=1,2"], ["--blend"]),
    "too wide for webp": (
        [*TWO, *SMALL[1:], "--vary", f"seed={','.join(map(str, range(100)))}", "-o", "a.webp"],
        ["a.webp", "16,383"],
    ),
    "too many pixels": (
        [*TWO, *OUT, WEIGHTS, "--max-pixels=9999"],
        ["sheet.png: the sheet would be", "more than --max-pixels 9,999", "--size"],
    ),
    "too many options for a jpeg": (
        [*TWO, *SMALL, f"--vary=style-layers={MANY_LAYERS}", "-o", "a.jpg"],
        ["a.jpg: a JPEG has no room", ".png"],
    ),
    "no sheet": (["photo.png", "--pick=1,1", "-o", "o.png"], ["photo.png: has no", "recipe"]),
    "a painting": (["made.png", "--pick=1,1", "-o", "o.png"], ["made.png: was not made by"]),
    "no such cell": (
        ["made-sheet.png", "--pick=2,1", "-o", "o.png"],
        ["--pick 2,1", "rows 1 to 1", "columns 1 to 3"],
    ),
    "no place": (["made-sheet.png", "--pick=two", "-o", "o.png"], ["ROW,COLUMN", "'two'"]),
    "no place either": (["made-sheet.png", "--pick=1,", "-o", "o.png"], ["ROW,COLUMN"]),
    "picked with other options": (
        ["made-sheet.png", "--pick=1,1", "-o", "o.png", "--style-weight=3"],
        ["--pick", "--style-weight", "it allows --size"],
    ),
    "picked and varied": (
        ["made-sheet.png", "--pick=1,1", "-o", "o.png", WEIGHTS],
        ["cannot be combined with --vary or --csv"],
    ),
    "picked over the sheet": (
        ["made-sheet.png", "--pick=1,1", "-o", "made-sheet.png"],
        ["also an input"],
    ),
    "too few moved": (
        ["made-sheet.png", "photo.png", "--pick=1,1", "-o", "o.png"],
        ["a photo and 1 styles", "got 1 files"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_and_touches_nothing(
    folder: Path, swept: Path, run: Run, name: str
) -> None:
    arguments, parts = MISTAKES[name]
    (folder / "f.png.cells").write_text("a file")
    if "made.png" in arguments:
        run("paint", *TWO, *SMALL, SHALLOW[0], "-o", "made.png")
    shutil.copy(swept / "sheet.png", folder / "made-sheet.png")
    before = listing(folder)
    outcome = run("sweep", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    *told, line = outcome.err.splitlines()
    assert line.startswith("impasto: ")
    assert told == []
    for part in parts:
        assert part in line
    assert {k: v for k, v in listing(folder).items() if k != "sheet.png.cells"} == before


@pytest.mark.parametrize(
    "recipe",
    [
        {"kind": "sweep"},
        {"kind": "sweep", "cells": 3, "content": {}, "styles": []},
        {"kind": "sweep", "cells": [], "content": {"name": "a", "sha256": ""}, "styles": []},
        {
            "kind": "sweep",
            "cells": [{"row": 1, "column": 1, "options": {"size": 3}}],
            "options": {},
            "style_of_painting": [0],
            "files": {},
            "content": {"name": "a", "sha256": ""},
            "styles": [{"name": "b", "sha256": ""}],
        },
        {"kind": "sweep", "cells": [{"row": [], "column": {}}], "content": "a", "styles": "b"},
    ],
)
def test_a_foreign_recipe_is_an_error_like_any(folder: Path, run: Run, recipe: Any) -> None:
    from impasto.images import save_picture

    save_picture(np.zeros((9, 9, 3), np.uint8), folder / "bad.png", recipe=recipe)
    outcome = run("sweep", "bad.png", "--pick=1,1", "-o", "o.png")
    assert outcome.code == 2
    (line,) = outcome.err.splitlines()
    assert "bad.png: its recipe is incomplete or damaged" in line


def test_the_flags_are_those_of_paint(run: Run) -> None:
    commands: Any = typer.main.get_command(app)
    flags = {
        name: {p.name: p for p in commands.commands[name].params} for name in ("paint", "sweep")
    }
    own = {"size": None, "budget": None}
    for name in PaintOptions.__dataclass_fields__:
        sweeps, paints = flags["sweep"][name], flags["paint"][name]
        assert sweeps.opts == paints.opts
        assert sweeps.metavar == paints.metavar
        assert sweeps.default == own.get(name, paints.default)
        if name not in own:
            assert sweeps.help == paints.help
    text = run("sweep", "--help").out
    examples = re.findall(r"^ +impasto sweep ([^(\n]*(?:\n    [^\s(][^(\n]*)?)", text, re.M)
    assert len(examples) == 3
    for arguments in examples:
        assert commands.commands["sweep"].make_context("sweep", arguments.split()).params
