"""Limited-memory BFGS with an ask-and-tell interface."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from impasto.errors import DivergedError
from impasto.lazy import Tensor, torch
from impasto.optimize.history import (
    DeferredScalars,
    VectorRows,
    along,
    difference,
    exact,
    halved,
    inner,
)
from impasto.optimize.optimizer import OptimizerSpec, State
from impasto.optimize.precondition import by_frequency

if TYPE_CHECKING:
    from impasto.options import PaintOptions

_RESTART_AFTER, _MAX_SETBACKS = 4, 12
"""Steps undone in a row before the history is cleared, and before giving up."""

_WARM_PAIRS = 10
"""Pairs in a `LBFGS.warm_state`."""

_FREQUENCY_POWER = {True: 0.25, False: 0.4}
"""The power of the preconditioner, with and without relaxation (others: benchmarks/README.md)."""


class LBFGS:
    """Limited-memory BFGS (Nocedal and Wright 2006, section 7.2) with a preconditioner.

    The inverse Hessian is kept in the compact form of Byrd, Nocedal and Schnabel 1994 (theorem
    2.2): with s and y as the rows of S and Y, and R the upper triangle of S Yᵀ,

        R α = S g,   r = γ P (g - Yᵀ α),   Rᵀ w = diag(R) α - Y r,   d = -(r + Sᵀ w).

    It equals the two-loop recursion but reads the history in four large products. P is
    ``precondition`` (symmetric, positive; may work in place), γ = sᵀy / yᵀPy of the last step. Each
    step costs one evaluation. A step that raises the loss or is not finite is undone and shortened;
    if shortening does not help, the history is cleared. ``compact`` stores the history in bfloat16.
    With ``bounded``, pixels stay in [0, 1], the range of a file: pixels at a bound whose gradient
    points beyond it are fixed, and steps are clipped at the bounds (projected quasi-Newton;
    Bertsekas 1982, "Projected Newton Methods for Optimization Problems with Simple Constraints").

    On a GPU, no step waits for scalars: decisions that need them are made one step later, when the
    next loss has arrived anyway. There a pair without curvature gets no weight, and a direction
    that does not descend is detected only after its step.
    """

    def __init__(
        self,
        image: Tensor,
        *,
        history: int = 100,
        precondition: Callable[[Tensor], Tensor] = lambda gradient: gradient,
        first_step: float = 8 / 255,
        compact: bool = False,
        bounded: bool = False,
    ) -> None:
        self._shape = image.shape
        self._bounded = bounded
        self._precondition_image = precondition
        self._history = history
        self._first_step = first_step
        self._x = image.detach().clone().contiguous().flatten()  # the next to evaluate
        if bounded:
            self._x.clamp_(0, 1)
        dtype = torch.bfloat16 if compact else self._x.dtype
        self._S, self._Y = VectorRows(history, self._x, dtype), VectorRows(history, self._x, dtype)
        self._waits = not self._x.is_cuda  # for scalars, before the next step
        self._rows: list[int] = []  # by age, like the rows of the following
        self._R = self._Sg = self._curved = self._x
        self._clear_history()
        self._gamma = exact(self._x.new_ones(()))
        self._base: Tensor | None = None  # the last picture accepted
        self._base_gradient = self._direction = self._x.new_empty(0)
        self._base_loss = math.inf
        self._slope = self._gamma  # of the loss along the direction
        self._expected = DeferredScalars(self._slope, self._slope)
        self._length = 1.0
        self._setbacks = 0
        self._rebased = False

    @property
    def image(self) -> Tensor:
        """The picture to evaluate next, (1, 3, h, w)."""
        return self._x.view(self._shape)

    @property
    def converged(self) -> bool:
        """Whether no step lowers the loss any more."""
        return self._setbacks > _MAX_SETBACKS

    def tell(self, loss: float, gradient: Tensor) -> str | None:
        """Take the loss and the gradient at `image`, and move.

        If the gradient is not finite, the loss must not be finite either.
        """
        finite = math.isfinite(loss)
        if self._base is None:
            if not finite:
                raise DivergedError("the loss of the first picture is not a finite number")
        else:
            slope, promise = self._expected()
            if slope >= 0 and self._rows and not self._waits:
                return self._restart()
            # Armijo's condition, with the change of the loss along its slope.
            if not finite or (loss > self._base_loss + 1e-4 * promise and not self._rebased):
                return self._step_back(loss if finite else math.inf, slope)
        self._accept(loss, gradient.flatten())
        return None

    def _accept(self, loss: float, g: Tensor) -> None:
        self._direction = self._x.new_empty(0)  # to free its memory
        if self._base is not None and not self._rebased:
            self._add_pair(self._base, g)
        elif self._rows:
            self._Sg = self._S.dot(g)[self._rows]
        self._rebased = False
        self._base, self._base_gradient, self._base_loss = self._x, g, loss
        self._setbacks = 0
        self._choose_direction()

    def rebase(self) -> None:
        """Accept the next picture whatever its loss, without adding a pair to the history."""
        self._rebased = True

    def _choose_direction(self) -> None:
        """Choose a direction from the last accepted picture and step along it."""
        fixed = self._at_bound()
        self._find_direction(fixed)
        if self._waits and float(self._slope) >= 0:  # rounding errors in the history
            self._clear_history()
            self._find_direction(fixed)
        self._length = 1.0
        self._move()

    def _move(self) -> None:
        assert self._base is not None
        self._x = torch.add(self._base, self._direction, alpha=self._length)
        promise = self._length * self._slope
        if self._bounded:
            self._x.clamp_(0, 1)
            promise = along(self._base_gradient, self._base, self._x)
        self._expected = DeferredScalars(self._slope, promise)

    def _find_direction(self, fixed: Tensor | None) -> None:
        """Choose a direction in which ``fixed`` values do not change."""
        self._direction = self._x.new_empty(0)
        find = self._newton if self._rows else self._steepest
        self._direction = find(self._gradient_without(fixed))
        if fixed is not None:
            self._direction.masked_fill_(fixed, 0)
        self._slope = inner(self._direction, self._base_gradient)

    def _gradient_without(self, fixed: Tensor | None) -> Tensor:
        """Return a copy of the last accepted gradient, 0 at ``fixed`` values."""
        g = self._base_gradient.clone()
        return g if fixed is None else g.masked_fill_(fixed, 0)

    def _at_bound(self) -> Tensor | None:
        """Return which values are at a bound that a descent step would cross."""
        if not self._bounded:
            return None
        x, g = self._base, self._base_gradient
        assert x is not None
        return ((x <= 0) & (g > 0)) | ((x >= 1) & (g < 0))

    def _restart(self) -> str:
        """Clear the history, and continue from the last accepted picture."""
        self._clear_history()
        self._choose_direction()
        return "restarted"

    def _step_back(self, loss: float, slope: float) -> str:
        """Shorten the step along a parabola; finally clear the history."""
        self._setbacks += 1
        if self.converged and not math.isfinite(loss):
            raise DivergedError("no step has a finite loss: lower weights, or --precision float32")
        if self._setbacks == _RESTART_AFTER:
            return self._restart()
        shrink = 0.1
        if math.isfinite(loss):
            rise = loss - self._base_loss - self._length * slope
            shrink = min(0.5, max(0.1, -self._length * slope / (2 * rise)))
        self._length *= shrink
        self._move()
        return "step shortened"

    def _steepest(self, g: Tensor) -> Tensor:
        d = self._precondition(g).neg_()
        rms = (inner(d, d) / d.numel()).sqrt()
        return d.mul_(torch.where(rms > 0, torch.full_like(rms, self._first_step) / rms, 0.0))

    def _precondition(self, g: Tensor) -> Tensor:
        return self._precondition_image(g.view(self._shape)).flatten()

    def _newton(self, g: Tensor) -> Tensor:
        """Return the direction for a gradient, whose memory is reused."""
        Sg = self._S.dot(g)[self._rows] if self._bounded else self._Sg
        alpha = _solve(self._R, Sg * self._curved, upper=True)
        self._Y.add_to(g, self._scatter(-alpha))
        r = self._precondition(g).mul_(self._gamma)
        Yr = self._Y.dot(r)[self._rows]
        w = _solve(self._R.T, self._R.diagonal() * alpha - Yr * self._curved, upper=False)
        return self._S.add_to(r, self._scatter(w)).neg_()

    def _scatter(self, by_age: Tensor) -> Tensor:
        """Reorder a vector from age to the order of the rows in memory."""
        vector = by_age.new_zeros(len(self._S.used))
        vector[self._rows] = by_age
        return vector

    def _add_pair(self, base: Tensor, g: Tensor) -> None:
        """Add the step from ``base`` to `image`, and the change of the gradient to ``g``."""
        row = self._free_row()
        s = difference(self._x, base, out=self._S[row])
        y = difference(g, self._base_gradient, out=self._Y[row])
        # The products of the older s with the new y are the differences of S g.
        Sg = self._S.dot(g)
        older = (Sg[self._rows] - self._Sg) * self._curved
        self._Sg = Sg[self._rows]
        sy = inner(s, y)
        curved = sy > 1e-10 * (inner(s, s) * inner(y, y)).sqrt()
        if self._waits and not curved:
            return
        self._append(row, older, sy, curved)
        self._Sg = Sg[self._rows]

    def _append(self, row: int, older: Tensor, sy: Tensor, curved: Tensor) -> None:
        """Use the pair in ``row``, given sᵀy, and the products of the ``older`` s with its y."""
        norm = self._preconditioned_norm(self._Y[row])
        self._gamma = torch.where(curved, sy / norm, self._gamma)
        m = len(self._rows)
        R = self._R.new_zeros(m + 1, m + 1)
        R[:m, :m] = self._R
        R[:m, m], R[m, m] = torch.where(curved, older, 0), torch.where(curved, sy, 1)
        self._R, self._curved = R, torch.cat([self._curved, curved[None].to(R)])
        self._rows.append(row)

    def _preconditioned_norm(self, y: Tensor) -> Tensor:
        """Return yᵀ P y, one channel at a time to save memory."""
        planes = torch.split(y.view(self._shape), 1, dim=1)
        found = [
            inner(plane, self._precondition_image(plane.to(self._x, copy=True))) for plane in planes
        ]
        return found[0] + found[1] + found[2]

    def _free_row(self) -> int:
        """Return a row to write to: a free one, or that of the oldest pair, which is removed."""
        if len(self._rows) == self._history:
            self._R, self._Sg, self._curved = self._R[1:, 1:], self._Sg[1:], self._curved[1:]
            return self._rows.pop(0)
        return min(set(range(self._history)) - set(self._rows))

    def _clear_history(self) -> None:
        nothing = exact(self._x.new_empty(0))
        self._rows = []
        self._R = nothing.view(0, 0)
        self._Sg = self._curved = nothing
        """S times the last accepted gradient; 1 for each pair with curvature, else 0."""

    def inherit(self, coarser: Self) -> None:
        """Do nothing: pairs of a coarser scale have no information about the new frequencies."""

    def close(self) -> None:
        """Free the memory of the history."""
        self._clear_history()
        nothing = self._x.new_empty(0)
        self._S, self._Y = (VectorRows(0, self._x, self._x.dtype) for _ in range(2))
        self._base_gradient = self._direction = nothing
        self._x = self._x if self._base is None else self._base

    def state(self) -> State:
        """Return what `restore` needs to continue exactly.

        The rows keep their order in memory, because another order would round sums differently. S
        and Y are not copied, because they are large.
        """
        state: State = {
            "x": self.image,
            "S": self._S.stored,
            "Y": self._Y.stored,
            "R": self._R,
            "Sg": self._Sg,
            "curved": self._curved,
            "rows": list(self._rows),
            "gamma": float(self._gamma),
            "expected": self._expected(),
            "length": self._length,
            "setbacks": self._setbacks,
            "rebased": self._rebased,
            "base_loss": self._base_loss,
        }
        if self._base is not None:
            state |= {
                "base": self._base,
                "base_gradient": self._base_gradient,
                "direction": self._direction,
            }
        return state

    def restore(self, state: State) -> None:
        """Restore a state."""
        self._x = state["x"].to(self._x).flatten()
        if self._x.numel() != math.prod(self._shape):
            raise ValueError(f"a picture of {self._x.numel()} values, not {self._shape}")
        self._S.stored, self._Y.stored = state["S"], state["Y"]
        self._R, self._Sg, self._curved = (
            state[name].to(self._R) for name in ("R", "Sg", "curved")
        )
        self._rows = [int(row) for row in state["rows"]]
        self._gamma, self._slope, promise = (
            self._gamma.new_tensor(float(x)) for x in (state["gamma"], *state["expected"])
        )
        self._expected = DeferredScalars(self._slope, promise)
        self._length, self._setbacks = float(state["length"]), int(state["setbacks"])
        self._base_loss, self._rebased = float(state["base_loss"]), bool(state["rebased"])
        if "base" in state:
            self._base = state["base"].to(self._x)
            self._base_gradient = state["base_gradient"].to(self._x)
            self._direction = state["direction"].to(self._x)
        self._check_shapes()

    def warm_state(self) -> State:
        """Return the last pairs, in half precision. The rest is computed from them."""
        pairs = zip(self._rows, self._curved.tolist(), strict=True)
        rows = [row for row, curved in pairs if curved][-_WARM_PAIRS:]
        state: State = {}
        for name, vectors in (("S", self._S), ("Y", self._Y)):
            found = (vectors[row].float() for row in rows)
            state[name], state[f"{name}_factors"] = halved(found, len(rows), self._x.numel())
        return state

    def warm_start(self, state: State) -> None:
        """Take over the pairs."""
        names = "S", "S_factors", "Y", "Y_factors"
        S, of_S, Y, of_Y = (state[name][-self._history :] for name in names)
        if S.shape != Y.shape or S.shape[1:] != self._x.shape:
            raise ValueError("a history of another picture")
        for s, of_s, y, of_y in zip(S, of_S, Y, of_Y, strict=True):
            row = self._free_row()
            self._S[row].copy_(s.to(self._x) * of_s.to(self._x))
            self._Y[row].copy_(y.to(self._x) * of_y.to(self._x))
            products = self._S.dot(self._Y[row].to(self._x))
            sy = products[row]
            self._append(row, products[self._rows], sy, sy > 0)

    def _check_shapes(self) -> None:
        """Raise `ValueError` for a history whose parts do not fit together."""
        count, used = len(self._rows), len(self._S.used)
        base = self._x if self._base is None else self._base
        vectors = self._base_gradient, self._direction  # empty once their memory was let go
        if (
            self._R.shape != (count, count)
            or not len(self._Sg) == len(self._curved) == count
            or not set(self._rows) <= set(range(used))
            or not len(set(self._rows)) == count <= used == len(self._Y.used)
            or base.shape != self._x.shape
            or any(vector.shape not in (base.shape, (0,)) for vector in vectors)
        ):
            raise ValueError("a history of another picture")


def _solve(triangle: Tensor, b: Tensor, *, upper: bool) -> Tensor:
    x: Tensor = torch.linalg.solve_triangular(triangle, b[:, None], upper=upper)
    return x[:, 0]


def _make(image: Tensor, options: PaintOptions, history: int, compact: bool) -> LBFGS:
    _, _, h, w = image.shape
    return LBFGS(
        image,
        history=history,
        compact=compact,
        bounded=True,
        precondition=by_frequency(h, w, _FREQUENCY_POWER[options.relaxation], image.device),
    )


SPEC = OptimizerSpec(
    "lbfgs",
    "quasi-Newton with a history of past steps, the fastest",
    _make,
    pairs=True,
    relaxation=True,
)
