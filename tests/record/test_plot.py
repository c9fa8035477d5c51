import math
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from impasto.errors import OutputError
from impasto.events import Losses
from impasto.record.plot import plot
from patience import LIMIT


@pytest.fixture
def rows(steps):
    return [Losses.of(event) for event in steps(90)]


def svg(rows, path):
    plot(rows, path)
    return path.read_text()


def test_a_png_shows_lines(rows, tmp_path):
    plot(rows, tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as image:
        pixels = np.asarray(image.convert("RGB"), int)
    assert pixels.shape[0] >= 600
    assert pixels.shape[1] >= 1000
    assert (pixels[0, 0] == 255).all()
    for colour in ("#2f6fb5", "#d9822b", "#3d9970", "#1f2933"):
        ink = np.array(list(bytes.fromhex(colour[1:])))
        assert (np.abs(pixels - ink).max(-1) < 8).sum() > 300, f"a line in {colour}"


def test_the_names_and_the_sizes_are_on_it(rows, tmp_path):
    text = svg(rows, tmp_path / "plot.svg")
    for word in ("total", "content", "style", "total variation", "step", "weighted loss"):
        assert f"<!-- {word} -->" in text
    for size in ("16 × 12", "32 × 24", "64 × 48"):
        assert f"<!-- {size} -->" in text


def test_sizes_without_room_are_left_out(rows, tmp_path):
    crowded = [row._replace(scale=row.step, width=row.step, height=1) for row in rows]
    text = svg(crowded, tmp_path / "plot.svg")
    shown = [step for step in range(1, 91) if f"<!-- {step} × 1 -->" in text]
    assert len(shown) > 4
    assert np.diff(shown).min() >= 10


def test_terms_that_are_always_zero_are_left_out(rows, tmp_path):
    text = svg([row._replace(tv=0.0) for row in rows], tmp_path / "plot.svg")
    assert "<!-- total variation -->" not in text
    assert "<!-- content -->" in text


def test_a_pdf(rows, tmp_path):
    plot(rows, tmp_path / "plot.pdf")
    assert (tmp_path / "plot.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    "changes",
    [
        {"content": 0.0},
        {"loss": math.nan, "style": math.inf},
        {"loss": 0.0, "content": 0.0, "style": 0.0, "tv": 0.0},
        {"loss": -1.0},
    ],
)
@pytest.mark.parametrize("count", [1, 90])
def test_odd_losses_are_gaps(rows, tmp_path, changes, count):
    odd = [rows[0]._replace(**changes), *rows[1:]] if count > 1 else [rows[0]._replace(**changes)]
    assert "<svg" in svg(odd[:count], tmp_path / "plot.svg")


def test_a_folder_that_went_away(rows, tmp_path):
    with pytest.raises(OutputError):
        plot(rows, tmp_path / "gone" / "plot.png")


def test_nothing_heavy_is_imported_before_it_is_needed(tmp_path):
    code = """
import sys
import impasto.record.plot as module
heavy = {"matplotlib", "av", "torch"} & set(sys.modules)
assert not heavy, heavy
row = (1, 1, 8, 6, 3.0, 1.0, 2.0, 0.0, 0.1)
module.plot([module.Losses(*row)], module.Path(sys.argv[1]))
assert "matplotlib.pyplot" not in sys.modules
"""
    path = tmp_path / "plot.svg"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=LIMIT)
    assert path.exists()
