"""``impasto samples``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def samples(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names of samples. Default: all.", metavar="[NAME]..."),
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("samples"),
) -> None:
    """Write sample photos and paintings to try Impasto with.

    The paintings were generated for Impasto; the photos come with scikit-image.

    Examples:

      impasto samples

      impasto samples astronaut swirls --to here
    """
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
        raise OutputError(f"{to}: cannot be created: {error.strerror}") from error
    console = Console(stderr=True)
    for name in names or known:
        path = to / f"{name}.png"
        check_output(path, extensions=(".png",))
        with console.status(f"writing {path}"):
            save_picture(photo(name) if name in PHOTOS else painting(name), path)
        typer.echo(str(path))
