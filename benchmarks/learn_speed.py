"""How near does a style come that was learnt in seconds, next to painting each picture?

Ten paintings that no network was trained on, each learnt by the whole command from cold, for each
of some budgets. The errors are those of `apply_look.py`, relative, of three photos with the long
side at --size, which were not learnt on; what is told is the median over the paintings of the mean
over the photos. Beside it, `impasto paint --budget` of the same pairs, kept in --cache, and the
photos themselves. A row for each painting follows the table.

    python benchmarks/learn_speed.py --paintings paintings_aic --photos content     # 90 minutes
    python benchmarks/learn_speed.py --paintings paintings_aic --photos content --budgets 20 60
    python benchmarks/learn_speed.py --paintings paintings_aic --photos content --resume
    python benchmarks/learn_speed.py --paintings paintings_aic --photos content --sheet ten.png
    python benchmarks/learn_speed.py --paintings paintings_aic --photos content --budgets 30 300 \
        --shown coffee --sheet docs/images/learnt.jpg

With `--steps` instead of `--budgets`, the result does not depend on the speed of the machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from apply_look import THREE, Shot, sized
from commands import IMPASTO
from common import ROOT, Row, output, parser, report
from judge import Bytes, Judge, Score, Seen, score

from impasto import Network, samples
from impasto.images import fit, read_picture, resize, save_picture
from impasto.images.contact_sheet import contact_sheet, sheet_width
from impasto.images.picture import eight_bits, floats
from impasto.zoo.registry import resolve

TEN = {
    "61616": "Seurat, oil sketch for La Grande Jatte",
    "19339": "Gauguin, Arlésiennes (Mistral)",
    "81537": "Monet, Bordighera",
    "16617": "Renoir, Chrysanthemums",
    "81551": "Pissarro, The Place du Havre, Paris",
    "235046": "Sérusier, The Harvest of Buckwheat",
    "12683": "Northern Spanish, Saint Catherine",
    "9148": "Toulouse-Lautrec, Ballet Dancers",
    "109926": "Vuillard, Window Overlooking the Woods",
    "81505": "Delacroix, Lion Hunt",
}
"""Files of the Art Institute of Chicago, by its numbers: strokes or forms all over."""

BUDGETS = (10, 20, 60, 300)

TARGETS = {20.0: 0.10, 60.0: 0.07, 300.0: 0.06}
"""The style error is to be at most so much after so many seconds."""

CONTENT = 0.7
"""And the content error so much."""

LATER = 1.1
"""A command may take so many times its budget, or so many times that and `LEAVE` seconds."""

LEAVE = 1.0
_TILE = 400  # width of a picture on the sheet


def main(argv: list[str] | None = None) -> None:
    """Learn all, look at all, and report."""
    parse = parser(__doc__)
    parse.add_argument("--paintings", type=Path, required=True, metavar="FOLDER")
    parse.add_argument("--photos", type=Path, required=True, metavar="FOLDER")
    parse.add_argument("--only", nargs="+", metavar="STEM", default=[*TEN], help="(default: all)")
    parse.add_argument(
        "--budgets", type=float, nargs="*", metavar="SECONDS",
        help=f"(default: {' '.join(map(str, BUDGETS))}, none with --steps)",
    )  # fmt: skip
    parse.add_argument("--steps", type=int, nargs="*", default=[], help="as well or instead")
    parse.add_argument("--paint", type=float, default=30, help="seconds, 0 for none (default: 30)")
    parse.add_argument("--model", default="quality")
    parse.add_argument("--size", type=int, default=768, help="long side (default: 768)")
    parse.add_argument("--device", default="auto")
    parse.add_argument("--resume", action="store_true", help="take what --cache has learnt")
    parse.add_argument("--sheet", type=output, metavar="FILE", help="a row a painting, one photo")
    parse.add_argument(
        "--shown", choices=samples.PHOTOS, metavar="NAME",
        help="show a sample photo on the sheet, and no paintings; only this photo is painted",
    )  # fmt: skip
    parse.add_argument(
        "--cache", type=Path, default=ROOT / "build" / "learn", metavar="FOLDER",
        help="where paintings and rows are kept (default: build/learn)",
    )  # fmt: skip
    arguments = parse.parse_args(argv)
    usual = () if arguments.steps else BUDGETS
    budgets = usual if arguments.budgets is None else arguments.budgets
    lengths = [f"{budget:g} s" for budget in budgets]
    lengths += [f"{steps} steps" for steps in arguments.steps]
    judge = Judge(arguments.device)
    shots = [Shot(name, sized(arguments.photos / name, arguments.size)) for name in THREE.values()]
    seen = [judge.see(shot.rgb) for shot in shots]
    sample = arguments.shown and Shot(
        arguments.shown, sized(samples.photo(arguments.shown)[:, :, :3], arguments.size)
    )
    found: dict[str, Any] = {}
    tiles: list[tuple[str, Any]] = []
    for stem in arguments.only:
        path = arguments.paintings / f"{stem}.jpg"
        painting = judge.see(sized(path, arguments.size))
        made = {"photo": [shot.rgb for shot in shots]}
        shown = {} if sample else {name: rgbs[0] for name, rgbs in made.items()}
        seconds: dict[str, float] = {}
        for name in lengths:
            file, seconds[name] = learnt(path, name, arguments)
            made[name] = applied(file, shots)
            shown[name] = applied(file, [sample])[0] if sample else made[name][0]
        if arguments.paint and sample:
            shown["paint"] = painted(path, sample, arguments)
        elif arguments.paint:
            made["paint"] = [painted(path, shot, arguments) for shot in shots]
            shown["paint"] = made["paint"][0]
        scores = {name: scored(judge, rgbs, painting, seen) for name, rgbs in made.items()}
        found[stem] = {
            "painting": TEN.get(stem, ""),
            "seconds": seconds,
            "scores": {
                name: {"style": s.style, "content": s.content} for name, s in scores.items()
            },
        }
        line = ", ".join(f"{name} {one}" for name, one in scores.items())
        print(f"{stem}: {line}", file=sys.stderr, flush=True)
        tiles += row_of_tiles(None if sample else path, stem, shown, scores)
    if arguments.sheet:
        columns = len(tiles) // len(found)
        save_picture(contact_sheet(tiles, columns, sheet_width(columns, _TILE)), arguments.sheet)
    report(__doc__, rows(found), arguments, paintings=found)


def learnt(path: Path, length: str, arguments: Any) -> tuple[Path, float]:
    """Learn a painting by the whole command; return the file, and how long it took."""
    number, unit = length.split()
    name = f"{path.stem}-{arguments.model}-{length.removesuffix(' s').replace(' ', '-')}"
    kept = arguments.cache / f"{name}.safetensors"
    took = kept.with_suffix(".json")
    if arguments.resume and took.exists() and kept.exists():
        return kept, json.loads(took.read_text())["seconds"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "style.safetensors"
        command = [IMPASTO, "learn", str(path), "--name", "style"]
        command += ["-o", str(file), "--budget" if unit == "s" else "--steps", number, "--quiet"]
        command += ["--model", arguments.model, "--device", arguments.device]
        began = time.monotonic()
        subprocess.run(command, check=True, env=environment(folder))
        seconds = time.monotonic() - began
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(file.read_bytes())
        took.write_text(json.dumps({"seconds": seconds}))
    return kept, seconds


def environment(folder: str) -> dict[str, str]:
    """Return an environment in which nothing is known from before."""
    return {**os.environ, "XDG_CACHE_HOME": folder, "XDG_DATA_HOME": folder}


def applied(file: Path, shots: Sequence[Shot]) -> list[Bytes]:
    """Return what the network makes of each photo in the style that was learnt."""
    pack, shares = resolve(str(file))
    network = Network(pack, shares)
    return [eight_bits(network(shot.rgb).samples) for shot in shots]


def painted(path: Path, shot: Shot, arguments: Any) -> Bytes:
    """Return what `impasto paint` makes of a pair in its budget."""
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    name = f"{shot.sha256[:16]}-{sha256[:16]}-{arguments.paint:g}s.png"
    file = arguments.cache / name
    if not file.exists():
        with tempfile.TemporaryDirectory() as folder:
            photo = Path(folder) / "photo.png"
            save_picture(shot.rgb, photo)
            made = Path(folder) / "made.png"
            command = [IMPASTO, "paint", str(photo), str(path)]
            command += ["-o", str(made), "--budget", f"{arguments.paint:g}", "--quiet"]
            command += ["--size", str(max(shot.rgb.shape)), "--device", arguments.device]
            subprocess.run(command, check=True)
            save_picture(read_picture(made).rgb, file)
    return eight_bits(read_picture(file).rgb)


def scored(judge: Judge, rgbs: Sequence[Bytes], painting: Seen, photos: Sequence[Seen]) -> Score:
    """Return the mean errors of pictures of some photos."""
    scores = [
        score(judge.see(rgb), painting, photo) for rgb, photo in zip(rgbs, photos, strict=True)
    ]
    return Score(mean(s.style for s in scores), mean(s.content for s in scores))


def row_of_tiles(
    path: Path | None, stem: str, shown: Mapping[str, Bytes], scores: Mapping[str, Score]
) -> list[tuple[str, Any]]:
    """Return the tiles of a painting for the sheet: the painting in ``path``, if given, and what
    was made of the photo."""
    (shape,) = {rgb.shape[:2] for rgb in shown.values()}
    size = fit(shape[1], shape[0], _TILE)
    tiles: list[tuple[str, Any]] = []
    if path:
        picture = read_picture(path)
        small = resize(picture.rgb, *fit(picture.width, picture.height, min(size)))
        tile = np.full((size[1], size[0], 3), 1, np.float32)
        tile[: small.shape[0], : small.shape[1]] = small[: size[1], : size[0]]
        tiles.append((stem, tile))
        captions = {name: f"{name}  {scores[name]}" for name in shown}
    else:
        painter = TEN.get(stem, stem).split(",")[0]
        captions = {name: f"{painter}, {name}" for name in shown}
    return tiles + [(captions[name], resize(floats(rgb), *size)) for name, rgb in shown.items()]


def rows(found: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Return the medians over the paintings."""
    table = []
    names = list(next(iter(found.values()))["scores"])
    for name in names:
        style, content = (
            median(one["scores"][name][term] for one in found.values())
            for term in ("style", "content")
        )
        budget = float(name[:-2]) if name.endswith(" s") else None
        limit = TARGETS.get(budget) if budget else None
        by_learning = budget or name.endswith(" steps")
        what = f"learnt in {name}" if by_learning else name
        table.append(Row(f"style error, {what}", style, at_most=limit))
        table.append(
            Row(f"content error, {what}", content, at_most=CONTENT if by_learning else None)
        )
        if budget:
            longest = max(one["seconds"][name] for one in found.values())
            table.append(
                Row(f"longest command, {name}", longest, "s", at_most=LATER * budget + LEAVE)
            )
    return table


if __name__ == "__main__":
    main()
