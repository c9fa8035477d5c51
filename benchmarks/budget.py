"""Does `impasto paint --budget` keep its time, and does more time never give a worse loss?

A grid of sizes and budgets, each one command from start to end on the sample pair. The loss is that
of the last line of its log; it is compared with the next smaller budget's where both ended at the
full size.

    python benchmarks/budget.py                                       # some 25 minutes
    python benchmarks/budget.py --sizes 256 512 --budgets 10 20
    python benchmarks/budget.py --options='--preset gatys'
"""

from __future__ import annotations

import itertools
import shlex
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from commands import IMPASTO, log_lines, run
from common import Row, parser, report
from pairs import prepare

from impasto.images import fit

DEVIATION = 0.1
"""The wall time may be so far from the budget, as a part of it."""


@dataclass(frozen=True)
class Result:
    """One command: its wall time, and what it reached."""

    size: int
    budget: float
    seconds: float
    steps: int
    last_side: int
    """The long side of the scale that it ended at."""
    loss: float

    @property
    def whole(self) -> bool:
        """Whether it ended at the full size."""
        return self.last_side == self.size


def main(argv: list[str] | None = None) -> None:
    """Paint the grid and report."""
    parse = parser(__doc__)
    sizes, budgets = (256, 512, 1024, 2048), (15.0, 60.0, 240.0)
    parse.add_argument("--sizes", type=int, nargs="+", default=sizes, help="long sides in pixels")
    parse.add_argument("--budgets", type=float, nargs="+", default=budgets, help="seconds")
    parse.add_argument("--options", type=shlex.split, default=[], help="more for impasto paint")
    arguments = parse.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        results = [
            painted(size, budget, arguments.options, Path(folder))
            for size in arguments.sizes
            for budget in sorted(arguments.budgets)
        ]
    report(__doc__, rows(results), arguments, results=[asdict(result) for result in results])


def painted(size: int, budget: float, options: Any, folder: Path) -> Result:
    """Run one command of the grid."""
    content, style = prepare("sample", fit(4, 3, size), None, folder)
    out, log = folder / "out.png", folder / f"{size}-{budget:g}.jsonl"
    what = (IMPASTO, "paint", content, style, "-o", out, "--quiet", "--log", log)
    ran = run(*what, "--size", size, "--budget", f"{budget:g}s", *options)
    last = log_lines(log)[-1]
    side = max(last["width"], last["height"])
    return Result(size, budget, ran.seconds, last["step"], side, last["loss"])


def rows(results: list[Result]) -> list[Row]:
    """Return every deviation, and how the loss changes from one budget to the next."""
    found = []
    for result in results:
        name = f"{result.size} px in {result.budget:g} s"
        off = abs(result.seconds / result.budget - 1)
        end = "" if result.whole else f" (ended at {result.last_side} px)"
        found.append(Row(f"{name}: off the budget by{end}", off, at_most=DEVIATION))
    for less, more in itertools.pairwise(results):
        if less.size == more.size and less.whole and more.whole:
            name = f"{more.size} px in {more.budget:g} s: loss, of that in {less.budget:g} s"
            found.append(Row(name, more.loss / less.loss, at_most=1))
    return found


if __name__ == "__main__":
    main()
