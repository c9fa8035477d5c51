"""``impasto texture``."""

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
    "content_weight", "content_layers", "content_loss", "laplacian_weight", "init", "noise_ratio",
    "strength", "color", "color_strength", "masks", "guide", "style_guide", "freeze",
)  # fmt: skip
"""Options that need a photo."""


@with_options(
    options=FieldFlags(PaintOptions, without=_WITHOUT, preset="texture"),
    record=RecordOptions,
    checkpoint=CheckpointOptions,
    save=SaveOptions,
    read=ReadOptions,
)
def texture(
    painting: Annotated[
        list[Path],
        typer.Argument(
            help="One or more paintings, or photos of a material.",
            metavar="PAINTING...",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="The texture: .png .jpg .webp .avif .tif", show_default=False
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
    """Make a texture of any size from a painting.

    This is style without content. Starting from noise, the pixels are optimised to match the Gram
    matrices of the painting (Gatys, Ecker, Bethge 2015). Without --canvas, the texture has the
    painting's shape. With --tileable, copies fit side by side without a seam.

    Examples:

      impasto texture bricks.jpg -o wall.png --canvas 1024x1024 --tileable

      impasto texture starry.jpg wave.jpg -o mixture.png --blend 0.7,0.3

      impasto texture pebbles.jpg -o beach.png --style-loss sliced --style-scale 2
    """
    from impasto import cli
    from impasto.cli.paint_session import PaintSession
    from impasto.painter import Painter

    session = PaintSession(
        out=out, save=save, record=record, checkpoint=checkpoint, quiet=quiet, as_json=as_json
    )
    session.check(painting)
    painter = Painter(
        painting[0],
        painting,
        options,
        read=read,
        checkpoint=session.painter_checkpoint,
        began=cli.BEGAN,
    )
    session.carry_out(painter, painting)
