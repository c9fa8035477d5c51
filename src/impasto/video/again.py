"""Makes a film or an animation again from the recipe in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from impasto.apply.again import damaged, device_again, network_again
from impasto.errors import ImageError, OptionsError
from impasto.images.load import load_bytes
from impasto.images.recipe import MAX_CHARACTERS
from impasto.images.recipe import read_recipe as read_picture_recipe
from impasto.options import ApplyOptions, ReadOptions, VideoOptions
from impasto.painter.recipe import located
from impasto.text import shown
from impasto.video.animation import StylisedAnimation, find_animation, stylise_animation
from impasto.video.frames import FrameStylizer, NetworkStylizer, PaintingStylizer
from impasto.video.stylizer import VideoStylizer
from impasto.video.writing import read_recipe

AnyPath = str | os.PathLike[str]


def rerun_video(
    film: AnyPath,
    out: AnyPath,
    *,
    content: AnyPath | None = None,
    styles: Sequence[AnyPath] | None = None,
    read: ReadOptions | None = None,
    resume: bool = False,
    device: str | None = None,
) -> VideoStylizer:
    """Return a `VideoStylizer` that makes ``film`` again at ``out``, from the recipe in it.

    The clip, masks and paintings are looked up at the recorded paths and next to the film, and must
    be unchanged; ``content`` and ``styles``, one for each painting, override the paths of the clip
    and of the paintings. ``device`` is by default the one used before, if available. Raises
    `ImageError` if there is no recipe, or a file is missing or has changed, `WeightsError` if the
    style no longer exists, and the errors of `VideoStylizer`.
    """
    path, read = Path(film), read or ReadOptions()
    recipe = _recipe(path)
    try:
        given = {field.name: recipe[field.name] for field in fields(VideoOptions)
                 if field.name != "crf"}  # fmt: skip
        crf = recipe["encoding"].get("crf")
        options = VideoOptions.from_dict({**given, "crf": None if crf is None else int(crf)})
        place = _found(recipe["content"], path.parent) if content is None else Path(content)
        size = max(int(side) for side in recipe["pixels"])
        if "paint" in recipe:
            frames = _painted(path, recipe, options.steps, styles, read, device)
        else:
            frames = _stylised(path, recipe, styles, read, device)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(path, error) from error
    stylizer = VideoStylizer(frames, place, out, options, size=size, read=read, resume=resume)
    for wanted, used in zip(_inputs(recipe), _inputs(stylizer.recipe), strict=True):
        if {**wanted, "name": ""} != {**used, "name": ""}:
            raise ImageError(f"{shown(used['name'])}: is not the file that {path} was made with")
    return stylizer


def rerun_animation(
    made: AnyPath,
    *,
    content: AnyPath | None = None,
    styles: Sequence[AnyPath] | None = None,
    read: ReadOptions | None = None,
    device: str | None = None,
) -> StylisedAnimation:
    """Make an animation again, from the recipe in it.

    The source and masks are looked up at the recorded paths and next to ``made``, and must be
    unchanged; ``content`` overrides the path of the source. Raises `ImageError` if there is no
    recipe, or a file is missing or has changed, `WeightsError` if the style no longer exists, and
    `OptionsError`, also if there are ``styles``.
    """
    path, read = Path(made), read or ReadOptions()
    recipe = read_picture_recipe(path, read)
    try:
        frames = _stylised(path, recipe, styles, read, device)
        place = _found(recipe["content"], path.parent) if content is None else Path(content)
        stability = VideoOptions(stability=recipe["stability"]).stability
        size = ApplyOptions(size=recipe["size"]).size
        expected = str(recipe["content"]["sha256"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(path, error) from error
    source = find_animation(load_bytes(place, read), str(place), read)
    if source is None or source.sha256 != expected:
        raise ImageError(f"{shown(place)}: is not the file that {shown(path)} was made with")
    return stylise_animation(frames, source, stability=stability, size=size, read=read)


def _recipe(path: Path) -> dict[str, Any]:
    """Return the recipe of a film. Raises `ImageError`."""
    text = read_recipe(path) or ""
    try:
        recipe = json.loads(text) if len(text) <= MAX_CHARACTERS else None
    except (ValueError, RecursionError):
        recipe = None
    if not isinstance(recipe, dict) or recipe.get("kind") != "video":
        raise ImageError(f"{shown(path)}: has no Impasto recipe of a film")
    return recipe


def _stylised(
    path: Path,
    recipe: Mapping[str, Any],
    styles: Sequence[AnyPath] | None,
    read: ReadOptions,
    device: str | None,
) -> FrameStylizer:
    if styles:
        raise OptionsError(f"{path} was made by a network; rerun it without paintings")
    names = ("strength", "color", "style_scale", "seed", "size", "tile")
    masks = [str(_found(entry, path.parent)) for entry in recipe["mask"]]
    options = ApplyOptions.from_dict(
        {**{name: recipe[name] for name in names}, "mask": masks or None}
    )
    return NetworkStylizer(network_again(path, recipe, device), options, read)


def _painted(
    path: Path,
    recipe: Mapping[str, Any],
    steps: int,
    styles: Sequence[AnyPath] | None,
    read: ReadOptions,
    device: str | None,
) -> FrameStylizer:
    names = ("strength", "color", "style_scale", "seed")
    given = {name: recipe["paint"][name] for name in names}
    given["device"] = device_again(path, str(recipe["ran"]["device"]), device)
    recorded = recipe["styles"]
    if styles is not None and len(styles) != sum(map(len, recorded)):
        raise OptionsError(f"{path} has {sum(map(len, recorded))} styles, got {len(styles)}")
    left = iter(styles or ())
    paintings: list[Any] = [
        [_found(entry, path.parent) if styles is None else next(left) for entry in style]
        for style in recorded
    ]
    return PaintingStylizer(paintings, steps, ApplyOptions.from_dict(given), read)


def _found(entry: Mapping[str, Any], folder: Path) -> Path:
    return located(str(entry["name"]), folder)


def _inputs(recipe: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of all files that a film is made from."""
    yield recipe["content"]
    yield from recipe.get("mask", ())
    for style in recipe.get("styles", ()):
        yield from style
