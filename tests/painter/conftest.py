from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _networks_kept(networks_kept: None) -> None:
    """Build each network once."""
