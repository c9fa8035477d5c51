"""``impasto train``."""

from __future__ import annotations

import json
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.flags import AsJson, Quiet, with_options
from impasto.cli.interrupt import INTERRUPTED, gentle_interrupt
from impasto.options import CheckpointOptions, ReadOptions, TrainOptions

if TYPE_CHECKING:
    from impasto.training.trainer import Trainer
    from impasto.zoo.pack import Pack

_LOG_EVERY = 10
_STATE, _LOG = "state.safetensors", "losses.jsonl"


@with_options(options=TrainOptions, read=ReadOptions)
def train(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The pack: .safetensors", show_default=False)
    ],
    style: Annotated[
        list[Path] | None,
        typer.Option(help="A painting; repeat it for each style.", metavar="PAINTING"),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            help="Folder of photos to learn on. Default: the few that come with scikit-image.",
            metavar="DIR",
        ),
    ] = None,
    begin: Annotated[
        str,
        typer.Option(
            "--from",
            help="Network to start from: a pack, a file or a bundled size; auto (the teacher's "
            "strongest channels, or the bundled pack of that size); or none.",
            metavar="PACK",
        ),
    ] = "auto",
    teacher: Annotated[
        str | None,
        typer.Option(
            help="Learn from this larger network in all its styles. A style that also has a "
            "--style finishes on the painting.",
            metavar="PACK",
        ),
    ] = None,
    cards: Annotated[
        Path | None,
        typer.Option(
            help="JSON file with the titles, painters and so on of the paintings.", metavar="FILE"
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the state and the losses. Default: OUT.training.", metavar="DIR"
        ),
    ] = None,
    checkpoint_every: Annotated[
        float, typer.Option(help="Seconds between saves of the state.")
    ] = 60.0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue where it was stopped.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start over and replace the saved state.")
    ] = False,
    processes: Annotated[
        str,
        typer.Option(
            help="Processes that share the work on a CPU; auto chooses the fastest number.",
            metavar="NUMBER",
        ),
    ] = "auto",
    preview: Annotated[
        Path | None,
        typer.Option(help="Folder for preview sheets: a few photos in all styles.", metavar="DIR"),
    ] = None,
    preview_every: Annotated[float, typer.Option(help="Seconds between preview sheets.")] = 180.0,
    quiet: Quiet = False,
    as_json: AsJson = False,
    *,
    options: TrainOptions,
    read: ReadOptions,
) -> None:
    """Train a network for the styles of paintings.

    The network paints any photo in milliseconds. The weights of the styles adjust during training,
    until each style moves photos as far from their content as --distance says. Stop with Ctrl-C and
    continue with --resume. For several GPUs, in one machine or more: torchrun --nproc-per-node N
    --no-python impasto train ... To add a style to a pack without changing the others: impasto
    learn painting.jpg -o PACK

    Examples:

      impasto train --style my.jpg --photos photos -o my.safetensors

      impasto train --style wave.jpg --style hat.jpg --photos photos -o my.safetensors --budget 2h

      impasto train --teacher my.safetensors --model turbo --photos photos -o small.safetensors

      impasto train --style wave.jpg --photos photos -o wave.safetensors --preview sheets --resume
    """
    from impasto.atomic import beside, check_output
    from impasto.cli.batch import make_folder
    from impasto.cli.cards import read_cards
    from impasto.cli.process_group import process_group
    from impasto.runtime.device import keep_freed_memory
    from impasto.training.start import AUTO, NONE, started
    from impasto.training.trainer import StateFile, Trainer
    from impasto.zoo.pack import EXTENSION, check_replaceable, write_pack
    from impasto.zoo.registry import find

    packs = [Path(pack) for pack in (teacher, begin) if pack and pack not in (AUTO, NONE)]
    check_output(out, extensions=(EXTENSION,), inputs=[*(style or ()), *packs])
    check_replaceable(out)
    CheckpointOptions(resume=resume, restart=restart)  # checks that not both are given
    folder = checkpoint or beside(out, ".training")
    make_folder(folder)
    if preview:
        make_folder(preview)
    taught_by = find(teacher) if teacher else None
    styles = len(taught_by.styles) - 1 if taught_by else len(style or ())
    keep_freed_memory()
    with process_group(processes, options, styles) as first:
        quiet = quiet or not first
        trainer = Trainer(
            style or [],
            photos,
            options,
            cards=read_cards(cards),
            start=started(begin, options.model, taught_by),
            teacher=taught_by,
            read=read,
            state_file=StateFile(folder / _STATE, checkpoint_every, resume, restart),
        )
        _follow(trainer, folder, preview, preview_every, fresh=not resume, quiet=quiet)
        if not first:
            return
        if trainer.stopped:
            typer.echo(
                f"\nimpasto: stopped; to continue, repeat the command with --resume ({folder})",
                err=True,
            )
            raise typer.Exit(INTERRUPTED)
        write_pack(_signed(trainer.pack), out)
        (folder / _STATE).unlink(missing_ok=True)
        _report(trainer, out, as_json=as_json, quiet=quiet)


def _follow(
    trainer: Trainer,
    folder: Path,
    sheets: Path | None,
    sheet_every: float,
    *,
    fresh: bool,
    quiet: bool,
) -> None:
    """Train until the end, or until Ctrl-C stops it between two steps and saves the state."""
    from impasto.cli.training_progress import TrainingProgress
    from impasto.events import Trained

    first, drawn = not trainer.processes.rank, time.monotonic()
    with gentle_interrupt() as interrupted, TrainingProgress(trainer, quiet=quiet) as progress:
        for event in trainer:
            progress.take(event)
            if fresh and first:  # the trainer now holds the lock on this folder
                (folder / _LOG).unlink(missing_ok=True)
            fresh = False
            if isinstance(event, Trained) and first:
                if event.step % _LOG_EVERY == 0:
                    _log(folder / _LOG, event)
                if sheets and time.monotonic() - drawn > sheet_every:
                    _draw(trainer, sheets / f"step-{event.step:07}.png")
                    drawn = time.monotonic()
            if interrupted():
                trainer.stop()
    if sheets and first and not trainer.stopped:
        _draw(trainer, sheets / "finished.png")


def _signed(pack: Pack) -> Pack:
    """Return a pack whose card includes the command that made it."""
    command = shlex.join(["impasto", *sys.argv[1:]])
    training = {"command": command, **pack.card.training}
    return replace(pack, card=replace(pack.card, training=training))


def _draw(trainer: Trainer, path: Path) -> None:
    from impasto.images import save_picture

    save_picture(trainer.preview(), path)


def _log(path: Path, event: Any) -> None:
    numbers = (
        "step", "samples", "progress", "loss", "content", "style", "seconds", "unreadable",
    )  # fmt: skip
    with path.open("a") as file:
        file.write(json.dumps({name: getattr(event, name) for name in numbers}) + "\n")


def _report(trainer: Trainer, out: Path, *, as_json: bool, quiet: bool) -> None:
    about = trainer.training
    if as_json:
        weights = {card.name: round(card.weight, 4) for card in trainer.pack.card.styles[1:]}
        typer.echo(json.dumps({"pack": str(out), "weights": weights, **about}))
    elif not quiet:
        typer.echo(f"pack  {out}")
