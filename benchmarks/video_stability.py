"""How much do stylised films flicker, frame by frame and steadied?

Warping error: the last frame is brought along the flow of the source to this one, and what differs,
as the root of the mean square of values from 0 to 1, is counted where the source is seen in both,
which is where flow there and back disagree by at most 0.01 (|f|² + |b|²) + 0.5 (Sundaram et al.
2010; Lai et al. 2018). A blur is steady, too: so it stands next to the relative style error, as
benchmarks/judge.py has it, which needs the painting. The flow is OpenCV's DIS where that is
installed, else TV-L1 of scikit-image: not the one that films are steadied by.

Films are made of a photo: moved and turned; at rest, with grain; with a cut; and clips can be
given. A cut has to leave nothing behind: the first frame after it is compared with what it is
alone. Look at the strips: rows are the source and each stability, columns every third frame.

    python benchmarks/video_stability.py --size 256 --frames 12 --strips build/strips
    python benchmarks/video_stability.py --style wave --painting FILE --clips FILE FILE
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
from common import Row, output, parser, report
from judge import Judge, style_error
from numpy.typing import NDArray
from PIL import Image

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

HALF, STYLE = 0.5, 1.05
"""At most so much of the warping error of frame by frame, and of its style error."""

EVERY = 3
"""A strip shows every third frame."""


def main(argv: list[str] | None = None) -> None:
    """Paint, measure and report."""
    parse = parser(__doc__)
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
        films[clip.stem] = [frame.rgb for frame in islice(film.frames_after(), arguments.frames)]
    judge = Judge() if arguments.painting else None
    rows: list[Row] = []
    for name, frames in films.items():
        rows += _film(name, frames, judge, arguments)
    report(__doc__, rows, arguments)


def _film(name: str, frames: list[Bytes], judge: Judge | None, arguments: object) -> list[Row]:
    """Measure one film."""
    given = vars(arguments)
    pairs = [_motion(one, other) for one, other in pairwise(frames)]
    cuts = [k for k, (_, seen) in enumerate(pairs) if name == "cut" and k + 1 == len(frames) // 2]
    painted = {s: stylised(given["style"], frames, s) for s in (0.0, *given["stability"])}
    rows = [Row(f"{name}: the source's own warping error", _warping(frames, pairs, cuts))]
    alone = _warping(painted[0.0], pairs, cuts)
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
        error = _warping(film, pairs, cuts)
        rows.append(Row(f"{name}: stability {stability:g}", error))
        rows.append(Row(f"{name}: stability {stability:g}, of it", error / alone, at_most=HALF))
        share = errors[stability] / errors[0.0] if errors else None
        rows.append(Row(f"{name}: stability {stability:g}, style error", share, at_most=STYLE))
        for cut in cuts:
            apart = float(np.abs(floats(film[cut + 1]) - floats(painted[0.0][cut + 1])).mean())
            rows.append(
                Row(f"{name}: stability {stability:g}, left of before", apart, at_most=0.01)
            )
    if given["strips"]:
        given["strips"].mkdir(exist_ok=True)
        strip([frames, *painted.values()]).save(given["strips"] / f"{name}.png")
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


def _warping(frames: Sequence[Bytes], pairs: Sequence[tuple[Flow, Flow]], cuts: list[int]) -> float:
    """Return the warping error of a film, by the motion of its source."""
    found = []
    for k, ((one, other), (flow, seen)) in enumerate(zip(pairwise(frames), pairs, strict=True)):
        if k not in cuts and seen.any():
            apart = floats(other) - _looked_up(floats(one), flow)
            found.append(float(np.square(apart)[seen].mean()))
    return float(np.sqrt(np.mean(found)))


def _motion(one: Bytes, other: Bytes) -> tuple[Flow, NDArray[np.bool_]]:
    """Return flow (h, w, 2) from a frame to the one before, and where both show the same."""
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
    grey = [np.asarray(Image.fromarray(frame).convert("L")) for frame in (one, other)]
    try:
        import cv2
    except ImportError:
        from skimage.registration import optical_flow_tvl1

        down, right = optical_flow_tvl1(grey[0] / 255, grey[1] / 255, dtype=np.float32)
        return np.stack([right, down], axis=-1)
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*grey, None)


def _looked_up(values: Flow, flow: Flow) -> Flow:
    """Return (h, w, c) looked up where the flow points."""
    from scipy.ndimage import map_coordinates

    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    at = (y + flow[:, :, 1], x + flow[:, :, 0])
    planes = [map_coordinates(values[:, :, c], at, order=1, mode="nearest")
              for c in range(values.shape[2])]  # fmt: skip
    return np.stack(planes, axis=-1)


def _seen(judge: Judge, painting: Path, pixels: int) -> object:
    """Look at a painting, at so many pixels."""
    from impasto.images import read_picture, with_pixel_count

    rgb = read_picture(painting).rgb
    height, width, _ = rgb.shape
    return judge.see(eight_bits(resize(rgb, *with_pixel_count(width, height, pixels))))


def _moved(photo: str, size: int, frames: int, first: int = 0) -> list[Bytes]:
    """A photo that a camera moves over, turns and comes nearer to."""
    from skimage.transform import SimilarityTransform, warp

    rgb = samples.photo(photo)
    height, width, _ = rgb.shape
    wide, high = fit(16, 9, size)
    scale = min(width / wide, height / high)
    found = []
    for number in range(first, first + frames):
        turn, nearer = np.deg2rad(0.35 * number), scale * 0.8 / (1 + 0.004 * number)
        pan = 1.6 * number * 640 / size * scale * size / 640
        view = SimilarityTransform(translation=(-wide / 2, -high / 2)) + SimilarityTransform(
            scale=nearer, rotation=turn, translation=(width / 2 + pan - 30 * scale, height / 2)
        )
        seen = warp(rgb, view, output_shape=(high, wide), order=3, mode="reflect")
        found.append(eight_bits(np.clip(seen, 0, 1).astype(np.float32)))
    return found


def _grain(size: int, frames: int) -> list[Bytes]:
    """A photo at rest, with the grain of a camera in little light."""
    still = floats(_moved("astronaut", size, 1)[0])
    random = np.random.default_rng(0)
    noisy = (still + random.normal(0, 0.02, still.shape) for _ in range(frames))
    return [eight_bits(np.clip(frame, 0, 1).astype(np.float32)) for frame in noisy]


def _cut(size: int, frames: int) -> list[Bytes]:
    """Two shots."""
    before = frames // 2
    return _moved("astronaut", size, before) + _moved("coffee", size, frames - before)


MADE: dict[str, Callable[[int, int], list[Bytes]]] = {
    "moved": lambda size, frames: _moved("astronaut", size, frames),
    "grain": _grain,
    "cut": _cut,
}

if __name__ == "__main__":
    main()
