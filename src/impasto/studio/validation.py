"""What comes in from outside, and what it must pass before it costs anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from impasto.errors import ImageError, OptionsError
from impasto.images import check_format, fit, with_pixel_count
from impasto.images.header import Header, measure
from impasto.losses.blend import blend_shares
from impasto.nets.feature_net import VGG19
from impasto.options import parsing
from impasto.studio.jobs import Job
from impasto.studio.requests import PaintRequest
from impasto.studio.settings import Settings

if TYPE_CHECKING:
    from impasto.studio.context import Studio

MAX_STYLES = 8
"""The most paintings of one job."""

_LONGEST_BUDGET = 3600.0
_LARGEST_STYLE = 2
"""A painting is looked at at no more than so many times the largest size."""


def check_picture(data: bytes, settings: Settings, what: str = "the picture") -> Header:
    """Return the size of a picture by its header; nothing is decoded.

    Raises `TooManyPixels`, and `ImageError` for what is not a picture, saying ``what`` it is of.
    """
    with named(what):
        return measure(data, settings.limits)


@contextmanager
def named(what: str) -> Iterator[None]:
    """Have the `ImageError` of a picture in memory say ``what`` it is of."""
    try:
        yield
    except ImageError as error:
        raise type(error)(f"{what} {str(error).removeprefix('<memory>: ')}") from None


def check_request(request: PaintRequest, settings: Settings, styles: int) -> None:
    """Raise `OptionsError` for a request that is more than the studio does."""
    options = request.options()
    at_most("size", options.size, settings.max_size)
    at_most("steps", options.total_steps, settings.max_steps)
    if options.budget is not None:
        at_most("budget", options.budget, _LONGEST_BUDGET)
    if not 1 <= styles <= MAX_STYLES:
        raise OptionsError(f"--painting must be sent 1 to {MAX_STYLES} times, got {styles}")
    blend_shares(options.blend, styles)  # raises if the counts differ
    side = options.size * max(parsing.each("style_scale", options.style_scale, styles))
    if side > _LARGEST_STYLE * settings.max_size:
        most = _LARGEST_STYLE * settings.max_size / options.size
        raise OptionsError(f"--style-scale must be at most {most:g} at this size")


def accept_paint(
    studio: Studio,
    owner: str,
    photo: bytes,
    styles: Sequence[bytes],
    request: PaintRequest,
    key: str | None = None,
    pictures: Mapping[str, Any] | None = None,
    start: Mapping[str, bytes] | None = None,
) -> Job:
    """Check and take a paint job; its files are there before the job is.

    ``start`` has a picture that a network made of the photo, with its recipe, to be painted on:
    ``start``; and maybe ``freeze``, a mask that is white where it is not to change.
    ``key`` is the client's: asked twice with the same, there is one job. Raises `OptionsError`,
    `ImageError`, `QueueFull`, `KeyReused`, `OutputError`.
    """
    check_request(request, studio.settings, len(styles))
    header = check_picture(photo, studio.settings, "the photo")
    paintings = [check_picture(style, studio.settings, "the painting") for style in styles]
    _check_sides(header, paintings, request)
    mark = fingerprint((photo, *styles), request.flat())
    if earlier := studio.store.by_key(owner, key, mark):
        return earlier
    files = {"photo": photo, **(start or {})}
    files |= {f"style-{number}": style for number, style in enumerate(styles)}
    more = {"key": key, "fingerprint": mark, "pictures": pictures}
    return studio.accept(owner, "paint", request.flat(), files, **more)


def at_most(name: str, value: float, most: float) -> None:
    """Raise `OptionsError` for an option above what the studio allows."""
    if value > most:
        found = f"{value:g}" if value < 1e12 else "far more"  # it may be too large for a float
        raise OptionsError(f"--{name} is at most {most:g} here, got {found}")


def _check_sides(photo: Header, paintings: Sequence[Header], request: PaintRequest) -> None:
    """Refuse pictures that the painter would find too small. Raises `ImageError`, `OutputError`."""
    options = request.options()
    width, height = fit(*photo, options.size)
    sides = [("photo", width, height)]
    scales = parsing.each("style_scale", options.style_scale, len(paintings))
    for painting, scale in zip(paintings, scales, strict=True):
        pixels = round(width * height * scale**2)
        sides.append(("painting", *with_pixel_count(*painting, pixels)))
    layers = dict((*options.content_layers, *options.style_layers))
    least = VGG19.smallest_side(layers, options.padding)
    for what, columns, rows in sides:
        if min(columns, rows) < least:
            raise ImageError(
                f"the {what} would become {columns}x{rows} pixels, too small for the network: "
                f"no side may be under {least}"
            )
    check_format(f"result.{request.format}", width, height)


def fingerprint(pictures: Sequence[bytes], *asked: Any) -> str:
    """Return what tells a request from another that comes with the same key."""
    hashes = [hashlib.sha256(data).hexdigest() for data in pictures]
    return hashlib.sha256(json.dumps([hashes, *asked], sort_keys=True).encode()).hexdigest()
