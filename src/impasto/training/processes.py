"""Training on several processes: each sees a part of every batch, all take the same step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch import distributed as dist


class Processes:
    """The processes that ``torchrun`` started, or this one alone."""

    def __init__(self) -> None:
        self._several = dist.is_available() and dist.is_initialized()
        self.world = dist.get_world_size() if self._several else 1
        self.rank = dist.get_rank() if self._several else 0

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their mean over the processes, in one message."""
        if not self._several or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.world
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def agree(self, value: float) -> float:
        """Return the first process's value, on all of them."""
        if not self._several:
            return value
        told = [value]
        dist.broadcast_object_list(told, src=0)
        return told[0]
