"""The high-level interface: paint a picture, train a network, rerun a recipe."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from impasto.apply.again import damaged, device_again, network_again
from impasto.apply.network import Network
from impasto.apply.stylised import Stylised
from impasto.atomic import check_output
from impasto.errors import ImageError, OptionsError, WeightsError
from impasto.head_start import begun
from impasto.images import read_recipe
from impasto.images.read import Source
from impasto.optimize.schedule import Scale
from impasto.options import (
    MAX_STEPS,
    CheckpointOptions,
    PaintOptions,
    ReadOptions,
    SaveOptions,
    TrainOptions,
)
from impasto.options.keywords import PaintKeywords, TrainKeywords
from impasto.painter import Painter, Painting, Start, read_layouts
from impasto.painter.recipe import grouped, located
from impasto.training.start import AUTO, started
from impasto.training.trainer import Trainer
from impasto.zoo.exemplars import Exemplar
from impasto.zoo.pack import EXTENSION, write_pack
from impasto.zoo.registry import find


def paint(
    content: Source,
    style: Source | Sequence[Source],
    *,
    read: ReadOptions | None = None,
    **options: Unpack[PaintKeywords],
) -> Painting:
    """Paint ``content`` in the style of ``style`` (one picture, or several) and return it.

    ``options`` are the fields of `PaintOptions`. Raises the errors of `Painter`.
    """
    began = time.monotonic()
    chosen, start = begun(content, style, PaintOptions.from_dict(options), read or ReadOptions())
    painter = Painter(content, style, chosen, read=read, start=start, began=began)
    for _ in painter:
        pass
    return painter.painting


def refine(
    made: Stylised, content: Source, exemplar: Exemplar, seconds: float, read: ReadOptions
) -> Painter:
    """Return a `Painter` that refines a network's result for a number of seconds."""
    height, width, _ = made.samples.shape
    start = Start(made.rgb, made.recipe)
    options = PaintOptions(
        size=max(height, width),
        style_scale=exemplar.scale,
        budget=seconds,
        scales="single",
        init=start.styles,
        device="auto",
    )
    return Painter(content, exemplar.source, options, read=read, start=start)


def train(
    style: Source | Sequence[Source],
    photos: str | Path | Sequence[Source] | None = None,
    *,
    out: str | Path | None = None,
    begin: str = AUTO,
    teacher: str | None = None,
    read: ReadOptions | None = None,
    **options: Unpack[TrainKeywords],
) -> Network:
    """Train a network that paints photos in the style of ``style``, and return it.

    ``style`` is one painting or several; with several, the returned network mixes them in equal
    shares. ``photos`` is a folder or a list of pictures to train on; None means the few that come
    with scikit-image. ``options`` are the fields of `TrainOptions`, such as ``budget="20m"``.
    ``out`` is a file for the pack, which `load` reads. ``begin`` and ``teacher`` are packs, given
    as for ``--from`` and ``--teacher`` of `impasto train`. Everything runs in this process.

    Raises the errors of `Trainer`.
    """
    several: list[Any] = list(style) if isinstance(style, list | tuple) else [style]
    if out is not None:
        check_output(out, extensions=(EXTENSION,))
    chosen = TrainOptions.from_dict(options)
    taught_by = find(teacher) if teacher else None
    trainer = Trainer(
        several,
        photos,
        chosen,
        start=started(begin, chosen.model, taught_by),
        teacher=taught_by,
        read=read,
    )
    for _ in trainer:
        pass
    pack = trainer.pack
    if out is not None:
        write_pack(pack, out)
    return Network(pack, dict.fromkeys(trainer.learnt, 1.0))


def rerun(
    picture: str | Path,
    *,
    content: Source | None = None,
    styles: Sequence[Source] | None = None,
    read: ReadOptions | None = None,
    checkpoint: CheckpointOptions | None = None,
    device: str | None = None,
) -> Painter | Stylised:
    """Make ``picture`` again from the recipe embedded in it.

    Returns a `Painter` for a painting, or the finished picture if a network made it. The photo, the
    paintings and the masks are looked up at the recorded paths and next to the picture, and must be
    unchanged; ``content`` and ``styles`` override these paths. It runs on ``device``, by default
    the one used before, if available; on another device the result may differ, and a `Notice` says
    so. Raises `ImageError` if there is no recipe, or a file is missing or has changed, and
    `WeightsError` if the weights have changed or the style no longer exists.
    """
    read = read or ReadOptions()
    recipe = read_recipe(picture, read)
    if recipe.get("kind") == "apply":
        if styles:
            raise OptionsError(f"{picture} was made by a network; rerun it without paintings")
        return rerun_stylised(picture, recipe, content, read, device)
    return rerun_painting(picture, recipe, content, styles, read, checkpoint, device)


