"""What is measured of a picture, as data: what each number is called and what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """One number of a picture.

    ``title`` is what it is called, ``heading`` the same as a narrow column has it; ``better`` is
    "lower" or "higher".
    """

    name: str
    title: str
    heading: str
    better: str
    meaning: str

    @property
    def arrow(self) -> str:
        """An arrow to where it is better."""
        return "↓" if self.better == "lower" else "↑"

    def best(self, values: Sequence[float]) -> float:
        """Return the best of some values."""
        return min(values) if self.better == "lower" else max(values)


MEASURES = (
    Measure(
        "vgg_content",
        "content loss",
        "content\nloss",
        "lower",
        "how far relu4_2 features are from the photo's: 0 the same, 1 as far as from nothing",
    ),
    Measure(
        "vgg_style",
        "style loss",
        "style\nloss",
        "lower",
        "how far Gram matrices are from the painting's: much the loss that impasto paint lowers",
    ),
    Measure(
        "sliced_wasserstein",
        "sliced W₂²",
        "sliced\nW₂²",
        "lower",
        "how far the whole distribution of features is from the painting's, not only its Gram",
    ),
    Measure(
        "ssim",
        "SSIM",
        "SSIM",
        "higher",
        "how much of the photo's light and dark is still in its place: 1 is all of it",
    ),
    Measure(
        "self_similarity",
        "self-similarity",
        "self-\nsimi-\nlarity",
        "lower",
        "how far parts that look alike in the photo no longer do, whatever they look like now",
    ),
    Measure(
        "colour_to_painting",
        "painting colours",
        "painting\ncolours",
        "lower",
        "how far colours have to move to be the painting's, in CIELAB; 2.3 is just noticed",
    ),
    Measure(
        "colour_to_photo",
        "photo colours",
        "photo\ncolours",
        "lower",
        "how far colours have to move to be the photo's, in CIELAB",
    ),
    Measure(
        "sharpness",
        "sharpness",
        "sharp-\nness",
        "higher",
        "fine detail over the photo's: below 1 is softer; noise and hatching count as detail",
    ),
)
"""All measures, in the order of the table's columns."""

NAMES = tuple(measure.name for measure in MEASURES)
"""Their names, in that order."""

Measured = Mapping[str, float]
"""The measures of one picture by name."""
