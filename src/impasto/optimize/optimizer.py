"""The interface of optimisers: ask for a picture, tell its loss and gradient.

`Optimizer.state` is the complete state, so that a checkpoint can store it bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from impasto.lazy import Tensor

if TYPE_CHECKING:
    from impasto.options import PaintOptions

State = dict[str, Any]
"""Tensors and plain numbers by name."""


class Optimizer(Protocol):
    """Moves a picture towards a lower loss."""

    @property
    def image(self) -> Tensor:
        """The picture to evaluate next, (1, 3, h, w)."""

    @property
    def converged(self) -> bool:
        """Whether no step lowers the loss any more; `image` is then meaningless."""

    def tell(self, loss: float, gradient: Tensor) -> str | None:
        """Take the loss and the gradient at `image`, and move.

        If the gradient is not finite, the loss must not be finite either. Returns the reason if the
        last step was undone, else None. Raises `DivergedError` if no step has a finite loss.
        """

    def rebase(self) -> None:
        """Note that the objective has changed: the next loss cannot be compared with the last."""

    def inherit(self, coarser: Self) -> None:
        """Reuse the state of the optimiser of a coarser scale, where possible."""

    def close(self) -> None:
        """Free the memory that only further steps would need."""

    def state(self) -> State:
        """Return what `restore` needs to continue exactly."""

    def restore(self, state: State) -> None:
        """Restore a state."""

    def warm_state(self) -> State:
        """Return what `warm_start` needs to continue about as well: a small state, no picture."""

    def warm_start(self, state: State) -> None:
        """Take over a `warm_state` before the first `tell`."""


@dataclass(frozen=True)
class OptimizerSpec:
    """The declaration of an optimiser.

    ``help`` is one phrase. ``make(image, options, history, compact)`` builds an optimiser that
    starts from a picture (1, 3, h, w), with ``history`` pairs of vectors, in bfloat16 if
    ``compact``. ``pairs``: it stores such pairs, so memory is planned for them. ``relaxation``: the
    default of the option of that name.
    """

    name: str
    help: str
    make: Callable[[Tensor, PaintOptions, int, bool], Optimizer]
    pairs: bool = False
    relaxation: bool = False
