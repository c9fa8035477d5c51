"""From options to a criterion: which terms, on which layers, against which targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from impasto.errors import OptionsError
from impasto.losses import functional
from impasto.options import PaintOptions

Term = Callable[[Mapping[str, Tensor]], Tensor]
"""From the features of a picture by layer name to a weighted scalar."""

_CONTENT_LOSSES = {
    "mean": functional.content_loss,
    "half-sum": functional.content_loss_half_sum,
}

# Total variation is taken of pixel levels, the unit the features of the original VGG come from.
_LEVELS = 255.0


class FeatureNet(Protocol):
    """Whatever gives the features of a picture by layer name."""

    def __call__(self, image: Tensor, names: Sequence[str]) -> Mapping[str, Tensor]:
        """Return features of (1, 3, h, w) RGB in [0, 1]."""


@dataclass(frozen=True)
class Evaluation:
    """The objective at one picture: the loss, its weighted terms, its gradient.

    ``terms`` maps "content relu4_2", "style relu1_1", ..., "tv" to numbers that add up to
    ``loss``; ``gradient`` has the picture's shape.
    """

    loss: float
    terms: Mapping[str, float]
    gradient: Tensor

    def group(self, kind: str) -> float:
        """Sum the terms of one kind: "content", "style" or "tv"."""
        return sum(value for name, value in self.terms.items() if name.split()[0] == kind)


class Objective:
    """The weighted sum of content, style and total variation terms of one picture size.

    Total loss of Gatys 2016, equation 7: α L_content + β L_style, plus total variation.
    """

    def __init__(
        self, net: FeatureNet, layers: Sequence[str], terms: Mapping[str, Term], tv_weight: float
    ) -> None:
        self._net = net
        self._layers = tuple(layers)
        self._terms = dict(terms)
        self._tv_weight = tv_weight

    def terms(self, image: Tensor) -> dict[str, Tensor]:
        """Return the weighted terms at (1, 3, h, w) RGB in [0, 1] as float32 scalars."""
        features = self._net(image, self._layers) if self._layers else {}
        values = {name: term(features) for name, term in self._terms.items()}
        if self._tv_weight:
            values["tv"] = self._tv_weight * functional.total_variation(_LEVELS * image)
        return values

    def evaluate(self, image: Tensor) -> Evaluation:
        """Return loss, terms and gradient at (1, 3, h, w) RGB in [0, 1]."""
        image = image.detach().requires_grad_(True)
        with torch.enable_grad():
            values = self.terms(image)
            total = torch.stack(list(values.values())).sum()
            (gradient,) = torch.autograd.grad(total, image)
        # One transfer from the device for all the terms.
        numbers = torch.stack([value.detach() for value in values.values()]).cpu().double().tolist()
        terms = dict(zip(values, numbers, strict=True))
        return Evaluation(sum(numbers), terms, gradient.contiguous())


@torch.no_grad()
def build(
    options: PaintOptions, net: FeatureNet, content: Tensor, styles: Sequence[Tensor]
) -> Objective:
    """Build the objective of one size.

    ``content`` is (1, 3, h, w) and ``styles`` are (1, 3, h', w'), RGB in [0, 1], on the device of
    the network. Targets are computed once, here. Raises `OptionsError` when the blend does not
    fit the styles.
    """
    shares = blend_shares(options.blend, len(styles))
    terms: dict[str, Term] = {}
    content_layers = {k: w for k, w in options.content_layers if w * options.content_weight > 0}
    style_layers = {k: w for k, w in options.style_layers if w * options.style_weight > 0}
    if content_layers:
        loss = _CONTENT_LOSSES[options.content_loss]
        for name, P in net(content, list(content_layers)).items():
            weight = options.content_weight * content_layers[name]
            terms[f"content {name}"] = _content_term(name, weight, loss, P.float())
    if style_layers:
        targets = [
            {name: functional.gram(F) for name, F in net(style, list(style_layers)).items()}
            for style in styles
        ]
        for name, layer_weight in style_layers.items():
            weight = options.style_weight * layer_weight
            grams = [target[name] for target in targets]
            terms[f"style {name}"] = _style_term(name, weight, shares, grams)
    if not terms and not options.tv_weight:
        raise OptionsError("every layer's weight is 0: nothing to optimise")
    return Objective(net, [*content_layers, *style_layers], terms, options.tv_weight)


def blend_shares(blend: Sequence[float] | None, styles: int) -> list[float]:
    """Return each style's share, adding up to 1. Raises `OptionsError` when the counts differ."""
    if blend is None:
        return [1 / styles] * styles
    if len(blend) != styles:
        raise OptionsError(f"--blend has {len(blend)} shares, but {styles} styles were given")
    largest = max(blend)  # first, so that no sum overflows
    shares = [share / largest for share in blend]
    return [share / sum(shares) for share in shares]


def _content_term(
    name: str, weight: float, loss: Callable[[Tensor, Tensor], Tensor], P: Tensor
) -> Term:
    return lambda features: weight * loss(features[name], P)


def _style_term(name: str, weight: float, shares: list[float], targets: list[Tensor]) -> Term:
    def term(features: Mapping[str, Tensor]) -> Tensor:
        G = functional.gram(features[name])
        losses = [
            share * functional.style_loss(G, A) for share, A in zip(shares, targets, strict=True)
        ]
        return weight * torch.stack(losses).sum()

    return term
