"""From options to a criterion: which terms, on which layers, against which targets.

Every term is a function of a statistic that is additive over positions. So the whole picture and
a stream of tiles go through the same lines: the statistics are added up over the tiles, the loss
and its gradient with respect to each statistic follow, and held fixed they give each tile's part
of the gradient with respect to the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from impasto.errors import OptionsError
from impasto.losses import functional
from impasto.losses.relaxation import Relaxation
from impasto.nets import vgg
from impasto.nets.tiles import Tile, split
from impasto.options import PaintOptions

# Total variation is taken of pixel levels, the unit the features of the original VGG come from.
_LEVELS = 255.0


class Trace(Protocol):
    """The features of a picture, and the way back from them; see `impasto.nets.vgg.Trace`."""

    @property
    def features(self) -> Mapping[str, Tensor]:
        """Features by layer name."""

    def backward(self, pull: vgg.Pull) -> Tensor:
        """Return the gradient with respect to the picture."""


class FeatureNet(Protocol):
    """Whatever gives the features of a picture by layer name."""

    def __call__(self, image: Tensor, names: Iterable[str]) -> Mapping[str, Tensor]:
        """Return features of (1, 3, h, w) RGB in [0, 1]."""

    def trace(self, image: Tensor, names: Iterable[str]) -> Trace:
        """Return the same, with the way back."""


class Finished(NamedTuple):
    """A weighted loss, what is minimised in its place, and the gradient of that.

    ``goal`` is the loss itself unless it is relaxed; ``slope`` its gradient with respect to the
    statistic.
    """

    loss: Tensor
    goal: Tensor
    slope: Tensor


class Term(Protocol):
    """One term of the objective: a function of the features of one layer."""

    @property
    def layer(self) -> str:
        """The layer."""

    def accumulate(self, F: Tensor, tile: Tile) -> Tensor:
        """Return the statistic of the tile's own features F (1, c, h, w); it adds up over tiles."""

    def finish(self, total: Tensor, positions: int) -> Finished:
        """Return what follows from the statistic of the whole picture."""

    def pull_(self, g: Tensor, F: Tensor, tile: Tile, D: Tensor) -> None:
        """Add the gradient with respect to F to g, given that with respect to the statistic, D."""


@dataclass(frozen=True)
class ContentTerm:
    """Squared differences to the content's features P (1, c, h, w), as a mean or half the sum."""

    layer: str
    weight: float
    loss: str
    P: Tensor

    def accumulate(self, F: Tensor, tile: Tile) -> Tensor:
        """Return Σ (F - P)²."""
        return functional.accumulate_squares(F, self._target(tile))

    def finish(self, total: Tensor, positions: int) -> Finished:
        """Return the weighted loss and the weight of the sum."""
        share = 0.5 if self.loss == "half-sum" else 1 / (positions * self.P.shape[1])
        D = torch.tensor(self.weight * share)
        return Finished(D * total, D * total, D)

    def pull_(self, g: Tensor, F: Tensor, tile: Tile, D: Tensor) -> None:
        """Add 2 D (F - P)."""
        functional.accumulate_squares_backward_(g, F, self._target(tile), float(D))

    def _target(self, tile: Tile) -> Tensor:
        return tile.part(self.P, vgg.layer(self.layer).stride)


@dataclass
class StyleTerm:
    """Distance of the Gram matrix to those of the styles, each (c, c) with a share.

    With a relaxation it gives, instead of its own gradient, that of the relaxed term.
    """

    layer: str
    weight: float
    targets: Sequence[tuple[float, Tensor]]
    relaxation: Relaxation | None = None
    residual: Tensor | None = field(default=None, init=False)

    def accumulate(self, F: Tensor, tile: Tile) -> Tensor:  # noqa: ARG002
        """Return Σ F Fᵀ."""
        return functional.accumulate_gram(F)

    def finish(self, total: Tensor, positions: int) -> Finished:
        """Return the weighted loss and its gradient with respect to the sum."""
        G = functional.finish_gram(total, positions)
        losses = [share * functional.style_loss(G, A) for share, A in self.targets]
        loss = goal = self.weight * torch.stack(losses).sum()
        if self.relaxation:
            self.residual = self.relaxation.residual(G)
            goal = self.weight * self.relaxation.loss(self.residual)
            D = self.relaxation.gradient(self.residual)
        else:
            # The shares add up to 1.
            D = 2 / G.numel() * (G - sum(share * A for share, A in self.targets))
        return Finished(loss, goal, self.weight / positions * D)

    def pull_(self, g: Tensor, F: Tensor, tile: Tile, D: Tensor) -> None:  # noqa: ARG002
        """Add (D + Dᵀ) F."""
        functional.accumulate_gram_backward_(g, F, D)


