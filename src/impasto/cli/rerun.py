"""``impasto rerun``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.flags import AsJson, Quiet, with_options
from impasto.options import CheckpointOptions, ReadOptions, RecordOptions, SaveOptions


@with_options(record=RecordOptions, checkpoint=CheckpointOptions, read=ReadOptions)
def rerun(
    picture: Annotated[Path, typer.Argument(help="A painting made by Impasto.", metavar="PICTURE")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The new painting. Default: NAME-again.EXT beside it."),
    ] = None,
    content: Annotated[
        Path | None, typer.Option(help="Path of the photo, if it has moved.")
    ] = None,
    style: Annotated[
        list[Path] | None,
        typer.Option(help="Path of a painting, if it has moved; repeat it for each, in order."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="auto, cpu, cuda, cuda:N or mps. Default: the original device."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    *,
    record: RecordOptions,
    checkpoint: CheckpointOptions,
    read: ReadOptions,
) -> None:
    """Reproduce a picture from the recipe inside it.

    On the same machine, the result is identical. The photo and the paintings are looked up where
    they were, and beside PICTURE. A picture made by a network needs the same network and style. On
    a different device, the result may differ.

    Examples:

      impasto rerun out.png

      impasto rerun out.png -o again.png --content elsewhere/photo.jpg
    """
    import numpy as np

    from impasto import stylize
    from impasto.cli.paint_session import PaintSession
    from impasto.events import Saved
    from impasto.images import read_picture, read_recipe
    from impasto.painter import Painter

    out = out or picture.with_name(f"{picture.stem}-again{picture.suffix}")
    saving = read_recipe(picture, read).get("save")
    session = PaintSession(
        out=out,
        save=SaveOptions.from_dict(saving if isinstance(saving, dict) else {}),
        record=record,
        checkpoint=checkpoint,
        quiet=quiet,
        as_json=as_json,
    )
    session.check([picture])
    made = stylize.rerun(
        picture,
        content=content,
        styles=style,
        read=read,
        checkpoint=session.painter_checkpoint,
        device=device,
    )
    if isinstance(made, Painter):
        session.carry_out(made, [picture, *made.files])
    else:
        made.save(out, **session.save.to_dict())
        session.report([Saved(out, "picture")])
    before, after = read_picture(picture, read).rgb, read_picture(out, read).rgb
    if not quiet and not as_json:
        same = before.shape == after.shape and bool(np.array_equal(before, after))
        typer.echo("every pixel is the same" if same else "the pixels differ from the original")
