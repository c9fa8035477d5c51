"""Learn the styles of the bundled gallery: python scripts/learn_gallery.py --help.

For each card of gallery.json, the painting is learnt as with `impasto learn`, into a file under
--work. Then all rows are written to one file, without their paintings. A style that is only in that
file is continued from there. You can stop the command at any time: repeat it to continue, or give a
larger --budget to keep learning. Styles that were learnt on another network are learnt again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from impasto.errors import WeightsError
from impasto.events import Trained
from impasto.images import read_picture
from impasto.options import LearnOptions
from impasto.runtime.device import keep_freed_memory
from impasto.training.learner import Learner
from impasto.training.trainer import StateFile
from impasto.zoo.cards import StyleCard
from impasto.zoo.pack import Pack
from impasto.zoo.registry import network
from impasto.zoo.rows import Row, Rows, read_rows, write_rows

HERE = Path(__file__).parent
_MORE = ("folder", "file", "trim")
"""Fields of gallery.json besides those of a card: the painting's file, and the width in pixels of
the frame to cut off."""


def main() -> None:
    """Learn the missing styles, then write the pack."""
    parse = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parse.add_argument("--data", type=Path, required=True, help="parent of the painting folders")
    parse.add_argument("--photos", type=Path, help="(default: scikit-image's)")
    parse.add_argument("--budget", type=float, default=240, help="seconds each (default: 240)")
    parse.add_argument("--steps", type=int, help="steps each, instead of --budget")
    parse.add_argument("--only", nargs="+", metavar="NAME", help="(default: all)")
    parse.add_argument("--model", default="quality")
    parse.add_argument("--work", type=Path, default=HERE.parent / "build" / "gallery")
    parse.add_argument("-o", "--out", type=Path, help="the pack of rows")
    arguments = parse.parse_args()
    keep_freed_memory()
    arguments.work.mkdir(parents=True, exist_ok=True)
    body = network(arguments.model)
    packed = rows_of(arguments.out, body) if arguments.out else {}
    entries = [
        entry
        for entry in json.loads((HERE / "gallery.json").read_text(encoding="utf-8"))
        if arguments.only is None or entry["name"] in arguments.only
    ]
    rows = []
    for number, entry in enumerate(entries, start=1):
        began = time.monotonic()
        row = learnt(entry, body, packed.get(entry["name"]), arguments)
        rows.append(replace(row, painting=b"", learning=short(row.learning)))
        took = time.monotonic() - began
        print(f"{number} of {len(entries)}: {row.card.name}, {took:.0f} s", flush=True)
    if arguments.out:
        write_rows(Rows(body.card.architecture, body.body, tuple(rows)), arguments.out)
        print(f"{len(rows)} styles: {arguments.out}, {arguments.out.stat().st_size:,} bytes")


def learnt(
    entry: Mapping[str, Any], body: Pack, packed: Row | None, arguments: argparse.Namespace
) -> Row:
    """Return the row of a painting, learnt for the whole budget."""
    file = arguments.work / f"{entry['name']}.safetensors"
    before = rows_of(file, body).get(entry["name"], packed)
    unit, whole = ("steps", arguments.steps) if arguments.steps else ("seconds", arguments.budget)
    missing = whole - (before.learning[unit] if before else 0)
    card = StyleCard(**{f.name: entry[f.name] for f in fields(StyleCard) if f.name in entry})
    if before and missing <= 1:
        return replace(before, card=replace(card, **measured(before)))
    learner = Learner(
        painting(arguments.data / entry["folder"] / f"{entry['file']}.jpg", entry),
        arguments.photos,
        LearnOptions(
            budget=missing if unit == "seconds" else None,
            steps=missing if unit == "steps" else None,
            model=arguments.model,
        ),
        body=body,
        card=card,
    )
    learner.begin_with(before, StateFile(file.with_suffix(".state")))
    for event in learner:
        if isinstance(event, Trained):
            latest = event
    write_rows(learner.rows, file)
    print(f"{entry['name']}: content {latest.content:.2f}, style {latest.style:.3f}", flush=True)
    return learner.row


def rows_of(file: Path, body: Pack) -> dict[str, Row]:
    """Return the rows of a file that were learnt on this network, by name."""
    try:
        rows = read_rows(file)
    except WeightsError:
        return {}
    return {row.card.name: row for row in rows.rows} if rows.body == body.body else {}


def measured(row: Row) -> dict[str, Any]:
    """Return the card fields that learning sets."""
    return {name: getattr(row.card, name) for name in ("sha256", "size", "weight", "distance")}


def painting(path: Path, entry: Mapping[str, Any]) -> Path | np.ndarray[Any, Any]:
    """Return the painting without its frame."""
    trim = int(entry.get("trim", 0))
    return read_picture(path).rgb[trim:-trim, trim:-trim] if trim else path


def short(learning: Mapping[str, Any]) -> dict[str, Any]:
    """Return the details of learning that a card needs."""
    return {name: learning[name] for name in ("version", "crops", "steps", "seconds", "photos")}


if __name__ == "__main__":
    main()
