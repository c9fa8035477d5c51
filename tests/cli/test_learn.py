"""`impasto learn` and its styles in other commands: two steps each, on the smallest network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.shell import Outcome, draw, listing, pixels
from impasto.images import read_recipe
from impasto.nets.architecture import style_tensors
from impasto.options import LearnOptions, TrainOptions
from impasto.zoo.cards import StyleCard
from impasto.zoo.pack import read_pack, write_pack
from impasto.zoo.registry import network
from impasto.zoo.rows import Row, Rows, read_rows, write_rows

Run = Callable[..., Outcome]

QUICK = ["--model=turbo", "--size=128", "--style-size=192", "--precision=float32", "--device=cpu"]


@pytest.fixture(autouse=True)
def styles(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing was learnt yet; return the folder where it will be.

    Few layers of VGG are looked through.
    """

    def few(**asked: Any) -> TrainOptions:
        layers = {"style_layers": "relu1_1,relu2_1", "content_layers": "relu2_2"}
        return TrainOptions(**asked, **layers, style_sizes="1:1", content_sizes="1:1")

    monkeypatch.setattr("impasto.training.learner.TrainOptions", few)
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    return folder / "data" / "impasto" / "styles"


@pytest.fixture
def paintings(folder: Path) -> Path:
    """A folder of two paintings."""
    (folder / "paintings").mkdir()
    for seed, name in enumerate(("swirls", "dots")):
        draw(folder / "paintings" / f"{name}.png", 192, 160, seed)
    return folder / "paintings"


@pytest.fixture
def learn(run: Run) -> Run:
    """Run `impasto learn` for a step or two."""
    return lambda *arguments, steps=1: run("learn", *QUICK, f"--steps={steps}", *arguments)


def kept(path: Path) -> Row:
    (row,) = read_rows(path).rows
    return row


def made_up(*names: str, **card: str) -> Rows:
    """Rows of the network that ships, in the name of others of its styles."""
    pack = network("turbo")
    ships = pack.row(pack.styles[-1])
    cards = [StyleCard(name=name, **card) for name in names]
    return Rows("turbo", pack.body, tuple(Row(card, ships.tensors) for card in cards))


@pytest.fixture
def mine(styles: Path) -> Path:
    """Two styles that were learnt, each in its file."""
    styles.mkdir(parents=True)
    for name, painter in (("hugging", "Ann Onymous"), ("squall", "N. O. Body")):
        write_rows(made_up(name, painter=painter), styles / f"{name}.safetensors")
    return styles


@pytest.mark.usefixtures("paintings")
def test_a_painting_becomes_a_style_of_every_command(
    folder: Path, styles: Path, learn: Run, run: Run
) -> None:
    outcome = learn("paintings/swirls.png", steps=2)
    path = styles / "swirls.safetensors"
    assert (outcome.code, outcome.out) == (0, f"style  swirls  {path}\n")
    assert outcome.err.startswith("learning swirls  content ")
    row = kept(path)
    assert (row.card.name, row.learning["steps"], row.learning["size"]) == ("swirls", 2, 128)
    assert sorted(listing(styles)) == ["swirls.safetensors"]

    assert run("apply", "swirls", "photo.png", "-o", "out.png").code == 0
    recipe = read_recipe(folder / "out.png")
    assert recipe["shares"] == {"swirls": 1}
    assert recipe["model"]["architecture"] == "turbo"
    made = pixels(folder / "out.png")
    assert np.abs(made.astype(int) - pixels(folder / "photo.png")).mean() > 2

    assert run("apply", "turbo/swirls:0.5,wave:0.5", "photo.png", "-o", "mixed.png").code == 0
    assert read_recipe(folder / "mixed.png")["shares"] == {"swirls": 0.5, "wave": 0.5}
    assert (pixels(folder / "mixed.png") != made).any()

    shown = run("models", "show", "swirls").out
    assert "network" in shown
    assert row.card.sha256 in shown


def test_the_same_again_goes_on(paintings: Path, styles: Path, learn: Run) -> None:
    path = styles / "swirls.safetensors"
    seen = []
    for line in (["paintings/swirls.png"], ["paintings/swirls.png"], ["swirls"]):
        assert learn(*line).code == 0
        seen.append(kept(path))
    assert [row.learning["steps"] for row in seen] == [1, 2, 3]
    assert [row.learning["crops"] for row in seen] == [1, 2, 3]
    assert len({row.sha256 for row in seen}) == 3
    shutil.copy(paintings / "swirls.png", paintings.parent / "copy.png")
    assert learn("copy.png", "--name=swirls").code == 0
    assert kept(path).learning["steps"] == 4