@dataclass(frozen=True)
class Evaluation:
    """The objective at one picture: the loss, its weighted terms, and what to minimise.

    ``terms`` maps "content relu4_2", "style relu1_1", ..., "tv" to numbers that add up to
    ``loss``. ``goal`` is what is to be minimised and ``gradient``, of the picture's shape, is its
    gradient: the loss itself, unless style terms are relaxed.
    """

    loss: float
    terms: Mapping[str, float]
    goal: float
    gradient: Tensor

    def group(self, kind: str) -> float:
        """Sum the terms of one kind: "content", "style" or "tv"."""
        return sum(value for name, value in self.terms.items() if name.split()[0] == kind)


class Objective:
    """The weighted sum of content, style and total variation terms of one picture size.

    Total loss of Gatys 2016, equation 7: α L_content + β L_style, plus total variation.
    ``terms`` go by the names under which they are reported; ``tile`` is the side in pixels of
    the tiles to work in, or None for the whole picture at once, which is faster where memory
    allows: tiles are computed twice, and their margins several times.
    """

    def __init__(
        self,
        net: FeatureNet,
        terms: Mapping[str, Term],
        tv_weight: float,
        *,
        tile: int | None = None,
    ) -> None:
        self._net = net
        self._terms = dict(terms)
        self._layers = list(dict.fromkeys(term.layer for term in self._terms.values()))
        self._tv_weight = tv_weight
        self._tile = tile

    @torch.no_grad()
    def evaluate(self, image: Tensor) -> Evaluation:
        """Return loss, terms and gradient at (1, 3, h, w) RGB in [0, 1]."""
        losses: dict[str, Tensor] = {}
        goals: dict[str, Tensor] = {}
        gradient = torch.zeros_like(image, memory_format=torch.contiguous_format)
        if self._terms:
            for name, term in self._features(image, gradient).items():
                losses[name], goals[name] = term.loss, term.goal
        if self._tv_weight:
            weight = self._tv_weight * _LEVELS**2
            losses["tv"] = goals["tv"] = weight * functional.total_variation(image)
            functional.total_variation_backward_(gradient, image, weight)
        # One transfer from the device for all the terms.
        values = torch.stack([*losses.values(), *goals.values()]).cpu().double().tolist()
        terms = dict(zip(losses, values, strict=False))
        return Evaluation(sum(terms.values()), terms, sum(values[len(losses) :]), gradient)

    def refine(self) -> bool:
        """Bring what is minimised closer to the loss; tell whether it changed.

        To be called when the picture last evaluated was accepted.
        """
        refined = False
        for term in self._relaxed():
            if term.relaxation and term.residual is not None:
                term.relaxation.refine(term.residual)
                refined = True
        return refined

    def state(self) -> dict[str, Tensor]:
        """Return the multipliers of relaxed terms by layer; `restore` takes them back."""
        return {term.layer: term.relaxation.T for term in self._relaxed() if term.relaxation}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back a state. Raises `KeyError` or `ValueError` when it does not fit."""
        for term in self._relaxed():
            if term.relaxation:
                T = state[term.layer]
                if T.shape != term.relaxation.T.shape:
                    raise ValueError(f"multipliers of shape {tuple(T.shape)} for {term.layer}")
                term.relaxation.T = T.to(term.relaxation.T)

    def _relaxed(self) -> list[StyleTerm]:
        return [term for term in self._terms.values() if isinstance(term, StyleTerm)]

    def _features(self, image: Tensor, gradient: Tensor) -> dict[str, Finished]:
        """Return what follows from the features and add the gradient to ``gradient``."""
        height, width = image.shape[2:]
        tiles = split(height, width, self._tile, self._layers)
        trace = None
        totals: dict[str, Tensor] = {}
        for tile in tiles:
            if len(tiles) == 1:
                trace = self._net.trace(tile.cut(image), self._layers)
                features = trace.features
            else:
                features = self._net(tile.cut(image), self._layers)
            for name, term in self._terms.items():
                F = tile.own(features[term.layer], vgg.layer(term.layer).stride)
                statistic = term.accumulate(F, tile)
                totals[name] = totals[name] + statistic if name in totals else statistic
            del features
        finished = {}
        for name, term in self._terms.items():
            finished[name] = term.finish(totals[name], _positions(image, term.layer))
        slopes = {name: found.slope for name, found in finished.items()}
        for tile in tiles:
            trace = trace or self._net.trace(tile.cut(image), self._layers)
            tile.cut(gradient).add_(trace.backward(self._pull_at(tile, slopes)))
            trace = None
        return finished

    def _pull_at(self, tile: Tile, slopes: Mapping[str, Tensor]) -> vgg.Pull:
        def pull(layer: str, F: Tensor, g: Tensor | None) -> Tensor:
            own = tile.own(F, vgg.layer(layer).stride)
            if g is None:
                g = torch.zeros_like(F)
            into = tile.own(g, vgg.layer(layer).stride)
            for name, term in self._terms.items():
                if term.layer == layer:
                    term.pull_(into, own, tile, slopes[name])
            return g

        return pull


@torch.no_grad()
def build(
    options: PaintOptions,
    net: FeatureNet,
    content: Tensor,
    styles: Sequence[Tensor],
    *,
    tile: int | None = None,
) -> Objective:
    """Build the objective of one size.

    ``content`` is (1, 3, h, w) and ``styles`` are (1, 3, h', w'), RGB in [0, 1], on the device of
    the network; ``tile`` is as `Objective` has it. Targets are computed once, here. Raises
    `OptionsError` when the blend does not fit the styles.
    """
    shares = blend_shares(options.blend, len(styles))
    terms: dict[str, Term] = {}
    content_layers = {k: w for k, w in options.content_layers if w * options.content_weight > 0}
    style_layers = {k: w for k, w in options.style_layers if w * options.style_weight > 0}
    if content_layers:
        for name, P in _content_targets(net, content, list(content_layers), tile).items():
            weight = options.content_weight * content_layers[name]
            terms[f"content {name}"] = ContentTerm(name, weight, options.content_loss, P)
    if style_layers:
        grams = [_gram_targets(net, style, list(style_layers), tile) for style in styles]
        for name, layer_weight in style_layers.items():
            weight = options.style_weight * layer_weight
            targets = [(share, gram[name]) for share, gram in zip(shares, grams, strict=True)]
            # The distances to several targets are, but for a constant, that to their mean.
            mean = torch.stack([share * A for share, A in targets]).sum(dim=0)
            relaxation = Relaxation(mean) if options.optimizer == "relaxed" else None
            terms[f"style {name}"] = StyleTerm(name, weight, targets, relaxation)
    if not terms and not options.tv_weight:
        raise OptionsError("every layer's weight is 0: nothing to optimise")
    return Objective(net, terms, options.tv_weight, tile=tile)


def blend_shares(blend: Sequence[float] | None, styles: int) -> list[float]:
    """Return each style's share, adding up to 1. Raises `OptionsError` when the counts differ."""
    if blend is None:
        return [1 / styles] * styles
    if len(blend) != styles:
        raise OptionsError(f"--blend has {len(blend)} shares, but {styles} styles were given")
    largest = max(blend)  # first, so that no sum overflows
    shares = [share / largest for share in blend]
    return [share / sum(shares) for share in shares]


