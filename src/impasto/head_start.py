"""The picture that a painting starts from, if a network makes it.

That is so if ``init`` names a style; and also if the time is too short to paint from coarse to
fine and the painting's style was learnt before. From 768 pixels of a photo, 15 seconds on two cores
lead to less than half of the style error if they start from the network's picture.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from impasto.apply.network import Network
from impasto.errors import OptionsError
from impasto.events import Step
from impasto.images.read import Source
from impasto.options import INITS, MODELS, PaintOptions, ReadOptions
from impasto.painter import Painter, Start
from impasto.zoo import learnt
from impasto.zoo.pack import EXTENSION, Pack
from impasto.zoo.registry import Shares, known, resolve, shipped

FEW_STEPS = 60
"""With fewer steps than this at full size, a network's picture is the better start."""

_TRIAL = 192
"""The long side in pixels at which a step is timed."""

_ANY = ("budget", "size", "seed", "device", "precision", "weights", "max_memory")
"""The options that may differ from their defaults if a network's picture is to be the start."""


def begun(
    content: Source,
    styles: Source | Sequence[Source],
    options: PaintOptions,
    read: ReadOptions,
    *,
    short: bool | None = None,
) -> tuple[PaintOptions, Start | None]:
    """Return the options and the start of a painting; None if no network makes the start.

    Such a start is close to the result, so a single scale is enough unless scales are given.
    ``short`` says whether the budget is too short for the usual start; None means that a trial
    tells. Raises `OptionsError` for an ``init`` that is neither a style nor a file.
    """
    if options.init in INITS or _is_file(options.init):  # not a style
        found = _known(styles, options)
        if found is None:
            return options, None
        if short is None:
            short = _is_short(content, styles, options, read)
        if not short:
            return options, None
    else:
        try:
            found = resolve(options.init)
        except OptionsError as error:
            raise OptionsError(
                f"--init {options.init}: must be one of {', '.join(INITS)}, a file or a style "
                f"({error})"
            ) from error
    network = Network(*found, device=options.device)
    made = network(content, read=read, size=options.size, bits=8)
    scales = "single" if options.scales == "auto" else options.scales
    start = Start(made.rgb, made.recipe)
    init = start.styles if options.init in INITS or _is_file(options.init) else options.init
    return replace(options, scales=scales, init=init), start


def _is_short(
    content: Source, styles: Source | Sequence[Source], options: PaintOptions, read: ReadOptions
) -> bool:
    """Estimate from steps at a small size whether the budget has too few at full size."""
    small = min(options.size, _TRIAL)
    trial = replace(options, size=small, budget=None, steps=3, scales="single")
    ends = [
        time.monotonic()
        for event in Painter(content, styles, trial, read=read)
        if isinstance(event, Step)
    ]
    step = min(later - sooner for sooner, later in pairwise(ends)) * (options.size / small) ** 2
    return FEW_STEPS * step > (options.budget or 0)


def _is_file(init: str) -> bool:
    """Return whether ``init`` is a file name, existing or not; no style has such a name."""
    path = Path(init)
    return path.exists() or (path.suffix != "" and path.suffix != EXTENSION and ":" not in init)


def _known(styles: Source | Sequence[Source], options: PaintOptions) -> tuple[Pack, Shares] | None:
    """Return the network and style of a single painting that was learnt; None if there is none.

    None as well if there is no budget, or if the options ask for what a network cannot know.
    """
    plain = replace(options, **{name: getattr(PaintOptions(), name) for name in _ANY})
    if options.budget is None or plain != PaintOptions():
        return None
    sha256 = _hash(styles)
    for pack in _packs() if sha256 else ():
        for card in pack.card.styles:
            if card.sha256 == sha256:
                return pack, {card.name: 1.0}
    return None


def _packs() -> Iterator[Pack]:
    """Yield the packs to look in: those in search order, then cached styles."""
    yield from (entry.pack for entry in known() if entry.pack)
    for size in MODELS:
        body = shipped(size)
        yield from learnt.packs_of(body.body) if body else ()


def _hash(styles: Source | Sequence[Source]) -> str:
    """Return the hash of the file of a single painting; "" if that is not what is given."""
    one = styles[0] if isinstance(styles, list | tuple) and len(styles) == 1 else styles
    try:
        if isinstance(one, bytes):
            return hashlib.sha256(one).hexdigest()
        if isinstance(one, str | os.PathLike):
            with Path(one).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # reading it as a picture will say what is wrong
        return ""
    return ""
