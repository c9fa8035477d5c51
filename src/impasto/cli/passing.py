"""A painting where the name of a style stands: learnt in passing, and remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from impasto.cli.interrupt import INTERRUPTED, gentle_interrupt
from impasto.options import LearnOptions, ReadOptions
from impasto.zoo.pack import EXTENSION, Pack
from impasto.zoo.registry import OF_OTHERS

if TYPE_CHECKING:
    from impasto.images.read import Source
    from impasto.learning import InPassing

_BUDGET = 30.0
"""Seconds for which a painting is learnt in passing."""

PHOTOS = 16
"""So many of the photos that are to be painted are learnt on, at most."""


def is_painting(model: str) -> bool:
    """Return whether a text means a picture's file, not a style or a pack."""
    path = Path(model)
    return path.suffix.lower() not in ("", EXTENSION, *OF_OTHERS) and path.is_file()


def learnt(
    painting: str,
    photos: Sequence[Path],
    budget: str | None,
    read: ReadOptions,
    *,
    fast: bool,
    quiet: bool,
) -> tuple[Pack, dict[str, float]]:
    """Return the network with the style of a painting alone, which is learnt unless it is known.

    Raises `ImageError` for what is not a painting, `OptionsError`, and `typer.Exit` after Ctrl-C.
    """
    from impasto.learning import InPassing

    asked: float | str = _BUDGET if budget is None else budget
    options = LearnOptions(budget=asked, model="standard" if fast else "quality")  # type: ignore[arg-type]
    passing = InPassing(painting, options, read)
    missing = options.seconds - passing.learnt
    if passing.row is None or (budget is not None and missing >= 1):
        passing.options = replace(options, budget=missing)
        _learn(passing, painting, photos, read, quiet=quiet)
    assert passing.row
    return passing.pack, {passing.row.card.name: 1.0}


def _learn(
    passing: InPassing, painting: str, photos: Sequence[Path], read: ReadOptions, *, quiet: bool
) -> None:
    from impasto import cli, samples
    from impasto.cli.learning import LearningProgress
    from impasto.cli.words import duration
    from impasto.runtime.device import keep_freed_memory
    from impasto.training.learner import Learner
    from impasto.training.trainer import Keeping
    from impasto.zoo.learnt import state_of

    if not quiet:
        typer.echo(
            f"learning {painting} for {duration(passing.options.seconds)}, once: from then on it "
            "is known",
            err=True,
        )
        if len(photos) == 1:
            typer.echo(
                f"for this one photo, impasto paint {photos[0]} {painting} --budget 30s makes the "
                "better picture",
                err=True,
            )
    on: list[Source] = [*photos[:PHOTOS], *(samples.photo(name) for name in samples.PHOTOS)]
    keep_freed_memory()
    learner = Learner(painting, on, passing.options, body=passing.body, read=read, began=cli.BEGAN)
    learner.begin_with(passing.row, Keeping(state_of(learner.key)))
    with (
        gentle_interrupt() as interrupted,
        LearningProgress(learner, learner.card.name, quiet=quiet) as progress,
    ):
        for event in learner:
            progress.take(event)
            if interrupted():
                learner.stop()
    passing.keep(learner.row)
    if learner.stopped:
        typer.echo("impasto: stopped; what was learnt is kept, and is what is used next", err=True)
        raise typer.Exit(INTERRUPTED)
