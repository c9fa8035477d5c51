"""½ Σ (F - P)²: Gatys, Ecker, Bethge 2015 (arXiv:1508.06576), equation 1, to the letter.

It grows with the picture.
"""

from __future__ import annotations

from functools import partial

from impasto.losses.contents.mean import terms
from impasto.losses.declaration import ContentLoss

LOSS = ContentLoss(
    "half-sum",
    "half the sum of squared differences: it grows with the picture",
    partial(terms, mean=False),
)
