"""Every example runs to the end in an empty folder and makes every picture that it shows."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import jupytext
import pytest
from PIL import Image

import pictures
from impasto import samples

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def test_there_are_examples():
    assert len(EXAMPLES) >= 3


CHEAPER = {
    "1_from_the_equations": ("SIDE, STEPS = 152, 30", "SIDE, STEPS = 152, 4"),
    "2_control": ("SIZE, STEPS = 144, 12", "SIZE, STEPS = 144, 2"),
    "3_a_network": ("steps=40, size=96", "steps=15, size=96"),
}
"""Fewer steps, and paintings drawn smaller, which takes seconds, too; all else as it stands there.
``make examples`` runs them in full."""


@pytest.mark.long
@pytest.mark.usefixtures("networks_thin")
@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(script, tmp_path, monkeypatch):
    source = script.read_text(encoding="utf-8")
    given, cheaper = CHEAPER[script.stem]
    assert given in source
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(samples, "painting", partial(pictures.painting, width=384, height=304))
    code = compile(source.replace(given, cheaper), script, "exec")
    exec(code, {"__name__": "__main__"})
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", source)
    assert shown
    for name in shown:
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) >= 100


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_notebook(script):
    notebook = jupytext.read(script)
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds[0] == "markdown"
    assert kinds.count("code") >= 3
    assert notebook.cells[0].source.startswith("# ")
