"""From options to a criterion: which terms, on which layers, against which targets.

Every term is a function of a statistic that is additive over positions. So the whole picture and
a stream of tiles go through the same lines: the statistics are added up over the tiles, the loss
and its gradient with respect to each statistic follow, and held fixed they give each tile's part
of the gradient with respect to the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from impasto.errors import OptionsError
from impasto.losses import functional, guides
from impasto.losses.blend import shares_of
from impasto.losses.guides import Guide, Region
from impasto.losses.relaxation import Relaxation
from impasto.losses.terms import Aim, ContentTerm, Finished, GramAim, NormalAim, StyleTerm, Term
from impasto.losses.wasserstein import Normal
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


class Criterion(Protocol):
    """What an engine minimises; see `Objective`."""

    def evaluate(self, image: Tensor) -> Evaluation:
        """Return loss, terms and gradient at (1, 3, h, w) RGB in [0, 1]."""

    def refine(self) -> bool:
        """Bring what is minimised closer to the loss; tell whether it changed."""

    def state(self) -> dict[str, Tensor]:
        """Return what `restore` takes back."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back a state."""


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
        for aim in self._relaxed().values():
            if aim.relaxation and aim.residual is not None:
                aim.relaxation.refine(aim.residual)
                refined = True
        return refined

    def state(self) -> dict[str, Tensor]:
        """Return the multipliers of relaxed terms by name; `restore` takes them back."""
        return {name: aim.relaxation.T for name, aim in self._relaxed().items() if aim.relaxation}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back a state. Raises `KeyError` or `ValueError` when it does not fit."""
        for name, aim in self._relaxed().items():
            if aim.relaxation:
                T = state[name]
                if T.shape != aim.relaxation.T.shape:
                    raise ValueError(f"multipliers of shape {tuple(T.shape)} for {name}")
                aim.relaxation.T = T.to(aim.relaxation.T)

    def _relaxed(self) -> dict[str, GramAim]:
        return {
            name: term.aim
            for name, term in self._terms.items()
            if isinstance(term, StyleTerm) and isinstance(term.aim, GramAim)
        }

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


class Held:
    """An objective of pictures that are held, where a mask says so, at what they were.

    It evaluates m z + (1 - m) x₀ for the picture z that the optimiser moves: ``mask`` m
    (1, 1, h, w) in [0, 1], ``picture`` x₀ (1, 3, h, w). Where m is 0 nothing can move.
    """

    def __init__(self, objective: Objective, picture: Tensor, mask: Tensor) -> None:
        self._objective, self._picture, self._mask = objective, picture, mask

    def evaluate(self, image: Tensor) -> Evaluation:
        """Return loss, terms and gradient at (1, 3, h, w) RGB in [0, 1]."""
        evaluation = self._objective.evaluate(torch.lerp(self._picture, image, self._mask))
        return replace(evaluation, gradient=evaluation.gradient.mul_(self._mask))

    def refine(self) -> bool:
        """As `Objective.refine`."""
        return self._objective.refine()

    def state(self) -> dict[str, Tensor]:
        """As `Objective.state`."""
        return self._objective.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """As `Objective.restore`."""
        self._objective.restore(state)


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
) -> Criterion:
    """Build the objective of one size.

    ``content`` is (1, 3, h, w) and ``styles`` are (1, 3, h', w'), RGB in [0, 1], on the device of
    the network; ``tile`` is as `Objective` has it. ``hands`` say which style each picture of
    ``styles`` is of, where a style is several pictures. ``regions`` say where which pictures
    belong; without them all belong everywhere. ``held`` are a picture (1, 3, h, w) and a mask
    (1, 1, h, w) of how far each pixel is free to leave it. Targets are computed once, here.
    Raises `OptionsError` when the blend does not fit the styles.
    """
    terms: dict[str, Term] = {}
    content_layers = {k: w for k, w in options.content_layers if w * options.content_weight > 0}
    if content_layers:
        for name, P in _content_targets(net, content, list(content_layers), tile).items():
            weight = options.content_weight * content_layers[name]
            terms[f"content {name}"] = ContentTerm(name, weight, options.content_loss, P)
    if any(w * options.style_weight > 0 for _, w in options.style_layers):
        hands = range(len(styles)) if hands is None else hands
        terms |= _style_terms(options, net, content, styles, hands, regions, tile)
    if not terms and not options.tv_weight:
        raise OptionsError("every layer's weight is 0: nothing to optimise")
    objective = Objective(net, terms, options.tv_weight, tile=tile)
    return Held(objective, *held) if held else objective


def _style_terms(
    options: PaintOptions,
    net: FeatureNet,
    content: Tensor,
    styles: Sequence[Tensor],
    hands: Sequence[int],
    regions: Sequence[Region],
    tile: int | None,
) -> dict[str, Term]:
    """Return a term for each region and layer."""
    layers = {k: w for k, w in options.style_layers if w * options.style_weight > 0}
    names = list(layers)
    terms: dict[str, Term] = {}
    everywhere = Region("", None, tuple((number, None) for number in range(len(styles))))
    for region in regions or [everywhere]:
        who = [hands[number] for number, _ in region.styles]
        found = [
            _statistics(options, net, styles[number], names, tile, guide)
            for number, guide in region.styles
        ]
        if options.strength < 1:
            own = _statistics(options, net, content, names, tile, region.guide)
            found = [
                {name: torch.lerp(own[name], A, options.strength) for name, A in one.items()}
                for one in found
            ]
        for name, weight in layers.items():
            shares = shares_of(options.blend, hands, who, name)
            targets = [(share, one[name]) for share, one in zip(shares, found, strict=True)]
            label = " ".join(filter(None, ("style", name, region.name)))
            terms[label] = _style_term(options, name, weight, targets, region.guide)
    return terms


def _style_term(
    options: PaintOptions,
    layer: str,
    layer_weight: float,
    targets: Sequence[tuple[float, Tensor]],
    guide: Guide | None,
) -> StyleTerm:
    weight = options.style_weight * layer_weight
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
    return GramAim(targets, Relaxation(mean))


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


def _statistics(
    options: PaintOptions,
    net: FeatureNet,
    image: Tensor,
    names: list[str],
    tile: int | None,
    guide: Guide | None,
) -> dict[str, Tensor]:
    """Return what the style loss looks at of a picture, or of a part of it, by layer."""
    accumulate = _ACCUMULATE[options.style_loss]
    T = {name: guide.at(name) for name in names} if guide else {}
    totals: dict[str, Tensor] = {}
    for name, F, part in _stream(net, image, names, tile):
        own = part.part(T[name], vgg.layer(name).stride) if guide else None
        total = accumulate(F, own)
        totals[name] = totals[name] + total if name in totals else total
    return {
        name: total / (guides.positions(T[name]) if guide else _positions(image, name))
        for name, total in totals.items()
    }


_ACCUMULATE: dict[str, Callable[[Tensor, Tensor | None], Tensor]] = {
    "gram": lambda F, T: functional.accumulate_gram(guides.weighed(F, T)),
    "wasserstein": functional.accumulate_moments,
}
"""The statistic of each style loss, summed over positions."""


def _positions(image: Tensor, layer: str) -> int:
    """Return how many positions a layer has of a picture."""
    stride = vgg.layer(layer).stride
    return (image.shape[2] // stride) * (image.shape[3] // stride)
