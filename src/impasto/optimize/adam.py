"""Adam with an ask-and-tell interface."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

from impasto.errors import DivergedError
from impasto.lazy import Tensor, torch
from impasto.optimize.optimizer import OptimizerSpec, State

if TYPE_CHECKING:
    from impasto.options import PaintOptions


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1) with the pixels kept in [0, 1].

    beta2 is 0.99 as in crowsonkb's style-transfer-pytorch: the gradients change fast.
    """

    def __init__(
        self,
        image: Tensor,
        *,
        learning_rate: float,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-30,
    ) -> None:
        self._x = image.detach().clone()
        self._m = torch.zeros_like(self._x)
        self._v = torch.zeros_like(self._x)
        self._t = 0
        self._learning_rate, self._betas, self._eps = learning_rate, betas, eps

    @property
    def image(self) -> Tensor:
        """The picture to evaluate next, (1, 3, h, w)."""
        return self._x

    @property
    def converged(self) -> bool:
        """False: Adam does not compare losses, so it cannot tell."""
        return False

    def tell(self, loss: float, gradient: Tensor) -> str | None:
        """Take the loss and the gradient at `image`, and move.

        If the gradient is not finite, the loss must not be finite either.
        """
        if not math.isfinite(loss):
            raise DivergedError("the loss is not a finite number: lower --learning-rate")
        b1, b2 = self._betas
        self._t += 1
        self._m = torch.lerp(self._m, gradient, 1 - b1)
        self._v = torch.lerp(self._v, gradient.square(), 1 - b2)
        m, v = self._m / (1 - b1**self._t), self._v / (1 - b2**self._t)
        step = m / (v.sqrt() + self._eps)
        self._x = torch.add(self._x, step, alpha=-self._learning_rate).clamp_(0, 1)
        return None

    def rebase(self) -> None:
        """Do nothing: losses are never compared."""

    def inherit(self, coarser: Self) -> None:
        """Enlarge the moments, as crowsonkb's style-transfer-pytorch does."""
        size = self._x.shape[2:]
        self._m = torch.nn.functional.interpolate(
            coarser._m, size=size, mode="bicubic", align_corners=False
        )
        # Bilinear, because an overshoot could make the second moment negative.
        self._v = torch.nn.functional.interpolate(
            coarser._v, size=size, mode="bilinear", align_corners=False
        )
        self._t = coarser._t

    def close(self) -> None:
        """Do nothing: Adam has only two vectors besides the picture."""

    def state(self) -> State:
        """Return what `restore` needs to continue exactly."""
        return {"x": self._x, "m": self._m, "v": self._v, "t": self._t}

    def restore(self, state: State) -> None:
        """Restore a state."""
        self._x, self._m, self._v = (state[name].to(self._x) for name in ("x", "m", "v"))
        self._t = int(state["t"])
        self._check()

    def warm_state(self) -> State:
        """Return the moments."""
        return {"m": self._m, "v": self._v, "t": self._t}

    def warm_start(self, state: State) -> None:
        """Take over the moments."""
        self._m, self._v = (state[name].to(self._x) for name in ("m", "v"))
        self._t = int(state["t"])
        self._check()

    def _check(self) -> None:
        if not self._x.shape == self._m.shape == self._v.shape or self._t < 0:
            raise ValueError("moments of another picture")


def _make(image: Tensor, options: PaintOptions, history: int, compact: bool) -> Adam:  # noqa: ARG001
    return Adam(image, learning_rate=options.learning_rate)


SPEC = OptimizerSpec("adam", "each pixel by the moments of its gradient", _make)
