"""``impasto sweep``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.flags import AsJson, Quiet, with_options
from impasto.options import ReadOptions, SaveOptions
from impasto.options.sweep import SweepOptions

if TYPE_CHECKING:
    from impasto.cli.sweep_runner import SweepRunner


@with_options(options=SweepOptions, save=SaveOptions, read=ReadOptions)
def sweep(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            help="The photo and at least one painting; with --pick, a sheet.",
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
            help="An option of impasto paint and its values; repeat it for several options.",
            metavar="NAME=VALUE,...",
        ),
    ] = None,
    csv_file: Annotated[
        Path | None,
        typer.Option("--csv", help="Write a .csv table of options, losses, seconds and measures."),
    ] = None,
    pick: Annotated[
        str | None,
        typer.Option(help="Paint one picture of a sheet again at --size.", metavar="ROW,COLUMN"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="With --pick: continue after Ctrl-C.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    *,
    options: Any,
    save: SaveOptions,
    read: ReadOptions,
) -> None:
    """Paint a photo with several settings on one labelled sheet.

    One --vary makes a row. With several, the last varies along a row and the others from row to
    row. Separate values with commas, or with semicolons if the values contain commas; quote
    semicolons for the shell.

    Below each picture are its row and column, and its distance to the photo (content) and to the
    painting (style), as in impasto compare. Finished pictures are saved in the folder SHEET.cells:
    after Ctrl-C, repeat the command to continue. A larger sweep paints only the new pictures.
    --pick paints one of them large, with the options stored in the sheet. Larger pictures show
    less of the style; --scales 256, the size used in the sheet, preserves more of the look.

    Examples:

      impasto sweep photo.jpg wave.jpg --vary style-weight=0.1,1,10 -o sheet.png

      impasto sweep a.jpg b.jpg --vary "style-layers=relu1_1;relu1_1,relu3_1"
      --vary style-scale=0.5,1,2 --quality draft -o sheet.png --csv sheet.csv

      impasto sweep sheet.png --pick 2,3 --size 1024 -o out.png
    """
    from impasto.cli.sweep_runner import SweepRunner
    from impasto.errors import OptionsError
    from impasto.options.sweep import given

    runner = SweepRunner(out=out, csv=csv_file, save=save, read=read, quiet=quiet, as_json=as_json)
    options_given = given(options)
    if pick is not None:
        if vary or csv_file:
            raise OptionsError(
                "--pick cannot be combined with --vary or --csv: it paints one picture of a sheet"
            )
        _paint_again(runner, pictures, pick, options_given, resume=resume)
        return
    if resume:
        raise OptionsError("--resume needs --pick: a sweep always continues where it stopped")
    if len(pictures) < 2:
        raise OptionsError(f"give the photo and at least one painting, got only {pictures[0]}")
    _paint_all(runner, pictures, vary or (), options_given)


def _paint_all(
    runner: SweepRunner, pictures: Sequence[Path], vary: Sequence[str], common: Mapping[str, Any]
) -> None:
    from impasto.options.sweep import parse_axis
    from impasto.sweep.engine import Sweep
    from impasto.sweep.grid import lay_out

    grid = lay_out(common, [parse_axis(text) for text in vary])
    runner.check(pictures)
    photo, *paintings = pictures
    sweep = Sweep(photo, paintings, grid, folder=runner.folder, read=runner.read)
    runner.run(sweep, common)


def _paint_again(
    runner: SweepRunner,
    pictures: Sequence[Path],
    pick: str,
    changes: Mapping[str, Any],
    *,
    resume: bool,
) -> None:
    """Paint one cell of a sheet at another size."""
    from impasto.cli.paint_session import PaintSession
    from impasto.options import CheckpointOptions, RecordOptions
    from impasto.painter import Painter
    from impasto.sweep.sheet_recipe import PickedCell, parse_pick

    sheet, *now = pictures
    picked = PickedCell.read(sheet, parse_pick(pick), changes, now=now, read=runner.read)
    session = PaintSession(
        out=runner.out,
        save=runner.save,
        record=RecordOptions(),
        checkpoint=CheckpointOptions(resume=resume),
        quiet=runner.quiet,
        as_json=runner.as_json,
    )
    session.check([sheet, *picked.paths])
    painter = Painter(
        picked.photo,
        picked.styles,
        picked.options,
        read=runner.read,
        checkpoint=session.painter_checkpoint,
    )
    picked.check(painter.recipe, sheet)
    session.carry_out(painter, [sheet, *painter.files])
