"""The pictures that a recipe names."""

from __future__ import annotations

from pathlib import Path

import pytest

from impasto.errors import ImageError
from impasto.painter.recipe import located


@pytest.mark.parametrize("name", ["gone.png", "x" * 5000, "a\0b", "\ud800", ""])
def test_what_is_not_there_is_named_whatever_it_is_called(name: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="not found here nor in"):
        located(name, tmp_path)
