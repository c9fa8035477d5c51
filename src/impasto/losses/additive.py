"""Style terms of statistics that add up over positions: Gram matrices and moments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from impasto.losses import functional, guides
from impasto.losses.blend import shares_of
from impasto.losses.guides import Guide
from impasto.losses.pictures import Pictures
from impasto.losses.relaxation import STIFFEST, Relaxation
from impasto.losses.terms import Aim, GramAim, NormalAim, StyleTerm, Term
from impasto.losses.wasserstein import Normal
from impasto.nets import vgg
from impasto.options import PaintOptions


def _gram(F: Tensor, T: Tensor | None) -> Tensor:
    return functional.accumulate_gram(guides.weighed(F, T))


ACCUMULATE: dict[str, Callable[[Tensor, Tensor | None], Tensor]] = {
    "gram": _gram,
    "histogram": _gram,
    "wasserstein": functional.accumulate_moments,
}
"""The statistic of each style loss that has one, summed over positions."""


def style_terms(options: PaintOptions, pictures: Pictures) -> dict[str, Term]:
    """Return a term for each region and layer."""
    layers = options.weighted_layers("style")
    terms: dict[str, Term] = {}
    for region in pictures.regions:
        who = pictures.who(region)
        found = [
            _statistics(options, pictures, pictures.styles[number], list(layers), guide)
            for number, guide in region.styles
        ]
        if options.strength < 1:
            own = _statistics(options, pictures, pictures.content, list(layers), region.guide)
            found = [
                {name: torch.lerp(own[name], A, options.strength) for name, A in one.items()}
                for one in found
            ]
        for name, weight in layers.items():
            shares = shares_of(options.blend, pictures.hands, who, name)
            targets = [(share, one[name]) for share, one in zip(shares, found, strict=True)]
            label = region.label("style", name)
            terms[label] = _style_term(options, name, weight, targets, region.guide)
    return terms


def _style_term(
    options: PaintOptions,
    layer: str,
    weight: float,
    targets: Sequence[tuple[float, Tensor]],
    guide: Guide | None,
) -> StyleTerm:
    aim = _aim(options, targets)
    if guide is None:
        return StyleTerm(layer, weight, aim)
    # By its share every pixel pulls alike, however small the region.
    return StyleTerm(layer, weight * guide.share, aim, guide.at(layer))


def _aim(options: PaintOptions, targets: Sequence[tuple[float, Tensor]]) -> Aim:
    if options.style_loss == "wasserstein":
        return NormalAim([(share, Normal.of(moments)) for share, moments in targets])
    if options.optimizer != "relaxed":
        return GramAim(targets)
    # The distances to several targets are, but for a constant, that to their mean.
    mean = torch.stack([share * A for share, A in targets]).sum(dim=0)
    return GramAim(targets, Relaxation(mean, STIFFEST[options.pooling]))


def _statistics(
    options: PaintOptions,
    pictures: Pictures,
    image: Tensor,
    names: list[str],
    guide: Guide | None,
) -> dict[str, Tensor]:
    """Return what the style loss looks at of a picture, or of a part of it, by layer."""
    accumulate = ACCUMULATE[options.style_loss]
    T = {name: guide.at(name) for name in names} if guide else {}
    totals: dict[str, Tensor] = {}
    for name, F, part in pictures.stream(image, names):
        own = part.part(T[name], vgg.layer(name).stride) if guide else None
        total = accumulate(F, own)
        totals[name] = totals[name] + total if name in totals else total
    return {
        name: total / (guides.positions(T[name]) if guide else vgg.positions(image, name))
        for name, total in totals.items()
    }
