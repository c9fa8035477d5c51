"""The commands for models: listing, importing, exporting, and the sheet of all styles."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from cli.shell import Outcome, draw, listing, pixels
from impasto.cli.sheet import columns_for
from impasto.images import read_picture
from impasto.images.contact_sheet import GAP
from impasto.nets.architecture import ARCHITECTURES
from impasto.zoo.pack import read_pack, write_pack
from zoo.making import random_pack, write

Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No packs are known; return the folder where the user's would be."""
    monkeypatch.setattr("impasto.zoo.registry.BUNDLED", folder / "bundled")
    monkeypatch.setattr("impasto.zoo.registry.user_folder", lambda: folder / "own")
    return folder / "own"


@pytest.fixture
def shelf(folder: Path, own: Path) -> Path:
    """Two bundled packs, one of the user's, and a broken one."""
    facts = {"painter": "Vincent van Gogh", "year": "1889", "licence": "public domain"}
    write(folder / "bundled" / "painters-turbo.safetensors", "starry", "wave", **facts)
    write(folder / "bundled" / "painters-standard.safetensors", "starry", size="standard", **facts)
    write(own / "mine.safetensors", "kiss", painter="\x1b[31mme\n", title="東京")
    (own / "broken.safetensors").write_bytes(b"no pack")
    return own


def checkpoint(path: Path) -> Path:
    """A state dictionary as pytorch/examples writes them."""
    state = {}
    pack = random_pack("x", size="transformer-net")
    for name, tensor in pack.tensors.items():
        theirs = name.replace("_conv", ".conv").replace("_in", ".in")
        for ours, kind in (("_scale", ".weight"), ("_shift", ".bias")):
            theirs = theirs.replace(ours, kind)
        if theirs == name or "conv" in theirs:
            theirs = theirs.replace("_weight", ".conv2d.weight").replace("_bias", ".conv2d.bias")
        value = tensor[0] if name.endswith(("scale", "shift")) else tensor
        state[theirs] = torch.from_numpy(value)
    torch.save(state, path)
    return path


@pytest.mark.usefixtures("shelf")
def test_the_list(run: Run) -> None:
    outcome = run("models")
    assert (outcome.code, outcome.err) == (0, "")
    heading, *rows, broken, where = outcome.out.splitlines()
    assert heading.split() == ["style", "painter", "title", "year", "group", "packs"]
    assert [" ".join(row.split()) for row in rows] == [
        "kiss \\x1b[31mme\\n 東京 mine",
        "starry Vincent van Gogh 1889 standard, turbo",
        "wave Vincent van Gogh 1889 turbo",
    ]
    assert broken.startswith("broken  ")
    assert "broken.safetensors: is not a pack of styles that Impasto can read" in broken
    assert where.startswith("your packs are in ")


@pytest.mark.usefixtures("shelf")
def test_the_list_as_json(run: Run) -> None:
    entries = {entry["pack"]: entry for entry in json.loads(run("models", "--json").out)}
    assert entries.keys() == {"painters-standard", "painters-turbo", "mine", "broken"}
    turbo = entries["painters-turbo"]
    assert (turbo["architecture"], turbo["bundled"]) == ("turbo", True)
    assert [style["name"] for style in turbo["styles"]] == ["starry", "wave"]
    assert turbo["styles"][0]["painter"] == "Vincent van Gogh"
    assert "not a pack" in entries["broken"]["broken"]
    assert "styles" not in entries["broken"]


def test_an_empty_list(run: Run) -> None:
    first, second = run("models").out.splitlines()
    assert first == "no styles yet: create one with impasto learn, impasto train or impasto import"
    assert second.startswith("your packs are in ")
    assert run("models", "--json").out == "[]\n"


def test_a_card(folder: Path, run: Run) -> None:
    pack = random_pack("starry", title="The Starry Night", year="1889", sha256="ab" * 32)
    card = replace(pack.card, training={"command": "impasto train ...", "data": {"photos": 7}})
    write_pack(replace(pack, card=card), folder / "a.safetensors")
    outcome = run("models", "show", "a.safetensors")
    assert (outcome.code, outcome.err) == (0, "")
    rows = dict(line.split("  ", 1) for line in outcome.out.splitlines())
    rows = {label.strip(): value.strip() for label, value in rows.items()}
    net = ARCHITECTURES["turbo"]
    assert rows["style"] == "starry"
    assert rows["title"] == "The Starry Night"
    assert rows["painting"] == f"sha256 {'ab' * 32}"
    assert rows["sha256"] == read_pack(folder / "a.safetensors").sha256
    assert rows["network"] == "turbo"
    assert rows["parameters"].startswith(f"{net.parameters:,}, and ")
    assert rows["work"] == f"{net.macs * 1024**2 / 1e9:.1f} GMAC at 1024×1024"
    assert rows["command"] == "impasto train ..."
    assert rows["data"] == '{"photos": 7}'
    assert "painter" not in rows


