"""Builds an objective from options: its terms, layers and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from impasto.losses.contents import CONTENT_LOSSES, laplacian
from impasto.losses.declaration import Terms
from impasto.losses.guides import StyleRegion
from impasto.losses.objective import Criterion, MaskedObjective, Objective
from impasto.losses.styles import STYLE_LOSSES
from impasto.losses.targets import Targets
from impasto.losses.terms import Term
from impasto.nets.feature_net import FeatureNet
from impasto.options import PaintOptions


@torch.no_grad()
def build(
    options: PaintOptions,
    net: FeatureNet,
    content: Tensor,
    paintings: Sequence[Tensor],
    *,
    style_of_painting: Sequence[int] | None = None,
    regions: Sequence[StyleRegion] = (),
    frozen: tuple[Tensor, Tensor] | None = None,
    tile: int | None = None,
    finer: int = 0,
) -> Criterion:
    """Build the objective of one size.

    ``content`` is (1, 3, h, w) and ``paintings`` are (1, 3, h', w'), RGB in [0, 1], on the device
    of the network; ``tile`` is as for `Objective`. ``style_of_painting`` has the style of each
    painting, if a style consists of several. ``regions`` assign paintings to parts of the picture;
    without them, all are used everywhere. ``frozen`` is a picture (1, 3, h, w) to keep and a mask
    (1, 1, h, w) that is 1 where pixels may change. ``finer`` is the number of finer scales that
    follow. Targets are computed here, once.

    Raises `OptionsError` if the blend does not fit the styles.
    """
    numbers = range(len(paintings))
    everywhere = StyleRegion("", None, tuple((number, None) for number in numbers))
    targets = Targets(
        net, options, content, paintings, style_of_painting or numbers, everywhere, tile, finer
    )
    terms: dict[str, Term] = {}
    if options.weighted_layers("content"):
        terms |= _labelled("content", CONTENT_LOSSES[options.content_loss].terms(targets))
    terms |= _labelled("content", laplacian.terms(targets))
    if options.weighted_layers("style"):
        for region in regions or [everywhere]:
            found = STYLE_LOSSES[options.style_loss].terms(replace(targets, region=region))
            # Weighted by its share, every pixel counts the same in regions of any size.
            share = 1.0 if region.guide is None else region.guide.share
            terms |= _labelled("style", found, region.name, share)
    objective = Objective(net, terms, options.tv_weight, tile=tile, wrap=options.tileable)
    return MaskedObjective(objective, *frozen) if frozen else objective


def _labelled(kind: str, terms: Terms, region: str = "", share: float = 1.0) -> Terms:
    """Return terms under their reported names, each multiplied by a share."""
    return {
        " ".join(filter(None, (kind, name, region))): replace(term, weight=term.weight * share)
        for name, term in terms.items()
    }


def map_layers(options: PaintOptions) -> tuple[str, ...]:
    """Return the layers of which the objective keeps whole maps."""
    names: list[str] = []
    if CONTENT_LOSSES[options.content_loss].whole_maps:
        names += options.weighted_layers("content")
    if STYLE_LOSSES[options.style_loss].whole_maps:
        names += options.weighted_layers("style")
    return tuple(dict.fromkeys(names))
