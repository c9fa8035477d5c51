"""``impasto apply``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from impasto.cli import completion
from impasto.cli.flags import AsJson, Fast, LearningBudget, OnRay, Quiet, ReportFile, with_options
from impasto.options import ApplyOptions, ReadOptions, SaveOptions


@with_options(options=ApplyOptions, save=SaveOptions, read=ReadOptions)
def apply(
    model: Annotated[
        str,
        typer.Argument(
            help="A style, a mixture or a pack file (see impasto models); or a painting, which is "
            "learnt first, once.",
            metavar="MODEL",
            show_default=False,
            autocompletion=completion.styles,
        ),
    ],
    photos: Annotated[
        list[str],
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
            help="A file for one photo, a folder for several; - is standard output (--format).",
            show_default=False,
        ),
    ],
    fast: Fast = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Format of the files in a folder. Default: the format of each photo.",
            metavar="png|jpg|webp|avif|tif|gif",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing results in the folder.")
    ] = False,
    budget: LearningBudget = None,
    refine: Annotated[
        str | None,
        typer.Option(
            help="Then optimise the pixels of each picture for this time. Needs a bundled or "
            "learnt style, or a painting.",
            metavar="TIME",
            show_default=False,
        ),
    ] = None,
    report: ReportFile = None,
    ray: OnRay = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    *,
    options: ApplyOptions,
    save: SaveOptions,
    read: ReadOptions,
) -> None:
    """Stylise photos with a trained network, in one pass each.

    Folders are searched recursively and keep their structure. Existing results are kept, so repeat
    the command to continue an interrupted run. If a photo fails, the others are still stylised, and
    the exit code is 1. A folder may contain millions of photos. They are processed by as many
    processes as are fastest on this machine (--jobs), or on a cluster (--ray).

    For a single photo, impasto paint --budget 30s makes a better picture than a painting as MODEL,
    which is learnt for half a minute and cached.

    Animations (GIF, WebP, PNG) stay animations if the result is a .gif or .webp file.

    Examples:

      impasto apply starry photo.jpg -o out.png

      impasto apply painting.jpg holiday -o painted

      impasto apply mine photo.jpg -o out.png --refine 15s

      impasto apply starry:0.6,wave:0.4 photo.jpg -o out.jpg --strength 0.7 --color photo

      impasto apply wave photo.jpg -o out.png --mask sky.png --style-scale 2 --seed 7

      impasto apply wave clip.gif -o out.gif

      impasto apply turbo/wave archive -o painted --size 1200 --report painted.jsonl

      impasto apply wave s3://bucket/photos -o s3://bucket/painted --ray auto

      impasto apply mine.safetensors a.jpg b.heic -o painted --format jpg

      curl -s https://example.org/photo.jpg | impasto apply wave - -o - > out.png
    """
    from impasto.archive.filesystems import is_url
    from impasto.archive.plan import FolderPlan, Known
    from impasto.archive.worker import StyliseTask, Worker
    from impasto.cli.batch import Batch, plan, surveyed
    from impasto.cli.on_the_fly import PHOTOS, is_painting, learn_on_the_fly
    from impasto.cli.pipes import STANDARD, Pipes
    from impasto.cli.refine import Refiner
    from impasto.errors import OptionsError
    from impasto.zoo.registry import resolve

    with Pipes() as pipes:
        if out == STANDARD:
            out = str(pipes.output(Path(out), f".{form or 'png'}", as_json=as_json))
        sources = [str(pipes.input(Path(p))) if p == STANDARD else p for p in photos]
        form, quiet = None if pipes.writes else form, quiet or pipes.writes
        painting = is_painting(model)
        if budget is not None and not painting:
            raise OptionsError(
                "--budget is the time to learn a painting, but MODEL is the name of a style"
            )
        if not painting:
            pack, shares = resolve(model, fast=fast)
        work = plan(sources, out, form, save, overwrite=overwrite)
        folder = isinstance(work, FolderPlan)
        if pipes.reads and folder:
            raise OptionsError("- is one picture without a name: give a file name with -o")
        if ray and not folder:
            raise OptionsError("--ray is for folders, but one photo was given")
        survey = surveyed(work) if isinstance(work, FolderPlan) else None
        if painting:
            first = work.photo_files(PHOTOS) if isinstance(work, FolderPlan) else [work.photo]
            pack, shares = learn_on_the_fly(
                model,
                [Path(p) for p in first if not is_url(p)],
                budget,
                read,
                fast=fast,
                quiet=quiet,
            )
        refiner = Refiner.of(refine, model, pack, shares, options) if refine else None
        if refiner and ray:
            raise OptionsError("--refine cannot be used with --ray: it works on this machine only")
        task = StyliseTask(pack, shares, options, save, read, refiner)
        batch = Batch(
            # Raises errors that would affect every photo.
            Worker(task, device="cpu" if ray else None),
            "stylised",
            out,
            pipes,
            quiet,
            as_json,
            report,
            ray,
            None if refiner or not folder else options,
            into_folder=folder,
        )
        if isinstance(work, FolderPlan):
            assert survey
            outcome = batch.carry_out(replace(work, differs=task.differs), survey)
        else:
            outcome = batch.carry_out([work], Known(1))
        batch.report_outcome(outcome)
