"""Renders an explanation as one HTML page that loads nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

import impasto
from impasto.explain import charts, numbers
from impasto.explain.explanation import Explanation
from impasto.explain.figures import DOUBLINGS, figures
from impasto.explain.terms import terms
from impasto.text import shown


def render(explanation: Explanation, *, command: str = "", seconds: float | None = None) -> str:
    """Return the page.

    ``command`` is shown as the command that makes the page. ``seconds`` is the total time, by
    default the sum of the explanation's parts.
    """
    run = explanation.run
    spent = sum(explanation.seconds.values()) if seconds is None else seconds
    page = _environment().get_template("page.html")
    text = page.render(
        x=explanation,
        run=run,
        photo_name=_title(explanation.names[0]),
        painting_name=_title(explanation.names[1]),
        figures=figures(explanation),
        terms=terms(explanation),
        photo_size=(explanation.pictures.photo.shape[1], explanation.pictures.photo.shape[0]),
        doublings=2**DOUBLINGS,
        style=[view for view in explanation.layers if view.term == "style"],
        charts=_charts(explanation),
        command=_printable(command),
        spent=spent,
        version=impasto.__version__,
        options=json.dumps(run.recipe["options"], indent=1, ensure_ascii=False),
        data=_data(explanation),
    )
    # A file name may contain bytes that are not valid text.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _title(name: str) -> str:
    """Return the name of a picture without its folders."""
    return shown(Path(name).name or name)


def _printable(text: str) -> str:
    """Return a text as one line; escape characters that are not printable."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def _environment() -> Environment:
    """Return a jinja2 environment that escapes all values and refuses missing ones."""
    environment = Environment(
        loader=PackageLoader("impasto.explain", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": numbers.html,
        "shown": shown,
        "text": numbers.text,
        "math": numbers.mathml,
        "percent": numbers.percent,
    }
    return environment


def _charts(explanation: Explanation) -> Mapping[str, charts.Chart]:
    rows = explanation.run.rows
    sums = [
        ("total", "total", [row.loss for row in rows]),
        ("content, weighted", "content", [row.content for row in rows]),
        ("style, weighted", "style", [row.style for row in rows]),
    ]
    layers = [
        (name, _colour(name), [row.terms[name] for row in rows])
        for name in sorted(rows[0].terms, key=lambda name: name.split()[1])
    ]
    return {"sums": charts.chart(rows, sums), "layers": charts.chart(rows, layers)}


def _colour(term: str) -> str:
    """Return the colour name of a term: one per block of style layers, one for content."""
    kind, layer = term.split()
    return "content" if kind == "content" else f"block-{layer[4]}"


def _data(explanation: Explanation) -> dict[str, Any]:
    """Return the data embedded in the page for its script and other programs."""
    rows = explanation.run.rows
    return {
        "first": rows[0].step,
        "last": rows[-1].step,
        "losses": [row._asdict() for row in rows],
        "recipe": explanation.run.recipe,
    }
