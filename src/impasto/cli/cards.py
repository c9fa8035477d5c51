"""Reading cards of paintings from a file."""

from __future__ import annotations

import json
from pathlib import Path

from impasto.errors import OptionsError
from impasto.zoo.cards import StyleCard


def read_cards(path: Path | None) -> dict[str, StyleCard]:
    """Read cards: a JSON list of objects with a ``file`` stem and the fields of a `StyleCard`."""
    if path is None:
        return {}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {str(row["file"]): StyleCard.from_dict(row) for row in rows}
    except OSError as error:
        raise OptionsError(f"--cards {path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise OptionsError(f"--cards {path}: is not a JSON list of cards: {error}") from error
