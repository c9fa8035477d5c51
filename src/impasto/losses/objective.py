"""What is minimised: a weighted sum of terms, and its gradient with respect to the picture.

Nearly every term is a function of a statistic that is additive over positions. So the whole picture
and a stream of tiles go through the same lines: the statistics are added up over the tiles, the
loss and its gradient with respect to each statistic follow, and held fixed they give each tile's
part of the gradient with respect to the picture. The others are functions of whole maps of
features, which are put together from the tiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import torch
from torch import Tensor

from impasto.losses import functional
from impasto.losses.maps import PIXELS, MapTerm
from impasto.losses.terms import Finished, GramAim, StyleTerm, Term
from impasto.nets import vgg
from impasto.nets.tiles import Tile, split, unwrapped, wrapped

# Total variation is taken of pixel levels, the unit the features of the original VGG come from.
_LEVELS = 255.0


Refined = Literal["goal", "loss"]
"""What a refinement changes: only what is minimised in the place of the loss, or the loss, too."""


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
    gradient: the loss itself, unless style terms are relaxed. Where the gradient is not finite, the
    goal is NaN.
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

    def refine(self) -> Refined | None:
        """Bring what is minimised closer to the loss, or draw it anew; tell what has changed."""

    def state(self) -> dict[str, Tensor]:
        """Return what `restore` takes back."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back a state."""


