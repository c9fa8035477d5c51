"""Gram matrices, and the histogram of every channel (Risser et al. 2017, arXiv:1701.08893).

Equation 8: histograms are matched by sorted values, which is the sliced Wasserstein distance along
the axes.
"""

from __future__ import annotations

from impasto.losses.declaration import StyleLoss, Terms
from impasto.losses.styles import gram
from impasto.losses.styles.sliced import Sliced
from impasto.losses.targets import Targets
from impasto.losses.terms import MapTerm

_SHARE = 2e6
"""The weight of histograms relative to Gram matrices, times the weight of the style."""


def terms(targets: Targets) -> Terms:
    """Return the terms of Gram matrices, and one for the histograms of each layer."""
    weight = targets.options.style_weight * _SHARE / len(targets.layers)
    return {
        **gram.terms(targets),
        **{
            f"{name} histogram": MapTerm(weight, Sliced.of(targets, name, number, axes=True))
            for number, name in enumerate(targets.layers)
        },
    }


LOSS = StyleLoss(
    "histogram",
    "Gram matrices and the histogram of every channel",
    terms,
    "Risser et al. 2017, arXiv:1701.08893",
    whole_maps=True,
    layers=gram.LAYERS,
    suits="like gram, with fewer faded patches",
)
