"""``impasto import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def import_(
    checkpoint: Annotated[
        Path, typer.Argument(help="The .pth file.", metavar="CHECKPOINT", show_default=False)
    ],
    name: Annotated[str, typer.Option(help="Name of the style: letters, digits, hyphens.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The pack. Default: NAME in your folder of packs."),
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the painting, for the style's card.")] = "",
    painter: Annotated[str, typer.Option(help="Painter of the painting.")] = "",
    year: Annotated[str, typer.Option(help="Year of the painting.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the checkpoint.")] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing pack.")
    ] = False,
) -> None:
    """Import a style of pytorch/examples' fast_neural_style.

    The checkpoint is read as data; none of its code runs. Afterwards you can use the style with
    `impasto apply NAME`.

    Examples:

      impasto import candy.pth --name candy

      impasto import mosaic.pth --name mosaic -o models/mosaic.safetensors
    """
    from impasto.atomic import check_output
    from impasto.errors import OptionsError, OutputError
    from impasto.export.transformer_net import import_checkpoint
    from impasto.nets.architecture import ORIGINAL
    from impasto.zoo.cards import MAX_NAME, StyleCard, is_style_name, plain_name
    from impasto.zoo.pack import EXTENSION, write_pack
    from impasto.zoo.registry import catalogue, user_folder

    name = plain_name(name)
    if not is_style_name(name) or name == ORIGINAL:
        raise OptionsError(
            f"--name must be at most {MAX_NAME} lower-case letters, digits and hyphens, and not "
            f"{ORIGINAL!r}; got {name!r}"
        )
    path = out or user_folder() / f"{name}{EXTENSION}"
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: already exists; --overwrite replaces it")
    card = StyleCard(
        name=name,
        title=title,
        painter=painter,
        year=year,
        licence=licence,
        source=f"pytorch/examples fast_neural_style checkpoint {checkpoint.name}",
    )
    pack = import_checkpoint(checkpoint, card)
    if out is None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{path.parent}: cannot be created: {error.strerror}") from error
    check_output(path, extensions=(EXTENSION,), inputs=[checkpoint])
    write_pack(pack, path)
    typer.echo(f"{name}  {path}")
    if out is None and catalogue()[name].name != str(path):
        typer.echo(f"another pack also has a style {name}; to use this one, write {name}/{name}")
