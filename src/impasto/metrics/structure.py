"""The structure of a picture and its sharpness, compared with the photo."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.metrics import structural_similarity
from torch import Tensor
from torch.nn import functional as F

from impasto.images.color import luma

_LEAST = 1e-8
"""Added to variances before dividing: that of a flat picture is 0."""

SSIM_WINDOW = 11
"""The shortest side, in pixels, that SSIM can be computed for."""


def ssim(rgb: NDArray[np.float32], photo: NDArray[np.float32]) -> float:
    """Return the structural similarity of two pictures (H, W, 3) in [0, 1]; 1 if they are equal.

    Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity",
    equation 13, on the luma, with the paper's Gaussian window of 11 pixels, by scikit-image.
    """
    value = structural_similarity(  # type: ignore[no-untyped-call]
        luma(photo).astype(np.float64),
        luma(rgb).astype(np.float64),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(value)


def sharpness(rgb: NDArray[np.float32]) -> float:
    """Return the variance of the Laplacian of a picture's luma, (H, W, 3) in [0, 1].

    Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy", with the Laplacian
    of four neighbours. Noise counts as detail.
    """
    return float(ndimage.laplace(luma(rgb).astype(np.float64), mode="reflect").var())


def relative_sharpness(rgb: NDArray[np.float32], photo: NDArray[np.float32]) -> float:
    """Return the `sharpness` of a picture divided by the photo's; both have the same size."""
    return (sharpness(rgb) + _LEAST) / (sharpness(photo) + _LEAST)


def grid(height: int, width: int, count: int) -> Tensor:
    """Return at most ``count`` positions spread evenly over a picture: (rows, columns, 2), x first.

    They are the centres of equal, roughly square cells, in the coordinates of `sample`.
    """
    rows = max(1, min(height, count, int((count * height / width) ** 0.5)))
    columns = max(1, min(width, count // rows))
    y = (torch.arange(rows) * 2 + 1) / rows - 1
    x = (torch.arange(columns) * 2 + 1) / columns - 1
    return torch.stack([x.expand(rows, -1), y[:, None].expand(-1, columns)], dim=2)


def sample(features: Tensor, positions: Tensor) -> Tensor:
    """Return features (1, c, h, w) at positions (rows, columns, 2), interpolated: (n, c).

    -1 and 1 are the outer edges of the picture.
    """
    found = F.grid_sample(
        features.float().cpu(),
        positions[None],
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return found[0].flatten(1).T
