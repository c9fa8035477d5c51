"""How near does a folder of photos come to the bare network, on one machine and by Ray?

Photos are hard links of one JPEG. A rate is that between a folder of n photos and one of 2n: what
it takes to start, the same for both, is not in it. The bare network goes from an array of bytes to
one, without files: in one process of all threads, and in as many processes of one thread each as
there are cores; the faster of the two counts. Turns alternate; a number is the median.

Links are a folder of a million photos all of which are done: what a command takes that finds
nothing left to do, in seconds and in memory, and what it takes of memory for a tenth of them.

    python benchmarks/archives.py                                # about half an hour
    python benchmarks/archives.py --parts folder --pictures 40 --rounds 1
    python benchmarks/archives.py --parts ray --rounds 3         # needs Ray
    python benchmarks/archives.py --parts links --links 100000
"""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from commands import IMPASTO, run
from common import Row, parser, report
from PIL import Image

from impasto import load
from impasto.options import MODELS
from impasto.runtime.machine import processors
from impasto.samples import photo

PARTS = ("folder", "ray", "links")
FOLDER, RAY = 0.9, 0.85
"""At least so much of the bare network's rate, and of that of as many plain processes."""

WORKERS = 2
"""Plain processes, and actors of Ray next to them."""

MOST_LINKS = 20_000
"""Names that a file gets at most: file systems have a limit."""


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    parse = parser(__doc__, curves=False)
    parse.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS])
    parse.add_argument("--model", choices=MODELS, default="quality")
    parse.add_argument("--side", type=int, default=512, help="of the photos (default: 512)")
    parse.add_argument("--pictures", type=int, default=200, help="n (default: 200)")
    parse.add_argument("--rounds", type=int, default=3, help="turns of each (default: 3)")
    parse.add_argument("--links", type=int, default=1_000_000, help="(default: a million)")
    arguments = parse.parse_args(argv)
    style = f"{arguments.model}/wave"
    rows: list[Row] = []
    details: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        original = folder / "photo.jpg"
        Image.fromarray(picture(arguments.side)).save(original, quality=92)
        if "folder" in arguments.parts:
            rows += by_folder(style, original, arguments, details)
        if "ray" in arguments.parts:
            rows += by_ray(style, original, arguments, details)
        if "links" in arguments.parts:
            rows += by_links(style, original, arguments, details)
    report(__doc__, rows, arguments, **details)


def picture(side: int) -> Any:
    """Return a sample photo, uint8 (side, side, 3)."""
    return np.asarray(Image.fromarray(photo("coffee")).resize((side, side)))


def by_folder(style: str, original: Path, arguments: Any, details: dict[str, Any]) -> list[Row]:
    """Compare a folder with the bare network."""
    rates: dict[str, list[float]] = {"folder": [], "one process": [], "processes": []}
    for _ in range(arguments.rounds):
        rates["one process"].append(bare(style, 1, processors(), arguments))
        rates["processes"].append(bare(style, processors(), 1, arguments))
        rates["folder"].append(rate(style, original, arguments.pictures))
    details["folder"] = rates
    found = {name: median(values) for name, values in rates.items()}
    best = max(found["one process"], found["processes"])
    return [
        Row("bare network, one process of all threads, pictures a second", found["one process"]),
        Row("bare network, a process of one thread on each core", found["processes"]),
        Row("folder to folder, pictures a second", found["folder"]),
        Row("folder to folder, of the bare network", found["folder"] / best, at_least=FOLDER),
    ]


def by_ray(style: str, original: Path, arguments: Any, details: dict[str, Any]) -> list[Row]:
    """Compare actors of Ray with as many plain processes."""
    rates: dict[str, list[float]] = {"plain": [], "ray": []}
    for _ in range(arguments.rounds):
        jobs = f"--jobs={WORKERS}"
        rates["plain"].append(rate(style, original, arguments.pictures, jobs))
        rates["ray"].append(rate(style, original, arguments.pictures, jobs, "--ray=auto"))
    details["ray"] = rates
    found = {name: median(values) for name, values in rates.items()}
    return [
        Row(f"{WORKERS} plain processes, pictures a second", found["plain"]),
        Row(f"{WORKERS} actors of Ray, pictures a second", found["ray"]),
        Row("Ray, of plain processes", found["ray"] / found["plain"], at_least=RAY),
    ]


def by_links(style: str, original: Path, arguments: Any, details: dict[str, Any]) -> list[Row]:
    """Weigh a command that finds everything done, for all links and for a tenth of them."""
    result = original.with_name("result.jpg")
    run(IMPASTO, "apply", style, original, "-o", result, "--quiet")
    ran = {}
    for count in (arguments.links // 10, arguments.links):
        with tempfile.TemporaryDirectory(dir=original.parent) as name:
            photos, results = Path(name) / "in", Path(name) / "out"
            link(original, photos, count)
            link(result, results, count)
            ran[count] = run(IMPASTO, "apply", style, photos, "-o", results, "--quiet")
    details["links"] = {count: [each.seconds, each.peak] for count, each in ran.items()}
    few, many = ran.values()
    return [
        Row(f"{arguments.links} photos, all done: the command", many.seconds, "s"),
        Row(f"{arguments.links} photos, all done: peak memory", many.peak / 1e6, "MB"),
        Row("its memory, of that for a tenth of the photos", many.peak / few.peak, at_most=1.1),
    ]


def rate(style: str, original: Path, count: int, *flags: str) -> float:
    """Return the pictures a second between a folder of some photos and one of twice as many."""
    seconds = []
    for pictures in (count, 2 * count):
        with tempfile.TemporaryDirectory(dir=original.parent) as name:
            photos, out = Path(name) / "in", Path(name) / "out"
            link(original, photos, pictures)
            words = (IMPASTO, "apply", style, photos, "-o", out, "--device=cpu", "--quiet", *flags)
            seconds.append(run(*words).seconds)
    return count / (seconds[1] - seconds[0])


def link(original: Path, folder: Path, count: int) -> None:
    """Fill a folder, a thousand names in each of its folders, with links of one file."""
    for number in range(count):
        place = folder / f"{number // 1000:04}"
        if number % 1000 == 0:
            place.mkdir(parents=True)
        if number % MOST_LINKS == 0:
            source = folder / f".{number}{original.suffix}"
            source.write_bytes(original.read_bytes())
        (place / f"{number:07}{original.suffix}").hardlink_to(source)


def bare(style: str, processes: int, threads: int, arguments: Any) -> float:
    """Return the pictures a second of the network alone."""
    each = max(1, arguments.pictures // processes)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        told = [(style, threads, arguments.side, each)] * processes
        return sum(pool.map(_alone, told))


def _alone(told: tuple[str, int, int, int]) -> float:
    """Return the pictures a second of one process."""
    style, threads, side, count = told
    network, given = load(style, device="cpu", threads=threads), picture(side)
    for _ in range(2):
        network(given)
    began = time.perf_counter()
    for _ in range(count):
        network(given)
    return count / (time.perf_counter() - began)


if __name__ == "__main__":
    main(sys.argv[1:])
