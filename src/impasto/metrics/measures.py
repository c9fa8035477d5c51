"""The measures of a picture as data: their names and what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """One measure of a picture.

    ``title`` is its name, ``heading`` the same name broken for a narrow column; ``better`` is
    "lower" or "higher".
    """

    name: str
    title: str
    heading: str
    better: str
    meaning: str

    @property
    def arrow(self) -> str:
        """An arrow that points to better values."""
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
        "how far relu4_2 features are from the photo's: 0 is the same, 1 as far as all zeros",
    ),
    Measure(
        "vgg_style",
        "style loss",
        "style\nloss",
        "lower",
        "how far Gram matrices are from the painting's: close to what impasto paint minimises",
    ),
    Measure(
        "sliced_wasserstein",
        "sliced W₂²",
        "sliced\nW₂²",
        "lower",
        "how far the whole distribution of features is from the painting's, not just its Gram",
    ),
    Measure(
        "ssim",
        "SSIM",
        "SSIM",
        "higher",
        "how much of the photo's light and dark is still in place: 1 is all of it",
    ),
    Measure(
        "self_similarity",
        "self-similarity",
        "self-\nsimi-\nlarity",
        "lower",
        "how far parts that look alike in the photo have stopped looking alike",
    ),
    Measure(
        "colour_to_painting",
        "painting colours",
        "painting\ncolours",
        "lower",
        "how far colours have to move to match the painting's, in CIELAB; 2.3 is just visible",
    ),
    Measure(
        "colour_to_photo",
        "photo colours",
        "photo\ncolours",
        "lower",
        "how far colours have to move to match the photo's, in CIELAB",
    ),
    Measure(
        "sharpness",
        "sharpness",
        "sharp-\nness",
        "higher",
        "fine detail relative to the photo: below 1 is softer; noise and hatching count too",
    ),
)
"""All measures, in the order of the table's columns."""

NAMES = tuple(measure.name for measure in MEASURES)
"""Their names, in that order."""

Measured = Mapping[str, float]
"""The measures of one picture, by name."""
