"""The documentation site builds, its links and pictures exist, and it uses no other host."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_there(site):
    for page in ("", "control/", "metrics/", "service/", "examples/1_from_the_equations/"):
        text = (site / page / "index.html").read_text(encoding="utf-8")
        assert "Impasto" in text


def test_equations_are_set_as_such(site):
    text = (site / "examples/1_from_the_equations/index.html").read_text(encoding="utf-8")
    assert text.count("<math") >= 2
    assert "$$" not in text
    assert "<mfrac>" in text


def test_nothing_comes_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]*\ssrc=\"([^\"]+)\"", text)
        loaded += re.findall(r"<link[^>]*rel=\"stylesheet\"[^>]*href=\"([^\"]+)\"", text)
        assert [address for address in loaded if "//" in address] == [], page
