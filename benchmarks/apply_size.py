"""Does a network stylise a picture of any size in bounded memory, and at what price in time?

Each case is one process. Without a format it enlarges a sample photo to the size, as an array of
bytes, stylises it by `impasto.Network` and ends; with one it is `impasto apply` from a JPEG of that
size to such a file, and the time is that of the whole command. The peak is the resident memory of
the process as the operating system counts it; 100 megapixels must do with 2 GB. A large picture is
painted in several passes, a small one first. The price of tiles is the time of a size that is
computed in tiles and at once. The weights are random: neither time nor memory depends on them.

    python benchmarks/apply_size.py                               # about twenty minutes
    python benchmarks/apply_size.py --cases 4096x3072:2GB --model standard
    python benchmarks/apply_size.py --cases 12288x8192:2GB:jpg --compare 2048x1536
    python benchmarks/apply_size.py --backend torch --compare 2048x1536
"""

from __future__ import annotations

import json
import re
import sys
import time
from argparse import ArgumentTypeError
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from commands import IMPASTO, Ran, run
from common import Row, parser, report
from PIL import Image

from impasto.apply.network import Network
from impasto.nets.architecture import ORIGINAL, architecture
from impasto.options import BACKENDS, MODELS
from impasto.samples import photo
from impasto.zoo.cards import PackCard, StyleCard
from impasto.zoo.pack import Pack, write_pack

CASES = ("12288x8192:2GB", "12288x8192:2GB:jpg", "12288x8192:2GB:png")


@dataclass(frozen=True)
class Case:
    """A size, the memory allowed in units of 10⁹ bytes, and the format of the file to write.

    Without a format it goes from array to array.
    """

    width: int
    height: int
    gigabytes: float | None = None
    extension: str = ""

    @classmethod
    def of(cls, text: str) -> Self:
        """Read 4096x3072, 4096x3072:2GB or 4096x3072:2GB:jpg."""
        found = re.fullmatch(r"(\d+)x(\d+)(?::([\d.]+)GB)?(?::(jpg|png))?", text)
        if not found:
            raise ArgumentTypeError(f"{text!r} is not like 4096x3072 or 4096x3072:2GB:jpg")
        gigabytes = float(found[3]) if found[3] else None
        return cls(int(found[1]), int(found[2]), gigabytes, found[4] or "")

    def __str__(self) -> str:
        """Size and format, as `of` reads them."""
        return f"{self.width}x{self.height}" + (f":{self.extension}" if self.extension else "")


@dataclass(frozen=True)
class Result:
    """One process: its peak, and the seconds that stylising, or the whole command, took."""

    case: Case
    tile: str
    ran: Ran
    seconds: float
    steps: int | None = None
    """How many steps were counted: tiles, over all passes."""


def main(argv: list[str] | None = None) -> None:
    """Stylise every case and report."""
    parse = parser(__doc__)
    parse.add_argument("--cases", type=Case.of, nargs="+", default=[Case.of(c) for c in CASES])
    parse.add_argument("--compare", type=Case.of, default=Case.of("4096x3072"), metavar="SIZE")
    parse.add_argument("--model", choices=MODELS, default="quality", help="(default: quality)")
    parse.add_argument("--backend", choices=BACKENDS, default="auto", help="(default: auto)")
    parse.add_argument("--tile", default="auto", help="side of the tiles (default: auto)")
    parse.add_argument("--threads", type=int, help="of the CPU's, in memory (default: all)")
    parse.add_argument(
        "--child", metavar="FILE", help="do one case here: leave its times, or the photo, in FILE"
    )
    arguments = parse.parse_args(argv)
    if arguments.child:
        (draw if arguments.cases[0].extension else stylise)(arguments.cases[0], arguments)
        return
    results = [measured(case, arguments.tile, arguments) for case in arguments.cases]
    pair = [measured(arguments.compare, tile, arguments) for tile in ("1024", "60000")]
    report(
        __doc__,
        [row for result in results for row in rows(result)] + price(*pair),
        arguments,
        results=[asdict(result) for result in [*results, *pair]],
    )


