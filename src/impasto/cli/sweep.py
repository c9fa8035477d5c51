"""``impasto sweep``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.flags import AsJson, Quiet, with_options
from impasto.options import ReadOptions, SaveOptions
from impasto.options.sweep import SaidOptions

if TYPE_CHECKING:
    from impasto.cli.sweeping import Sweeping


@with_options(options=SaidOptions, save=SaveOptions, read=ReadOptions)
def sweep(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            help="The photo and one painting or more; with --pick a sheet.",
            metavar="PHOTO PAINTING...",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="The sheet: .png .jpg .webp .avif .tif", show_default=False
        ),
    ],
    vary: Annotated[
        list[str] | None,
        typer.Option(
            help="An option of impasto paint and its values; once for each that varies.",
            metavar="NAME=VALUE,...",
        ),
    ] = None,
    csv_file: Annotated[
        Path | None,
        typer.Option("--csv", help="A table of options, losses, seconds and measures (.csv)."),
    ] = None,
    pick: Annotated[
        str | None,
        typer.Option(help="Paint one picture of a sheet again, at --size.", metavar="ROW,COLUMN"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="With --pick: go on after Ctrl-C.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    *,
    options: Any,
    save: SaveOptions,
    read: ReadOptions,
) -> None:
    """Paint a photo with several settings, side by side on one labelled sheet.

    One --vary makes a row. Of several, the last runs along the rows, the others down. Commas part
    values; where values hold commas themselves, semicolons do, in quotes for the shell.

    Below each picture are its row and column, and how far it is from the photo (content) and from
    the painting (style), as in impasto compare. Finished pictures are kept in the folder
    SHEET.cells: after Ctrl-C the same command goes on, and a larger sweep paints only what is new.
    --pick paints one of them large, with its own options, found in the sheet. Larger pictures take
    on less of the style; --scales 256, the size of the sheet's, carries more of the look over.

    Examples:

      impasto sweep photo.jpg wave.jpg --vary style-weight=0.1,1,10 -o sheet.png

      impasto sweep a.jpg b.jpg --vary "style-layers=relu1_1;relu1_1,relu3_1"
      --vary style-scale=0.5,1,2 --quality draft -o sheet.png --csv sheet.csv

      impasto sweep sheet.png --pick 2,3 --size 1024 -o out.png
    """
    from impasto.cli.sweeping import Sweeping
    from impasto.errors import OptionsError
    from impasto.options.sweep import given

    work = Sweeping(out=out, csv=csv_file, save=save, read=read, quiet=quiet, as_json=as_json)
    said = given(options)
    if pick is not None:
        if vary or csv_file:
            raise OptionsError("--pick paints one picture of a sheet: without --vary and --csv")
        _paint_again(work, pictures, pick, said, resume=resume)
        return
    if resume:
        raise OptionsError("--resume needs --pick: a sweep goes on by itself")
    if len(pictures) < 2:
        raise OptionsError(f"give the photo and a painting at least, got only {pictures[0]}")
    _paint_all(work, pictures, vary or (), said)


def _paint_all(
    work: Sweeping, pictures: Sequence[Path], vary: Sequence[str], said: Mapping[str, Any]
) -> None:
    from impasto.options.sweep import read_axis
    from impasto.sweep.engine import Sweep
    from impasto.sweep.grid import lay_out

    grid = lay_out(said, [read_axis(text) for text in vary])
    work.check(pictures)
    photo, *paintings = pictures
    work.carry_out(Sweep(photo, paintings, grid, folder=work.folder, read=work.read), said)


def _paint_again(
    work: Sweeping, pictures: Sequence[Path], pick: str, said: Mapping[str, Any], *, resume: bool
) -> None:
    """Paint one cell of a sheet at another size."""
    from impasto.cli.work import Work
    from impasto.options import CheckpointOptions, RecordOptions
    from impasto.painter import Painter
    from impasto.sweep.recipe import Picked, read_place

    sheet, *now = pictures
    picked = Picked.read(sheet, read_place(pick), said, now=now, read=work.read)
    one = Work(
        out=work.out,
        save=work.save,
        record=RecordOptions(),
        checkpoint=CheckpointOptions(resume=resume),
        quiet=work.quiet,
        as_json=work.as_json,
    )
    one.check([sheet, *picked.paths])
    painter = Painter(
        picked.photo,
        picked.styles,
        picked.options,
        read=work.read,
        checkpoint=one.state_kept,
    )
    picked.check(painter.recipe, sheet)
    one.carry_out(painter, [sheet, *painter.files])
