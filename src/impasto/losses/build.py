"""From options to a criterion: which terms, on which layers, against which targets."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from impasto.errors import OptionsError
from impasto.losses import additive, sets
from impasto.losses.guides import Region
from impasto.losses.maps import Laplacian, MapTerm
from impasto.losses.objective import Criterion, FeatureNet, Held, Objective
from impasto.losses.pictures import Pictures
from impasto.losses.terms import ContentTerm, Term
from impasto.options import PaintOptions


@torch.no_grad()
def build(
    options: PaintOptions,
    net: FeatureNet,
    content: Tensor,
    styles: Sequence[Tensor],
    *,
    hands: Sequence[int] | None = None,
    regions: Sequence[Region] = (),
    held: tuple[Tensor, Tensor] | None = None,
    tile: int | None = None,
    finer: int = 0,
) -> Criterion:
    """Build the objective of one size.

    ``content`` is (1, 3, h, w) and ``styles`` are (1, 3, h', w'), RGB in [0, 1], on the device of
    the network; ``tile`` is as `Objective` has it. ``hands`` say which style each picture of
    ``styles`` is of, where a style is several pictures. ``regions`` say where which pictures
    belong; without them all belong everywhere. ``held`` are a picture (1, 3, h, w) and a mask
    (1, 1, h, w) of how far each pixel is free to leave it. ``finer`` says how many finer scales
    follow. Targets are computed once, here.
    Raises `OptionsError` when the blend does not fit the styles.
    """
    hands = range(len(styles)) if hands is None else hands
    pictures = Pictures(net, content, styles, hands, regions, tile)
    terms: dict[str, Term] = {}
    of_maps: dict[str, MapTerm] = {}
    if options.weighted_layers("content"):
        if options.content_loss == "self-similarity":
            of_maps["content"] = sets.content_term(options, pictures, finer)
        else:
            terms |= _content_terms(options, pictures)
    if options.laplacian_weight:
        of_maps["content laplacian"] = MapTerm(options.laplacian_weight, Laplacian(content))
    if options.weighted_layers("style"):
        if options.style_loss in additive.ACCUMULATE:
            terms |= additive.style_terms(options, pictures)
        of_maps |= sets.style_terms(options, pictures, finer)
    if not terms and not of_maps and not options.tv_weight:
        raise OptionsError("every layer's weight is 0: nothing to optimise")
    objective = Objective(
        net, terms, options.tv_weight, of_maps=of_maps, tile=tile, wrap=options.tileable
    )
    return Held(objective, *held) if held else objective


def _content_terms(options: PaintOptions, pictures: Pictures) -> dict[str, Term]:
    layers = options.weighted_layers("content")
    targets = pictures.maps(pictures.content, list(layers))
    return {
        f"content {name}": ContentTerm(name, weight, options.content_loss, targets[name])
        for name, weight in layers.items()
    }


def map_layers(options: PaintOptions) -> tuple[str, ...]:
    """Return the layers whose maps the objective keeps whole."""
    names: list[str] = []
    if options.content_loss == "self-similarity":
        names += options.weighted_layers("content")
    if options.style_loss in sets.LOSSES:
        names += options.weighted_layers("style")
    return tuple(dict.fromkeys(names))
