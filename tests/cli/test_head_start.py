"""Paintings with a short budget start from a network's picture, where the style was learnt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from math import inf
from pathlib import Path

import numpy as np
import pytest

from cli.shell import Outcome
from impasto import Painter, head_start
from impasto.head_start import begun
from impasto.images import read_recipe
from impasto.images.read import read_stored
from impasto.options import CheckpointOptions, PaintOptions, ReadOptions
from impasto.painter import started_from_picture
from impasto.zoo import learnt, registry
from impasto.zoo.rows import Rows

READ = ReadOptions()
SOON = PaintOptions(size=64, budget=1, device="cpu")


@pytest.fixture
def known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The painting in the folder as a style of the user: the bundled wave by another name."""
    monkeypatch.setattr(registry, "styles_folder", lambda: folder / "styles")
    monkeypatch.setattr(learnt, "cache_folder", lambda: folder / "cache")
    pack, row = registry.network("turbo"), registry.network("turbo").row("wave")
    hashed = sha256((folder / "style.png").read_bytes()).hexdigest()
    rows = Rows(
        "turbo", pack.body, (replace(row, card=replace(row.card, name="mine", sha256=hashed)),)
    )
    learnt.keep(rows, folder / "styles" / "mine.safetensors")
    return rows


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any time is too short."""
    monkeypatch.setattr(head_start, "FEW_STEPS", inf)


@pytest.mark.usefixtures("known", "always")
def test_a_short_budget_starts_from_the_network(folder: Path) -> None:
    photo, painting = folder / "photo.png", folder / "style.png"
    options, start = begun(photo, painting, SOON, READ)
    assert start
    assert (options.init, options.scales) == ("mine:1", "single")
    made = begun(photo, painting, replace(SOON, init="mine"), READ)[1]
    assert made
    np.testing.assert_array_equal(start.picture, made.picture)
    for given in ([painting], str(painting), painting.read_bytes()):
        assert begun(photo, given, SOON, READ)[1]


@pytest.mark.usefixtures("always")
def test_a_cached_style_is_known_as_well(known: Rows, folder: Path) -> None:
    (folder / "styles" / "mine.safetensors").unlink()
    learnt.cache_rows(known, "a" * 64)
    options, start = begun(folder / "photo.png", folder / "style.png", SOON, READ)
    assert start
    assert options.init == "mine:1"


@pytest.mark.usefixtures("known", "always")
@pytest.mark.parametrize(
    "asked",
    [
        {"budget": None},
        {"init": "content"},
        {"tv_weight": 5.0},
        {"color": "photo"},
        {"strength": 0.5},
        {"scales": "single"},
        {"style_loss": "wasserstein"},
        {"style_scale": 2.0},
    ],
)
def test_what_a_network_cannot_know_starts_as_usual(folder: Path, asked: dict[str, object]) -> None:
    options = PaintOptions.from_dict({"size": 64, "budget": 1, **asked})
    assert begun(folder / "photo.png", folder / "style.png", options, READ) == (options, None)


@pytest.mark.usefixtures("known", "always")
def test_only_a_known_painting_does(folder: Path) -> None:
    photo, style, other = (folder / f"{name}.png" for name in ("photo", "style", "other"))
    pixels = read_stored(style, READ).rgb
    for styles in (other, [style, other], pixels, folder / "absent.png", other.read_bytes()):
        assert begun(photo, styles, SOON, READ) == (SOON, None)


@pytest.mark.usefixtures("known")
def test_a_trial_tells_whether_the_budget_is_short(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, painting = folder / "photo.png", folder / "style.png"
    assert begun(photo, painting, replace(SOON, budget=3600 * 24), READ)[1] is None
    assert begun(photo, painting, SOON, READ, short=True)[1]
    monkeypatch.setattr(head_start, "FEW_STEPS", inf)
    assert begun(photo, painting, SOON, READ, short=False)[1] is None


@pytest.mark.usefixtures("known", "always")
def test_the_command_says_so(run: Callable[..., Outcome], folder: Path) -> None:
    line = ("paint", "photo.png", "style.png", "--size=64", "--budget=1s")
    first = run(*line, "-o", "out.png")
    assert first.code == 0, first.err
    assert "from the picture of the network in style mine (--init content" in first.err
    recipe = read_recipe(folder / "out.png")
    assert recipe
    assert recipe["start"]["shares"] == {"mine": 1.0}
    assert "network" not in run(*line, "-o", "other.png", "--quiet").err


@pytest.mark.usefixtures("known")
def test_what_is_resumed_starts_as_it_did(folder: Path) -> None:
    photo, painting, state = (folder / name for name in ("photo.png", "style.png", "out.state"))
    for short in (True, False):
        options, start = begun(photo, painting, SOON, READ, short=short)
        Painter(photo, painting, options, start=start).save_checkpoint(state)
        assert started_from_picture(state) is short
        kept = CheckpointOptions(checkpoint=state, resume=True)
        again = begun(photo, painting, SOON, READ, short=started_from_picture(state))
        painter = Painter(photo, painting, again[0], start=again[1], checkpoint=kept)
        assert painter.painting.rgb.shape == (48, 64, 3)
        painter.resume(state)
    assert started_from_picture(photo) is False
