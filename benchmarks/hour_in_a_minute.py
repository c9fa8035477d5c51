"""Does a minute of ours give what the tutorials' hour gives?

The recipe of the original tutorials (average pooling, Adam, 1000 iterations) against the command
`impasto paint --preset paper --budget 60s`, the same objective. The wall time is that of the whole
command. Its 16-bit file is scored by the tutorial's own code in float32; the tutorial's loss is
that of its picture at the last step of its curve (see peer_curve.py), unclipped as the recipe has
it, and besides as a file would hold it.

    python benchmarks/hour_in_a_minute.py                          # the sample pair
    python benchmarks/hour_in_a_minute.py tubingen portrait --data FOLDER
    python benchmarks/hour_in_a_minute.py --budget 20 --steps 300 --init content
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from commands import IMPASTO, Ran, run
from common import Row, parser, report
from pairs import PAIRS, pair_name, prepare
from peer_curve import curve
from peers import TUTORIAL, Peer

from impasto.images import read_picture

INITS = {
    "content": ("--init", "content"),
    "noise": ("--init", "noise", "--noise-ratio", TUTORIAL["noise_ratio"]),
}
"""Where ours may start; the tutorials start from noise mixed with content."""

SLACK = 1.1
"""The wall time may be so many times the budget."""


@dataclass(frozen=True)
class Result:
    """What one command came to: the tutorial's loss of its file, next to the tutorial's own.

    ``saved`` is the tutorial's loss of its own picture, clipped.
    """

    pair: str
    init: str
    ran: Ran
    loss: float
    tutorial: float
    saved: float


def main(argv: list[str] | None = None) -> None:
    """Paint every pair from every start and report."""
    parse = parser(__doc__, peers=True)
    parse.add_argument("pair", type=pair_name, nargs="*", default=["sample"], help=", ".join(PAIRS))
    parse.add_argument("--budget", type=float, default=60, help="seconds (default: 60)")
    parse.add_argument("--steps", type=int, default=1000, help="of the tutorial (default: 1000)")
    parse.add_argument("--init", nargs="+", default=list(INITS), choices=INITS)
    arguments = parse.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        results = [
            result for pair in arguments.pair for result in measured(pair, arguments, Path(folder))
        ]
    found = [row for result in results for row in rows(result, arguments.budget)]
    report(__doc__, found, arguments, results=[asdict(result) for result in results])


def measured(pair: str, arguments: Any, folder: Path) -> list[Result]:
    """Paint a pair from every start and have the tutorial score the files."""
    theirs = curve(arguments, pair, "tutorial")
    tutorial = theirs.losses(arguments.steps)[-1]
    content, style = prepare(pair, theirs.size, theirs.data, theirs.cache)
    results = []
    for init in arguments.init:
        out = folder / f"{pair}-{init}.png"
        ran = run(*command(content, style, out, init, arguments))
        # The peer sits beside us only now: it takes no time from the command.
        with Peer(arguments.peers, "tutorial", content, style) as peer:
            loss = peer.score(read_picture(out).rgb)
            saved = peer.score(np.load(theirs.picture(arguments.steps)).clip(0, 1))
        results.append(Result(pair, init, ran, loss, tutorial, saved))
    return results


def command(content: Path, style: Path, out: Path, init: str, arguments: Any) -> tuple[Any, ...]:
    """Return the command line of ours."""
    what = (IMPASTO, "paint", content, style, "-o", out, "--quiet", "--bits", 16)
    how = ("--preset", "paper", "--size", max(arguments.size))
    return (*what, *how, "--budget", f"{arguments.budget:g}s", *INITS[init])


def rows(result: Result, budget: float) -> list[Row]:
    """Return loss and wall time of one command."""
    name = f"{result.pair} from {result.init}"
    return [
        Row(f"{name}: loss, of the tutorial's", result.loss / result.tutorial, at_most=1),
        Row(f"{name}: the same of files", result.loss / result.saved),
        Row(f"{name}: wall time", result.ran.seconds, "s", at_most=SLACK * budget),
    ]


if __name__ == "__main__":
    main()
