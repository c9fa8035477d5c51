"""``impasto invert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.flags import AsJson, FieldFlags, Quiet, with_options
from impasto.options import (
    CheckpointOptions,
    PaintOptions,
    ReadOptions,
    RecordOptions,
    SaveOptions,
)

_WITHOUT = (
    "style_weight", "style_layers", "style_loss", "style_scale", "style_rotation", "blend",
    "strength", "color", "color_strength", "masks", "guide", "style_guide", "laplacian_weight",
)  # fmt: skip
"""Options that need a painting."""


@with_options(
    options=FieldFlags(PaintOptions, without=_WITHOUT, preset="invert"),
    record=RecordOptions,
    checkpoint=CheckpointOptions,
    save=SaveOptions,
    read=ReadOptions,
)
def invert(
    photo: Annotated[Path, typer.Argument(help="The photo.", metavar="PHOTO", show_default=False)],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="The picture: .png .jpg .webp .avif .tif", show_default=False
        ),
    ],
    quiet: Quiet = False,
    as_json: AsJson = False,
    *,
    options: PaintOptions,
    record: RecordOptions,
    checkpoint: CheckpointOptions,
    save: SaveOptions,
    read: ReadOptions,
) -> None:
    """Reconstruct a photo from a layer of the network.

    This is content without style. Starting from noise, the pixels are optimised until one or more
    layers see the same features as in the photo (Mahendran and Vedaldi 2015). What a layer does not
    see stays random.

    Examples:

      impasto invert photo.jpg -o seen.png

      impasto invert photo.jpg -o early.png --content-layers relu2_2

      impasto invert photo.jpg -o deep.png --content-layers relu5_1 --tv-weight 10
    """
    from impasto import cli
    from impasto.cli.paint_session import PaintSession
    from impasto.painter import Painter
    from impasto.painter.inputs import named_files

    session = PaintSession(
        out=out, save=save, record=record, checkpoint=checkpoint, quiet=quiet, as_json=as_json
    )
    inputs: list[str | Path] = [photo, *(path for _, path in named_files(options))]
    session.check(inputs)
    painter = Painter(
        photo, photo, options, read=read, checkpoint=session.painter_checkpoint, began=cli.BEGAN
    )
    session.carry_out(painter, inputs)
