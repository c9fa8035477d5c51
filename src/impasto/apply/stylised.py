"""What a network makes of a photo."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from impasto.apply.canvas import Samples, eight_bits, floats
from impasto.images import save_picture
from impasto.images.picture import Floats
from impasto.options import SaveOptions


@dataclass(frozen=True, eq=False, repr=False)
class Stylised:
    """A stylised picture.

    ``samples`` is (height, width, 3), RGB in sRGB: uint8 where a uint8 array of RGB was stylised
    at its own size, else float32 in [0, 1]. ``alpha`` is the photo's own transparency, float32
    (height, width), or None. ``recipe`` says how it was made, as plain data.
    """

    samples: Samples
    alpha: Floats | None
    recipe: Mapping[str, Any]

    @property
    def rgb(self) -> Floats:
        """The picture as float32 (height, width, 3), sRGB values in [0, 1]."""
        return floats(self.samples)

    @cached_property
    def image(self) -> Image.Image:
        """The picture as an 8-bit PIL image, RGB or RGBA."""
        colours = eight_bits(self.samples)
        if self.alpha is not None:
            colours = np.dstack([colours, eight_bits(self.alpha)])
        return Image.fromarray(colours)

    def save(self, path: str | Path, **options: Any) -> None:
        """Write the picture with its recipe; the extension chooses the format.

        ``options`` are the fields of `SaveOptions`: ``jpeg_quality``, ``bits``. Raises
        `OutputError`.
        """
        saving = SaveOptions.from_dict(options)
        recipe = {**self.recipe, "save": saving.to_dict()}
        save_picture(self.samples, path, options=saving, alpha=self.alpha, recipe=recipe)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Be ``rgb`` to NumPy."""
        if copy is False and (self.samples.dtype == np.uint8 or dtype not in (None, np.float32)):
            raise ValueError("the picture cannot be had as such an array without a copy")
        return np.array(self.rgb, dtype=dtype, copy=copy)

    def _repr_png_(self) -> bytes:
        """Show itself in a notebook."""
        data = io.BytesIO()
        self.image.save(data, "PNG")
        return data.getvalue()

    def __repr__(self) -> str:
        """Size and styles."""
        height, width, _ = self.samples.shape
        shares = ", ".join(f"{name}:{share:g}" for name, share in self.recipe["shares"].items())
        return f"<Stylised {width}x{height}, {shares}>"
