"""A painting given instead of a style name: learnt on the fly and cached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from impasto.cli.interrupt import INTERRUPTED, gentle_interrupt
from impasto.options import LearnOptions, ReadOptions
from impasto.zoo.pack import EXTENSION, Pack
from impasto.zoo.registry import FOREIGN_EXTENSIONS

if TYPE_CHECKING:
    from impasto.images.read import Source
    from impasto.learning import CachedStyle

_BUDGET = 30.0
"""Seconds spent on learning a painting on the fly."""

PHOTOS = 16
"""The most photos of the command that are used for learning."""


def is_painting(model: str) -> bool:
    """Return whether ``model`` is the file of a picture, not a style or a pack."""
    path = Path(model)
    return path.suffix.lower() not in ("", EXTENSION, *FOREIGN_EXTENSIONS) and path.is_file()


def learn_on_the_fly(
    painting: str,
    photos: Sequence[Source],
    budget: str | None,
    read: ReadOptions,
    *,
    fast: bool,
    quiet: bool,
) -> tuple[Pack, dict[str, float]]:
    """Return a network with only the style of a painting, learning it unless it is cached.

    Raises `ImageError` if the painting cannot be read, `OptionsError`, and `typer.Exit` after
    Ctrl-C.
    """
    from impasto.learning import CachedStyle

    time: float | str = _BUDGET if budget is None else budget
    options = LearnOptions(budget=time, model="standard" if fast else "quality")  # type: ignore[arg-type]
    cached = CachedStyle(painting, options, read)
    missing = options.seconds - cached.learnt
    if cached.row is None or (budget is not None and missing >= 1):
        cached.options = replace(options, budget=missing)
        _learn(cached, painting, photos, read, quiet=quiet)
    assert cached.row
    return cached.pack, {cached.row.card.name: 1.0}


def _learn(
    cached: CachedStyle, painting: str, photos: Sequence[Source], read: ReadOptions, *, quiet: bool
) -> None:
    from impasto import cli, samples
    from impasto.cli.learning_progress import LearningProgress
    from impasto.cli.words import duration
    from impasto.runtime.device import keep_freed_memory
    from impasto.training.learner import Learner
    from impasto.training.trainer import StateFile
    from impasto.zoo.learnt import state_of

    if not quiet:
        typer.echo(
            f"learning {painting} for {duration(cached.options.seconds)}; this happens only once",
            err=True,
        )
        if len(photos) == 1 and isinstance(photos[0], Path):
            typer.echo(
                f"for a single photo, impasto paint {photos[0]} {painting} --budget 30s makes a "
                "better picture",
                err=True,
            )
    learning_photos: list[Source] = [
        *photos[:PHOTOS],
        *(samples.photo(name) for name in samples.PHOTOS),
    ]
    keep_freed_memory()
    learner = Learner(
        painting, learning_photos, cached.options, body=cached.body, read=read, began=cli.BEGAN
    )
    learner.begin_with(cached.row, StateFile(state_of(learner.key)))
    with (
        gentle_interrupt() as interrupted,
        LearningProgress(learner, learner.card.name, quiet=quiet) as progress,
    ):
        for event in learner:
            progress.take(event)
            if interrupted():
                learner.stop()
    cached.keep(learner.row)
    if learner.stopped:
        typer.echo(
            "impasto: stopped; what was learnt is saved and will be used next time", err=True
        )
        raise typer.Exit(INTERRUPTED)
