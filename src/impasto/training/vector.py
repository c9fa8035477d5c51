"""All trained parameters as one vector, updated by Adam."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_BETAS, _EPSILON = (0.9, 0.999), 1e-8

_LARGEST = 20.0
"""The largest norm of a gradient; larger ones are clipped."""

_AVERAGE = 0.999
"""The decay of the moving average of the values, after the first steps."""


class Vector:
    """Turns parameters and their gradients into views of two vectors.

    So a single operation updates, averages or measures all of them, and a single message carries
    them. ``free`` is 1 where values may change and 0 elsewhere, by name; parameters that it does
    not name are free. ``notes`` is the number of values in `notes`, which are sent along with the
    gradient. ``average`` is the decay of the moving average.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        free: Mapping[str, Tensor],
        notes: int = 0,
        average: float = _AVERAGE,
    ) -> None:
        self._keeps = average
        self._shapes = {name: parameter.shape for name, parameter in parameters.items()}
        self.values = torch.cat([p.detach().flatten() for p in parameters.values()])
        ones = (free.get(name, torch.ones_like(p)) for name, p in parameters.items())
        self._free = torch.cat([part.detach().flatten() for part in ones])
        count = len(self.values)
        self.message = self.values.new_zeros(count + notes)
        self.gradient, self.notes = self.message[:count], self.message[count:]
        views = zip(self.split(self.values), self.split(self.gradient), strict=True)
        for parameter, (value, gradient) in zip(parameters.values(), views, strict=True):
            parameter.data, parameter.grad = value, gradient
        self.average = self.values.clone()
        self._first, self._second = (torch.zeros_like(self.values) for _ in range(2))
        self._taken = self.values.new_zeros(())

    def split(self, vector: Tensor) -> list[Tensor]:
        """Split a vector into views with the shapes of the parameters."""
        parts = torch.split(vector, [shape.numel() for shape in self._shapes.values()])
        return [part.view(s) for part, s in zip(parts, self._shapes.values(), strict=True)]

    def averages(self) -> dict[str, Tensor]:
        """Return the moving averages of the parameters, by name."""
        return dict(zip(self._shapes, self.split(self.average), strict=True))

    def forget(self) -> None:
        """Reset the gradient and the notes to zero."""
        self.message.zero_()

    @torch.no_grad()
    def hold(self) -> None:
        """Set the gradient of fixed values to zero."""
        self.gradient.mul_(self._free)

    @torch.no_grad()
    def step(self, rate: float, step: int) -> Tensor:
        """Update the values; return whether the gradient was finite. If not, nothing changes.

        Adam (Kingma and Ba 2015, algorithm 1). Nothing here waits for the device.
        """
        (b1, b2), g = _BETAS, self.gradient
        norm = torch.linalg.vector_norm(g)
        finite = norm.isfinite()
        g = g * (_LARGEST / norm).clamp(max=1)
        self._taken += finite
        first = torch.lerp(self._first, g, 1 - b1)
        second = torch.lerp(self._second, g.square(), 1 - b2)
        m, v = first / (1 - b1**self._taken), second / (1 - b2**self._taken)
        moved = self.values - rate * m / (v.sqrt() + _EPSILON)
        for old, new in (
            (self._first, first), (self._second, second), (self.values, moved),
        ):  # fmt: skip
            old.copy_(torch.where(finite, new, old))
        self.average.lerp_(self.values, 1 - min(self._keeps, (1 + step) / (10 + step)))
        moved_at_all: Tensor = finite
        return moved_at_all

    def state(self) -> dict[str, Tensor]:
        """Return everything that `restore` needs to continue exactly."""
        return {
            "values": self.values,
            "average": self.average,
            "first": self._first,
            "second": self._second,
            "taken": self._taken,
        }

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore the result of `state`, from a vector of the same parameters."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])
