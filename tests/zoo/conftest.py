from __future__ import annotations

from pathlib import Path

import pytest

from impasto.zoo import registry


@pytest.fixture(autouse=True)
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of the packs that come with Impasto."""
    monkeypatch.setattr(registry, "BUNDLED", tmp_path / "bundled")
    return tmp_path / "bundled"


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the user's own packs; not made yet."""
    monkeypatch.setattr(registry, "user_folder", lambda: tmp_path / "own")
    return tmp_path / "own"