@pytest.mark.usefixtures("paintings")
def test_the_same_commands_lead_to_the_same_row(folder: Path, styles: Path, learn: Run) -> None:
    for name in ("a", "b"):
        for _ in range(2):
            assert learn("paintings/swirls.png", "-o", f"{name}.safetensors").code == 0
    one, other = kept(folder / "a.safetensors"), kept(folder / "b.safetensors")
    assert one.sha256 == other.sha256
    assert (one.learning["steps"], other.learning["steps"]) == (2, 2)
    assert not styles.exists()


def test_a_folder_is_many_styles_and_a_broken_picture_is_named(
    paintings: Path, styles: Path, learn: Run
) -> None:
    (paintings / "a-broken.png").write_bytes(b"no picture")
    (paintings / "notes.txt").write_text("no painting, and not looked at")
    (paintings / "dots.png").unlink()
    outcome = learn("paintings", "--json", "--quiet")
    assert outcome.code == 1
    (line,) = outcome.err.splitlines()
    assert line.startswith("impasto: paintings/a-broken.png: is not a picture")
    facts = json.loads(outcome.out)
    assert list(facts["failed"]) == ["paintings/a-broken.png"]
    assert facts["failed"]["paintings/a-broken.png"] in line
    assert facts["learnt"].keys() == {"swirls"}
    assert facts["learnt"]["swirls"]["file"] == str(styles / "swirls.safetensors")
    assert facts["learnt"]["swirls"]["crops"] == 1
    assert sorted(listing(styles)) == ["swirls.safetensors"]


@pytest.mark.usefixtures("paintings")
def test_styles_are_gathered_in_a_file(folder: Path, styles: Path, learn: Run, run: Run) -> None:
    for name in ("swirls", "dots"):
        outcome = learn(f"paintings/{name}.png", "-o", "both.safetensors")
        assert (outcome.code, outcome.out) == (0, f"style  {name}  both.safetensors\n")
    rows = read_rows(folder / "both.safetensors")
    assert rows.styles == ("swirls", "dots")
    assert len({row.sha256 for row in rows.rows}) == 2
    assert not styles.exists()
    assert run("apply", "both.safetensors/dots", "photo.png", "-o", "out.png").code == 0
    assert read_recipe(folder / "out.png")["shares"] == {"dots": 1}
    assert learn("paintings/swirls.png", "-o", "both.safetensors").code == 0
    again = {row.card.name: row for row in read_rows(folder / "both.safetensors").rows}
    assert again["swirls"].learning["steps"] == 2
    assert again["dots"].sha256 == rows.rows[1].sha256


@pytest.mark.usefixtures("paintings")
def test_a_style_is_added_to_a_pack(folder: Path, learn: Run, run: Run) -> None:
    """All else in it stays as it is, to the bit; and it can be gone on with."""
    ships = network("turbo")
    own = replace(ships, tensors={name: -array for name, array in ships.tensors.items()})
    write_pack(own.only(["original", "wave"]), folder / "own.safetensors")
    for crops in (1, 2):
        outcome = learn("paintings/dots.png", "-o", "own.safetensors", "--json")
        assert outcome.code == 0, outcome.err
        assert json.loads(outcome.out)["learnt"]["dots"]["crops"] == crops
    pack = read_pack(folder / "own.safetensors")
    assert pack.styles == ("original", "wave", "dots")
    assert pack.body == own.body != ships.body
    for name, array in own.only(["original", "wave"]).tensors.items():
        rows = 2 if name in style_tensors(own.architecture) else None
        np.testing.assert_array_equal(pack.tensors[name][:rows], array)
    assert run("apply", "own.safetensors/dots:0.5,wave:0.5", "photo.png", "-o", "a.png").code == 0


@pytest.mark.usefixtures("paintings")
@pytest.mark.parametrize("kind", ["pack", "rows"])
def test_a_style_of_another_painting_is_not_replaced(folder: Path, learn: Run, kind: str) -> None:
    path = folder / "file.safetensors"
    if kind == "pack":
        write_pack(network("turbo"), path)
    else:
        write_rows(made_up("wave"), path)
    before = path.read_bytes()
    assert learn("paintings/swirls.png").code == 0
    for given in ("paintings/dots.png", "swirls"):
        outcome = learn(given, "--name", "wave", "-o", "file.safetensors")
        assert outcome.code == 2
        assert "file.safetensors: has a style 'wave' of another painting" in outcome.err
        assert path.read_bytes() == before


