"""Content losses, one file each."""

from impasto.losses.contents import half_sum, mean, self_similarity
from impasto.losses.declaration import ContentLoss
from impasto.plugins import Plugins

CONTENT_LOSSES = Plugins(
    "impasto.content_losses", ContentLoss, mean.LOSS, half_sum.LOSS, self_similarity.LOSS
)
"""Every content loss by its name."""
