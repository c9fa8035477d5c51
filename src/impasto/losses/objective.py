"""The objective: a weighted sum of terms, and its gradient with respect to the picture.

Nearly every term is a function of a statistic that is additive over positions. So the same code
handles the whole picture and a stream of tiles. The statistics are summed over the tiles; then the
loss and its gradient with respect to each statistic are computed; with that gradient fixed, each
tile's part of the gradient with respect to the picture follows. The other terms are functions of
whole feature maps, which are assembled from the tiles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from impasto.losses import functional
from impasto.losses.targets import put_tile
from impasto.losses.terms import PIXELS, MapTerm, Refined, Stateful, Term, Value
from impasto.nets.feature_net import VJP, FeatureNet
from impasto.nets.tiles import Tile, split, unwrapped, wrapped

# Total variation is computed in pixel levels, the unit of the original VGG's input.
_LEVELS = 255.0


@dataclass(frozen=True)
class Evaluation:
    """The objective at one picture: the loss, its weighted terms, the surrogate and its gradient.

    ``terms`` maps "content relu4_2", "style relu1_1", ..., "tv" to numbers that add up to
    ``loss``. ``surrogate`` is the function to minimise, and ``gradient``, of the picture's shape,
    is its gradient; it equals the loss unless style terms are relaxed. If the gradient is not
    finite, the surrogate is NaN.
    """

    loss: float
    terms: Mapping[str, float]
    surrogate: float
    gradient: Tensor

    def group(self, kind: str) -> float:
        """Sum the terms of one kind: "content", "style" or "tv"."""
        return sum(value for name, value in self.terms.items() if name.split()[0] == kind)


class Criterion(Protocol):
    """The function that an engine minimises; see `Objective`."""

    def evaluate(self, image: Tensor) -> Evaluation:
        """Return loss, terms and gradient at (1, 3, h, w) RGB in [0, 1]."""

    def refine(self) -> Refined | None:
        """Refine the surrogate, or draw new samples; return what has changed."""

    def state(self) -> dict[str, Tensor]:
        """Return the state for `restore`."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore a state."""