@pytest.mark.usefixtures("paintings")
def test_names_cards_and_previews(folder: Path, styles: Path, learn: Run) -> None:
    cards = [{"file": "swirls", "name": "night", "title": "The Night", "painter": "Nobody"}]
    (folder / "cards.json").write_text(json.dumps(cards))
    flags = ["--cards=cards.json", "--preview=sheets", "--distance=0.5", "--seed=3", "--quiet"]
    assert learn("paintings/swirls.png", *flags) == Outcome(0, "", "")
    card = kept(styles / "night.safetensors").card
    assert (card.title, card.painter, card.distance) == ("The Night", "Nobody", 0.5)
    assert pixels(folder / "sheets" / "night.png").ndim == 3
    assert learn("paintings/dots.png", "--name=mine").code == 0
    assert kept(styles / "mine.safetensors").card.name == "mine"


@pytest.fixture
def wrong(folder: Path, paintings: Path) -> None:
    """What is not a painting, in several ways."""
    (folder / "notes.txt").write_text("no painting")
    (folder / "empty").mkdir()
    shutil.copy(paintings / "swirls.png", folder / "starry.png")
    shutil.copy(paintings / "swirls.png", folder / "hugging.png")
    shutil.copy(paintings / "swirls.png", folder / "東京.png")


