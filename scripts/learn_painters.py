"""Continue learning the nine styles of a bundled network: python scripts/learn_painters.py --help.

The network itself stays bit for bit the same, so styles learnt on it still belong to it. Each style
of painters.json is learnt as with `impasto learn`, into a file under --work, starting from its row
in the pack. Then the pack is written with the new rows; other styles keep theirs. You can stop it
at any time: repeat the command to continue.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from learn_gallery import learnt, short

from impasto.nets.architecture import ORIGINAL
from impasto.runtime.device import keep_freed_memory
from impasto.zoo.pack import Pack, write_pack
from impasto.zoo.registry import network
from impasto.zoo.rows import Row

HERE = Path(__file__).parent


def main() -> None:
    """Learn all styles for the given number of steps, then write the pack."""
    parse = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parse.add_argument("--data", type=Path, required=True, help="parent of the painting folders")
    parse.add_argument("--photos", type=Path, help="(default: scikit-image's)")
    parse.add_argument("--steps", type=int, default=300, help="steps each (default: 300)")
    parse.add_argument(
        "--bolder", type=float, default=1.0, metavar="F", help="times the distance of painters.json"
    )
    parse.add_argument(
        "--share", type=float, default=1.0, metavar="F",
        help="mix the new row with this share into the old one, to keep more of faces (default: 1)",
    )  # fmt: skip
    parse.add_argument("--only", nargs="+", metavar="NAME", help="(default: all)")
    parse.add_argument("--model", default="quality")
    parse.add_argument("--work", type=Path, default=HERE.parent / "build" / "painters")
    parse.add_argument("-o", "--out", type=Path, help="the pack")
    arguments = parse.parse_args()
    keep_freed_memory()
    arguments.work.mkdir(parents=True, exist_ok=True)
    body = network(arguments.model)
    rows = []
    for entry in json.loads((HERE / "painters.json").read_text(encoding="utf-8")):
        if arguments.only and entry["name"] not in arguments.only:
            continue
        distance = round(entry["distance"] * arguments.bolder, 3)
        before = replace(body.row(entry["name"]), learning={"steps": 0, "crops": 0, "seconds": 0.0})
        asked = {"folder": "paintings", **entry, "distance": distance}
        rows.append(learnt(asked, body, before, arguments))
        print(f"{entry['name']}: content asked {distance:g}", flush=True)
    if arguments.out:
        write_pack(with_new_rows(body, rows, arguments.share), arguments.out)
        print(f"{len(rows)} styles: {arguments.out}, {arguments.out.stat().st_size:,} bytes")


def with_new_rows(body: Pack, rows: list[Row], share: float) -> Pack:
    """Return the pack with these rows mixed into its own; the card says how they were learnt."""
    new = {row.card.name: mixed(body.row(row.card.name), row, share) for row in rows}
    kept = [new.get(style) or body.row(style) for style in body.styles if style != ORIGINAL]
    learning = {**body.card.training.get("rows", {})}
    learning |= {row.card.name: {**short(row.learning), "share": share} for row in rows}
    pack = body.only([ORIGINAL]).with_rows(kept)
    training = {**body.card.training, "rows": learning}
    return replace(pack, card=replace(pack.card, training=training))


def mixed(old: Row, new: Row, share: float) -> Row:
    """Return the old row with this share of the new one, as mixtures of styles are computed."""
    tensors = {
        name: (1 - share) * old.tensors[name] + share * np.asarray(tensor, np.float32)
        for name, tensor in new.tensors.items()
    }
    return Row(new.card, tensors)


if __name__ == "__main__":
    main()
