"""Lets the scripts of benchmarks/ import each other by their bare names, as when they run."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"

sys.path.insert(0, str(FOLDER))
