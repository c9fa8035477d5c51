"""How finished pictures are measured."""

from __future__ import annotations

from dataclasses import dataclass

from impasto.options.checked import Checked, option
from impasto.options.machine import check_device

LARGEST_MEASURED = 1024
"""The longest side, in pixels, at which pictures are measured; a pixel takes about 2 KB."""


@dataclass(frozen=True, kw_only=True)
class MeasureOptions(Checked):
    """How finished pictures are measured. Compare numbers of the same size and weights only."""

    size: int = option(512, "Long side in pixels to which all pictures are resized.")
    weights: str = option(
        "auto", "VGG-19 weights: auto, original, torchvision, or a file.", metavar="WEIGHTS"
    )
    device: str = option("auto", "auto, cpu, cuda, cuda:N or mps.", metavar="DEVICE")

    def __post_init__(self) -> None:
        """Check the values."""
        self._integer("size", 32, LARGEST_MEASURED)
        for name in ("weights", "device"):
            self._text(name)
        check_device(self.device)
