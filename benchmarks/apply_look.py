"""How near does a network come to the painting, and how far from the photo, next to `paint`?

Every style on every photo. A picture's style error is how far its Gram matrices are from the
painting's, its content error how far its features are from the photo's: relative, by the original
VGG-19, at the whole size, a half and a quarter of it, with the long side of photo, result and
painting at --size. It is scored as an 8-bit file would hold it, and so is what `impasto.paint`
makes of the same photo in --steps steps, and the photo itself. What was painted is kept in --cache,
so a second run is quick, and one that was cut off goes on where it was.

Then, for each network: with the strength from 0 to 1 content has to rise and style to fall at every
step, and mixtures of two styles have to go from the one to the other. And the largest value that
any normalisation gives before its scale and shift, over twelve photos: a single place that reaches
far beyond all others is a pale mark in the picture, and takes the contrast from the rest.

    python benchmarks/apply_look.py --photos FOLDER --paintings FOLDER          # hours on a CPU
    python benchmarks/apply_look.py --photos FOLDER --paintings FOLDER --pairs three --sheet a.png
    python benchmarks/apply_look.py --photos FOLDER --paintings FOLDER --pairs rotate --parts look
    python benchmarks/apply_look.py --photos FOLDER --paintings FOLDER --steps 0 --packs FILE
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from common import ROOT, Row, output, parser, report
from judge import Bytes, Judge, Score, Seen, score, style_error
from torch import Tensor

from impasto import Network, paint
from impasto.images import fit, read_picture, resize, save_picture
from impasto.images.contact_sheet import contact_sheet, sheet_width
from impasto.images.picture import eight_bits, floats
from impasto.nets import noise, transformer
from impasto.nets.architecture import EPSILON
from impasto.options import MODELS
from impasto.runtime.device import choose_device, keep_freed_memory
from impasto.samples import PHOTOS, photo
from impasto.training.data import photos_in
from impasto.zoo.cards import StyleCard
from impasto.zoo.pack import Pack, read_pack
from impasto.zoo.registry import find, styles_of

TARGETS = {"quality": 1.3, "standard": 1.7, "turbo": 2.1}
"""The style error is to be at most so many times that of `paint`, the mean of all pairs."""

HIGHEST = 8.0
"""The largest normalised value is to be at most so much."""

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
PARTS = ("look", "strengths", "spikes")

THREE = {
    "starry": "classic_tubingen.jpg",
    "composition": "portrait_seated-man.jpg",
    "wave": "classic_golden-gate.jpg",
}
"""A photo for each of three styles; these photos are looked at first where a folder has them."""

TWELVE = (
    *THREE.values(),
    "animal_white-tiger.jpg",
    "building_reichstag.jpg",
    "city_night-bridge.jpg",
    "kodim04.jpg",
    "landscape_white-dune.jpg",
    "landscape_yosemite.jpg",
    "max_flowers.jpg",
    "person_exif-portrait.jpg",
    "sky_hot-air-balloons.jpg",
)
"""The photos in which the largest value is looked for: skies, snow, faces, night."""

_TILE = 480  # width of a picture on the sheet
_HASH = 16


@dataclass(frozen=True)
class Shot:
    """A photo at the size that it is judged at, uint8 (height, width, 3)."""

    name: str
    rgb: Bytes

    @cached_property
    def sha256(self) -> str:
        """The hash of its values."""
        return hashlib.sha256(np.ascontiguousarray(self.rgb).data).hexdigest()


@dataclass(frozen=True)
class Painting:
    """A style's painting: its file, and that file's hash."""

    style: str
    path: Path
    sha256: str


Pair = tuple[Painting, Shot]


class Gallery:
    """Makes pictures, and looks at them; what takes long is kept."""

    def __init__(
        self, judge: Judge, packs: Mapping[str, Pack], size: int, steps: int, cache: Path
    ) -> None:
        self.packs = packs
        self.size = size
        self._judge = judge
        self._steps = steps
        self._cache = cache
        self._paintings: dict[str, Seen] = {}
        self._shots: dict[str, Seen] = {}
        self._network: Network | None = None

    def pictures(self, pair: Pair) -> Iterator[tuple[str, Bytes]]:
        """Yield the photo, what was painted of it, and what each network makes of it, by name."""
        painting, shot = pair
        yield "photo", shot.rgb
        if self._steps:
            yield "paint", self.painted(pair)
        for name, pack in self.packs.items():
            yield name, self.applied(pack, {painting.style: 1.0}, shot)

    def painted(self, pair: Pair) -> Bytes:
        """Return what `impasto.paint` makes of a photo in so many steps."""
        painting, shot = pair
        name = f"{shot.sha256[:_HASH]}-{painting.sha256[:_HASH]}-{self._steps}.png"
        file = self._cache / name
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            side = max(shot.rgb.shape)
            made = paint(floats(shot.rgb), painting.path, size=side, steps=self._steps)
            save_picture(made.rgb, file)
        return eight_bits(read_picture(file).rgb)

    def applied(
        self, pack: Pack, shares: Mapping[str, float], shot: Shot, strength: float = 1.0
    ) -> Bytes:
        """Return what a network makes of a photo."""
        if not (self._network and self._network.pack is pack and self._network.shares == shares):
            self._network = Network(pack, shares)
        return eight_bits(self._network(shot.rgb, strength=strength).samples)

    def see(self, rgb: Bytes) -> Seen:
        """Look at a picture."""
        return self._judge.see(rgb)

    def score(self, rgb: Bytes, pair: Pair) -> Score:
        """Compare a picture with the painting and the photo it is made of."""
        painting, shot = pair
        return score(self.see(rgb), self.seen(painting), self.seen(shot))

    def seen(self, of: Painting | Shot) -> Seen:
        """Look at a painting or a photo. The latest photo alone is kept."""
        if isinstance(of, Shot):
            if of.sha256 not in self._shots:
                self._shots = {of.sha256: self.see(of.rgb)}
            return self._shots[of.sha256]
        if of.style not in self._paintings:
            self._paintings[of.style] = self.see(sized(of.path, self.size))
        return self._paintings[of.style]


def main(argv: list[str] | None = None) -> None:
    """Look at every pair and report."""
    parse = parser(__doc__)
    parse.add_argument("--paintings", type=Path, required=True, metavar="FOLDER")
    parse.add_argument("--photos", type=Path, metavar="FOLDER", help="(default: our samples)")
    parse.add_argument("--count", type=int, default=3, help="of photos (default: 3)")
    parse.add_argument(
        "--pairs",
        choices=("all", "rotate", "three"),
        default="all",
        help="every style on every photo; on one, in rotation; or three that are named here",
    )
    parse.add_argument("--styles", type=_names, metavar="A,B", help="(default: all)")
    parse.add_argument("--models", nargs="+", choices=MODELS, default=[*reversed(MODELS)])
    parse.add_argument("--packs", type=Path, nargs="+", metavar="FILE", help="instead of --models")
    parse.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS], help="(default: all)")
    parse.add_argument("--size", type=int, default=768, help="long side (default: 768)")
    parse.add_argument("--steps", type=int, default=100, help="of paint, 0 for none (default: 100)")
    parse.add_argument("--device", default="auto", help="that looks (default: auto)")
    parse.add_argument("--sheet", type=output, metavar="FILE", help="the pictures, a row a pair")
    parse.add_argument(
        "--cache",
        type=Path,
        default=ROOT / "build" / "look",
        metavar="FOLDER",
        help="where paintings are kept (default: build/look)",
    )
    arguments = parse.parse_args(argv)
    keep_freed_memory()
    packs = opened(arguments)
    cards = chosen(packs, arguments.styles)
    judge = Judge(arguments.device)
    gallery = Gallery(judge, packs, arguments.size, arguments.steps, arguments.cache)
    pairs = paired(matched(cards, arguments.paintings), arguments)
    table: list[Row] = []
    found: dict[str, Any] = {"packs": {name: pack.sha256 for name, pack in packs.items()}}
    if "look" in arguments.parts:
        found["look"] = look(gallery, pairs, arguments.sheet)
        table += look_rows(found["look"], packs)
    if "strengths" in arguments.parts:
        found["strengths"] = strengths(gallery, pairs)
        found["mixtures"] = mixtures(gallery, pairs)
        table += way_rows(found["strengths"], found["mixtures"])
    if "spikes" in arguments.parts:
        shots = list(photographs(arguments.photos, len(TWELVE), arguments.size, TWELVE))
        names = [card.name for card in cards]
        found["spikes"] = {
            name: spikes(pack, names, shots, arguments.device) for name, pack in packs.items()
        }
        table += spike_rows(found["spikes"])
    report(__doc__, table, arguments, **found)
    if "look" in found:
        print(f"\nStyle error, and content error in brackets:\n\n{of_pairs(found['look'])}")


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def opened(arguments: Any) -> dict[str, Pack]:
    """Return the packs that were asked for, by a name for the table."""
    if arguments.packs:
        return {path.stem: read_pack(path) for path in arguments.packs}
    return {name: find(name) for name in arguments.models}


def chosen(packs: Mapping[str, Pack], styles: Sequence[str] | None) -> list[StyleCard]:
    """Return the cards of the styles asked for, else of those that all packs have."""
    first, *others = packs.values()
    if styles is None:
        styles = [s for s in styles_of(first) if all(s in pack.styles for pack in others)]
    cards = {card.name: card for card in first.card.styles}
    for name, pack in packs.items():
        missing = [style for style in styles if style not in pack.styles]
        if missing:
            raise SystemExit(f"{name} has no style {', '.join(missing)}")
    return [cards[style] for style in styles]


def matched(cards: Sequence[StyleCard], folder: Path) -> list[Painting]:
    """Find the files of the paintings by their hashes."""
    wanted = {card.sha256 for card in cards}
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        if sha256 in wanted:
            found[sha256] = path
    missing = [card.name for card in cards if card.sha256 not in found]
    if missing:
        raise SystemExit(f"{folder}: the paintings of {', '.join(missing)} are not there")
    return [Painting(card.name, found[card.sha256], card.sha256) for card in cards]


def paired(paintings: Sequence[Painting], arguments: Any) -> list[Pair]:
    """Return the pairs that were asked for. One photo in all styles comes before the next photo."""
    folder, size = arguments.photos, arguments.size
    if arguments.pairs == "three":
        if folder is None:
            raise SystemExit(
                "--pairs three needs --photos FOLDER with " + ", ".join(THREE.values())
            )
        shots = {name: Shot(name, sized(folder / name, size)) for name in THREE.values()}
        return [(p, shots[THREE[p.style]]) for p in paintings if p.style in THREE]
    found = list(photographs(folder, arguments.count, size, tuple(THREE.values())))
    if arguments.pairs == "rotate":
        return [(p, found[i % len(found)]) for i, p in enumerate(paintings)]
    return [(p, shot) for shot in found for p in paintings]


def photographs(
    folder: Path | None, count: int, size: int, first: Sequence[str] = ()
) -> Iterator[Shot]:
    """Yield so many photos: those named, where the folder has them all, else evenly chosen."""
    sources: list[tuple[str, Any]] = [(name, photo(name)) for name in PHOTOS]
    if folder is not None:
        known = {path.name: path for path in photos_in(folder)}
        if count <= len(first) and all(name in known for name in first):
            known = {name: known[name] for name in first[:count]}
        sources = list(known.items())
    count = min(count, len(sources))
    for i in range(count):
        name, source = sources[i * len(sources) // count]
        yield Shot(name, sized(source, size))


def sized(source: Any, size: int) -> Bytes:
    """Read a picture and bring its long side to a size."""
    picture = read_picture(source)
    return eight_bits(resize(picture.rgb, *fit(picture.width, picture.height, size)))


def look(gallery: Gallery, pairs: Sequence[Pair], sheet: Path | None) -> list[dict[str, Any]]:
    """Return the scores of everybody's pictures of each pair; put the pictures on a sheet."""
    found, tiles = [], []
    for number, pair in enumerate(pairs, start=1):
        painting, shot = pair
        scores = {}
        for name, rgb in gallery.pictures(pair):
            scores[name] = gallery.score(rgb, pair)
            label = painting.style if name == "photo" else name
            if sheet:
                small = resize(floats(rgb), *fit(rgb.shape[1], rgb.shape[0], _TILE))
                tiles.append((f"{label}  {scores[name]}", small))
        line = ", ".join(f"{name} {one}" for name, one in scores.items())
        _tell(f"pair {number} of {len(pairs)}, {shot.name}, {painting.style}: {line}")
        all_scores = {name: asdict(one) for name, one in scores.items()}
        found.append({"style": painting.style, "photo": shot.name, "scores": all_scores})
    if sheet:
        columns = len(tiles) // len(pairs)
        save_picture(contact_sheet(tiles, columns, sheet_width(columns, _TILE)), sheet)
    return found


