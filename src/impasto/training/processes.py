"""Training in several processes: each handles part of every batch, and all take the same step."""

from __future__ import annotations

from torch import Tensor
from torch import distributed as dist

from impasto.errors import ImpastoError


class Processes:
    """The processes of a distributed training, or a single one."""

    def __init__(self) -> None:
        self._several = dist.is_available() and dist.is_initialized()
        self.world = dist.get_world_size() if self._several else 1
        self.rank = dist.get_rank() if self._several else 0

    def average(self, message: Tensor) -> None:
        """Average a tensor over all processes, in place. Raises `ImpastoError` if one has ended."""
        if not self._several:
            return
        try:
            dist.all_reduce(message)
        except RuntimeError as error:
            raise ImpastoError("another process of the training has ended") from error
        message /= self.world
