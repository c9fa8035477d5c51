"""Mean squared error of features: mean (F - P)².

Gatys 2016, equation 1, as a mean instead of half the sum, so that it is independent of the size;
this is the form in the authors' own code.
"""

from __future__ import annotations

from impasto.losses.declaration import ContentLoss
from impasto.losses.targets import Targets
from impasto.losses.terms import SquaredTerm


def terms(targets: Targets, *, mean: bool = True) -> dict[str, SquaredTerm]:
    """Return a term for each layer."""
    layers = targets.options.weighted_layers("content")
    P = targets.maps(targets.content, list(layers))
    return {name: SquaredTerm(name, weight, P[name], mean) for name, weight in layers.items()}


LOSS = ContentLoss("mean", "mean squared differences of features", terms)
