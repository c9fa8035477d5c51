"""Synthesise the textures of the bundled styles: python scripts/textures.py --help.

You can stop it at any time: repeat the command to make those that are missing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from learn_gallery import HERE, painting

from impasto.atomic import atomic_write
from impasto.options import PaintOptions
from impasto.painter import Painter
from impasto.runtime.device import keep_freed_memory
from impasto.zoo import exemplars
from impasto.zoo.cards import StyleCard
from impasto.zoo.registry import known

SIDE = 384
QUALITY = 88


def main() -> None:
    """Make the missing textures."""
    parse = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parse.add_argument("--data", type=Path, required=True, help="parent of the painting folders")
    parse.add_argument("--steps", type=int, default=120, help="(default: 120)")
    parse.add_argument("--only", nargs="+", metavar="NAME", help="(default: all)")
    parse.add_argument("-o", "--out", type=Path, default=exemplars.TEXTURES)
    arguments = parse.parse_args()
    keep_freed_memory()
    cards = bundled()
    for entry in entries():
        file = arguments.out / exemplars.texture_name(cards[entry["name"]])
        if file.exists() or (arguments.only and entry["name"] not in arguments.only):
            continue
        began = time.monotonic()
        source = painting(arguments.data / entry["folder"] / f"{entry['file']}.jpg", entry)
        synthesise(source, file, arguments.steps)
        took = time.monotonic() - began
        print(f"{entry['name']}: {file.stat().st_size:,} bytes, {took:.0f} s", flush=True)


def entries() -> list[Mapping[str, Any]]:
    """Return where the painting of each bundled style is."""
    painters, gallery = (
        json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("painters", "gallery")
    )
    return [{"folder": "paintings", **entry} for entry in painters] + gallery


def bundled() -> dict[str, StyleCard]:
    """Return the cards of the bundled styles by name."""
    packs = [entry.pack for entry in known() if entry.bundled and entry.pack]
    return {card.name: card for pack in packs for card in pack.card.styles}


def synthesise(source: Any, file: Path, steps: int) -> None:
    """Synthesise the texture of a painting."""
    options = PaintOptions(
        preset="texture", canvas=(SIDE, SIDE), style_scale=1 / exemplars.TEXTURE_SCALE, steps=steps
    )
    painter = Painter(source, source, options)
    for _ in painter:
        pass
    with atomic_write(file) as out:
        painter.painting.image.save(out, "WEBP", quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
