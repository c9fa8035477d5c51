"""Refines the output of a network by optimisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.cli.on_the_fly import is_painting
from impasto.errors import OptionsError
from impasto.options import ApplyOptions, ReadOptions, parsing
from impasto.options.apply import AUTO
from impasto.zoo.exemplars import Exemplar, texture

if TYPE_CHECKING:
    from impasto.apply.stylised import Stylised
    from impasto.images.read import Source
    from impasto.painter import Painting
    from impasto.zoo.pack import Pack


@dataclass(frozen=True)
class Refiner:
    """Refines pictures for ``seconds`` with an exemplar of their style."""

    exemplar: Exemplar
    seconds: float

    @classmethod
    def of(
        cls,
        budget: str,
        model: str,
        pack: Pack,
        shares: Mapping[str, float],
        options: ApplyOptions,
    ) -> Refiner:
        """Find the exemplar. Raises `OptionsError` if there is none or more than one."""
        seconds = parsing.budget(budget)
        assert seconds
        several = len(shares) > 1 or options.jobs not in (AUTO, 1)
        if several or options.mask or options.color != "style":
            raise OptionsError("--refine cannot be used with mixtures, --mask, --color or --jobs")
        exemplar = _exemplar(model, pack, next(iter(shares)))
        return cls(replace(exemplar, scale=exemplar.scale * options.style_scale), seconds)

    def __call__(self, made: Stylised, photo: Source, read: ReadOptions) -> Painting:
        """Paint on. Raises the errors of `Painter`."""
        from impasto import stylize

        painter = stylize.refine(made, photo, self.exemplar, self.seconds, read)
        for _ in painter:
            pass
        return painter.painting


def _exemplar(model: str, pack: Pack, style: str) -> Exemplar:
    """Return what a style was learnt from. Raises `OptionsError` if that is not there."""
    from impasto.learning import painting_of
    from impasto.zoo import learnt

    if is_painting(model):
        return Exemplar(Path(model))
    if found := learnt.find(style):
        return Exemplar(painting_of(found[2], found[1].body))
    if bundled := texture(pack.row(style).card):
        return bundled
    raise OptionsError(
        f"--refine needs the painting, which is not part of {model}: use impasto paint "
        f"PHOTO PAINTING --init {model} instead"
    )
