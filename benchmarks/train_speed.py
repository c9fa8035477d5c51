"""How fast does training learn, beside the bare passes through VGG-19 of the same pictures?

A step sees a few photos and makes several pictures of each. What no trainer can do without are the
passes through VGG-19, at three sizes: of each photo, forward; of each picture, forward and back.
Training takes a turn of steps, then as many of these bare passes are computed with the same network
in the same arithmetic. All that is beside them (the network that learns, Gram matrices, crops,
Adam) should be little. On a GPU all numbers are of whole turns, with the device waited for at their
ends only.

    python benchmarks/train_speed.py                    # quality, as impasto train has it
    python benchmarks/train_speed.py --model turbo --rounds 10
    python benchmarks/train_speed.py --batch 48 --steps 20        # a large GPU
"""

from __future__ import annotations

import time
from statistics import median

import torch
from common import Row, parser, report
from torch import Tensor

from impasto import weights
from impasto.events import Trained
from impasto.nets import vgg
from impasto.options import MODELS, TrainOptions
from impasto.runtime.device import keep_freed_memory
from impasto.samples import painting
from impasto.training.trainer import Trainer

WARM_UP = 2
"""The first steps take longer: memory is touched for the first time."""

STYLES = ("swirls", "dots", "facets")

AT_MOST = 1.25
"""At most so many times the bare passes' time, on a CPU."""

LAB = 222.0
"""Crops of 384 pixels a second on an H200, by the plain loop of the lab."""


class Training:
    """Impasto's own training, a few steps at a time."""

    def __init__(self, options: TrainOptions) -> None:
        self.trainer = Trainer([painting(name) for name in STYLES], None, options)
        self._events = iter(self.trainer)
        self.run(WARM_UP)

    def run(self, steps: int) -> None:
        """Take steps."""
        while steps:
            steps -= isinstance(next(self._events), Trained)


class Bare:
    """The passes of VGG-19 alone: photos forward, pictures forward and back, at three sizes."""

    def __init__(self, trainer: Trainer, photos: int, pictures: int) -> None:
        options = trainer.options
        self._net = vgg.build(weights.find(options.weights))
        self._net.prepare(trainer.device, trainer.precision)
        self._layer = options.content_layers[0][0]
        sides = [round(options.size * size) for size, _ in options.content_sizes]
        self._photos, self._pictures = (
            [torch.rand(n, 3, side, side, device=trainer.device) for side in sides]
            for n in (photos, pictures)
        )
        self.run(1)

    @torch.no_grad()
    def run(self, steps: int) -> None:
        """Compute the passes of so many steps."""
        for _ in range(steps):
            for photos, pictures in zip(self._photos, self._pictures, strict=True):
                self._net(photos, [self._layer])
                self._net.trace(pictures, [self._layer]).backward(self._any)

    def _any(self, _name: str, F: Tensor, _g: Tensor | None) -> Tensor:
        """Return a gradient: any numbers of its shape will do."""
        return torch.zeros_like(F)


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    parse = parser(__doc__)
    parse.add_argument("--model", default="quality", choices=MODELS)
    parse.add_argument("--size", type=int, default=384, help="side of the crops (default: 384)")
    parse.add_argument("--batch", type=int, help="pictures a step (default: as impasto train)")
    parse.add_argument("--rounds", type=int, default=5, help="turns of each (default: 5)")
    parse.add_argument("--steps", type=int, default=2, help="steps in a turn (default: 2)")
    parse.add_argument("--device", default="auto")
    arguments = parse.parse_args(argv)
    keep_freed_memory()
    training = Training(
        TrainOptions(
            model=arguments.model,
            size=arguments.size,
            batch=arguments.batch,
            device=arguments.device,
            steps=1_000_000,
        )
    )
    trainer = training.trainer
    photos, each = trainer.per_step
    bare = Bare(trainer, photos, photos * each)
    seconds: dict[str, list[float]] = {"training": [], "passes": []}
    for _ in range(arguments.rounds):
        for name, work in (("training", training), ("passes", bare)):
            seconds[name].append(_timed(work, arguments.steps, trainer.device))
    report(
        __doc__,
        rows(seconds, photos * each, trainer.device.type),
        arguments,
        device=str(trainer.device),
        gpu=torch.cuda.get_device_name() if trainer.device.type == "cuda" else None,
        precision=str(trainer.precision),
        photos=photos,
        pictures=photos * each,
        seconds=seconds,
    )


def _timed(work: Training | Bare, steps: int, device: torch.device) -> float:
    """Return the seconds that a step takes."""
    began = time.perf_counter()
    work.run(steps)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / steps


def rows(seconds: dict[str, list[float]], pictures: int, device: str) -> list[Row]:
    """Return medians and their ratio; each turn is compared with the passes right after it."""
    ratios = [a / b for a, b in zip(seconds["training"], seconds["passes"], strict=True)]
    on_cpu = device == "cpu"
    found = [Row(f"{name}, seconds a step", median(of), "s") for name, of in seconds.items()]
    found.append(
        Row(
            "crops a second",
            pictures / median(seconds["training"]),
            "/s",
            at_least=None if on_cpu else LAB,
        )
    )
    found.append(Row("crops a second, passes alone", pictures / median(seconds["passes"]), "/s"))
    found.append(Row("training over passes", median(ratios), at_most=AT_MOST if on_cpu else None))
    return found


if __name__ == "__main__":
    main()
