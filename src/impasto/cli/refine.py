"""Refiner the output of a network by optimisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.cli.on_the_fly import is_painting
from impasto.errors import OptionsError
from impasto.options import ApplyOptions, ReadOptions, parsing
from impasto.options.apply import AUTO

if TYPE_CHECKING:
    from impasto.apply.stylised import Stylised
    from impasto.images.read import Source
    from impasto.painter import Painting


@dataclass(frozen=True)
class Refiner:
    """Refines pictures for ``seconds`` with the painting that a style was learnt from."""

    painting: Path | bytes
    seconds: float

    @classmethod
    def of(
        cls, budget: str, model: str, shares: Mapping[str, float], options: ApplyOptions
    ) -> Refiner:
        """Find the painting. Raises `OptionsError` if there is none or more than one."""
        from impasto.learning import painting_of
        from impasto.zoo import learnt

        seconds = parsing.budget(budget)
        assert seconds
        several = len(shares) > 1 or options.jobs not in (AUTO, 1)
        if several or options.mask or options.color != "style":
            raise OptionsError("--refine cannot be used with mixtures, --mask, --color or --jobs")
        if is_painting(model):
            return cls(Path(model), seconds)
        found = learnt.find(next(iter(shares)))
        if found is None:
            raise OptionsError(
                f"--refine needs the painting, which is not part of {model}: use impasto paint "
                f"PHOTO PAINTING --init {model} instead"
            )
        return cls(painting_of(found[2], found[1].body), seconds)

    def __call__(self, made: Stylised, photo: Source, read: ReadOptions) -> Painting:
        """Paint on. Raises the errors of `Painter`."""
        from impasto import stylize

        painter = stylize.refine(made, photo, self.painting, self.seconds, read)
        for _ in painter:
            pass
        return painter.painting
