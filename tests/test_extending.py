"""The examples of docs/extending.md run as they stand there."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

import impasto
from impasto.errors import OptionsError, WeightsError
from impasto.losses import STYLE_LOSSES, StyleLoss, register
from impasto.optimize import OPTIMIZERS
from impasto.options import PaintOptions

PAGES = Path(__file__).parents[1] / "docs"
PAGE = PAGES.joinpath("extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```\w+\n# (\S+)\n(.*?)```", PAGE, flags=re.DOTALL))
TINY: dict[str, Any] = {
    "size": 48,
    "steps": 4,
    "style_layers": "relu1_1,relu2_1",
    "content_layers": "relu2_2",
    "precision": "float32",
    "device": "cpu",
}


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (36, 48, 3), np.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's files, where Python finds them."""
    for name, code in FILES.items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for table in (STYLE_LOSSES, OPTIMIZERS):
        monkeypatch.setattr(table, "known", dict(table.known))
    return tmp_path


def imported(name: str) -> ModuleType:
    sys.modules.pop(name, None)
    return importlib.import_module(name)


@pytest.mark.usefixtures("folder", "networks_kept")
def test_a_style_loss():
    loss = imported("means").LOSS
    made = impasto.paint(picture(0), picture(1), style_loss="means", **TINY)
    assert made.losses[-1].style < made.losses[0].style
    assert made.recipe["options"]["style_weight"] == loss.weight
    assert len(FILES["means.py"].splitlines()) < 40


@pytest.mark.usefixtures("folder", "networks_kept")
def test_a_style_loss_in_tiles_and_regions_is_the_same():
    from impasto.losses import build
    from impasto.losses.guides import Guide, StyleRegion

    imported("means")
    options = PaintOptions(style_loss="means", strength=0.8)
    images = torch.rand(3, 1, 3, 64, 48, generator=torch.Generator().manual_seed(0))
    left = Guide.of(np.repeat(np.arange(48)[None] < 20, 64, axis=0).astype(np.float32))
    regions = [StyleRegion("left", left, ((0, None),))]
    net = impasto.nets.random_vgg()
    whole, tiled = (
        build(options, net, images[0], [images[1]], regions=regions, tile=tile).evaluate(images[2])
        for tile in (None, 32)
    )
    assert tiled.terms == pytest.approx(whole.terms, rel=1e-4)
    torch.testing.assert_close(tiled.gradient, whole.gradient, rtol=1e-3, atol=1e-6)


def test_an_installed_package_is_known_to_the_command_line(folder: Path):
    """Options, help and errors of a fresh process, for a package that is as pip leaves it."""
    offered = tomllib.loads(FILES["pyproject.toml"])["project"]["entry-points"]
    info = folder / "means-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: means\nVersion: 1.0\n")
    lines = [
        line
        for group, entries in offered.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    lines.append("broken = means:NOTHING")
    (info / "entry_points.txt").write_text("\n".join(lines))

    def run(*arguments: str) -> tuple[int, str]:
        path = os.pathsep.join([str(folder), str(Path(impasto.__file__).parents[1])])
        done = subprocess.run(
            [sys.executable, "-m", "impasto", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )
        return done.returncode, done.stdout + done.stderr

    code, text = run("paint", "--help")
    assert code == 0
    assert "|emd|means|broken" in text
    paint = ("paint", "a.png", "b.png", "-o", "c.png", "--style-loss")
    code, text = run(*paint, "maens")
    assert (code, "did you mean 'means'?" in text) == (2, True), text
    code, text = run(*paint, "broken")
    assert (code, "broken of the installed package means" in text) == (2, True), text
    code, text = run(*paint, "means", "--style-layers", "relu1_9")
    assert (code, "--style-layers does not know" in text) == (2, True), text


def test_the_table_of_the_docs_is_that_of_the_losses():
    page = PAGES.joinpath("control.md").read_text(encoding="utf-8")
    lines = [
        f"| `{loss.name}` | {loss.help} ({loss.source}) | {loss.suits} |"
        for loss in STYLE_LOSSES.known.values()
    ]
    assert "| | compares | good for |\n|---|---|---|\n" + "\n".join(lines) in page


def test_what_a_package_offers_has_to_be_of_the_kind(monkeypatch: pytest.MonkeyPatch):
    offered = importlib.metadata.EntryPoint(
        "gram", "impasto.losses.styles.gram:LOSS", "impasto.optimizers"
    )
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [offered])  # noqa: ARG005
    with pytest.raises(OptionsError, match=r"gram of .* must refer to an object of OptimizerSp"):
        OPTIMIZERS["gram"]


def test_a_package_that_exits_when_it_is_imported_is_told(folder: Path, monkeypatch):
    (folder / "leaves.py").write_text("raise SystemExit(0)")
    offered = importlib.metadata.EntryPoint("leaves", "leaves:SPEC", "impasto.optimizers")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [offered])  # noqa: ARG005
    with pytest.raises(OptionsError, match=r"leaves of .* cannot be loaded"):
        OPTIMIZERS["leaves"]


