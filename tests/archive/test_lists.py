"""Lists of paintings: what rows say, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cli.shell import draw
from impasto.archive.lists import read_list
from impasto.archive.plan import Item, Skipped
from impasto.errors import ImpastoError
from impasto.images import save_picture
from impasto.options import PaintOptions, SaveOptions

SAVE = SaveOptions()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "wave.png", "kiss.png"):
        draw(tmp_path / name, 16, 16)
    return tmp_path


def listed(
    folder: Path, text: str, name: str = "jobs.csv", *, out: str | None = None, **said: object
) -> list[Item]:
    path = folder / name
    path.write_text(text)
    return list(read_list(path, PaintOptions(**said), out, SAVE).items)


def test_rows_of_a_table(folder: Path) -> None:
    text = (
        "photo,styles,out,size,style-weight,tileable\n"
        "a.png,wave.png;kiss.png,one.jpg,300,2.5,yes\n"
        "\n"
        "b.png,wave.png,,,,\n"
    )
    one, two = listed(folder, text, steps=9)
    assert (one.photo, one.out) == (f"{folder}/a.png", f"{folder}/one.jpg")
    assert one.order.styles == (f"{folder}/wave.png", f"{folder}/kiss.png")
    assert one.order.options == PaintOptions(steps=9, size=300, style_weight=2.5, tileable=True)
    assert two.out == f"{folder}/b-wave.png"
    assert two.order.options == PaintOptions(steps=9)


def test_rows_of_json_lines(folder: Path) -> None:
    rows = [
        {"photo": "a.png", "styles": "wave.png", "out": "x.png", "options": {"style-scale": [1]}},
        {"photo": "b.png", "styles": ["wave.png", "kiss.png"], "options": {"budget": "30s"}},
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    one, two = listed(folder, text, "jobs.jsonl", out=str(folder / "painted"), steps=9)
    assert one.out == f"{folder}/painted/x.png"
    assert one.order.options == PaintOptions(steps=9, style_scale=[1])
    assert two.order.options == PaintOptions(budget=30), (
        "a row's own length takes the place of all's"
    )


def test_a_preset_of_a_row_brings_its_own_weights(folder: Path) -> None:
    text = "photo,styles,preset\na.png,wave.png,paper\n"
    (item,) = listed(folder, text)
    assert item.order.options == PaintOptions(preset="paper")


def test_a_style_loss_or_an_optimiser_of_a_row_brings_its_own_defaults(folder: Path) -> None:
    text = "photo,styles,style-loss,optimizer\na.png,wave.png,gram,lbfgs\nb.png,wave.png,,\n"
    said = {"style_loss": "emd", "optimizer": "adam", "tv_weight": 3.0}
    one, two = listed(folder, text, **said)
    assert one.order.options == PaintOptions(tv_weight=3)
    assert two.order.options == PaintOptions(**said)


HEAD = "photo,styles,out,size\n"
GOOD = "a.png,wave.png,o.png,\n"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "jobs.csv: contains no rows"),
        (HEAD, "jobs.csv: contains no rows"),
        ("photo,stiles\n", "row 1: unknown column 'stiles'; did you mean 'styles'"),
        ("photo,styles,photo\n", "row 1: the column photo appears twice"),
        (HEAD + "a.png,wave.png,o.png,1,2\n", "row 2: has 5 fields, but there are 4 columns"),
        (HEAD + GOOD + "nix.png,wave.png,,\n", "row 3: photo: .*nix.png: no such file"),
        (HEAD + ",wave.png,,\n", "row 2: photo: must be the name of a file"),
        (HEAD + "a.png,,,\n", "row 2: styles: must name at least one"),
        (HEAD + "a" * 5000 + ",wave.png,,\n", "row 2: photo: .*: no such file"),
        (HEAD + "a.png,nix.png,,\n", "row 2: styles: .*nix.png: no such file"),
        (HEAD + "a.png,wave.png,o.pgn,\n", "row 2: out: .*did you mean '.png'"),
        (HEAD + "a.png,wave.png,,big\n", "row 2: size must be whole numbers, got 'big'"),
        (HEAD + "a.png,wave.png,,0\n", "row 2: --size must be a whole number from 1"),
        (HEAD + GOOD + GOOD, "row 3: out: .*o.png is also the output of row 2"),
        (
            HEAD + "a.png,wave.png,b.png,\nb.png,wave.png,,\n",
            "row 2: out: .*b.png already exists and",
        ),
        (HEAD + "a.png,wave.png,mine.png,\n", "row 2: out: .*mine.png already exists and was not"),
        (
            HEAD + GOOD + "a.png,wave.png,in/../o.png,\n",
            "row 3: out: .*o.png is also the output of row 2",
        ),
        (HEAD + 'a.png,"wave.png\n', "cannot be read as a list"),
    ],
)
def test_bad_rows_are_named_with_their_field(folder: Path, text: str, wrong: str) -> None:
    draw(folder / "mine.png", 8, 8)
    with pytest.raises(ImpastoError, match=wrong):
        listed(folder, text)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("{", "row 2: is not a JSON object"),
        ("[]", "row 2: is not a JSON object"),
        ('{"photo": 3}', "row 2: photo: must be the name of a file, got 3"),
        ('{"photo": "a.png", "style": "wave.png"}', "unknown field 'style'; did you mean"),
        ('{"photo": "a.png", "styles": [3]}', "row 2: styles: must name at least one"),
        (
            '{"photo": "a.png", "styles": "wave.png", "options": 3}',
            "row 2: options: must be an obj",
        ),
        ('{"photo": "a.png", "styles": "wave.png", "options": {"sise": 3}}', "did you mean 'size'"),
        ('{"photo": "a.png", "styles": "wave.png", "out": "a\\u0000"}', "row 2: out: must be"),
        ('{"photo": "a.png", "styles": "wave.png", "out": "\\ud800.png"}', "row 2: out: must be"),
    ],
)
def test_bad_lines_are_named_with_their_field(folder: Path, line: str, wrong: str) -> None:
    good = json.dumps({"photo": "a.png", "styles": "wave.png", "out": "good.png"})
    with pytest.raises(ImpastoError, match=wrong):
        listed(folder, f"{good}\n{line}\n", "jobs.jsonl")


def test_lists_that_are_none(folder: Path) -> None:
    with pytest.raises(ImpastoError, match=r"use .csv or .jsonl"):
        listed(folder, HEAD + GOOD, "jobs.txt")
    with pytest.raises(ImpastoError, match=r"nix.csv: no such file"):
        read_list(folder / "nix.csv", PaintOptions(), None, SAVE)
    (folder / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ImpastoError, match=r"bytes.csv: cannot be read as a list"):
        read_list(folder / "bytes.csv", PaintOptions(), None, SAVE)


@pytest.mark.parametrize("content", [None, "a.png", {"name": 3}, {}])
def test_a_recipe_that_is_damaged_is_no_reason_to_pass_over(folder: Path, content: object) -> None:
    (folder / "jobs.csv").write_text(HEAD + GOOD)
    recipe = {
        "kind": "paint",
        "options": PaintOptions().to_dict(),
        "content": content,
        "styles": [{"name": f"{folder}/wave.png"}],
    }
    save_picture(np.zeros((8, 8, 3), np.uint8), folder / "o.png", recipe=recipe)
    (found,) = read_list(folder / "jobs.csv", PaintOptions(), None, SAVE)
    assert isinstance(found, Item)


def test_what_somebody_else_puts_in_its_place_meanwhile_stays(folder: Path) -> None:
    (folder / "jobs.csv").write_text(HEAD + GOOD)
    plan = read_list(folder / "jobs.csv", PaintOptions(), None, SAVE)
    draw(folder / "o.png", 8, 8)
    (found,) = plan
    assert isinstance(found, Item)
    assert not found.overwrite


def test_what_was_painted_so_is_passed_over_and_what_was_painted_otherwise_is_not(
    folder: Path,
) -> None:
    (folder / "jobs.csv").write_text(HEAD + GOOD)
    options = PaintOptions(steps=3)
    recipe = {
        "kind": "paint",
        "options": options.to_dict(),
        "content": {"name": f"{folder}/a.png"},
        "styles": [{"name": f"{folder}/wave.png"}],
    }
    save_picture(np.zeros((8, 8, 3), np.uint8), folder / "o.png", recipe=recipe)
    plan = read_list(folder / "jobs.csv", options, None, SAVE)
    (found,) = plan
    assert isinstance(found, Skipped)
    (found,) = read_list(folder / "jobs.csv", options, None, SAVE, overwrite=True)
    assert isinstance(found, Item)
    assert found.overwrite
    (found,) = read_list(folder / "jobs.csv", PaintOptions(steps=4), None, SAVE)
    assert isinstance(found, Item)
    assert found.overwrite
