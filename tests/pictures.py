"""Small versions of the sample paintings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.samples import painting as sample


def painting(name: str, width: int, height: int) -> NDArray[np.uint8]:
    """Return a sample painting at another size."""
    whole = Image.fromarray(sample(name))
    return np.asarray(whole.resize((width, height), Image.Resampling.LANCZOS))
