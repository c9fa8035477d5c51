"""Optimisers of one picture that are asked for a picture and told its loss and gradient.

Each keeps its whole state in `state`, so that a checkpoint can carry it bit for bit.
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
        """Whether no step lowers the loss any more; `image` is then of no use."""

    def tell(self, loss: float, gradient: Tensor) -> str | None:
        """Take loss and gradient at `image` and move on. Returns why it had to step back, if so.

        Where the gradient is not finite, the loss is not to be finite either. Raises
        `DivergedError` when no finite step can be found.
        """

    def rebase(self) -> None:
        """Take note that the loss told next is another one than that told before."""

    def inherit(self, coarser: Self) -> None:
        """Take over what is still of use from the optimiser of a coarser scale."""

    def close(self) -> None:
        """Let go of the memory that only further steps would need."""

    def state(self) -> State:
        """Return all that `restore` needs to go on as if nothing had happened."""

    def restore(self, state: State) -> None:
        """Take back a state."""


@dataclass(frozen=True)
class OptimizerSpec:
    """What an optimiser says of itself.

    ``help`` is one phrase. ``make`` builds one that starts from a picture (1, 3, h, w), for the
    options, with so many pairs of ``history``, in bfloat16 if ``compact``. ``pairs`` says that it
    remembers pairs of vectors, which memory is planned for; ``relaxation`` whether losses are
    relaxed unless the user says otherwise.
    """

    name: str
    help: str
    make: Callable[[Tensor, PaintOptions, int, bool], Optimizer]
    pairs: bool = False
    relaxation: bool = False
