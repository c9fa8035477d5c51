"""A plot of the losses over the steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.atomic import atomic_write
from impasto.events import Losses
from impasto.record.existing import MARK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXTENSIONS = (".png", ".svg", ".pdf")

_INK, _MUTED, _RULE = "#1f2933", "#6b7785", "#e4e8ec"
_LINES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("content", {"color": "#2f6fb5", "linewidth": 1.6}),
    ("style", {"color": "#d9822b", "linewidth": 1.6}),
    ("tv", {"color": "#3d9970", "linewidth": 1.6}),
    ("loss", {"color": _INK, "linewidth": 2.2, "zorder": 2.1}),
)
_LABELS = {"loss": "total", "tv": "total variation"}
_LEGEND: dict[str, Any] = {
    "frameon": True,
    "framealpha": 0.9,
    "edgecolor": "none",
    "facecolor": "white",
    "fontsize": 9,
}
_FEW = 30
"""Below this number of steps, they are drawn as dots too: a single step has no line."""
_RANGE = 1e7
"""The smallest loss shown is this many times smaller than the largest."""


def plot(rows: Sequence[Losses], path: Path) -> None:
    """Plot the total, content, style and tv losses on a log scale and write the picture.

    A term that is never above zero is left out; a value that is not finite or not above zero
    is a gap. Vertical lines mark where a scale begins. ``path`` ends with .png, .svg or .pdf.
    Uses only matplotlib's object interface: no pyplot, no window, no global state. Atomic;
    raises `OutputError`.
    """
    figure = _figure(rows)
    kind = path.suffix.lower().lstrip(".")
    # Without a date, so that the same losses give the same file.
    metadata = {
        "png": {"Software": MARK},
        "svg": {"Creator": MARK, "Date": None},
        "pdf": {"Creator": MARK, "CreationDate": None},
    }[kind]
    with atomic_write(path) as file:
        figure.savefig(file, format=kind, dpi=160, facecolor="white", metadata=metadata)


def _figure(rows: Sequence[Losses]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.6), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    _clean(axes)
    _draw_losses(axes, rows)
    _mark_scales(axes, rows)
    return figure


def _clean(axes: Axes) -> None:
    """Reduce the frame to what helps to read the lines."""
    axes.set_facecolor("white")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_MUTED)
    axes.grid(True, axis="y", which="major", color=_RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", which="both", length=0, labelsize=9, labelcolor=_MUTED)
    axes.tick_params(axis="x", which="major", length=4, color=_MUTED)
    axes.set_xlabel("step", color=_INK, fontsize=10)
    axes.set_ylabel("weighted loss", color=_INK, fontsize=10)


def _draw_losses(axes: Axes, rows: Sequence[Losses]) -> None:
    steps = [row.step for row in rows]
    look: dict[str, Any] = {"marker": "o", "markersize": 3.5} if len(rows) < _FEW else {}
    shown: list[float] = []
    for name, style in _LINES:
        xs, ys = _line(rows, name)
        above = [y for y in ys if y > 0]
        if above:
            axes.plot(xs, ys, label=_LABELS.get(name, name), **style, **look)
        shown += above
    if shown:
        axes.set_yscale("log")
        low, high = max(min(shown), max(shown) / _RANGE), max(shown)
        margin = max((high / low) ** 0.05, 1.1)
        axes.set_ylim(low / margin, high * margin)
        axes.legend(loc="upper right", reverse=True, labelcolor=_INK, **_LEGEND)
    _span(axes, steps)


def _span(axes: Axes, steps: Sequence[int]) -> None:
    """Limit the axis to the steps, with whole numbers as ticks."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    if len(steps) > 1:
        margin = (steps[-1] - steps[0]) * 0.01
        axes.set_xlim(steps[0] - margin, steps[-1] + margin)


def _mark_scales(axes: Axes, rows: Sequence[Losses]) -> None:
    """Draw a line where a scale begins, labelled with its size where there is room."""
    from matplotlib.transforms import blended_transform_factory

    above = blended_transform_factory(axes.transData, axes.transAxes)
    room = (rows[-1].step - rows[0].step) * 0.12
    labelled = -math.inf
    for before, row in zip([None, *rows], rows, strict=False):
        if before is not None and before.scale == row.scale:
            continue
        if before is not None:
            axes.axvline(row.step, color="#c3cad2", linewidth=1, zorder=1)
        if row.step - labelled >= room:
            size = f"{row.width} × {row.height}"
            axes.text(row.step, 1.015, size, transform=above, color=_MUTED, fontsize=8.5)
            labelled = row.step


def _line(rows: Sequence[Losses], name: str) -> tuple[list[float], list[float]]:
    """Return the points of a line; gaps are NaN: between scales, and for values not above 0."""
    xs: list[float] = []
    ys: list[float] = []
    for i, row in enumerate(rows):
        if i and row.scale != rows[i - 1].scale:
            xs.append(row.step)
            ys.append(math.nan)
        value = getattr(row, name)
        xs.append(row.step)
        ys.append(value if math.isfinite(value) and value > 0 else math.nan)
    return xs, ys