def _stream(
    net: FeatureNet, image: Tensor, names: list[str], tile: int | None
) -> Iterator[tuple[str, Tensor, Tile]]:
    """Yield the features of a picture, layer by layer and tile by tile."""
    height, width = image.shape[2:]
    for part in split(height, width, tile, names):
        for name, F in net(part.cut(image), names).items():
            yield name, part.own(F, vgg.layer(name).stride), part


def _content_targets(
    net: FeatureNet, image: Tensor, names: list[str], tile: int | None
) -> dict[str, Tensor]:
    height, width = image.shape[2:]
    targets: dict[str, Tensor] = {}
    for name, F, part in _stream(net, image, names, tile):
        stride = vgg.layer(name).stride
        if name not in targets:
            shape = (1, F.shape[1], height // stride, width // stride)
            whole = torch.empty(shape, dtype=F.dtype, device=F.device)
            targets[name] = whole.contiguous(memory_format=torch.channels_last)
        part.part(targets[name], stride).copy_(F)
    return targets


def _gram_targets(
    net: FeatureNet, image: Tensor, names: list[str], tile: int | None
) -> dict[str, Tensor]:
    totals: dict[str, Tensor] = {}
    for name, F, _ in _stream(net, image, names, tile):
        total = functional.accumulate_gram(F)
        totals[name] = totals[name] + total if name in totals else total
    return {
        name: functional.finish_gram(total, _positions(image, name))
        for name, total in totals.items()
    }


def _positions(image: Tensor, layer: str) -> int:
    """Return how many positions a layer has of a picture."""
    stride = vgg.layer(layer).stride
    return (image.shape[2] // stride) * (image.shape[3] // stride)
