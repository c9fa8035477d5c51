"""How long until something happens?

Medians of wall times: `impasto --version`; `import impasto` above a bare Python; and from the
command to the first step in its log, at 640×480 and one scale, as well as with the default scales.
The commands take turns.

    python benchmarks/startup.py
    python benchmarks/startup.py --repeats 3 --size 96 64
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from commands import IMPASTO, first_line, run
from common import Row, parser, report
from pairs import prepare

VERSION, IMPORT, FIRST_STEP = 0.25, 0.1, 4.0
"""At most so many seconds."""


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    parse = parser(__doc__, sized=True)
    parse.add_argument("--repeats", type=int, default=5, help="of each (default: 5)")
    arguments = parse.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        work = commands(tuple(arguments.size), Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(arguments.repeats):
            for name, measure in work.items():
                seconds[name].append(measure())
    medians = {name: median(values) for name, values in seconds.items()}
    report(__doc__, rows(medians), arguments, seconds=seconds)


def commands(size: tuple[int, int], folder: Path) -> dict[str, Callable[[], float]]:
    """Return what is measured: each gives its seconds when called."""
    content, style = prepare("sample", size, None, folder)
    log = folder / "log.jsonl"
    paint = (IMPASTO, "paint", content, style, "-o", folder / "out.png", "--quiet", "--log", log)

    def first_step(*options: str) -> float:
        log.unlink(missing_ok=True)
        return first_line(log, *paint, "--size", max(size), *options)

    return {
        "version": lambda: run(IMPASTO, "--version").seconds,
        "bare": lambda: run(sys.executable, "-c", "pass").seconds,
        "import": lambda: run(sys.executable, "-c", "import impasto").seconds,
        "one scale": lambda: first_step("--scales", "single"),
        "default scales": first_step,
    }


def rows(medians: dict[str, float]) -> list[Row]:
    """Return the medians beside what they should be."""
    above = medians["import"] - medians["bare"]
    return [
        Row("impasto --version", medians["version"], "s", at_most=VERSION),
        Row("import impasto, above a bare Python", above, "s", at_most=IMPORT),
        Row("command to first step, one scale", medians["one scale"], "s", at_most=FIRST_STEP),
        Row("command to first step, default scales", medians["default scales"], "s"),
    ]


if __name__ == "__main__":
    main()
