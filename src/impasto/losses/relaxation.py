"""The style loss in coordinates of equal stiffness, made exact by multipliers.

(G - A)² of Gram matrices is by far stiffest along the few strongest directions of the features:
moving the picture changes G about in proportion to G itself. So an optimiser spends its steps on
these directions. Here the difference gets a smaller weight there,

    E = Vᵀ (G - A) V,   A = V diag(a) Vᵀ,   w_ij = μ / ((a_i + a_j) / 2 + μ),   Σ w ∘ (E - T)²,

and the multipliers T restore what this neglects. Where the gradient of the relaxed loss plus the
rest of the objective vanishes, that of the true loss does too if w ∘ (E - T) = E. With
λ = w ∘ (E - T) at the last accepted picture, T moves towards (1 - 1 / w) ∘ λ, and only that is a
fixed point: the method of multipliers (Nocedal and Wright 2006, chapter 17) with a weight for each
constraint E_ij = 0.
"""

from __future__ import annotations

from impasto.lazy import Tensor, torch

STIFFEST = {"max": 1 / 70, "average": 1 / 30, "l2": 1 / 30}
"""μ as a share of the largest eigenvalue, by pooling. Smaller values start faster, but the
relaxation error lasts longer.

Found by trial (benchmarks/README.md): with max pooling, 1/30 loses 4% after 100 steps; with average
pooling, 1/70 loses 8% after 45.
"""

_DAMPING = 0.5
"""The share of the full update that the multipliers take at each refinement."""


class Relaxation:
    """The relaxed distance of a Gram matrix to a target A (c, c), as a mean over its entries.

    ``stiffest`` is μ as a share of the largest eigenvalue of A.
    """

    def __init__(self, A: Tensor, stiffest: float = STIFFEST["max"]) -> None:
        # In float64 on the CPU: it is done once, and some devices lack float64 or `eigh`.
        a, V = torch.linalg.eigh(A.cpu().double())
        a = a.clamp_min(0)
        mu = max(stiffest * float(a[-1]), torch.finfo(torch.float32).tiny)
        w = mu / ((a[:, None] + a[None, :]) / 2 + mu)
        self._A = A
        self._V, self._w = V.to(A), w.to(A)
        self.T = torch.zeros_like(self._w)

    def residual(self, G: Tensor) -> Tensor:
        """Return E = Vᵀ (G - A) V."""
        E: Tensor = self._V.T @ (G - self._A) @ self._V
        return E

    def loss(self, E: Tensor) -> Tensor:
        """Return the mean of w ∘ (E - T)²."""
        loss: Tensor = (self._w * (E - self.T).square()).mean()
        return loss

    def gradient(self, E: Tensor) -> Tensor:
        """Return the gradient of `loss` with respect to G."""
        D: Tensor = self._V @ (self._w * (E - self.T)) @ self._V.T
        return D * (2 / E.numel())

    def refine(self, E: Tensor) -> None:
        """Update the multipliers, given the residual of the last accepted picture."""
        self.T = torch.lerp(self.T, (1 - 1 / self._w) * (self._w * (E - self.T)), _DAMPING)