@pytest.mark.usefixtures("folder")
def test_a_default_of_a_loss_that_is_no_option_is_told():
    register(replace(STYLE_LOSSES["gram"], name="wrong", defaults={"content_wieght": 1.0}))
    with pytest.raises(OptionsError, match="--style-loss wrong: sets 'content_wieght', which is"):
        PaintOptions(style_loss="wrong")


def test_what_is_no_loss_cannot_be_registered():
    with pytest.raises(OptionsError, match="only a ContentLoss can be registered, got 3"):
        register(3)  # type: ignore[arg-type]
    assert isinstance(STYLE_LOSSES["gram"], StyleLoss)


@pytest.mark.usefixtures("folder", "networks_kept")
def test_an_optimiser():
    imported("momentum")
    options = {**TINY, "scales": (24, 48), "steps": 12, "learning_rate": 0.005}
    made = impasto.paint(picture(0), picture(1), optimizer="momentum", **options)
    by_scale = [[row.loss for row in made.losses if row.scale == scale] for scale in (1, 2)]
    assert all(losses[-1] < losses[0] for losses in by_scale), by_scale
    assert made.recipe["options"]["relaxation"] is False


def test_a_network_that_looks_at_pictures(folder: Path):
    module = imported("vgg16")
    layers = {"style_layers": "relu1_1,relu3_1", "content_layers": "relu3_3"}
    options = PaintOptions(**{**TINY, **layers, "tileable": True, "canvas": (64, 32), "size": 64})
    made = module.paint(picture(0), picture(1), options)
    assert made.losses[-1].loss < made.losses[0].loss
    assert made.recipe["weights"] == {"name": "VGG-16", "sha256": ""}
    made.save(folder / "made.png")
    with pytest.raises(WeightsError, match="'VGG-16', a network that a program passed as net="):
        impasto.rerun(folder / "made.png", content=picture(0), styles=[picture(1)])
    absent = PaintOptions(**{**TINY, "content_layers": "relu3_4"})
    with pytest.raises(OptionsError, match=r"VGG-16 has no layer 'relu3_4'; did you mean 'relu3_"):
        module.paint(picture(0), picture(1), absent)


@pytest.mark.usefixtures("folder")
def test_a_network_that_paints():
    from impasto.nets.transformer import TransferNet

    net = TransferNet(imported("small").SMALL, styles=2)
    photo = torch.rand(1, 3, 30, 41)
    with torch.no_grad():
        assert torch.equal(net(photo, torch.eye(2)[:1]), photo)
        assert not torch.equal(net(photo, torch.eye(2)[1:]), photo)


def test_a_command(folder: Path):
    from PIL import Image

    app = typer.Typer()
    app.command()(imported("size").size)
    Image.fromarray(picture(0)).save(folder / "photo.png")
    outcome = CliRunner().invoke(app, [str(folder / "photo.png")])
    assert outcome.output == "48x36\n"


@pytest.mark.usefixtures("folder")
def test_a_metric():
    module = imported("contrast")
    rgb = picture(0).astype(np.float32) / 255
    assert module.relative_contrast(rgb, rgb) == 1
    assert module.relative_contrast(0.5 + (rgb - 0.5) / 2, rgb) == pytest.approx(0.5, rel=1e-3)
    assert module.CONTRAST.arrow == "↑"


@pytest.mark.parametrize("package", ["losses", "nets"])
def test_the_public_names_of_a_package(package: str):
    """Each name is there and documented; the examples of the docstring run."""
    import doctest

    module = importlib.import_module(f"impasto.{package}")
    assert module.__all__ == sorted(module.__all__, key=lambda name: (not name.isupper(), name))
    for name in module.__all__:
        found = getattr(module, name)
        assert found.__doc__ or not callable(found), name
    result = doctest.testmod(module)
    assert result.attempted > 5
    assert not result.failed
