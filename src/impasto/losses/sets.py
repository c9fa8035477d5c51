"""Terms that take features as sets of vectors: what each style loss of the kind looks at.

A style is several targets with shares; with a ``strength`` below 1 the photo itself has the rest.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from impasto.losses import maps, samples
from impasto.losses.blend import shares_of
from impasto.losses.guides import Guide, Region
from impasto.losses.maps import PIXELS, Distance, MapTerm, Nearest, Optimal, SelfSimilarity, Sliced
from impasto.losses.pictures import Pictures
from impasto.options import PaintOptions

_MOST = 2**16
"""Vectors of a layer that a style is known by, at most."""

_MATCHED = 2**14
"""The same where the nearest is looked for among them."""

_MOST_COLUMNS = 2**13
"""The same of hypercolumns."""

_STEP = 4
"""Pixels between hypercolumns: a quarter of the picture's resolution, as in NNST."""

_HISTOGRAM = 2e6
"""What histograms weigh next to Gram matrices, times the weight of the style."""

_COLOURS = 2.0
"""What colours weigh next to nearest neighbours."""

Targets = list[tuple[float, Tensor]]
"""Shares with vectors (m, c), float32."""


def content_term(options: PaintOptions, pictures: Pictures, finer: int) -> MapTerm:
    """Return the self-similarity term. It weighs twice as much at each coarser scale."""
    layers = options.weighted_layers("content")
    points = _points(pictures.content, None)
    found = pictures.maps(pictures.content, list(layers))
    weight = sum(layers.values()) * 2**finer
    return MapTerm(weight, SelfSimilarity(options.seed, list(layers), found, points))


def style_terms(options: PaintOptions, pictures: Pictures, finer: int) -> dict[str, MapTerm]:
    """Return the terms of each region, none for a loss that is not of this kind."""
    if options.style_loss not in LOSSES:
        return {}
    terms: dict[str, MapTerm] = {}
    for region in pictures.regions:
        share = 1.0 if region.guide is None else region.guide.share
        for name, (weight, distance) in LOSSES[options.style_loss](
            options, pictures, region, finer
        ).items():
            label = region.label("style", name)
            terms[label] = MapTerm(weight * share, distance)
    return terms


Terms = dict[str, tuple[float, Distance]]
"""Weights and distances by name."""


def _sliced(options: PaintOptions, pictures: Pictures, region: Region, _: int) -> Terms:
    found: Terms = {}
    for number, (name, weight) in enumerate(options.weighted_layers("style").items()):
        targets = _of_layer(options, pictures, region, name)
        where = _where(region.guide, name)
        found[name] = weight, Sliced(options.seed + number, name, targets, where)
    return found


def _histogram(options: PaintOptions, pictures: Pictures, region: Region, _: int) -> Terms:
    layers = list(options.weighted_layers("style"))
    weight = options.style_weight * _HISTOGRAM / len(layers)
    found: Terms = {}
    for number, name in enumerate(layers):
        targets = _of_layer(options, pictures, region, name)
        distance = Sliced(options.seed + number, name, targets, _where(region.guide, name), True)
        found[f"{name} histogram"] = weight, distance
    return found


def _nearest(options: PaintOptions, pictures: Pictures, region: Region, finer: int) -> Terms:
    """Return hypercolumns' nearest neighbours at coarse scales, each layer's own at the last.

    At coarse scales it is the photo's that are matched, at the last the picture's. Angles say
    nothing of how strong colours are: those are brought in line besides.
    """
    layers = options.weighted_layers("style")
    total = sum(layers.values())
    colours = _of_layer(options, pictures, region, PIXELS)
    where = _where(region.guide, PIXELS)
    found: Terms = {
        "colours": (_COLOURS * total, Sliced(options.seed, PIXELS, colours, where)),
    }
    if finer:
        names = list(layers)
        targets = _of_columns(options, pictures, region, names)
        points = _points(pictures.content, region.guide)
        seen = maps.with_strides(pictures.maps(pictures.content, names), names)
        photo = samples.columns(seen, points)
        return found | {"columns": (total, Nearest(names, targets, points, photo=photo))}
    for name, weight in layers.items():
        targets = _of_layer(options, pictures, region, name, most=_MATCHED)
        found[name] = weight, Nearest([name], targets, where=_where(region.guide, name))
    return found


def _optimal(options: PaintOptions, pictures: Pictures, region: Region, finer: int) -> Terms:
    weights = options.weighted_layers("style")
    layers = [PIXELS, *weights]
    targets = _of_columns(options, pictures, region, layers)
    points = _points(pictures.content, region.guide)
    # Where the content weighs twice, colours weigh half: 1 / α of the paper.
    palette = 0.5**finer
    return {
        "columns": (
            sum(weights.values()),
            Optimal(options.seed + 1, layers, targets, points, palette),
        )
    }


LOSSES: dict[str, Callable[[PaintOptions, Pictures, Region, int], Terms]] = {
    "sliced": _sliced,
    "histogram": _histogram,
    "nearest": _nearest,
    "emd": _optimal,
}
"""The terms of each style loss that takes sets, of one region."""


def _of_layer(
    options: PaintOptions, pictures: Pictures, region: Region, name: str, most: int = _MOST
) -> Targets:
    """Return what a layer sees of each picture of a region."""

    def seen(image: Tensor, guide: Guide | None) -> Tensor:
        found = maps.rows(pictures.maps(image, [name])[name], _where(guide, name))
        return _some(found, most, options.seed)

    return _shared(options, pictures, region, name, seen)


def _of_columns(
    options: PaintOptions, pictures: Pictures, region: Region, names: list[str]
) -> Targets:
    """Return the hypercolumns of each picture of a region."""

    def seen(image: Tensor, guide: Guide | None) -> Tensor:
        points = _some(_points(image, guide), _MOST_COLUMNS, options.seed)
        return samples.columns(maps.with_strides(pictures.maps(image, names), names), points)

    # Shares by layer mean nothing here: those of the deepest are taken.
    return _shared(options, pictures, region, names[-1], seen)


def _shared(
    options: PaintOptions,
    pictures: Pictures,
    region: Region,
    layer: str,
    seen: Callable[[Tensor, Guide | None], Tensor],
) -> Targets:
    shares = shares_of(options.blend, pictures.hands, pictures.who(region), layer)
    targets = [
        (options.strength * share, seen(pictures.styles[number], guide))
        for share, (number, guide) in zip(shares, region.styles, strict=True)
        if share
    ]
    if options.strength < 1:
        targets.append((1 - options.strength, seen(pictures.content, region.guide)))
    return targets


def _where(guide: Guide | None, layer: str) -> Tensor | None:
    """Return the numbers of the positions of a layer that are inside."""
    if guide is None:
        return None
    weight = (guide.mask if layer == PIXELS else guide.at(layer)).flatten()
    return (weight >= 0.5 * weight.max()).nonzero()[:, 0]


def _points(image: Tensor, guide: Guide | None) -> Tensor:
    """Return the points, x and y in pixels, at which hypercolumns of a picture may be taken."""
    points = maps.lattice(image.shape[2], image.shape[3], _STEP).to(image.device)
    if guide is None:
        return points
    x, y = points.long().unbind(dim=1)
    inside = guide.mask[0, 0, y, x] >= 0.5 * guide.mask.max()
    return points[inside] if inside.any() else points


def _some(vectors: Tensor, most: int, seed: int) -> Tensor:
    return maps.drawn(vectors, most, torch.Generator().manual_seed(seed))
