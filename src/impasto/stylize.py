"""The facade in one call: a painting, once more from its recipe, or a network that paints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from impasto.apply.network import Network
from impasto.errors import ImageError, OptionsError, WeightsError
from impasto.images import check_output, read_recipe
from impasto.images.read import Source
from impasto.optimize.schedule import Scale
from impasto.options import (
    MAX_STEPS,
    CheckpointOptions,
    PaintOptions,
    ReadOptions,
    TrainOptions,
)
from impasto.painter import Painter, Painting, read_layouts
from impasto.training.start import AUTO, started
from impasto.training.trainer import Trainer
from impasto.zoo.pack import EXTENSION, write_pack
from impasto.zoo.registry import find


def paint(
    content: Source,
    style: Source | Sequence[Source],
    *,
    read: ReadOptions | None = None,
    **options: Any,
) -> Painting:
    """Paint ``content`` in the style of ``style`` (one picture, or several) and return it.

    ``options`` are the fields of `PaintOptions`. Raises the errors of `Painter`.
    """
    painter = Painter(content, style, PaintOptions.from_dict(options), read=read)
    for _ in painter:
        pass
    return painter.painting


def train(
    style: Source | Sequence[Source],
    photos: str | Path | Sequence[Source] | None = None,
    *,
    out: str | Path | None = None,
    begin: str = AUTO,
    add_to: str | None = None,
    teacher: str | None = None,
    read: ReadOptions | None = None,
    **options: Any,
) -> Network:
    """Train a network that paints photos in the style of ``style``, and return it.

    ``style`` is a painting, or several: then the network mixes them to equal shares, until it is
    told others. ``photos`` is a folder or pictures to learn on; None is the few that come with
    scikit-image. ``options`` are the fields of `TrainOptions`: ``budget="20m"`` is how long.
    ``out`` is a file for the pack, which `load` reads. ``begin``, ``add_to`` and ``teacher`` are
    packs as `impasto train` takes them with ``--from``, ``--add-to`` and ``--teacher``. All is
    done in this process.

    Raises the errors of `Trainer`.
    """
    several: list[Any] = list(style) if isinstance(style, list | tuple) else [style]
    if out is not None:
        check_output(out, extensions=(EXTENSION,))
    chosen = TrainOptions.from_dict(options)
    taught_by = find(teacher) if teacher else None
    base = find(add_to) if add_to else None
    trainer = Trainer(
        several,
        photos,
        chosen,
        base=base,
        start=None if base and begin == AUTO else started(begin, chosen.model, taught_by),
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
) -> Painter:
    """Return a `Painter` that paints ``picture`` again from the recipe embedded in it.

    The photo and the paintings are looked for where the recipe says and beside the picture, and
    must have the same content as then; ``content`` and ``styles`` say where they are now. Raises
    `ImageError` when there is no recipe or a file is missing or another, `WeightsError` when the
    weights are others.
    """
    read = read or ReadOptions()
    recipe = read_recipe(picture, read)
    folder = Path(picture).parent
    try:
        if recipe["kind"] != "paint":
            raise ImageError(f"{picture}: its recipe is of kind {recipe['kind']!r}, not 'paint'")
        options = PaintOptions.from_dict(recipe["options"])
        ran = recipe["ran"]
        options = replace(options, device=ran["device"], precision=ran["precision"])
        schedule = _schedule(ran.get("schedule", ()), options.size)
        layouts = read_layouts(ran.get("memory", ()))
        hands = [int(hand) for hand in recipe.get("hands", range(len(recipe["styles"])))]
        files = recipe["files"] if "files" in recipe else _before_files(recipe)
        recorded = [recipe["content"], *recipe["styles"]]
        given: list[Source | None] = [content]
        given += styles or [None] * len(recipe["styles"])
        if len(given) != len(recorded):
            raise OptionsError(f"{picture} has {len(recorded) - 1} styles, got {len(given) - 1}")
        sources = [
            _recorded(entry, source, folder) for entry, source in zip(recorded, given, strict=True)
        ]
        recorded += files.values()
        options = replace(options, **_files(files, folder))
        hashes = [entry["sha256"] for entry in recorded]
        trained = recipe["weights"]["name"], recipe["weights"]["sha256"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ImageError(f"{picture}: its recipe is incomplete or damaged ({error})") from error
    painter = Painter(
        sources[0],
        _grouped(sources[1:], hands),
        options,
        read=read,
        checkpoint=checkpoint,
        schedule=schedule,
        layouts=layouts,
    )
    for sha256, used in zip(hashes, painter.sources.pictures, strict=True):
        if sha256 != used.sha256:
            raise ImageError(f"{used.name}: is not the picture that {picture} was painted from")
    found = painter.recipe["weights"]
    if trained != (found["name"], found["sha256"]):
        raise WeightsError(
            f"{picture} was painted with the weights {trained[0]!r}, found are {found['name']!r}"
        )
    return painter


def _schedule(recorded: Sequence[Sequence[Any]], size: int) -> list[Scale]:
    """Return the scales and steps that were painted; none where the recipe does not say.

    Raises `TypeError` or `ValueError` for what cannot be.
    """
    schedule = [Scale.from_list(entry) for entry in recorded]
    for scale in schedule:
        width, height, steps = scale.width, scale.height, scale.steps
        if not (1 <= min(width, height) <= max(width, height) <= size and 0 <= steps <= MAX_STEPS):
            raise ValueError(f"{width}x{height} in {steps} steps is no scale of {size} pixels")
    if schedule and not any(scale.steps for scale in schedule):
        raise ValueError("its schedule has no step")
    return schedule


def _before_files(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the files of a recipe of version 0.3 or before."""
    return {"init": recipe["init"]} if recipe["init"] else {}


def _files(entries: Mapping[str, Mapping[str, Any]], folder: Path) -> dict[str, Any]:
    """Return the options that name files, with where those are now."""
    found: dict[str, Any] = {}
    for name, entry in entries.items():
        path, (option, *number) = str(_recorded(entry, None, folder)), name.split()
        found[option] = (*found.get(option, ()), path) if number else path
    return found


def _grouped(sources: Sequence[Source], hands: Sequence[int]) -> list[Any]:
    """Return pictures as styles: those of one hand together."""
    pairs = list(zip(sources, hands, strict=True))
    return [[source for source, hand in pairs if hand == style] for style in sorted(set(hands))]


def _recorded(entry: Mapping[str, Any], given: Source | None, folder: Path) -> Source:
    if given is not None:
        return given
    name = str(entry["name"])
    for candidate in (Path(name), folder / Path(name).name):
        if candidate.is_file():
            return candidate
    raise ImageError(f"{name}: not found here nor in {folder}; say where it is now")
