"""``impasto train``."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.flags import AsJson, Quiet, with_options
from impasto.cli.interrupt import INTERRUPTED, gentle_interrupt
from impasto.options import ReadOptions, TrainOptions

if TYPE_CHECKING:
    from impasto.training.trainer import Trainer
    from impasto.zoo.cards import StyleCard
    from impasto.zoo.pack import Pack

_LOG_EVERY = 10
_STATE, _LOG = "state.safetensors", "losses.jsonl"


@with_options(options=TrainOptions, read=ReadOptions)
def train(
    style: Annotated[
        list[Path],
        typer.Option(help="A painting; once for each style.", metavar="PAINTING"),
    ],
    photos: Annotated[Path, typer.Option(help="Folder of photos to learn on.", metavar="DIR")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The pack: .safetensors", show_default=False)
    ],
    add_to: Annotated[
        str | None,
        typer.Option(
            help="Add the styles to this pack, a file or a size that ships; its network stays.",
            metavar="PACK",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="Begin with the network of this pack, said likewise, instead of with nothing.",
            metavar="PACK",
        ),
    ] = None,
    cards: Annotated[
        Path | None,
        typer.Option(help="JSON list of what is to be known of the paintings.", metavar="FILE"),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the state and the losses. Default: OUT.training", metavar="DIR"
        ),
    ] = None,
    checkpoint_every: Annotated[
        float, typer.Option(help="Seconds from one state kept to the next.")
    ] = 60.0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it was stopped.")] = False,
    preview: Annotated[
        Path | None,
        typer.Option(help="Folder for sheets of a few photos in the styles.", metavar="DIR"),
    ] = None,
    preview_every: Annotated[
        float, typer.Option(help="Seconds from one sheet to the next.")
    ] = 180.0,
    quiet: Quiet = False,
    as_json: AsJson = False,
    *,
    options: TrainOptions,
    read: ReadOptions,
) -> None:
    """Train a network that paints any photo in the styles of paintings, in milliseconds.

    The weights of the styles choose themselves on the way, so that all styles come out equally
    strong. Stop it with Ctrl-C and go on with --resume. Several processes, on one machine
    or many: torchrun --nproc-per-node N --no-python impasto train ...

    Examples:

      impasto train --style starry.jpg --photos photos -o starry.safetensors --minutes 20

      impasto train --style wave.jpg --style scream.jpg --photos photos -o mine.safetensors

      impasto train --style kiss.jpg --photos photos --add-to mine.safetensors -o more.safetensors

      impasto train --style hat.jpg --photos photos --start standard -o hat.safetensors

      impasto train --style wave.jpg --photos photos -o wave.safetensors --preview sheets --resume
    """
    from impasto.images import check_output
    from impasto.training.trainer import Keeping, Trainer
    from impasto.zoo.pack import EXTENSION, write_pack
    from impasto.zoo.registry import find

    inputs = [*style, *(Path(pack) for pack in (add_to, start) if pack)]
    check_output(out, extensions=(EXTENSION,), inputs=inputs)
    folder = checkpoint or out.with_name(f"{out.name}.training")
    _make(folder)
    if preview:
        _make(preview)
    with _processes() as first:
        quiet = quiet or not first
        trainer = Trainer(
            style,
            photos,
            options,
            cards=_cards(cards),
            base=find(add_to) if add_to else None,
            start=find(start) if start else None,
            read=read,
            keeping=Keeping(folder / _STATE, checkpoint_every, resume),
        )
        finished = _follow(trainer, folder, preview, preview_every, quiet=quiet)
        if not first:
            return
        if not finished:
            typer.echo(
                f"\nimpasto: stopped; to go on, repeat it with --resume ({folder})", err=True
            )
            raise typer.Exit(INTERRUPTED)
        write_pack(_signed(trainer.pack), out)
        (folder / _STATE).unlink(missing_ok=True)
        _report(trainer, out, as_json=as_json, quiet=quiet)


def _follow(
    trainer: Trainer, folder: Path, sheets: Path | None, sheet_every: float, *, quiet: bool
) -> bool:
    """Train; return whether to the end. Ctrl-C ends it between two steps, with the state kept."""
    from impasto.cli.training import TrainingProgress
    from impasto.events import Trained

    drawn = time.monotonic()
    with gentle_interrupt() as interrupted, TrainingProgress(trainer, quiet=quiet) as progress:
        for event in trainer:
            progress.take(event)
            if isinstance(event, Trained):
                if event.step % _LOG_EVERY == 0 and not trainer.processes.rank:
                    _log(folder / _LOG, event)
                if sheets and not trainer.processes.rank and time.monotonic() - drawn > sheet_every:
                    _draw(trainer, sheets / f"step-{event.step:07}.png")
                    drawn = time.monotonic()
            if interrupted():
                list(trainer.save())
                return False
    if sheets and not trainer.processes.rank:
        _draw(trainer, sheets / "finished.png")
    return True


def _signed(pack: Pack) -> Pack:
    """Return a pack whose card says the command that made it."""
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


def _cards(path: Path | None) -> dict[str, StyleCard]:
    """Read cards: a JSON list of objects with the stem of a file, and what a `StyleCard` has."""
    from impasto.errors import OptionsError
    from impasto.zoo.cards import StyleCard

    if path is None:
        return {}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {str(row["file"]): StyleCard.from_dict(row) for row in rows}
    except OSError as error:
        raise OptionsError(f"--cards {path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise OptionsError(f"--cards {path}: is no JSON list of cards: {error}") from error


def _make(folder: Path) -> None:
    from impasto.errors import OutputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}") from error


@contextmanager
def _processes() -> Iterator[bool]:
    """Join the processes that torchrun started, if it did; say whether this is the first."""
    if "LOCAL_RANK" not in os.environ:
        yield True
        return
    import torch
    from torch import distributed as dist

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield dist.get_rank() == 0
    finally:
        with suppress(RuntimeError):
            dist.destroy_process_group()