def strengths(gallery: Gallery, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Return both errors along the strengths, for each network and pair."""
    found = []
    for number, pair in enumerate(pairs, start=1):
        painting, shot = pair
        for name, pack in gallery.packs.items():
            along = [
                gallery.score(gallery.applied(pack, {painting.style: 1.0}, shot, strength), pair)
                for strength in STRENGTHS
            ]
            found.append(
                {
                    "model": name,
                    "style": painting.style,
                    "photo": shot.name,
                    "styles": [one.style for one in along],
                    "contents": [one.content for one in along],
                }
            )
        _tell(f"strengths, pair {number} of {len(pairs)}, {shot.name}, {painting.style}")
    return found


def mixtures(gallery: Gallery, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Return the style errors of both along the shares of two styles, a photo for each two."""
    paintings = {painting.style: painting for painting, _ in pairs}
    shots = list({shot.sha256: shot for _, shot in pairs}.values())
    found = []
    for i, (one, other) in enumerate(pairwise(paintings)):
        shot = shots[i % len(shots)]
        for name, pack in gallery.packs.items():
            seen = [
                gallery.see(gallery.applied(pack, {one: 1 - share, other: share}, shot))
                for share in SHARES
            ]
            errors = [
                [style_error(picture, gallery.seen(paintings[style])) for picture in seen]
                for style in (one, other)
            ]
            found.append({"model": name, "photo": shot.name, "of": [one, other], "errors": errors})
        _tell(f"mixtures of {one} and {other}, {shot.name}")
    return found


@torch.no_grad()
def spikes(
    pack: Pack, styles: Sequence[str], shots: Sequence[Shot], device: str
) -> dict[str, dict[str, Any]]:
    """Return the largest normalised value of each style: how large, in which photo and norm.

    ``norms`` has the largest of each norm, over all photos. The first norm sees the photo alone and
    has one value for all styles.
    """
    where = choose_device(device)
    tensors = {name: torch.from_numpy(tensor) for name, tensor in pack.tensors.items()}
    net = transformer.load(pack.architecture, tensors).to(where)
    found: dict[str, dict[str, Any]] = {style: {"value": 0.0, "norms": {}} for style in styles}
    for shot in shots:
        image = torch.tensor(shot.rgb, device=where).permute(2, 0, 1)[None] / 255
        stride = pack.architecture.stride
        height, width = (-(-side // stride) * stride for side in shot.rgb.shape[:2])
        drawn = noise.fields(pack.architecture, height, width, 0)
        fields = {name: torch.from_numpy(field).to(where) for name, field in drawn.items()}
        for style in styles:
            mix = torch.from_numpy(pack.mix({style: 1.0}))[None].to(where)
            largest: dict[str, float] = {}
            net(image, mix, fields, watching(largest))
            norm, known = max(largest, key=largest.__getitem__), found[style]
            if largest[norm] > known["value"]:
                known |= {"value": largest[norm], "photo": shot.name, "norm": norm}
            for name, value in largest.items():
                known["norms"][name] = max(value, known["norms"].get(name, 0.0))
    _tell(f"largest normalised values of {pack.name}")
    return found


def watching(largest: dict[str, float]) -> Callable[[str, Tensor], transformer.Moments]:
    """Return moments for a network that leave the largest normalised value of each norm behind."""

    def moments(name: str, x: Tensor) -> transformer.Moments:
        centre, variance = transformer.own_moments(name, x)
        q = (x - centre).abs_() * (variance + EPSILON).rsqrt()
        largest[name] = float(q.max())
        return centre, variance

    return moments


def look_rows(found: Sequence[Mapping[str, Any]], packs: Mapping[str, Pack]) -> list[Row]:
    """Return the mean errors over all pairs, the networks' beside those of `paint`."""
    means = {
        name: Score(
            *(mean(pair["scores"][name][what] for pair in found) for what in ("style", "content"))
        )
        for name in found[0]["scores"]
    }
    painted = means.get("paint")
    rows = [Row("photo: style error", means["photo"].style)]
    if painted:
        rows += [
            Row("paint: style error", painted.style),
            Row("paint: content error", painted.content),
        ]
    for name, pack in packs.items():
        goal = TARGETS.get(pack.card.architecture)
        rows.append(Row(f"{name}: style error", means[name].style))
        if painted:
            ratio = means[name].style / painted.style
            rows.append(Row(f"{name}: style error, times paint's", ratio, at_most=goal))
        most = painted.content if painted else None
        rows.append(Row(f"{name}: content error", means[name].content, at_most=most))
    return rows


def of_pairs(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the scores as a table in Markdown, a line a pair, a column for everybody."""
    names = [*found[0]["scores"]]
    lines = [["pair", *names], ["---"] * (1 + len(names))]
    for pair in found:
        scores = [str(Score(**pair["scores"][name])) for name in names]
        lines.append([f"{pair['photo']}, {pair['style']}", *scores])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def way_rows(along: Sequence[Mapping[str, Any]], mixed: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return how often the errors go the right way at every step, for each network."""
    rows = []
    for name in dict.fromkeys(one["model"] for one in along):
        own = [one for one in along if one["model"] == name]
        falls = [falling(one["styles"]) for one in own]
        rises = [falling([-value for value in one["contents"]]) for one in own]
        steps = f"{name}, strength 0 to {STRENGTHS[-1]:g}"
        rows += [
            Row(f"{steps}: pairs whose style error falls", _share(falls), at_least=1),
            Row(f"{steps}: pairs whose content error rises", _share(rises), at_least=1),
        ]
        ways = [
            falling(errors)
            for one in mixed
            if one["model"] == name
            for errors in (one["errors"][0][::-1], one["errors"][1])
        ]
        if ways:
            what = f"{name}, mixtures: style errors that fall with their share"
            rows.append(Row(what, _share(ways), at_least=1))
    return rows


def spike_rows(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[Row]:
    """Return the largest normalised value of every style of each network."""
    rows = []
    for name, styles in found.items():
        for style, one in styles.items():
            where = f"{one['photo']}, {one['norm']}"
            what = f"{name}, {style}: largest normalised value ({where})"
            rows.append(Row(what, one["value"], at_most=HIGHEST))
    return rows


def falling(values: Sequence[float]) -> bool:
    """Tell whether each number is less than the one before."""
    return all(after < before for before, after in pairwise(values))


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
