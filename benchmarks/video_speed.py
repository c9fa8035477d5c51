"""How near does a film come to the bare network, and does a long film take more memory?

A rate is that between two frames of a film: the start of the command and the first frames are not
in it. The bare network goes from an array of bytes to one, with all threads. Turns alternate; a
number is the median. The film is a photo that a camera moves over, in H.264, unless one is given.

A long film has ten thousand small frames, a short one a tenth; each is made by the command with
the fastest network, and weighed.

    python benchmarks/video_speed.py --json speed.json           # about half an hour
    python benchmarks/video_speed.py --parts speed --frames 60 --clip FILE
    python benchmarks/video_speed.py --parts memory --long 2000
"""

from __future__ import annotations

import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
from commands import IMPASTO, run
from common import Row, parser, report
from numpy.typing import NDArray
from PIL import Image
from video_stability import MADE

from impasto import load
from impasto.options import MODELS, VideoOptions
from impasto.video.events import FramePainted
from impasto.video.frames import NetworkStylizer
from impasto.video.libav import import_av
from impasto.video.reading import Film
from impasto.video.stylizer import VideoStylizer

PARTS = ("speed", "memory")
TARGETS = {0.0: 0.85, VideoOptions().stability: 0.6}
"""Of the bare network's pictures a second, at least, by stability."""

WARM = 6
"""Frames before the clock starts."""

SMALL = (64, 48)


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    parse = parser(__doc__)
    parse.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS])
    parse.add_argument("--model", choices=MODELS, default="quality")
    parse.add_argument("--clip", type=Path, metavar="FILE", help="a film to use")
    parse.add_argument("--size", type=int, default=640, help="long side (default: 640)")
    parse.add_argument("--frames", type=int, default=100, help="of each turn (default: 100)")
    parse.add_argument("--rounds", type=int, default=3, help="turns of each (default: 3)")
    parse.add_argument("--long", type=int, default=10_000, help="small frames (default: 10000)")
    arguments = parse.parse_args(argv)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        if "speed" in arguments.parts:
            rows += speed(Path(name), arguments)
        if "memory" in arguments.parts:
            rows += memory(Path(name), arguments)
    report(__doc__, rows, arguments)


def speed(folder: Path, arguments: Namespace) -> list[Row]:
    """Compare films with the bare network."""
    clip = arguments.clip
    if clip is None:
        frames = MADE["moved"](arguments.size, arguments.frames).frames
        clip = written(folder / "clip.mp4", frames)
    style = f"{arguments.model}/wave"
    film = Film(clip, size=arguments.size)
    photos = [frame.rgb for frame in islice(film.frames_after(), 16)]
    network, of_films = load(style, device="cpu"), load(style, device="cpu")
    rates: dict[str, list[float]] = {}
    for _ in range(arguments.rounds):
        for photo in photos[:2]:
            network(photo)
        began = time.perf_counter()
        for number in range(arguments.frames):
            network(photos[number % len(photos)])
        bare = arguments.frames / (time.perf_counter() - began)
        rates.setdefault("bare", []).append(bare)
        for stability in TARGETS:
            options = VideoOptions(stability=stability)
            out = folder / "out.mp4"
            stylizer = VideoStylizer(
                NetworkStylizer(of_films), clip, out, options, size=arguments.size
            )
            times = []
            for event in stylizer:
                if isinstance(event, FramePainted):
                    times.append(event.seconds)
                    if event.frame == arguments.frames:
                        stylizer.stop()
            rate = (len(times) - WARM) / (times[-1] - times[WARM - 1])
            rates.setdefault(f"{stability:g}", []).append(rate)
    found = {name: median(values) for name, values in rates.items()}
    rows = [Row("bare network", found["bare"], "pictures/s")]
    for stability, target in TARGETS.items():
        share = found[f"{stability:g}"] / found["bare"]
        rows.append(Row(f"film, stability {stability:g}, of it", share, at_least=target))
    return rows


def memory(folder: Path, arguments: Namespace) -> list[Row]:
    """Weigh a long film and a short one."""
    peaks = []
    for count in (arguments.long // 10, arguments.long):
        clip = written(folder / f"{count}.mp4", small_frames(count))
        words = ("video", "turbo/wave", clip, "-o", folder / "made.mp4", "--quiet")
        peaks.append(run(IMPASTO, *words).peak)
    few, many = peaks
    return [
        Row(f"{arguments.long} frames: peak memory", many / 1e6, "MB"),
        Row("its memory, of that for a tenth of the frames", many / few, at_most=1.05),
    ]


def small_frames(count: int) -> Iterable[NDArray[np.uint8]]:
    """Yield small frames that move."""
    width, height = SMALL
    wide = np.asarray(Image.fromarray(MADE["moved"](256, 1).frames[0]).resize((4 * width, height)))
    for number in range(count):
        yield np.ascontiguousarray(np.roll(wide, -number, 1)[:, :width])


def written(path: Path, frames: Iterable[NDArray[np.uint8]]) -> Path:
    """Write frames as a film, and return its path."""
    av = import_av()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.pix_fmt = "yuv420p"
        for number, rgb in enumerate(frames):
            if not number:
                stream.height, stream.width = rgb.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode())
    return path


if __name__ == "__main__":
    main(sys.argv[1:])
