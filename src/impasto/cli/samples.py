"""``impasto samples``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def samples(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which; all if none is named.", metavar="[NAME]...")
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder to write them to.")] = Path("samples"),
    width: Annotated[int, typer.Option(help="Width of the paintings in pixels.")] = 768,
    seed: Annotated[int, typer.Option(help="Another seed, another painting.")] = 0,
) -> None:
    """Write sample photos and paintings to try Impasto with.

    The paintings are made on the spot by a procedural painter; the photos come with scikit-image.

    Examples:

      impasto samples

      impasto samples astronaut swirls --to here
    """
    import numpy as np
    from rich.console import Console

    from impasto.atomic import check_output
    from impasto.errors import OptionsError, OutputError, nearest
    from impasto.images import save_picture
    from impasto.samples import PAINTINGS, PHOTOS, painting, photo

    known = (*PHOTOS, *PAINTINGS)
    for name in names or ():
        if name not in known:
            raise OptionsError(f"there is no sample {name!r}{nearest(name, known)}")
    try:
        to.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{to}: cannot be made: {error.strerror}") from error
    console = Console(stderr=True)
    for name in names or known:
        path = to / f"{name}.png"
        check_output(path, extensions=(".png",))
        with console.status(f"making {path}"):
            pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = (
                photo(name) if name in PHOTOS else painting(name, width, round(width * 0.79), seed)
            )
            save_picture(pixels, path)
        typer.echo(str(path))
