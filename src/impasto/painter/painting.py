"""The result of a painter."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.events import Losses
from impasto.images import save_picture
from impasto.options import SaveOptions


@dataclass(frozen=True, eq=False)
class Painting:
    """A finished painting, or one in progress.

    ``rgb`` is float32 (height, width, 3), sRGB values in [0, 1]; ``alpha`` is the transparency of
    the photo at that size, or None; ``losses`` has one row per step; ``recipe`` is what `rerun`
    needs.
    """

    rgb: NDArray[np.float32]
    alpha: NDArray[np.float32] | None
    losses: tuple[Losses, ...]
    recipe: Mapping[str, Any]

    @cached_property
    def image(self) -> Image.Image:
        """The painting as an 8-bit PIL image, RGB or RGBA."""
        planes = self.rgb if self.alpha is None else np.dstack([self.rgb, self.alpha])
        return Image.fromarray(np.rint(planes * 255).astype(np.uint8))

    def save(self, path: str | Path, **options: Any) -> None:
        """Write the painting with its recipe; the extension chooses the format.

        ``options`` are the fields of `SaveOptions`: ``jpeg_quality``, ``bits``. Raises
        `OutputError`.
        """
        saving = SaveOptions.from_dict(options)
        recipe = {**self.recipe, "save": saving.to_dict()}
        save_picture(self.rgb, path, options=saving, alpha=self.alpha, recipe=recipe)

    def _repr_png_(self) -> bytes:
        """Return a PNG for notebooks."""
        data = io.BytesIO()
        self.image.save(data, "PNG")
        return data.getvalue()

    def __repr__(self) -> str:
        """Return size, steps and loss."""
        height, width, _ = self.rgb.shape
        loss = f", loss {self.losses[-1].loss:.5g}" if self.losses else ""
        return f"<Painting {width}x{height}, {len(self.losses)} steps{loss}>"