def test_the_parameters_of_a_card_are_all_that_the_pack_has(folder: Path, run: Run) -> None:
    pack = random_pack("starry", "wave", size="standard")
    write_pack(pack, folder / "a.safetensors")
    out = run("models", "show", "a.safetensors/wave").out
    (line,) = (line for line in out.splitlines() if line.startswith("parameters"))
    shared, each = (int("".join(c for c in part if c.isdigit())) for part in line.split("and"))
    assert shared + 3 * each == sum(tensor.size for tensor in pack.tensors.values())


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["show", "stary"], "did you mean 'starry'?"),
        (["show", "starry,wave"], "'starry,wave' is a mixture; name a single style"),
        (["show", "broken/x"], "broken.safetensors: is not a pack of styles"),
        (["show"], "NAME"),
        (["shwo"], "No such command 'shwo'"),
    ],
)
def test_mistakes_in_asking(run: Run, arguments: list[str], part: str) -> None:
    outcome = run("models", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    (line,) = outcome.err.splitlines()
    assert part in line


def test_import_then_apply(folder: Path, own: Path, run: Run) -> None:
    checkpoint(folder / "candy.pth")
    outcome = run("import", "candy.pth", "--name", "candy", "--painter", "somebody")
    assert outcome == Outcome(0, f"candy  {own / 'candy.safetensors'}\n", "")
    card = read_pack(own / "candy.safetensors").card
    assert card.styles[0].painter == "somebody"
    assert "candy.pth" in card.styles[0].source
    assert run("apply", "candy", "photo.png", "-o", "out.png").code == 0
    assert pixels(folder / "out.png").shape == (48, 64, 3)

    again = run("import", "candy.pth", "--name", "candy")
    assert (again.code, "already exists; --overwrite replaces it" in again.err) == (2, True)
    assert run("import", "candy.pth", "--name", "candy", "--overwrite").code == 0
    assert run("import", "candy.pth", "--name=x", "-o", "x.safetensors").code == 0
    assert read_pack(folder / "x.safetensors").styles == ("x",)


@pytest.mark.usefixtures("shelf")
def test_import_under_a_name_that_is_taken(folder: Path, run: Run) -> None:
    checkpoint(folder / "candy.pth")
    outcome = run("import", "candy.pth", "--name=starry")
    assert (
        "another pack also has a style starry; to use this one, write starry/starry" in outcome.out
    )
    assert "transformer-net" in run("models", "show", "starry/starry").out
    assert "transformer-net" not in run("models", "show", "starry").out


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["nix.pth", "--name=a"], "nix.pth: cannot be read: No such file"),
        (["photo.png", "--name=a"], "photo.png: is not a checkpoint that can be read"),
        (["candy.pth", "--name=A b"], "lower-case letters, digits and hyphens"),
        (["candy.pth", "--name=original"], "and not 'original'"),
        (["candy.pth", "--name=a", "-o", "a.pth"], "a.pth: has the extension '.pth'"),
        (["candy.pth", "--name=a", "-o", "no/a.safetensors"], "no does not exist"),
        (["candy.pth"], "--name"),
    ],
)
def test_mistakes_in_importing(folder: Path, run: Run, arguments: list[str], part: str) -> None:
    checkpoint(folder / "candy.pth")
    before = listing(folder)
    outcome = run("import", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    (line,) = outcome.err.splitlines()
    assert part in line
    assert listing(folder) == before


@pytest.mark.usefixtures("shelf")
def test_export(folder: Path, run: Run) -> None:
    outcome = run("export", "turbo/wave", "-o", "wave.onnx")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("network  wave.onnx  (")
    facts = json.loads(run("export", "turbo/wave", "-o", "all.onnx", "--all-styles", "--json").out)
    assert facts["styles"] == ["original", "starry", "wave"]
    assert facts["bytes"] == (folder / "all.onnx").stat().st_size
    assert run("apply", "turbo/wave", "photo.png", "-o", "out.png").code == 0
    photo = read_picture(folder / "photo.png").rgb.transpose(2, 0, 1)[None]
    for name, mix in (("wave.onnx", [0, 1]), ("all.onnx", [0, 0, 1])):
        session = onnxruntime.InferenceSession(folder / name)
        feed = {"image": photo, "mix": np.array(mix, np.float32)}
        (stylised,) = session.run(None, feed)
        expected = pixels(folder / "out.png")
        np.testing.assert_allclose(stylised[0].transpose(1, 2, 0) * 255, expected, atol=0.6)


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["stary", "-o", "a.onnx"], "did you mean 'starry'?"),
        (["starry", "-o", "a.onx"], "did you mean '.onnx'?"),
        (["starry", "-o", "a.onnx", "--precision=float8"], "did you mean 'float"),
    ],
)
def test_mistakes_in_exporting(folder: Path, run: Run, arguments: list[str], part: str) -> None:
    before = listing(folder)
    outcome = run("export", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert part in outcome.err
    assert listing(folder) == before


@pytest.mark.usefixtures("shelf")
def test_a_sheet(folder: Path, run: Run) -> None:
    draw(folder / "photo.png", 128, 96)
    assert run("sheet", "photo.png", "-o", "sheet.png", "--size=64", "--columns=2") == Outcome(
        0, "sheet  sheet.png\n", ""
    )
    sheet = pixels(folder / "sheet.png").astype(np.float32)
    assert sheet.shape[1] == 2 * 64 + 3 * GAP
    with Image.open(folder / "photo.png") as photo:
        small = np.asarray(photo.resize((64, 48), Image.Resampling.LANCZOS))
    corner = sheet[GAP : GAP + 48, GAP : GAP + 64]
    assert np.abs(corner - small).max() < 4  # the photo comes first
    assert run("apply", "kiss", "photo.png", "-o", "kiss.png", "--size=64").code == 0
    second = sheet[GAP : GAP + 48, 2 * GAP + 64 : 2 * GAP + 128]
    assert np.abs(second - pixels(folder / "kiss.png")).max() <= 1  # then the styles by name


@pytest.mark.usefixtures("shelf")
def test_the_sheet_of_one_pack(folder: Path, run: Run) -> None:
    widths = {}
    for model in ("turbo", "mine", "own/mine.safetensors"):
        line = ["sheet", "photo.png", "-o", "sheet.png", "--size=32", "--model", model, "--quiet"]
        assert run(*line) == Outcome(0, "", "")
        widths[model] = pixels(folder / "sheet.png").shape[1]
    assert widths["mine"] == widths["own/mine.safetensors"]


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["nix.png", "-o", "sheet.png"], "nix.png: no such file"),
        (["photo.png", "-o", "photo.png"], "photo.png: is also an input"),
        (["photo.png", "-o", "sheet.png", "--model=trubo"], "no pack 'trubo'; did you mean 'turbo"),
        (["photo.png", "-o", "sheet.png", "--model=broken"], "broken.safetensors: is not a pack"),
        (["photo.png", "-o", "sheet.png", "--size=0"], "--size must be"),
        (["photo.png", "-o", "sheet.png", "--size=20"], "--size must be"),
        (["photo.png", "-o", "sheet.png", "--columns=0"], "--columns must be"),
    ],
)
def test_mistakes_in_a_sheet(folder: Path, run: Run, arguments: list[str], part: str) -> None:
    before = listing(folder)
    outcome = run("sheet", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    (line,) = outcome.err.splitlines()
    assert part in line
    assert listing(folder) == before


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("size", [(2, 300), (300, 2), (1, 1)])
def test_a_sheet_of_a_photo_of_any_shape(folder: Path, run: Run, size: tuple[int, int]) -> None:
    draw(folder / "photo.png", *size)
    assert run("sheet", "photo.png", "-o", "sheet.png", "--size=64").code == 0


def test_a_sheet_without_styles(run: Run) -> None:
    outcome = run("sheet", "photo.png", "-o", "sheet.png")
    assert (outcome.code, "there are no styles yet" in outcome.err) == (2, True)


@pytest.mark.parametrize(
    ("count", "aspect", "columns"), [(1, 1.5, 1), (2, 1.5, 1), (17, 4 / 3, 5), (24, 0.75, 6)]
)
def test_columns(count: int, aspect: float, columns: int) -> None:
    found = columns_for(count, aspect)
    assert 1 <= found <= count
    rows = -(-count // found)
    assert rows * found - count < rows or rows == 1  # the last row is nearly full
    assert abs(found - columns) <= 1
