"""``impasto paint``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.flags import AsJson, Quiet, with_options
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
        Path,
        typer.Argument(
            help="The photo; - is standard input.", metavar="CONTENT", show_default=False
        ),
    ],
    style: Annotated[
        list[Path],
        typer.Argument(
            help="Paintings, or folders of one painter's, one or more.",
            metavar="STYLE...",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The painting: .png .jpg .webp .avif .tif; - is standard output, as PNG. "
            "Default: CONTENT-STYLE.png where you are, over nothing.",
            show_default=False,
        ),
    ] = None,
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

    The pixels are optimised against the features of VGG-19: content at one layer, style as Gram
    matrices of several (Gatys, Ecker, Bethge 2016).

    Examples:

      impasto paint photo.jpg starry.jpg   (makes photo-starry.png)

      impasto paint photo.jpg starry.jpg -o out.jpg --size 1200 --budget 10m

      impasto paint photo.jpg starry.jpg -o out.png --quality best --tv-weight 5

      impasto paint photo.jpg wave.jpg scream.jpg --blend 0.7,0.3 -o out.png --timelapse film.gif

      impasto paint photo.jpg wave.jpg kiss.jpg -o out.png --masks sky.png,ground.png

      impasto paint photo.jpg scream.jpg -o out.png --color photo --strength 0.6

      impasto paint photo.jpg wave.jpg -o out.png --init wave --budget 15s

      impasto paint photo.jpg kiss.jpg -o out.png --checkpoint out.state   (later: --resume)
    """
    from functools import partial

    from impasto import cli
    from impasto.cli.pipes import Pipes
    from impasto.cli.work import Work, free_name
    from impasto.painter import Painter
    from impasto.painter.inputs import named_files
    from impasto.stylize import begun

    with Pipes() as pipes:
        target = pipes.given(out or free_name(content, style[0]), as_json=as_json)
        photo, *paintings = (pipes.taken(path) for path in (content, *style))
        work = Work(
            out=target,
            save=save,
            record=record,
            checkpoint=checkpoint,
            quiet=quiet or pipes.out,
            as_json=as_json,
            piped=pipes.out,
            free=None if out else partial(free_name, content, style[0]),
        )
        named = (path for _, path in named_files(options))
        inputs: list[str | Path] = [photo, *paintings, *named]
        work.check(inputs)
        options, start = begun(photo, options, read)
        painter = Painter(
            photo,
            paintings,
            options,
            read=read,
            checkpoint=work.state_kept,
            start=start,
            began=cli.BEGAN,
        )
        work.carry_out(painter, inputs)
