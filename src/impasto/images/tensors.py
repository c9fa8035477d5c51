"""Conversion between arrays and tensors."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_tensor(rgb: NDArray[np.float32], device: str | torch.device = "cpu") -> Tensor:
    """Copy float32 RGB (H, W, 3) in [0, 1] to a float32 tensor (1, 3, H, W) in [0, 1]."""
    planes = rgb.transpose(2, 0, 1)[None].astype(np.float32, order="C", copy=True)
    return torch.from_numpy(planes).to(device)


def to_array(tensor: Tensor) -> NDArray[np.float32]:
    """Copy a tensor (1, 3, H, W) to float32 RGB (H, W, 3), clipped to [0, 1]."""
    n, _, _, _ = tensor.shape
    if n != 1:
        raise ValueError(f"one picture at a time: got a batch of {n}")
    planes = tensor.detach()[0].to(device="cpu", dtype=torch.float32)
    array = np.empty((*planes.shape[1:], len(planes)), np.float32)
    for channel, plane in enumerate(planes):  # one at a time, to save memory
        array[:, :, channel] = plane.clamp(0, 1).numpy()
    return array