def measured(case: Case, tile: str, arguments: Any) -> Result:
    """Run one case in a process of its own."""
    with TemporaryDirectory() as folder:
        if case.extension:
            return from_file_to_file(case, tile, arguments, Path(folder))
        file = Path(folder) / "times.json"
        how = ["--model", arguments.model, "--backend", arguments.backend, "--tile", tile]
        how += ["--threads", arguments.threads] if arguments.threads else []
        ran = run(sys.executable, __file__, "--child", file, "--cases", case, *how)
        return Result(case, tile, ran, **json.loads(file.read_text()))


def from_file_to_file(case: Case, tile: str, arguments: Any, folder: Path) -> Result:
    """Run `impasto apply` on a photo, which another process has drawn."""
    photograph, out = folder / "photo.jpg", folder / f"out.{case.extension}"
    pack = folder / "random.safetensors"
    write_pack(random_pack(arguments.model), pack)
    run(sys.executable, __file__, "--child", photograph, "--cases", case)
    how = ("--tile", tile, "--backend", arguments.backend, "--device", "cpu", "--quiet")
    ran = run(IMPASTO, "apply", f"{pack}/any", photograph, "-o", out, *how)
    with Image.open(out) as image:
        assert image.size == (case.width, case.height)
    return Result(case, tile, ran, ran.seconds)


def draw(case: Case, arguments: Any) -> None:
    """Write the photo of a case."""
    enlarged = Image.fromarray(photo("coffee")).resize((case.width, case.height))
    enlarged.save(arguments.child, quality=92)


def stylise(case: Case, arguments: Any) -> None:
    """Stylise one picture in this process; nothing of PyTorch is in its memory by then."""
    picture = np.asarray(Image.fromarray(photo("coffee")).resize((case.width, case.height)))
    pack = random_pack(arguments.model)
    network = Network(
        pack, {"any": 1}, backend=arguments.backend, device="cpu", threads=arguments.threads
    )
    events = []
    tile = arguments.tile if arguments.tile == "auto" else int(arguments.tile)
    began = time.perf_counter()
    stylised = network(picture, tile=tile, progress=lambda *done: events.append(done))
    seconds = time.perf_counter() - began
    assert stylised.samples.shape == picture.shape
    times = {"seconds": seconds, "steps": len(events)}
    Path(arguments.child).write_text(json.dumps(times))


def random_pack(model: str) -> Pack:
    """Return a pack with two styles and weights drawn at random."""
    random = np.random.default_rng(0)
    tensors = {}
    for name, shape in architecture(model).shapes(2).items():
        spread = np.sqrt(2 / np.prod(shape[1:])) if name.endswith("_weight") else 0.2
        mean = float(name.endswith("_scale"))
        tensors[name] = random.normal(mean, spread, shape).astype(np.float32)
    styles = tuple(StyleCard(name=name) for name in (ORIGINAL, "any"))
    return Pack(PackCard(architecture=model, styles=styles), tensors)


def rows(result: Result) -> list[Row]:
    """Return peak and time of one case."""
    case = result.case
    return [
        Row(f"{case}: peak memory", result.ran.peak / 1e9, "GB", at_most=case.gigabytes),
        Row(f"{case}: time", result.seconds, "s"),
    ]


def price(tiles: Result, whole: Result) -> list[Row]:
    """Compare one size in tiles and at once."""
    return [
        Row(f"{tiles.case} in tiles of {tiles.tile}: peak memory", tiles.ran.peak / 1e9, "GB"),
        Row(f"{tiles.case} at once: peak memory", whole.ran.peak / 1e9, "GB"),
        Row(f"{tiles.case}: times slower in tiles", tiles.seconds / whole.seconds),
    ]


if __name__ == "__main__":
    main()
