"""``impasto apply``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli import completion
from impasto.cli.flags import AsJson, Quiet, with_options
from impasto.cli.interrupt import INTERRUPTED, gentle_interrupt
from impasto.options import ApplyOptions, ReadOptions, SaveOptions

if TYPE_CHECKING:
    from impasto.apply.network import Network
    from impasto.cli.batch import Task
    from impasto.cli.refining import Refining


@with_options(options=ApplyOptions, save=SaveOptions, read=ReadOptions)
def apply(
    model: Annotated[
        str,
        typer.Argument(
            help="A style, a mixture or a pack's file (see impasto models); or a painting, which "
            "is learnt first, once.",
            metavar="MODEL",
            show_default=False,
            autocompletion=completion.styles,
        ),
    ],
    photos: Annotated[
        list[Path],
        typer.Argument(
            help="Photos, or folders of them; - is standard input.",
            metavar="PHOTO...",
            show_default=False,
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            help="A file for one photo, else a folder; - is standard output (--format).",
            show_default=False,
        ),
    ],
    fast: Annotated[
        bool,
        typer.Option(
            "--fast", help="Take the smaller network, standard: three times as fast, plainer."
        ),
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Format of what goes into a folder. Default: that of each photo.",
            metavar="png|jpg|webp|avif|tif",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Redo what is in the folder already.")
    ] = False,
    budget: Annotated[
        str | None,
        typer.Option(
            help="With a painting: for how long it is learnt. Default: 30s, and never again.",
            metavar="TIME",
            show_default=False,
        ),
    ] = None,
    refine: Annotated[
        str | None,
        typer.Option(
            help="Paint on for so long from what the network made, each photo, as impasto paint "
            "--init does. Of styles that were learnt: their paintings are at hand.",
            metavar="TIME",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    *,
    options: ApplyOptions,
    save: SaveOptions,
    read: ReadOptions,
) -> None:
    """Stylise photos with a trained network, in one pass each.

    Folders are searched through and keep their structure. What is in the output folder already is
    left alone, so an interrupted run goes on when it is repeated. A photo that cannot be stylised
    is named, and the rest goes on; the exit code is then 1. With --jobs N pictures are read and
    written while others are computed: quicker for many, in N times the memory.

    A picture where the style's name stands is learnt as impasto learn does, for half a minute, and
    remembered. For a single photo, impasto paint --budget 30s makes the better picture.

    Examples:

      impasto apply starry photo.jpg -o out.png

      impasto apply painting.jpg holiday -o painted

      impasto apply mine photo.jpg -o out.png --refine 15s

      impasto apply starry:0.6,wave:0.4 photo.jpg -o out.jpg --strength 0.7 --color photo

      impasto apply wave photo.jpg -o out.png --mask sky.png --style-scale 2 --seed 7

      impasto apply turbo/wave holiday -o painted --size 1200 --jobs 4

      impasto apply mine.safetensors a.jpg b.heic -o painted --format jpg

      curl -s https://example.org/photo.jpg | impasto apply wave - -o - > out.png
    """
    from impasto.apply.network import Network
    from impasto.cli.batch import plan
    from impasto.cli.passing import is_painting, learnt
    from impasto.cli.pipes import STANDARD, Pipes
    from impasto.cli.refining import Refining
    from impasto.errors import OptionsError
    from impasto.runtime.processors import processors
    from impasto.zoo.registry import resolve

    with Pipes() as pipes:
        if out == STANDARD:
            out = str(pipes.given(Path(out), f".{form or 'png'}", as_json=as_json))
        taken = [pipes.taken(photo) for photo in photos]
        form, quiet = None if pipes.out else form, quiet or pipes.out
        began = time.monotonic()
        painting = is_painting(model)
        if budget is not None and not painting:
            raise OptionsError(
                "--budget says how long to learn a painting; MODEL is a style's name"
            )
        if not painting:
            pack, shares = resolve(model, fast=fast)
        closed: list[str] = []
        tasks, into_folder = plan(taken, out, form, save, lambda error: closed.append(str(error)))
        if pipes.took and into_folder:
            raise OptionsError("- is one picture without a name: give the name of a file with -o")
        keep = into_folder and not overwrite
        todo = [task for task in tasks if not (keep and task.out.is_file())]
        if painting:
            pack, shares = learnt(
                model, [task.photo for task in tasks], budget, read, fast=fast, quiet=quiet
            )
        jobs = max(1, min(options.jobs, len(todo)))
        threads = None if jobs == 1 else max(1, processors() // jobs)
        networks = [
            Network(pack, shares, backend=options.backend, device=options.device, threads=threads)
            for _ in range(jobs)
        ]
        for network in networks[:1]:
            network.check(options, read)  # before the work, what would fail for every photo
        refining = Refining.of(refine, model, shares, options) if refine else None
        outcome = Outcome(skipped=len(tasks) - len(todo))
        for wrong in closed:
            outcome.failed[wrong.partition(":")[0]] = wrong
            typer.echo(f"impasto: {wrong}", err=True)
        _follow(
            _Stylist(options, save, read, refining, pipes.told),
            networks,
            todo,
            outcome,
            quiet=quiet,
        )
        outcome.seconds = time.monotonic() - began
        _report(outcome, out, into_folder=into_folder, quiet=quiet, as_json=as_json)


@dataclass
class Outcome:
    """What became of the photos. ``left`` were not begun when Ctrl-C ``stopped`` it."""

    skipped: int
    done: list[Task] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    left: int = 0
    stopped: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class _Stylist:
    """Makes one picture."""

    options: ApplyOptions
    save: SaveOptions
    read: ReadOptions
    refining: Refining | None
    told: Callable[[str], str]
    """Gives what a message is for people."""

    def __call__(
        self, network: Network, task: Task, progress: Callable[[int, int], None] | None = None
    ) -> str:
        """Return what went wrong, in one line; "" for nothing."""
        from impasto.cli.batch import make_folder
        from impasto.errors import ImpastoError, OutOfMemoryError
        from impasto.text import reason, shown

        try:
            make_folder(task.out.parent)
            made = network.stylise(
                task.photo, self.options, read=self.read, progress=progress, bits=self.save.bits
            )
            done = self.refining.refined(made, task.photo, self.read) if self.refining else made
            done.save(task.out, **self.save.to_dict())
        except OutOfMemoryError as error:
            return f"{shown(task.photo)}: {error}"
        except ImpastoError as error:
            return " ".join(str(error).split())
        except Exception as error:  # one picture must not end a night's work
            return f"{shown(task.photo)}: {type(error).__name__}: {reason(error)}"
        return ""


def _follow(
    stylist: _Stylist,
    networks: Sequence[Network],
    todo: Sequence[Task],
    outcome: Outcome,
    *,
    quiet: bool,
) -> None:
    """Make all pictures, show the progress, tell failures as they come."""
    from impasto.cli.counter import Counter

    what = "picture" if len(networks) == 1 else "pictures under way"
    with gentle_interrupt(what) as interrupted, Counter(len(todo), quiet=quiet) as counter:
        for task, wrong in _made(stylist, networks, todo, interrupted, counter.part):
            if wrong is None:
                outcome.left += 1
                continue
            counter.advance()
            if wrong:
                wrong = stylist.told(wrong)
                outcome.failed[str(task.photo)] = wrong
                typer.echo(f"impasto: {wrong}", err=True)
            else:
                outcome.done.append(task)
        outcome.stopped = interrupted()


def _made(
    stylist: _Stylist,
    networks: Sequence[Network],
    todo: Sequence[Task],
    stop: Callable[[], bool],
    part: Callable[[float], None],
) -> Iterator[tuple[Task, str | None]]:
    """Yield each task with what went wrong; None for one that was not begun."""
    (network, *more) = networks
    if not more:
        for task in todo:
            wrong = None if stop() else stylist(network, task, lambda done, of: part(done / of))
            yield task, wrong
        return
    from concurrent.futures import ThreadPoolExecutor, as_completed
    from queue import SimpleQueue

    free: SimpleQueue[Network] = SimpleQueue()

    def make(task: Task) -> str | None:
        if stop():
            return None
        network = free.get()
        try:
            return stylist(network, task)
        finally:
            free.put(network)

    for network in networks:
        free.put(network)
    with ThreadPoolExecutor(len(networks)) as pool:
        futures = {pool.submit(make, task): task for task in todo}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _report(outcome: Outcome, out: str, *, into_folder: bool, quiet: bool, as_json: bool) -> None:
    """Tell what became of the photos, and end with the exit code that says it."""
    done, failed, skipped, left = (
        len(outcome.done), len(outcome.failed), outcome.skipped, outcome.left,
    )  # fmt: skip
    if as_json:
        facts = {
            "done": {str(task.photo): str(task.out) for task in outcome.done},
            "failed": outcome.failed,
            "skipped": skipped,
            "left": left,
            "seconds": round(outcome.seconds, 3),
        }
        typer.echo(json.dumps(facts))
    elif not quiet and into_folder:
        counts = [f"{done} stylised"]
        counts += [f"{skipped} there already (--overwrite redoes them)"] * bool(skipped)
        counts += [f"{failed} failed"] * bool(failed)
        typer.echo(f"{', '.join(counts)}: {out}")
    elif not quiet and done:
        typer.echo(f"picture  {out}")
    if left:
        typer.echo(f"impasto: stopped, {left} not begun; repeat the command to go on", err=True)
    if outcome.stopped or failed:
        raise typer.Exit(INTERRUPTED if outcome.stopped else 1)
