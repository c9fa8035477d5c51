"""``impasto compare``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.flags import AsJson, Quiet, with_options
from impasto.options import ReadOptions
from impasto.options.measure import MeasureOptions

if TYPE_CHECKING:
    from impasto.metrics.measures import Measured

_DIGITS = 3
"""Digits that the table shows; pictures whose numbers show the same digits tie."""


@with_options(options=MeasureOptions, read=ReadOptions)
def compare(
    pictures: Annotated[
        list[Path],
        typer.Argument(help="Finished pictures.", metavar="PICTURE...", show_default=False),
    ],
    photo: Annotated[Path, typer.Option(help="The photo they were made from.", show_default=False)],
    painting: Annotated[
        list[Path],
        typer.Option(
            help="The painting that gave the style, or a folder of them; repeatable.",
            show_default=False,
        ),
    ],
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Also write the table to this .csv file.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    *,
    options: MeasureOptions,
    read: ReadOptions,
) -> None:
    """Compare finished pictures with their photo and painting.

    Each column tells how close a picture is to the photo or to the painting in one respect. The
    best value is marked, and notes below the table explain the columns. No number tells which
    picture is better: with less style, a picture is always closer to the photo.

    Examples:

      impasto compare a.png b.png --photo photo.jpg --painting starry.jpg

      impasto compare a.png b.png --photo photo.jpg --painting starry.jpg --csv table.csv
    """
    import torch

    from impasto import weights
    from impasto.atomic import check_output
    from impasto.cli.counter import Counter
    from impasto.errors import OptionsError
    from impasto.images import read_picture
    from impasto.images.alpha import seen_channels
    from impasto.images.folders import pictures_in
    from impasto.images.read import read_stored
    from impasto.metrics.evaluator import Evaluator, check_same_view, network, protocol
    from impasto.runtime.device import choose_device, choose_precision

    styles = [list(pictures_in(path)) if path.is_dir() else [path] for path in painting]
    for folder, style in zip(painting, styles, strict=True):
        if not style:
            raise OptionsError(
                f"{folder}: contains no pictures; give a painting, or a folder of paintings"
            )
    paintings = [path for style in styles for path in style]
    shares = [1 / len(styles) / len(style) for style in styles for _ in style]
    inputs = [*pictures, photo, *paintings]
    if csv_file:
        check_output(csv_file, extensions=(".csv",), inputs=inputs)
    found = weights.find(options.weights)
    # Read everything before computing, at the bit depth of the files to save memory.
    made = [read_stored(path, read) for path in pictures]
    seen = read_picture(photo, read).rgb
    styles_seen = [seen_channels(read_stored(path, read)) for path in paintings]
    for picture in made:
        check_same_view(picture.rgb, seen, picture.name)
    measured: list[Measured] = []
    with Counter(len(pictures) + 1, quiet=quiet) as counter, torch.no_grad():
        device = choose_device(options.device)
        net = network(found, device)
        choose_precision("float32", device)
        evaluator = Evaluator(net, seen, styles_seen, size=options.size)
        for picture in made:
            measured.append(evaluator(picture.picture.rgb, shares))
            counter.advance()
        reference = evaluator.photo(shares)
        counter.advance()
    names = [picture.name for picture in made]
    if csv_file:
        _write_csv(csv_file, names, measured)
    protocol_text = protocol(evaluator.size, found.origin.name)
    if as_json:
        typer.echo(json.dumps(_facts(names, measured, reference, protocol_text)))
    else:
        _print_table(names, measured, reference, protocol_text)


def shown(value: float) -> str:
    """Format a number with as many digits as the table shows."""
    text = f"{value:#.{_DIGITS}g}"
    if "e" in text:
        return text if value >= 1 else f"{value:.{_DIGITS + 1}f}"
    return text.rstrip(".")


def _facts(
    names: Sequence[str], measured: Sequence[Measured], reference: Measured, protocol: str
) -> dict[str, Any]:
    from impasto.metrics.measures import MEASURES

    return {
        "pictures": {name: dict(row) for name, row in zip(names, measured, strict=True)},
        "photo": dict(reference),
        "measures": {m.name: {"better": m.better, "meaning": m.meaning} for m in MEASURES},
        "protocol": protocol,
    }


def _write_csv(path: Path, names: Sequence[str], measured: Sequence[Measured]) -> None:
    from impasto.atomic import atomic_write
    from impasto.metrics.measures import NAMES
    from impasto.metrics.table import csv_bytes

    rows = [{"picture": name, **row} for name, row in zip(names, measured, strict=True)]
    with atomic_write(path) as file:
        file.write(csv_bytes(["picture", *NAMES], rows))


def _print_table(
    names: Sequence[str], measured: Sequence[Measured], reference: Measured, protocol: str
) -> None:
    """Print a row per picture and one for the photo, notes on the columns, and the protocol."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from impasto.metrics.measures import MEASURES
    from impasto.text import shown as shown_name

    console = Console(highlight=False)
    if not console.is_terminal:  # one line per picture, for other programs
        console.width = 1000
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", overflow="fold", min_width=10)
    for measure in MEASURES:
        table.add_column(f"{measure.heading}{measure.arrow}", justify="right", vertical="bottom")
    best = _best(measured) if len(measured) > 1 else {}
    for name, row in zip(names, measured, strict=True):
        cells = [Text(shown_name(name))]
        for measure in MEASURES:
            text = shown(row[measure.name])
            is_best = best.get(measure.name) == text
            cells.append(Text(f"{text}*" if is_best else f"{text} ", "bold" if is_best else ""))
        table.add_row(*cells)
    cells = [Text(f"{shown(reference[measure.name])} ") for measure in MEASURES]
    table.add_row(Text("(the photo)"), *cells, style="dim")
    console.print(table)
    console.print()
    for measure in MEASURES:
        line = f"{measure.title}, {measure.better} is better: {measure.meaning}."
        console.print(Text(line))
    if best:
        console.print(Text("* best in its column"))
    console.print()
    console.print(Text(protocol, "dim"))


def _best(measured: Sequence[Mapping[str, float]]) -> dict[str, str]:
    """Return the best number of each column as displayed."""
    from impasto.metrics.measures import MEASURES

    return {m.name: shown(m.best([row[m.name] for row in measured])) for m in MEASURES}