def rerun_painting(
    picture: str | Path,
    recipe: Mapping[str, Any],
    content: Source | None,
    styles: Sequence[Source] | None,
    read: ReadOptions,
    checkpoint: CheckpointOptions | None,
    device: str | None = None,
) -> Painter:
    """Return a `Painter` that paints a picture again from its recipe. Raises as `rerun` does."""
    folder = Path(picture).parent
    try:
        if recipe["kind"] != "paint":
            raise ImageError(
                f"{picture}: its recipe is of kind {recipe['kind']!r}, which cannot be rerun"
            )
        options = PaintOptions.from_dict(recipe["options"])
        ran = recipe["ran"]
        options = replace(options, device=ran["device"], precision=ran["precision"])
        there = device_again(picture, options.device, device)
        same = there.partition(":")[0] == options.device.partition(":")[0]
        if options.precision == "tf32" and not there.startswith("cuda"):
            options = replace(options, precision="float32")
        options = replace(options, device=there)
        schedule = _schedule(ran.get("schedule", ()), options.size)
        layouts = read_layouts(ran.get("memory", ())) if same else {}
        style_of_painting = [int(style) for style in recipe["style_of_painting"]]
        files = recipe["files"]
        entries = [recipe["content"], *recipe["styles"]]
        given: list[Source | None] = [content]
        given += styles or [None] * len(recipe["styles"])
        if len(given) != len(entries):
            raise OptionsError(f"{picture} has {len(entries) - 1} styles, got {len(given) - 1}")
        sources = [
            _recorded(entry, source, folder) for entry, source in zip(entries, given, strict=True)
        ]
        entries += files.values()
        options = replace(options, **_files(files, folder))
        hashes = [entry["sha256"] for entry in entries]
        trained = recipe["weights"]["name"], recipe["weights"]["sha256"]
        begun_with = recipe.get("start")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(picture, error) from error
    if not trained[1]:
        raise WeightsError(
            f"{picture} was painted with {trained[0]!r}, a network that a program passed as net=; "
            "only that program can paint it again"
        )
    as_styles: list[Any] = grouped(sources[1:], style_of_painting)
    painter = Painter(
        sources[0],
        as_styles,
        options,
        read=read,
        checkpoint=checkpoint,
        schedule=schedule,
        layouts=layouts,
        start=_start(picture, begun_with, sources[0], read) if begun_with else None,
    )
    for sha256, used in zip(hashes, painter.sources.pictures, strict=True):
        if sha256 != used.sha256:
            raise ImageError(f"{used.name}: is not the picture that {picture} was painted from")
    found = painter.recipe["weights"]
    if trained != (found["name"], found["sha256"]):
        raise WeightsError(
            f"{picture} was painted with the weights {trained[0]!r}, but {found['name']!r} is here"
        )
    return painter


def rerun_stylised(
    picture: str | Path,
    recipe: Mapping[str, Any],
    content: Source | None,
    read: ReadOptions,
    device: str | None = None,
) -> Stylised:
    """Stylise a picture again from its recipe. Raises as `rerun` does."""
    folder = Path(picture).parent
    try:
        names = ("strength", "color", "style_scale", "seed", "size")
        options = {name: recipe[name] for name in names}
        masks = [_recorded(entry, None, folder) for entry in recipe["mask"]]
        hashes = [str(entry["sha256"]) for entry in (recipe["content"], *recipe["mask"])]
        photo = _recorded(recipe["content"], content, folder)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(picture, error) from error
    network = network_again(picture, recipe, device)
    made = network(photo, read=read, mask=masks or None, bits=_bits(recipe), **options)
    used = (made.recipe["content"], *made.recipe["mask"])
    for sha256, entry in zip(hashes, used, strict=True):
        if sha256 != entry["sha256"]:
            raise ImageError(f"{entry['name']}: is not the picture that {picture} was made with")
    return made


def _bits(recipe: Mapping[str, Any]) -> int:
    """Return the bits per channel of the file."""
    save = recipe.get("save")
    return SaveOptions.from_dict(save if isinstance(save, dict) else {}).bits


def _schedule(recorded: Sequence[Sequence[Any]], size: int) -> list[Scale]:
    """Return the scales and steps that were painted; none if the recipe has no schedule.

    Raises `TypeError` or `ValueError` if they are invalid.
    """
    schedule = [Scale.from_list(entry) for entry in recorded]
    for scale in schedule:
        width, height, steps = scale.width, scale.height, scale.steps
        if not (1 <= min(width, height) <= max(width, height) <= size and 0 <= steps <= MAX_STEPS):
            raise ValueError(f"{width}x{height} in {steps} steps is not a scale of {size} pixels")
    if schedule and not any(scale.steps for scale in schedule):
        raise ValueError("its schedule has no step")
    return schedule


def _start(
    picture: str | Path, recipe: Mapping[str, Any], content: Source, read: ReadOptions
) -> Start:
    """Stylise the starting picture again."""
    made = rerun_stylised(picture, recipe, content, read)
    return Start(made.rgb, made.recipe)


def _files(entries: Mapping[str, Mapping[str, Any]], folder: Path) -> dict[str, Any]:
    """Return the options that name files, with their current paths."""
    found: dict[str, Any] = {}
    for name, entry in entries.items():
        path, (option, *number) = str(_recorded(entry, None, folder)), name.split()
        found[option] = (*found.get(option, ()), path) if number else path
    return found


def _recorded(entry: Mapping[str, Any], given: Source | None, folder: Path) -> Source:
    return located(str(entry["name"]), folder) if given is None else given
