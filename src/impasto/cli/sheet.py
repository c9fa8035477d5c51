"""``impasto sheet``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from impasto.cli import completion
from impasto.cli.flags import Quiet

_LANDSCAPE = 4 / 3
"""Approximate aspect ratio of a sheet."""

_NARROWEST = 64
"""Minimum width of a column in pixels: the names need room."""


def sheet(
    photo: Annotated[Path, typer.Argument(help="The photo.", metavar="PHOTO", show_default=False)],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="The sheet: .png .jpg .webp .avif .tif", show_default=False
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(help="Show only the styles of this size or pack.", metavar="PACK"),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(help="Show only styles with these words, such as blue.", metavar="WORDS"),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="Show only the styles of this group; see impasto models.",
            metavar="GROUP",
            autocompletion=completion.groups,
        ),
    ] = None,
    size: Annotated[int, typer.Option(help="Long side of each picture in pixels.")] = 400,
    columns: Annotated[
        int | None, typer.Option(help="Pictures per row. Default: depends on their number.")
    ] = None,
    backend: Annotated[
        str, typer.Option(help="Backend, as for impasto apply.", metavar="auto|onnx|torch")
    ] = "auto",
    quiet: Quiet = False,
) -> None:
    """Show a photo in all styles on one sheet.

    Examples:

      impasto sheet photo.jpg -o sheet.png

      impasto sheet photo.jpg -o blue.png --search blue

      impasto sheet photo.jpg -o sheet.jpg --model turbo --size 240 --columns 8
    """
    from impasto.apply.network import Network
    from impasto.atomic import check_output
    from impasto.cli.counter import Counter
    from impasto.errors import OptionsError
    from impasto.images import EXTENSIONS, fit, read_picture, resize, save_picture
    from impasto.images.alpha import on_white
    from impasto.images.contact_sheet import contact_sheet, sheet_width
    from impasto.images.resize import resize_plane
    from impasto.options import ApplyOptions
    from impasto.zoo.registry import catalogue

    options = ApplyOptions(size=size, backend=backend)
    for flag, value, low, high in (("--size", size, 32, 4096), ("--columns", columns, 1, 100)):
        if value is not None and not low <= value <= high:
            raise OptionsError(f"{flag} must be a whole number from {low} to {high}, got {value}")
    check_output(out, extensions=EXTENSIONS, inputs=[photo])
    styles = catalogue(model, search, group)
    if not styles and (search or group):
        raise OptionsError("no style matches; impasto models lists them all")
    if not styles:
        raise OptionsError(
            "there are no styles yet; create one with impasto learn or impasto train"
        )
    picture = read_picture(photo)
    sides = fit(picture.width, picture.height, size)
    rgb = resize(picture.rgb, *sides)
    alpha = None
    if picture.alpha is not None:
        alpha = resize_plane(picture.alpha, *sides)
    networks: dict[int, Network] = {}  # one per pack, because building one is slow
    tiles = [("photo", on_white(rgb, alpha))]
    with Counter(len(styles), quiet=quiet) as counter:
        for style in sorted(styles):
            pack = styles[style]
            if id(pack) not in networks:
                networks[id(pack)] = Network(pack, {style: 1.0}, backend=options.backend)
            networks[id(pack)].shares = {style: 1.0}
            tiles.append((style, on_white(networks[id(pack)](rgb).rgb, alpha)))
            counter.advance()
    height, width, _ = rgb.shape
    across = columns or columns_for(len(tiles), width / height)
    tile = max(width, _NARROWEST)
    save_picture(contact_sheet(tiles, across, sheet_width(across, tile)), out)
    if not quiet:
        typer.echo(f"sheet  {out}")


def columns_for(count: int, aspect: float) -> int:
    """Return the number of columns for a landscape sheet of pictures with full rows."""
    columns = min(count, max(1, round(math.sqrt(count * _LANDSCAPE / aspect))))
    return math.ceil(count / math.ceil(count / columns))