class Objective:
    """The weighted sum of content, style and total variation terms of one picture size.

    Total loss of Gatys 2016, equation 7: α L_content + β L_style, plus total variation.
    ``terms`` have their reported names. ``tile`` is the side of the tiles in pixels, or None for
    the whole picture at once, which is faster if memory allows: tiles are computed twice, and their
    margins several times. With ``wrap``, the picture is periodic: beyond each edge follows the
    opposite edge.
    """

    def __init__(
        self,
        net: FeatureNet,
        terms: Mapping[str, Term],
        tv_weight: float,
        *,
        tile: int | None = None,
        wrap: bool = False,
    ) -> None:
        self._net = net
        self._additive = {k: term for k, term in terms.items() if not isinstance(term, MapTerm)}
        self._of_maps = {k: term for k, term in terms.items() if isinstance(term, MapTerm)}
        maps = [name for term in self._of_maps.values() for name in term.loss.layers]
        self._maps = [name for name in dict.fromkeys(maps) if name != PIXELS]
        layers = [*(term.layer for term in self._additive.values()), *self._maps]
        self._layers = list(dict.fromkeys(layers))
        self._tv_weight = tv_weight
        self._tile = tile
        self._margin = net.geometry.margin(self._layers) if wrap and self._layers else 0

    @torch.no_grad()
    def evaluate(self, image: Tensor) -> Evaluation:
        """Return loss, terms and gradient at (1, 3, h, w) RGB in [0, 1]."""
        losses: dict[str, Tensor] = {}
        surrogates: list[Tensor] = []
        gradient = torch.zeros_like(image, memory_format=torch.contiguous_format)
        for name, term in self._features(image, gradient).items():
            losses[name] = term.loss
            surrogates.append(term.surrogate)
        if self._tv_weight:
            weight = self._tv_weight * _LEVELS**2
            losses["tv"] = weight * functional.total_variation(image)
            surrogates.append(losses["tv"])
            functional.total_variation_backward_(gradient, image, weight)
        # A single transfer from the device: NaN and infinity show up in the sum.
        scalars = torch.stack([*losses.values(), *surrogates, gradient.sum()])
        *values, total = scalars.cpu().double().tolist()
        terms = dict(zip(losses, values, strict=False))
        surrogate = sum(values[len(losses) :]) if math.isfinite(total) else math.nan
        return Evaluation(sum(terms.values()), terms, surrogate, gradient)

    def refine(self) -> Refined | None:
        """Refine the surrogate, or draw new samples; return what has changed.

        Call it only after the last evaluated picture was accepted.
        """
        refined = {loss.refine() for loss in self._losses.values()}
        return "loss" if "loss" in refined else "surrogate" if "surrogate" in refined else None

    def state(self) -> dict[str, Tensor]:
        """Return the state for `restore`: multipliers, draws and matches by name."""
        return {
            f"{name}/{key}": value
            for name, loss in self._losses.items()
            for key, value in loss.state().items()
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore a state. Raises `KeyError` or `ValueError` if it does not fit."""
        for name, loss in self._losses.items():
            own = f"{name}/"
            loss.restore({k.removeprefix(own): v for k, v in state.items() if k.startswith(own)})

    @property
    def _losses(self) -> dict[str, Stateful]:
        terms: dict[str, Term] = {**self._additive, **self._of_maps}
        return {name: term.loss for name, term in terms.items()}

    def _features(self, image: Tensor, gradient: Tensor) -> dict[str, Value]:
        """Return the values of all terms on features, and add their gradient to ``gradient``."""
        _, _, height, width = image.shape
        geometry = self._net.geometry if self._layers else None
        wrap = bool(self._margin)
        tiles = (
            split(height, width, self._tile, geometry, self._layers, wrap=wrap) if geometry else ()
        )
        source = wrapped(image, self._margin) if wrap else image
        into = torch.zeros_like(source) if wrap else gradient
        trace = None
        totals: dict[str, Tensor] = {}
        maps: dict[str, Tensor] = {PIXELS: image}
        for tile in tiles:
            if len(tiles) == 1:
                trace = self._net.trace(tile.cut(source), self._layers)
                features = trace.features
            else:
                features = self._net(tile.cut(source), self._layers)
            for name in self._maps:
                put_tile(maps, name, features[name], tile, image.shape, self._stride(name))
            for name, term in self._additive.items():
                stride = self._stride(term.layer)
                F = tile.own(features[term.layer], stride)
                statistic = term.accumulate(F, tile.parts(stride))
                totals[name] = totals[name] + statistic if name in totals else statistic
            del features
        values = {}
        for name, term in self._additive.items():
            positions = self._net.geometry.positions(image, term.layer)
            values[name] = term.finish(totals[name], positions)
        gradients = {name: value.gradient for name, value in values.items()}
        of_maps: dict[str, Tensor] = {}
        for name, whole in self._of_maps.items():
            loss, found = whole.finish(maps)
            values[name] = Value(loss, loss, loss)
            for layer, D in found.items():
                of_maps[layer] = of_maps[layer] + D if layer in of_maps else D
        del maps
        if PIXELS in of_maps:
            gradient.add_(of_maps[PIXELS])
        for tile in tiles:
            trace = trace or self._net.trace(tile.cut(source), self._layers)
            tile.cut(into).add_(trace.backward(self._vjp_at(tile, gradients, of_maps)))
            trace = None
        if wrap:
            gradient.add_(unwrapped(into, self._margin))
        return values

    def _vjp_at(
        self, tile: Tile, gradients: Mapping[str, Tensor], of_maps: Mapping[str, Tensor]
    ) -> VJP:
        def vjp(layer: str, F: Tensor, g: Tensor | None) -> Tensor:
            stride = self._stride(layer)
            own = tile.own(F, stride)
            if g is None:
                g = torch.zeros_like(F)
            into = tile.own(g, stride)
            for name, term in self._additive.items():
                if term.layer == layer:
                    term.vjp_(into, own, tile.parts(stride), gradients[name])
            if layer in of_maps:
                into.add_(tile.part(of_maps[layer], stride))
            return g

        return vjp

    def _stride(self, layer: str) -> int:
        return self._net.geometry.layer(layer).stride


class MaskedObjective:
    """An objective for pictures that are partly frozen.

    It evaluates m z + (1 - m) x₀ for the optimiser's picture z, with ``mask`` m (1, 1, h, w) in
    [0, 1] and ``picture`` x₀ (1, 3, h, w). Where m is 0, nothing changes.
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
