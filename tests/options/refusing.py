"""Helpers shared by the tests of options."""

from __future__ import annotations

import pytest

from impasto.errors import OptionsError
from impasto.options import PaintOptions

INF, NAN = float("inf"), float("nan")


def refused(kind=PaintOptions, /, **values):
    with pytest.raises(OptionsError) as caught:
        kind(**values)
    message = str(caught.value)
    assert "\n" not in message
    return message
