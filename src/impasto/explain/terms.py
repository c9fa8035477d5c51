"""The terms of the loss as numbers, for the equations of the page."""

from __future__ import annotations

from dataclasses import dataclass

from impasto.explain.explanation import Explanation, LayerView


@dataclass(frozen=True)
class Term:
    """One term of the loss at the first step and at the best step.

    ``first`` and ``best`` are unweighted: E_l of a style layer, the mean of (F - P)² of a content
    layer. ``factor`` is their weight, α w_l or β w_l. ``share`` is the term's share of the total
    loss at the best step.
    """

    view: LayerView
    factor: float
    first: float
    best: float
    share: float

    @property
    def filters(self) -> int:
        """N_l."""
        return self.view.layer.channels

    @property
    def rows_and_columns(self) -> tuple[int, int]:
        """Positions of the result, down and across."""
        return self.view.positions.result

    @property
    def positions(self) -> int:
        """M_l of the result."""
        rows, columns = self.rows_and_columns
        return rows * columns

    @property
    def entries(self) -> int:
        """Number of squared differences that the term averages."""
        return self.filters * (self.filters if self.view.term == "style" else self.positions)

    @property
    def squares(self) -> float:
        """The sum of these squared differences at the best step."""
        return self.best * self.entries

    @property
    def by_layer(self) -> float:
        """The term weighted by its layer: w_l E_l."""
        return self.view.weight * self.best

    @property
    def weighted(self) -> float:
        """The term's contribution to the loss at the best step."""
        return self.factor * self.best

    @property
    def papers(self) -> float:
        """The term as in the papers: ½ Σ (F - P)², or 1 / (4 N² M²) Σ (G - A)².

        There, G and A are not divided by the number of positions, and M is the same for both.
        """
        return self.best / 4 if self.view.term == "style" else self.squares / 2


def terms(explanation: Explanation) -> tuple[Term, ...]:
    """Return the terms of the loss, content first."""
    run = explanation.run
    found = []
    for view in sorted(explanation.layers, key=lambda view: view.term):
        weight = run.content_weight if view.term == "content" else run.style_weight
        factor, name = weight * view.weight, f"{view.term} {view.layer.name}"
        if name in run.best.terms:
            first, best = run.rows[0].terms[name], run.best.terms[name]
            share = best / run.best.loss if run.best.loss else 0.0
            found.append(Term(view, factor, first / factor, best / factor, share))
    return tuple(found)
