"""``impasto apply``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from impasto.cli import completion
from impasto.cli.flags import AsJson, OnRay, Quiet, ReportFile, with_options
from impasto.options import ApplyOptions, ReadOptions, SaveOptions


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
            metavar="png|jpg|webp|avif|tif|gif",
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

    Folders are searched through and keep their structure. What is in the output folder already is
    left alone, so an interrupted run goes on when it is repeated. A photo that cannot be stylised
    is named, and the rest goes on; the exit code is then 1. A folder may have millions of photos:
    it is listed as the work goes on, by as many processes as are quickest here (--jobs), or on a
    cluster (--ray).

    A picture where the style's name stands is learnt as impasto learn does, for half a minute, and
    remembered. For a single photo, impasto paint --budget 30s makes the better picture.

    An animation (GIF, WebP or PNG) becomes an animation if the result is a .gif or .webp.

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
    from impasto.archive.makers import Stylising, Worker
    from impasto.archive.places import is_url
    from impasto.archive.plan import FolderPlan, Known
    from impasto.cli.batch import Batch, plan, surveyed
    from impasto.cli.passing import PHOTOS, is_painting, learnt
    from impasto.cli.pipes import STANDARD, Pipes
    from impasto.cli.refining import Refining
    from impasto.errors import OptionsError
    from impasto.zoo.registry import resolve

    with Pipes() as pipes:
        if out == STANDARD:
            out = str(pipes.given(Path(out), f".{form or 'png'}", as_json=as_json))
        taken = [str(pipes.taken(Path(p))) if p == STANDARD else p for p in photos]
        form, quiet = None if pipes.out else form, quiet or pipes.out
        painting = is_painting(model)
        if budget is not None and not painting:
            raise OptionsError(
                "--budget says how long to learn a painting; MODEL is a style's name"
            )
        if not painting:
            pack, shares = resolve(model, fast=fast)
        work = plan(taken, out, form, save, overwrite=overwrite)
        folder = isinstance(work, FolderPlan)
        if pipes.took and folder:
            raise OptionsError("- is one picture without a name: give the name of a file with -o")
        if ray and not folder:
            raise OptionsError("--ray is for folders; one photo is made here")
        survey = surveyed(work) if isinstance(work, FolderPlan) else None
        if painting:
            first = work.photo_files(PHOTOS) if isinstance(work, FolderPlan) else [work.photo]
            pack, shares = learnt(
                model,
                [Path(p) for p in first if not is_url(p)],
                budget,
                read,
                fast=fast,
                quiet=quiet,
            )
        refining = Refining.of(refine, model, shares, options) if refine else None
        if refining and ray:
            raise OptionsError("--refine paints in this process: without --ray")
        making = Stylising(pack, shares, options, save, read, refining)
        batch = Batch(
            # Before the work it raises what would fail for every photo.
            Worker(making, device="cpu" if ray else None),
            "stylised",
            out,
            pipes,
            quiet,
            as_json,
            report,
            ray,
            None if refining or not folder else options,
            into_folder=folder,
        )
        if isinstance(work, FolderPlan):
            assert survey
            outcome = batch.carry_out(replace(work, differs=making.differs), survey)
        else:
            outcome = batch.carry_out([work], Known(1))
        batch.tell(outcome)
