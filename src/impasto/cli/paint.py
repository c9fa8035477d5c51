"""``impasto paint``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.flags import AsJson, OnRay, Quiet, ReportFile, with_options
from impasto.options import (
    CheckpointOptions,
    PaintOptions,
    ReadOptions,
    RecordOptions,
    SaveOptions,
)


@with_options(
    options=PaintOptions,
    record=RecordOptions,
    checkpoint=CheckpointOptions,
    save=SaveOptions,
    read=ReadOptions,
)
def paint(
    content: Annotated[
        str | None,
        typer.Argument(
            help="A photo, or a folder of photos; - is standard input.",
            metavar="CONTENT",
            show_default=False,
        ),
    ] = None,
    style: Annotated[
        list[str] | None,
        typer.Argument(
            help="One or more paintings; a folder of paintings is one style.",
            metavar="STYLE...",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            help="The painting: .png .jpg .webp .avif .tif; - is standard output, as PNG. "
            "Default: CONTENT-STYLE.png, never an existing file. For several photos, a folder.",
            show_default=False,
        ),
    ] = None,
    rows: Annotated[
        Path | None,
        typer.Option(
            "--list",
            help="Paint the rows of a list instead of CONTENT and STYLE. Each row has photo, "
            "styles, options and out, as CSV with a header line or as JSON lines.",
            metavar="FILE.csv|FILE.jsonl",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="For several photos: replace existing results.")
    ] = False,
    report: ReportFile = None,
    ray: OnRay = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    *,
    options: PaintOptions,
    record: RecordOptions,
    checkpoint: CheckpointOptions,
    save: SaveOptions,
    read: ReadOptions,
) -> None:
    """Paint a photo in the style of one or more paintings.

    The pixels are optimised to match features of VGG-19: the content at one layer, the style as
    Gram matrices of several layers (Gatys, Ecker, Bethge 2016).

    Examples:

      impasto paint photo.jpg starry.jpg   (makes photo-starry.png)

      impasto paint photo.jpg starry.jpg -o out.jpg --size 1200 --budget 10m

      impasto paint photo.jpg starry.jpg -o out.png --quality best --tv-weight 5

      impasto paint photo.jpg wave.jpg scream.jpg --blend 0.7,0.3 -o out.png --timelapse film.gif

      impasto paint photo.jpg wave.jpg kiss.jpg -o out.png --masks sky.png,ground.png

      impasto paint photo.jpg scream.jpg -o out.png --color photo --strength 0.6

      impasto paint photo.jpg wave.jpg -o out.png --init wave --budget 15s

      impasto paint photo.jpg kiss.jpg -o out.png --checkpoint out.state   (later: --resume)

      impasto paint photos wave.jpg -o painted --budget 1m

      impasto paint --list jobs.csv -o painted --report painted.jsonl
    """
    from functools import partial

    from impasto import cli
    from impasto.cli.paint_session import PaintSession, free_name
    from impasto.cli.paintings import Many, is_many
    from impasto.cli.pipes import Pipes
    from impasto.errors import OptionsError
    from impasto.head_start import begun
    from impasto.painter import Painter
    from impasto.painter.inputs import named_files

    if is_many(content, rows):
        many = Many(options, save, read, out, overwrite, report, ray, quiet, as_json)
        many.check(record, checkpoint)
        many.carry_out(rows, content, style or ())
        return
    if content is None or not style:
        missing = "STYLE" if content else "CONTENT"
        raise OptionsError(f"Missing argument {missing}; see impasto paint --help")
    if overwrite or report or ray:
        raise OptionsError("--overwrite, --report and --ray need a folder of photos or a --list")
    for painting in style:
        _check_painting(painting, content)
    arguments = [Path(content), *(Path(path) for path in style)]
    default_name = partial(free_name, *arguments[:2])
    with Pipes() as pipes:
        target = pipes.output(Path(out) if out else default_name(), as_json=as_json)
        photo, *paintings = (pipes.input(path) for path in arguments)
        session = PaintSession(
            out=target,
            save=save,
            record=record,
            checkpoint=checkpoint,
            quiet=quiet or pipes.writes,
            as_json=as_json,
            piped=pipes.writes,
            free=None if out else default_name,
        )
        named = (path for _, path in named_files(options))
        inputs: list[str | Path] = [photo, *paintings, *named]
        session.check(inputs)
        short = session.head_start  # of the painting to be continued
        asked = options.init
        options, start = begun(photo, paintings, options, read, short=short)
        if start and options.init != asked and not session.quiet:
            typer.echo(
                f"the time is short: starting from the picture of the network in style "
                f"{', '.join(start.recipe['shares'])} (--init content starts from the photo)",
                err=True,
            )
        painter = Painter(
            photo,
            paintings,
            options,
            read=read,
            checkpoint=session.painter_checkpoint,
            start=start,
            began=cli.BEGAN,
        )
        session.carry_out(painter, inputs)


def _check_painting(painting: str, photo: str) -> None:
    """Raise `OptionsError` for the name of a style where a painting belongs."""
    from impasto.errors import ImpastoError, OptionsError
    from impasto.zoo.registry import resolve

    if painting == "-" or Path(painting).exists():
        return
    try:
        resolve(painting)
    except ImpastoError:
        return  # reading it will say that there is no such file
    raise OptionsError(
        f"{painting}: no such file, but a style for impasto apply: use impasto apply {painting} "
        f"{photo} -o out.png, with --refine 1m for a result closer to impasto paint"
    )
