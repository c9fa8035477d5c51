"""The result of stylising a photo."""

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

from impasto.images import save_picture
from impasto.images.picture import Floats, Samples, eight_bits, floats
from impasto.options import SaveOptions


@dataclass(frozen=True, eq=False, repr=False)
class Stylised:
    """A stylised picture.

    ``samples`` is (height, width, 3), RGB in sRGB: uint8 if 8 bits were requested, or if a uint8
    array of RGB was stylised at its own size; else float32 in [0, 1]. ``transparency`` is that of
    the photo, (height, width), uint8 or float32, or None. ``recipe`` records how the picture was
    made, as plain data.
    """

    samples: Samples
    transparency: Samples | None
    recipe: Mapping[str, Any]

    @property
    def rgb(self) -> Floats:
        """The picture as float32 (height, width, 3), sRGB values in [0, 1]."""
        return floats(self.samples)

    @property
    def alpha(self) -> Floats | None:
        """The photo's transparency as float32 (height, width) in [0, 1], or None."""
        return None if self.transparency is None else floats(self.transparency)

    @cached_property
    def image(self) -> Image.Image:
        """The picture as an 8-bit PIL image, RGB or RGBA."""
        colours = eight_bits(self.samples)
        if self.transparency is not None:
            colours = np.dstack([colours, eight_bits(self.transparency)])
        return Image.fromarray(colours)

    def save(self, path: str | Path, **options: Any) -> None:
        """Write the picture with its recipe; the extension chooses the format.

        ``options`` are the fields of `SaveOptions`: ``jpeg_quality``, ``bits``. Raises
        `OutputError`.
        """
        saving = SaveOptions.from_dict(options)
        recipe = {**self.recipe, "save": saving.to_dict()}
        save_picture(self.samples, path, options=saving, alpha=self.transparency, recipe=recipe)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Convert to NumPy as ``rgb``."""
        if copy is False and (self.samples.dtype == np.uint8 or dtype not in (None, np.float32)):
            raise ValueError("the picture cannot be converted to this type without a copy")
        return np.array(self.rgb, dtype=dtype, copy=copy)

    def _repr_png_(self) -> bytes:
        """Return a PNG file, which notebooks display."""
        data = io.BytesIO()
        self.image.save(data, "PNG")
        return data.getvalue()

    def __repr__(self) -> str:
        """Size and styles."""
        height, width, _ = self.samples.shape
        shares = ", ".join(f"{name}:{share:g}" for name, share in self.recipe["shares"].items())
        return f"<Stylised {width}x{height}, {shares}>"
