"""Does a picture of any size fit in the memory that `--max-memory` allows?

A sample photo is enlarged to each size and painted for a few steps by one command, at one scale.
The peak is the resident memory of that process as the operating system counts it. 4096×3072 must
do with 4 GB, 8192×6144 with 8 GB, and a JPEG of 24 megapixels come out at its size. Nine steps,
because memory fills with the steps that L-BFGS remembers: at these sizes it keeps no more.

    python benchmarks/any_size.py                                  # about an hour
    python benchmarks/any_size.py --cases 2048x1536:2GB
    python benchmarks/any_size.py --cases 6000x4000:4GB:jpg
"""

from __future__ import annotations

import itertools
import re
import shlex
import tempfile
from argparse import ArgumentTypeError
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self

from commands import IMPASTO, Ran, log_lines, run
from common import Row, parser, report
from PIL import Image

from impasto.samples import painting, photo

CASES = ("4096x3072:4GB", "8192x6144:8GB", "6000x4000:4GB:jpg")


@dataclass(frozen=True)
class Case:
    """A size, the memory allowed in units of 10⁹ bytes, and the format of the files."""

    width: int
    height: int
    gigabytes: float
    extension: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Read 4096x3072:4GB or 6000x4000:4GB:jpg."""
        found = re.fullmatch(r"(\d+)x(\d+):([\d.]+)GB(?::(png|jpg))?", text)
        if not found:
            raise ArgumentTypeError(f"{text!r} is not like 4096x3072:4GB or 6000x4000:4GB:jpg")
        return cls(int(found[1]), int(found[2]), float(found[3]), found[4] or "png")

    def __str__(self) -> str:
        """Size and format."""
        return f"{self.width}×{self.height} {self.extension}"


@dataclass(frozen=True)
class Result:
    """One command: its peak, and the seconds of each step."""

    case: Case
    ran: Ran
    step_seconds: list[float]
    size_out: tuple[int, int]


def main(argv: list[str] | None = None) -> None:
    """Paint every case and report."""
    parse = parser(__doc__)
    parse.add_argument("--cases", type=Case.of, nargs="+", default=[Case.of(c) for c in CASES])
    parse.add_argument("--steps", type=int, default=9, help="of each (default: 9)")
    parse.add_argument("--options", type=shlex.split, default=[], help="more for impasto paint")
    arguments = parse.parse_args(argv)
    results = []
    for case in arguments.cases:
        with tempfile.TemporaryDirectory() as folder:
            results.append(painted(case, arguments, Path(folder)))
    found = [row for result in results for row in rows(result)]
    report(__doc__, found, arguments, results=[asdict(result) for result in results])


def painted(case: Case, arguments: Any, folder: Path) -> Result:
    """Run the command of one case."""
    content, style = folder / f"photo.{case.extension}", folder / "style.png"
    enlarged = Image.fromarray(photo("coffee")).resize((case.width, case.height))
    enlarged.save(content, quality=92)
    Image.fromarray(painting("swirls")).save(style)
    out, log = folder / f"out.{case.extension}", folder / "log.jsonl"
    what = (IMPASTO, "paint", content, style, "-o", out, "--quiet", "--log", log)
    how = ("--size", max(case.width, case.height), "--scales", "single", "--steps", arguments.steps)
    ran = run(*what, *how, "--max-memory", f"{case.gigabytes:g}GB", *arguments.options)
    clock = [line["seconds"] for line in log_lines(log)]
    # The first step has the preparations in it; without another one it must do.
    seconds = [after - before for before, after in itertools.pairwise(clock)] or clock
    with Image.open(out) as image:
        return Result(case, ran, seconds, image.size)


def rows(result: Result) -> list[Row]:
    """Return peak, size and time of one case."""
    case = result.case
    same = result.size_out == (case.width, case.height)
    return [
        Row(f"{case}: peak memory", result.ran.peak / 1e9, "GB", at_most=case.gigabytes),
        Row(f"{case}: as large as the photo (1 is yes)", float(same), at_least=1),
        Row(f"{case}: time a step", median(result.step_seconds), "s"),
    ]


if __name__ == "__main__":
    main()
