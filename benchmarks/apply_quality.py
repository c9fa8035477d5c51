"""How close does a network come to what L-BFGS paints in 100 steps, by the loss of its training?

Every style of a pack on every photo. The network's picture, in floats, is scored with the very
objective that the network was trained with: the pack says its layers, the size of the paintings and
the weight of each style. L-BFGS starts from the photo and minimises the same objective, by
Impasto's own painter in float32; both scorings have to agree on the photo and on what was painted.
L-BFGS goes beyond what a file can hold, so its picture is also scored clipped, as it would be
saved. A ratio of 1 is as good as L-BFGS, below is better.

On the same photos the style term has to fall and the content term to rise with the strength, from
0 to 1 and on to 1.25; and in mixtures of two neighbouring styles of the pack each style term has to
fall with its own share. What is known of a style and a photo is kept in --cache and not computed
again.

    python benchmarks/apply_quality.py --paintings FOLDER --photos FOLDER        # hours on a CPU
    python benchmarks/apply_quality.py --paintings FOLDER --photos FOLDER --styles starry --count 3
    python benchmarks/apply_quality.py --pack my.safetensors --paintings FOLDER --size 256
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from common import ROOT, Row, parser, report
from judge import RGB, Judge, Score
from torch import Tensor

from impasto import Network
from impasto.images import fit, read_picture, resize
from impasto.optimize.device import keep_freed_memory
from impasto.samples import PHOTOS, photo
from impasto.training.criterion import Features, Grams
from impasto.training.data import photos_in
from impasto.zoo.cards import StyleCard
from impasto.zoo.pack import Pack, read_pack
from impasto.zoo.registry import known, styles_of

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Photo:
    """A photo at the size that it is judged at."""

    name: str
    rgb: RGB

    @cached_property
    def sha256(self) -> str:
        """The hash of its values."""
        return hashlib.sha256(np.ascontiguousarray(self.rgb).data).hexdigest()


class Trial:
    """A pack's styles on photos; what is found is kept in files, one a question."""

    def __init__(self, pack: Pack, judge: Judge, paintings: dict[str, Path], cache: Path) -> None:
        self.pack = pack
        self.judge = judge
        self._cards = {card.name: card for card in pack.card.styles}
        self._paintings = paintings
        self._cache = cache / (pack.sha256 or "unsaved")[:16]
        self._grams: dict[str, Grams] = {}
        self._network: Network | None = None

    def compare(self, style: str, shot: Photo, steps: int) -> dict[str, Any]:
        """Return the scores of the network and of L-BFGS, and those along the strengths."""
        name = f"{style}--{shot.sha256[:16]}--{steps}"
        return self._kept(name, lambda: self._compare(style, shot, steps))

    def mix(self, one: str, other: str, shot: Photo) -> dict[str, Any]:
        """Return both style terms along the shares of the second of two styles."""
        name = f"{one}+{other}--{shot.sha256[:16]}"
        return self._kept(name, lambda: self._mix(one, other, shot))

    def _compare(self, style: str, shot: Photo, steps: int) -> dict[str, Any]:
        content = self.judge.loss.content(self.judge.tensor(shot.rgb))
        along = [
            self._score(style, self._applied({style: 1.0}, shot, strength), content)
            for strength in STRENGTHS
        ]
        grams, weight = self._gram(style), self._cards[style].weight
        image, way = self.judge.paint(
            shot.rgb, self._painting(style), content, grams, weight, steps
        )
        return {
            "photo": shot.name,
            "network": asdict(along[STRENGTHS.index(1.0)]),
            "lbfgs": asdict(self._score(style, image, content)),
            "lbfgs_way": way,
            "lbfgs_clipped": asdict(self._score(style, image.clamp(0, 1), content)),
            "content": [score.content for score in along],
            "style": [score.style for score in along],
        }

    def _mix(self, one: str, other: str, shot: Photo) -> dict[str, Any]:
        content = self.judge.loss.content(self.judge.tensor(shot.rgb))
        mixed = [self._applied({one: 1 - s, other: s}, shot, 1.0) for s in SHARES]
        terms = {
            name: [self._score(name, image, content).style for image in mixed]
            for name in (one, other)
        }
        return {"photo": shot.name, "styles": [one, other], "terms": list(terms.values())}

    def _applied(self, shares: dict[str, float], shot: Photo, strength: float) -> Tensor:
        if self._network is None or self._network.shares != shares:
            self._network = Network(self.pack, shares, device=self.judge.device.type)
        return self.judge.tensor(self._network(shot.rgb, strength=strength).rgb)

    def _score(self, style: str, image: Tensor, content: Features) -> Score:
        return self.judge.score(image, content, self._gram(style), self._cards[style].weight)

    def _gram(self, style: str) -> Grams:
        if style not in self._grams:
            image = self.judge.tensor(self._painting(style))
            self._grams[style] = self.judge.loss.grams(image)
        return self._grams[style]

    def _painting(self, style: str) -> RGB:
        return self.judge.painted(read_picture(self._paintings[self._cards[style].sha256]))

    def _kept(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        file = self._cache / f"{name}.json"
        if not file.exists():
            found = compute()
            file.parent.mkdir(parents=True, exist_ok=True)
            unfinished = file.with_suffix(".part")
            unfinished.write_text(json.dumps(found))
            unfinished.replace(file)
        return dict(json.loads(file.read_text()))


def main(argv: list[str] | None = None) -> None:
    """Judge every style on every photo and report."""
    parse = parser(__doc__)
    parse.add_argument("--pack", type=Path, metavar="FILE", help="(default: the first that ships)")
    parse.add_argument("--paintings", type=Path, required=True, metavar="FOLDER")
    parse.add_argument("--photos", type=Path, metavar="FOLDER", help="(default: our samples)")
    parse.add_argument("--count", type=int, default=20, help="photos, evenly chosen (default: 20)")
    parse.add_argument("--styles", nargs="+", metavar="STYLE", help="(default: all)")
    parse.add_argument("--size", type=int, default=512, help="of the photos (default: 512)")
    parse.add_argument("--steps", type=int, default=100, help="of L-BFGS (default: 100)")
    parse.add_argument("--device", default="auto", help="(default: auto)")
    parse.add_argument(
        "--cache",
        type=Path,
        default=ROOT / "build" / "quality",
        metavar="FOLDER",
        help="where what is known is kept (default: build/quality)",
    )
    arguments = parse.parse_args(argv)
    keep_freed_memory()
    pack = opened(arguments.pack)
    styles = arguments.styles or list(styles_of(pack))
    cards = [card for card in pack.card.styles if card.name in styles]
    paintings = matched(cards, arguments.paintings)
    shots = list(photographs(arguments.photos, arguments.count, arguments.size))
    trial = Trial(pack, Judge(pack, arguments.device), paintings, arguments.cache)
    found = judged(trial, styles, shots, arguments.steps)
    mixed = [
        trial.mix(one, other, shots[i % len(shots)])
        for i, (one, other) in enumerate(pairwise(styles))
    ]
    table = [*ratio_rows(found), *strength_rows(found), *mix_rows(mixed)]
    report(__doc__, table, arguments, pack=pack.name, sha256=pack.sha256, pairs=found, mixed=mixed)


def judged(
    trial: Trial, styles: Sequence[str], shots: Sequence[Photo], steps: int
) -> dict[str, list[dict[str, Any]]]:
    """Return what is found by style. One photo in all styles comes before the next photo."""
    found: dict[str, list[dict[str, Any]]] = {style: [] for style in styles}
    for number, shot in enumerate(shots, start=1):
        for style in styles:
            one = trial.compare(style, shot, steps)
            found[style].append(one)
            ratio = one["network"]["total"] / one["lbfgs"]["total"]
            line = f"photo {number} of {len(shots)}, {shot.name}, {style}: {ratio:.3f}"
            print(line, file=sys.stderr, flush=True)
    return found


def opened(path: Path | None) -> Pack:
    """Return the pack that was asked for, or the first that ships with Impasto."""
    if path is not None:
        return read_pack(path)
    for entry in known():
        if entry.bundled and entry.pack is not None:
            return entry.pack
    raise SystemExit("no pack ships with this Impasto: say --pack FILE")


def matched(cards: Sequence[StyleCard], folder: Path) -> dict[str, Path]:
    """Return the files of the paintings by their hashes."""
    wanted = {card.sha256: card.name for card in cards}
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        if sha256 in wanted:
            found[sha256] = path
    missing = [name for sha256, name in wanted.items() if sha256 not in found]
    if missing:
        raise SystemExit(f"{folder}: the paintings of {', '.join(missing)} are not there")
    return found


def photographs(folder: Path | None, count: int, size: int) -> Iterator[Photo]:
    """Yield photos with their long side at ``size``, evenly chosen from a folder."""
    sources: list[tuple[str, Any]] = [(name, photo(name)) for name in PHOTOS]
    if folder is not None:
        sources = [(path.name, path) for path in photos_in(folder)]
    count = min(count, len(sources))
    for i in range(count):
        name, source = sources[i * len(sources) // count]
        picture = read_picture(source)
        yield Photo(name, resize(picture.rgb, *fit(picture.width, picture.height, size)))


def ratio_rows(found: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """Return the network's loss as a part of L-BFGS's, for each style and in all."""
    rows, every, clipped = [], [], []
    for style, trials in found.items():
        ratios = [t["network"]["total"] / t["lbfgs"]["total"] for t in trials]
        every += [(ratio, style, t["photo"]) for ratio, t in zip(ratios, trials, strict=True)]
        clipped += [t["network"]["total"] / t["lbfgs_clipped"]["total"] for t in trials]
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
        what = f"{style}: loss, of that of L-BFGS ({spread})"
        rows.append(Row(what, median(ratios), at_most=1))
    worst, style, shot = max(every)
    as_good = [steps_to(t) for trials in found.values() for t in trials]
    return [
        *rows,
        Row("all: loss, of that of L-BFGS", median(ratio for ratio, _, _ in every)),
        Row("all: the same, of its picture clipped", median(clipped)),
        Row(f"worst: {style} on {shot}", worst),
        Row(
            f"all: steps of L-BFGS it is worth ({min(as_good)} to {max(as_good)})", median(as_good)
        ),
    ]


def steps_to(trial: dict[str, Any]) -> int:
    """Return the first step after which L-BFGS is as good as the network, or all that it took."""
    way, total = trial["lbfgs_way"], trial["network"]["total"]
    return next((step for step, loss in enumerate(way) if loss <= total), len(way))


def strength_rows(found: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """Return how often the terms go the right way with the strength, at every step of it."""
    trials = [trial for trials in found.values() for trial in trials]
    rows = []
    for last in (STRENGTHS.index(1.0), len(STRENGTHS) - 1):
        falls = [falling(trial["style"][: last + 1]) for trial in trials]
        rises = [falling([-value for value in trial["content"][: last + 1]]) for trial in trials]
        steps = f"strength 0 to {STRENGTHS[last]:g}"
        rows += [
            Row(f"{steps}: pairs whose style term falls", _share(falls), at_least=1),
            Row(f"{steps}: pairs whose content term rises", _share(rises), at_least=1),
        ]
    return rows


def mix_rows(mixed: Sequence[dict[str, Any]]) -> list[Row]:
    """Return how often each style term falls with its own share."""
    if not mixed:
        return []
    falls = [
        falling(terms)
        for trial in mixed
        for terms in (reversed(trial["terms"][0]), trial["terms"][1])
    ]
    return [Row("mixtures: style terms that fall with their share", _share(falls), at_least=1)]


def falling(values: Any) -> bool:
    """Tell whether each number is less than the one before."""
    return all(after < before for before, after in pairwise(values))


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags)


if __name__ == "__main__":
    main()
