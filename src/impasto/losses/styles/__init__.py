"""Style losses, one file each, from the equation to the defaults."""

from impasto.losses.declaration import StyleLoss
from impasto.losses.styles import emd, gram, histogram, nearest, sliced, wasserstein
from impasto.plugins import Plugins

STYLE_LOSSES = Plugins(
    "impasto.style_losses",
    StyleLoss,
    gram.LOSS,
    wasserstein.LOSS,
    histogram.LOSS,
    sliced.LOSS,
    nearest.LOSS,
    emd.LOSS,
)
"""Every style loss by its name."""
