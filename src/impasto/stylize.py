"""The facade in one call: a painting, a picture once more from its recipe, a network trained."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from impasto.apply.network import Network
from impasto.apply.stylised import Stylised
from impasto.atomic import check_output
from impasto.errors import ImageError, Notice, OptionsError, WeightsError
from impasto.images import read_recipe
from impasto.images.read import Source
from impasto.optimize.schedule import Scale
from impasto.options import (
    INITS,
    MAX_STEPS,
    ApplyOptions,
    CheckpointOptions,
    PaintOptions,
    ReadOptions,
    SaveOptions,
    TrainOptions,
)
from impasto.options.machine import check_device
from impasto.painter import Painter, Painting, Start, read_layouts
from impasto.runtime.device import choose_device
from impasto.training.start import AUTO, started
from impasto.training.trainer import Trainer
from impasto.zoo.learnt import packs_of
from impasto.zoo.pack import EXTENSION, Pack, write_pack
from impasto.zoo.registry import find, resolve


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
    chosen, start = begun(content, PaintOptions.from_dict(options), read or ReadOptions())
    painter = Painter(content, style, chosen, read=read, start=start)
    for _ in painter:
        pass
    return painter.painting


def begun(
    content: Source, options: PaintOptions, read: ReadOptions
) -> tuple[PaintOptions, Start | None]:
    """Return options, and what a network makes of the photo where ``init`` names its style.

    From there it is not far any more: unless scales were asked for, there is one. Raises
    `OptionsError` for an ``init`` that is neither a style nor a file.
    """
    if options.init in INITS or _is_file(options.init):
        return options, None
    try:
        pack, shares = resolve(options.init)
    except OptionsError as error:
        raise OptionsError(
            f"--init {options.init}: is none of {', '.join(INITS)}, no file and no style ({error})"
        ) from error
    network = Network(pack, shares, device=options.device)
    made = network(content, read=read, size=options.size, bits=8)
    scales = "single" if options.scales == "auto" else options.scales
    return replace(options, scales=scales), Start(made.rgb, made.recipe)


def refine(
    made: Stylised, content: Source, style: Source, seconds: float, read: ReadOptions
) -> Painter:
    """Return a `Painter` that paints on for some time from what a network made of a photo.

    ``style`` is the painting that the network's style was learnt from.
    """
    height, width, _ = made.samples.shape
    shares = ",".join(f"{name}:{share:g}" for name, share in made.recipe["shares"].items())
    options = PaintOptions(
        size=max(height, width), budget=seconds, scales="single", init=shares, device="auto"
    )
    return Painter(content, style, options, read=read, start=Start(made.rgb, made.recipe))


def _is_file(init: str) -> bool:
    """Return whether a start is said as a file, there or not: no style has a name like one."""
    path = Path(init)
    return path.exists() or (path.suffix != "" and path.suffix != EXTENSION and ":" not in init)


def train(
    style: Source | Sequence[Source],
    photos: str | Path | Sequence[Source] | None = None,
    *,
    out: str | Path | None = None,
    begin: str = AUTO,
    teacher: str | None = None,
    read: ReadOptions | None = None,
    **options: Any,
) -> Network:
    """Train a network that paints photos in the style of ``style``, and return it.

    ``style`` is a painting, or several: then the network mixes them to equal shares, until it is
    told others. ``photos`` is a folder or pictures to learn on; None is the few that come with
    scikit-image. ``options`` are the fields of `TrainOptions`: ``budget="20m"`` is how long.
    ``out`` is a file for the pack, which `load` reads. ``begin`` and ``teacher`` are packs as
    `impasto train` takes them with ``--from`` and ``--teacher``. All is done in this process.

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

    Of a painting it returns the `Painter` that paints it again, of what a network made the picture.
    The photo, the paintings and the masks are looked for where the recipe says and beside the
    picture, and must have the same content as then; ``content`` and ``styles`` say where they are
    now. It is made on the device that it was made on, if that is there, or on ``device``; on
    another it may differ, and a `Notice` says so. Raises `ImageError` when there is no recipe or a
    file is missing or another, `WeightsError` when the weights are others or the style is not there
    any more.
    """
    read = read or ReadOptions()
    recipe = read_recipe(picture, read)
    if recipe.get("kind") == "apply":
        if styles:
            raise OptionsError(f"{picture} was made by a network: it needs no paintings")
        return again(picture, recipe, content, read, device)
    return repaint(picture, recipe, content, styles, read, checkpoint, device)


def repaint(
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
                f"{picture}: its recipe is of kind {recipe['kind']!r}, which has no rerun"
            )
        options = PaintOptions.from_dict(recipe["options"])
        ran = recipe["ran"]
        options = replace(options, device=ran["device"], precision=ran["precision"])
        there = _device(picture, options.device, device)
        same = there.partition(":")[0] == options.device.partition(":")[0]
        if options.precision == "tf32" and not there.startswith("cuda"):
            options = replace(options, precision="float32")
        options = replace(options, device=there)
        schedule = _schedule(ran.get("schedule", ()), options.size)
        layouts = read_layouts(ran.get("memory", ())) if same else {}
        style_of_painting = [
            int(style) for style in recipe.get("style_of_painting", range(len(recipe["styles"])))
        ]
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
        begun_with = recipe.get("start")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ImageError(f"{picture}: its recipe is incomplete or damaged ({error})") from error
    painter = Painter(
        sources[0],
        _grouped(sources[1:], style_of_painting),
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
            f"{picture} was painted with the weights {trained[0]!r}, found are {found['name']!r}"
        )
    return painter


def again(
    picture: str | Path,
    recipe: Mapping[str, Any],
    content: Source | None,
    read: ReadOptions,
    device: str | None = None,
) -> Stylised:
    """Return what a network made once more, from its recipe. Raises as `rerun` does."""
    folder = Path(picture).parent
    try:
        names = ("strength", "color", "style_scale", "seed", "size")
        options = {name: recipe[name] for name in names}
        rows, body = dict(recipe["model"]["rows"]), str(recipe["model"]["body"])
        shares = {str(name): float(share) for name, share in recipe["shares"].items()}
        ran = ApplyOptions(backend=recipe["ran"]["backend"], device=recipe["ran"]["device"])
        there = _device(picture, ran.device, device)
        masks = [_recorded(entry, None, folder) for entry in recipe["mask"]]
        hashes = [str(entry["sha256"]) for entry in (recipe["content"], *recipe["mask"])]
        photo = _recorded(recipe["content"], content, folder)
        wanted = {name: str(rows[name]) for name in shares}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ImageError(f"{picture}: its recipe is incomplete or damaged ({error})") from error
    pack, called = _with_styles(picture, body, wanted)
    network = Network(
        pack,
        {called[name]: share for name, share in shares.items()},
        backend=ran.backend if there == ran.device or there == "cpu" else "auto",
        device=there,
    )
    made = network(photo, read=read, mask=masks or None, bits=_bits(recipe), **options)
    used = (made.recipe["content"], *made.recipe["mask"])
    for sha256, entry in zip(hashes, used, strict=True):
        if sha256 != entry["sha256"]:
            raise ImageError(f"{entry['name']}: is not the picture that {picture} was made with")
    return made


def _device(picture: str | Path, recorded: str, asked: str | None) -> str:
    """Return the device to make a picture again on: the one asked for, or what it was made on.

    Raises `OptionsError` for one that is asked for and not there.
    """
    if asked is not None:
        check_device(asked)
    try:
        found = choose_device(asked or recorded)
    except OptionsError:
        if asked:
            raise
        found = choose_device("auto")
    if found.type != recorded.partition(":")[0]:
        told = f"{picture} was made on {recorded}; made again on {found.type}, it may differ"
        warnings.warn(told, Notice, stacklevel=2)
    return str(found)


def _bits(recipe: Mapping[str, Any]) -> int:
    """Return how many bits a channel the file was to have."""
    save = recipe.get("save")
    return SaveOptions.from_dict(save if isinstance(save, dict) else {}).bits


def _with_styles(
    picture: str | Path, body: str, wanted: Mapping[str, str]
) -> tuple[Pack, dict[str, str]]:
    """Return a pack of a body that has rows of some hashes, and what these are called there."""
    for pack in packs_of(body):
        rows = {pack.row(name).sha256: name for name in pack.styles}
        if all(sha256 in rows for sha256 in wanted.values()):
            return pack, {name: rows[sha256] for name, sha256 in wanted.items()}
    raise WeightsError(
        f"{picture}: was made by a network in the style {', '.join(wanted)}, and that very style "
        "is not here any more: it was removed, or learnt on since; with a copy of its file in the "
        "folder that impasto models names it can be made again"
    )


def _schedule(recorded: Sequence[Sequence[Any]], size: int) -> list[Scale]:
    """Return the scales and steps that were painted; none where the recipe does not say.

    Raises `TypeError` or `ValueError` for what cannot be.
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
    """Return once more what a network made to begin with."""
    made = again(picture, recipe, content, read)
    return Start(made.rgb, made.recipe)


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


def _grouped(sources: Sequence[Source], style_of_painting: Sequence[int]) -> list[Any]:
    """Return pictures as styles: those of one style together."""
    pairs = list(zip(sources, style_of_painting, strict=True))
    return [
        [source for source, own in pairs if own == style]
        for style in sorted(set(style_of_painting))
    ]


def _recorded(entry: Mapping[str, Any], given: Source | None, folder: Path) -> Source:
    if given is not None:
        return given
    name = str(entry["name"])
    for candidate in (Path(name), folder / Path(name).name):
        if candidate.is_file():
            return candidate
    raise ImageError(f"{name}: not found here nor in {folder}; say where it is now")
