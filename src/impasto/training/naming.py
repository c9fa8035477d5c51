"""Names styles after their cards, else after their files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from impasto.errors import OptionsError
from impasto.images import Picture
from impasto.images.color import is_grey
from impasto.images.read import MEMORY
from impasto.nets.architecture import ORIGINAL
from impasto.zoo.cards import MAX_NAME, StyleCard


def named(paintings: Sequence[Picture], cards: Mapping[str, StyleCard]) -> list[StyleCard]:
    """Return a card for every painting, named after its file unless ``cards`` has one for it."""
    found: list[StyleCard] = []
    taken = {ORIGINAL}
    for i, painting in enumerate(paintings, start=1):
        stem = "" if painting.name == MEMORY else Path(painting.name).stem
        card = cards.get(stem, StyleCard(name=slug(stem) or f"style-{i}"))
        if card.name in taken:
            raise OptionsError(f"{painting.name}: there is already a style {card.name!r}")
        taken.add(card.name)
        size = max(painting.width, painting.height)
        grey = is_grey(painting.rgb)
        found.append(replace(card, sha256=painting.sha256, size=size, grey=grey))
    return found


def slug(text: str) -> str:
    """Turn a file's stem into a style name: lower case letters, digits, hyphens."""
    return "-".join(re.findall("[a-z0-9]+", text.lower()))[:MAX_NAME].strip("-")