class Objective:
    """The weighted sum of content, style and total variation terms of one picture size.

    Total loss of Gatys 2016, equation 7: α L_content + β L_style, plus total variation.
    ``terms`` and ``of_maps`` go by the names under which they are reported; ``tile`` is the side in
    pixels of the tiles to work in, or None for the whole picture at once, which is faster where
    memory allows: tiles are computed twice, and their margins several times. With ``wrap`` the
    picture goes on beyond its edges as it begins at the opposite ones.
    """

    def __init__(
        self,
        net: FeatureNet,
        terms: Mapping[str, Term],
        tv_weight: float,
        *,
        of_maps: Mapping[str, MapTerm] | None = None,
        tile: int | None = None,
        wrap: bool = False,
    ) -> None:
        self._net = net
        self._terms = dict(terms)
        self._of_maps = dict(of_maps or {})
        maps = [name for term in self._of_maps.values() for name in term.layers]
        self._maps = [name for name in dict.fromkeys(maps) if name != PIXELS]
        layers = [*(term.layer for term in self._terms.values()), *self._maps]
        self._layers = list(dict.fromkeys(layers))
        self._tv_weight = tv_weight
        self._tile = tile
        self._margin = vgg.margin(self._layers) if wrap and self._layers else 0

    @torch.no_grad()
    def evaluate(self, image: Tensor) -> Evaluation:
        """Return loss, terms and gradient at (1, 3, h, w) RGB in [0, 1]."""
        losses: dict[str, Tensor] = {}
        goals: dict[str, Tensor] = {}
        gradient = torch.zeros_like(image, memory_format=torch.contiguous_format)
        for name, term in self._features(image, gradient).items():
            losses[name], goals[name] = term.loss, term.goal
        if self._tv_weight:
            weight = self._tv_weight * _LEVELS**2
            losses["tv"] = goals["tv"] = weight * functional.total_variation(image)
            functional.total_variation_backward_(gradient, image, weight)
        # One transfer from the device for all: NaN and infinity spoil every sum that they are in.
        told = [*losses.values(), *goals.values(), gradient.sum()]
        *values, total = torch.stack(told).cpu().double().tolist()
        terms = dict(zip(losses, values, strict=False))
        goal = sum(values[len(losses) :]) if math.isfinite(total) else math.nan
        return Evaluation(sum(terms.values()), terms, goal, gradient)

    def refine(self) -> Refined | None:
        """Bring what is minimised closer to the loss, or draw it anew; tell what has changed.

        To be called when the picture last evaluated was accepted.
        """
        refined: Refined | None = None
        for aim in self._relaxed().values():
            if aim.relaxation and aim.residual is not None:
                aim.relaxation.refine(aim.residual)
                refined = "goal"
        renewed = [term.distance.renew() for term in self._of_maps.values()]
        return "loss" if any(renewed) else refined

    def state(self) -> dict[str, Tensor]:
        """Return multipliers, draws and matches by name; `restore` takes them back."""
        state = {name: aim.relaxation.T for name, aim in self._relaxed().items() if aim.relaxation}
        for name, term in self._of_maps.items():
            state |= {f"{name}/{key}": value for key, value in term.distance.state().items()}
        return state

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back a state. Raises `KeyError` or `ValueError` when it does not fit."""
        for name, aim in self._relaxed().items():
            if aim.relaxation:
                T = state[name]
                if T.shape != aim.relaxation.T.shape:
                    raise ValueError(f"multipliers of shape {tuple(T.shape)} for {name}")
                aim.relaxation.T = T.to(aim.relaxation.T)
        for name, term in self._of_maps.items():
            own = f"{name}/"
            term.distance.restore(
                {
                    key.removeprefix(own): value
                    for key, value in state.items()
                    if key.startswith(own)
                }
            )

    def _relaxed(self) -> dict[str, GramAim]:
        return {
            name: term.aim
            for name, term in self._terms.items()
            if isinstance(term, StyleTerm) and isinstance(term.aim, GramAim)
        }

    def _features(self, image: Tensor, gradient: Tensor) -> dict[str, Finished]:
        """Return what follows from the features and add the gradient to ``gradient``."""
        _, _, height, width = image.shape
        wrap = bool(self._margin)
        tiles = split(height, width, self._tile, self._layers, wrap=wrap) if self._layers else ()
        seen = wrapped(image, self._margin) if wrap else image
        into = torch.zeros_like(seen) if wrap else gradient
        trace = None
        totals: dict[str, Tensor] = {}
        maps: dict[str, Tensor] = {PIXELS: image}
        for tile in tiles:
            if len(tiles) == 1:
                trace = self._net.trace(tile.cut(seen), self._layers)
                features = trace.features
            else:
                features = self._net(tile.cut(seen), self._layers)
            for name in self._maps:
                put(maps, name, features[name], tile, image.shape)
            for name, term in self._terms.items():
                F = tile.own(features[term.layer], vgg.layer(term.layer).stride)
                statistic = term.accumulate(F, tile)
                totals[name] = totals[name] + statistic if name in totals else statistic
            del features
        finished = {}
        for name, term in self._terms.items():
            finished[name] = term.finish(totals[name], vgg.positions(image, term.layer))
        slopes = {name: found.slope for name, found in finished.items()}
        of_maps: dict[str, Tensor] = {}
        for name, whole in self._of_maps.items():
            loss, found = whole.finish(maps)
            finished[name] = Finished(loss, loss, loss)
            for layer, slope in found.items():
                of_maps[layer] = of_maps[layer] + slope if layer in of_maps else slope
        del maps
        if PIXELS in of_maps:
            gradient.add_(of_maps[PIXELS])
        for tile in tiles:
            trace = trace or self._net.trace(tile.cut(seen), self._layers)
            tile.cut(into).add_(trace.backward(self._pull_at(tile, slopes, of_maps)))
            trace = None
        if wrap:
            gradient.add_(unwrapped(into, self._margin))
        return finished

    def _pull_at(
        self, tile: Tile, slopes: Mapping[str, Tensor], of_maps: Mapping[str, Tensor]
    ) -> vgg.Pull:
        def pull(layer: str, F: Tensor, g: Tensor | None) -> Tensor:
            stride = vgg.layer(layer).stride
            own = tile.own(F, stride)
            if g is None:
                g = torch.zeros_like(F)
            into = tile.own(g, stride)
            for name, term in self._terms.items():
                if term.layer == layer:
                    term.pull_(into, own, tile, slopes[name])
            if layer in of_maps:
                into.add_(tile.part(of_maps[layer], stride))
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

    def refine(self) -> Refined | None:
        """As `Objective.refine`."""
        return self._objective.refine()

    def state(self) -> dict[str, Tensor]:
        """As `Objective.state`."""
        return self._objective.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """As `Objective.restore`."""
        self._objective.restore(state)


def put(maps: dict[str, Tensor], name: str, F: Tensor, tile: Tile, shape: Sequence[int]) -> None:
    """Put a tile's own features of a layer into the map of the whole picture."""
    stride = vgg.layer(name).stride
    height, width = shape[2] // stride, shape[3] // stride
    own = tile.own(F, stride)
    if own.shape[2:] == (height, width):
        maps[name] = own
        return
    if name not in maps:
        whole = F.new_empty(1, F.shape[1], height, width)
        maps[name] = whole.contiguous(memory_format=torch.channels_last)
    tile.part(maps[name], stride).copy_(own)