@pytest.mark.usefixtures("wrong", "mine")
@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["paintings", "--name=mine"], ["--name needs a single painting, got 2"]),
        (["hugging.png", "notes.txt", "--name=a"], ["--name needs a single painting, got 2"]),
        (["starry.png"], ["there is already a style 'starry'", "--name"]),
        (
            ["paintings/swirls.png", "--name=starry"],
            ["there is already a style 'starry'", "--name"],
        ),
        (
            ["hugging.png"],
            ["there is already a style 'hugging' of another painting", "--name", "remove hugging"],
        ),
        (["hugging"], ["hugging: its painting no longer exists"]),
        (["notes.txt"], ["notes.txt: is not a picture"]),
        (["nix.png"], ["nix.png: no such file"]),
        (["swrils"], ["swrils: no such file"]),
        (["empty"], ["empty: contains no pictures"]),
        (["hugging.png", "--name=The Kiss"], ["'The Kiss' cannot name a style"]),
        (["hugging.png", "--name=original"], ["'original' cannot name a style"]),
        (["hugging.png", "-o", "out.png"], ["out.png: has the extension '.png'"]),
        (["hugging.png", "-o", "no/a.safetensors"], ["no does not exist"]),
        (["hugging.png", "--photos=empty"], ["empty: contains no photos"]),
        (["hugging.png", "--photos=nowhere"], ["nowhere: is not a folder"]),
        (["hugging.png", "--cards=notes.txt"], ["--cards notes.txt: is not a JSON list"]),
        (["hugging.png", "--budget=1m"], ["--steps and --budget", "give one of them"]),
        (["hugging.png", "--model=huge"], ["--model"]),
        (["hugging.png", "--size=64"], ["--size", "from 128 to"]),
        ([], ["PAINTING"]),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_touched(
    folder: Path, learn: Run, arguments: list[str], parts: list[str]
) -> None:
    before = listing(folder)
    outcome = learn(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    (line,) = outcome.err.splitlines()
    assert line.startswith("impasto: ")
    for part in parts:
        assert part in line
    assert listing(folder) == before


@pytest.mark.usefixtures("paintings")
def test_a_file_of_styles_of_another_network_is_not_written_over(folder: Path, learn: Run) -> None:
    rows = made_up("hugging")
    write_rows(Rows("turbo", "ab" * 32, rows.rows), folder / "other.safetensors")
    before = (folder / "other.safetensors").read_bytes()
    outcome = learn("paintings/swirls.png", "-o", "other.safetensors")
    assert outcome.code == 2
    assert "other.safetensors: has styles of another network" in outcome.err
    assert (folder / "other.safetensors").read_bytes() == before


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `impasto apply PAINTING` learn with the smallest network, on small crops."""
    small = {"size": 128, "style_size": 192, "precision": "float32", "device": "cpu"}

    def options(**asked: Any) -> LearnOptions:
        return LearnOptions(**{**asked, **small, "model": "turbo"})

    monkeypatch.setattr("impasto.cli.on_the_fly.LearnOptions", options)


@pytest.mark.usefixtures("quickly")
def test_a_painting_where_a_style_stands_is_learnt_once(
    folder: Path, styles: Path, paintings: Path, run: Run
) -> None:
    line = ["apply", "paintings/swirls.png", "photo.png", "--budget=0.6s"]
    first = run(*line, "-o", "one.png")
    assert (first.code, first.out) == (0, "picture  one.png\n")
    assert first.err.startswith("learning paintings/swirls.png for 0:01; this happens only once")
    assert "impasto paint photo.png paintings/swirls.png" in first.err
    assert read_recipe(folder / "one.png")["shares"] == {"swirls": 1}
    assert not styles.exists()
    assert len(listing(folder / "cache" / "impasto" / "styles")) == 1

    assert run(*line, "-o", "two.png") == Outcome(0, "picture  two.png\n", "")
    np.testing.assert_array_equal(pixels(folder / "one.png"), pixels(folder / "two.png"))
    shutil.copy(paintings / "swirls.png", folder / "copy.png")
    again = run("apply", "copy.png", "photo.png", "other.png", "-o", "painted")
    assert again == Outcome(0, "2 stylised: painted\n", "")
    np.testing.assert_array_equal(
        pixels(folder / "one.png"), pixels(folder / "painted" / "photo.png")
    )
    assert (
        "1 cached by impasto apply PAINTING; impasto models clear removes them" in run("models").out
    )
    assert run("models", "clear") == Outcome(0, "1 removed\n", "")
    assert "cached" not in run("models").out
    assert run(*line, "-o", "one.png").err.startswith("learning paintings/swirls.png")


@pytest.mark.usefixtures("quickly")
def test_a_painting_that_was_learnt_by_name_is_known_in_passing(
    folder: Path, paintings: Path, learn: Run, run: Run
) -> None:
    assert learn("paintings/dots.png", "--name=mine").code == 0
    assert run("apply", "mine", "photo.png", "-o", "one.png").code == 0
    found = run("apply", "paintings/dots.png", "photo.png", "-o", "two.png")
    assert found == Outcome(0, "picture  two.png\n", "")
    assert read_recipe(folder / "two.png")["shares"] == {"mine": 1}
    np.testing.assert_array_equal(pixels(folder / "one.png"), pixels(folder / "two.png"))
    assert not (folder / "cache" / "impasto" / "styles").exists()
    assert paintings.is_dir()


@pytest.mark.usefixtures("quickly", "wrong")
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["notes.txt", "photo.png"], "notes.txt: is not a picture"),
        (["nix.png", "photo.png"], "nix.png"),
        (["starry.png", "photo.png", "--budget=0s"], "--budget must be a time"),
        (["starry", "photo.png", "--budget=1s"], "--budget is the time to learn a painting"),
        (["starry.png", "nix.png"], "nix.png: no such file"),
    ],
)
def test_mistakes_in_learning_in_passing(
    folder: Path, run: Run, arguments: list[str], part: str
) -> None:
    before = listing(folder)
    outcome = run("apply", *arguments, "-o", "out.png")
    assert (outcome.code, outcome.out) == (2, "")
    (line,) = outcome.err.splitlines()
    assert part in line
    assert listing(folder) == before


def test_styles_get_other_names_and_are_forgotten(mine: Path, run: Run) -> None:
    assert run("models", "rename", "hugging", "cuddle") == Outcome(0, "", "")
    assert sorted(listing(mine)) == ["cuddle.safetensors", "squall.safetensors"]
    assert "Onymous" in run("models", "show", "cuddle").out
    assert run("models", "show", "hugging").code == 2
    assert run("models", "remove", "cuddle", "squall") == Outcome(0, "", "")
    assert listing(mine) == {}
    assert run("models", "show", "cuddle").code == 2
    assert run("models", "clear") == Outcome(0, "0 removed\n", "")


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["rename", "hugging", "squall"], "there is already a style 'squall'"),
        (["rename", "hugging", "starry"], "there is already a style 'starry'"),
        (["rename", "hugging", "The Kiss"], "'The Kiss' cannot name a style"),
        (
            ["rename", "huggin", "a"],
            "'huggin' is not one of your own styles; did you mean 'hugging'?",
        ),
        (["rename", "hugging"], "NEW"),
        (["remove", "starry"], "(it comes with Impasto)"),
        (["remove"], "NAME"),
        (["--group=nonsense"], "there is no group 'nonsense'"),
    ],
)
def test_mistakes_with_styles_of_ones_own(
    folder: Path, run: Run, arguments: list[str], part: str
) -> None:
    before = listing(folder)
    outcome = run("models", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    (line,) = outcome.err.splitlines()
    assert part in line
    assert listing(folder) == before


@pytest.mark.usefixtures("mine")
def test_styles_are_searched(run: Run) -> None:
    def found(*flags: str) -> list[str]:
        packs = json.loads(run("models", "--json", *flags).out)
        return [style["name"] for pack in packs for style in pack["styles"]]

    assert found("--search=onymous") == ["hugging"]
    assert found("--search=BODY o.") == ["squall"]
    assert found("--search=nothing like it") == []
    assert {"hugging", "squall", "starry"} <= set(found())
    assert run("models", "--search=nothing like it").out.startswith("no style matches\n")
    rows = run("models", "--search=squall").out.splitlines()[1:]
    assert rows[0].split()[0] == "squall"
    assert not any(row.startswith(("hugging", "starry")) for row in rows)
