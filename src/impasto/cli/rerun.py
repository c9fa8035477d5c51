"""``impasto rerun``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.flags import AsJson, Quiet, with_options
from impasto.errors import OptionsError
from impasto.options import CheckpointOptions, ReadOptions, RecordOptions, SaveOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from impasto.apply.stylised import Stylised
    from impasto.painter import Painter
    from impasto.video.animation import StylisedAnimation


@with_options(record=RecordOptions, checkpoint=CheckpointOptions, read=ReadOptions)
def rerun(
    picture: Annotated[
        Path,
        typer.Argument(help="A picture, animation or film made by Impasto.", metavar="PICTURE"),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The new one. Default: NAME-again.EXT beside it."),
    ] = None,
    content: Annotated[
        Path | None, typer.Option(help="Path of the photo or clip, if it has moved.")
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
    """Reproduce a picture, an animation or a film from the recipe inside it.

    On the same machine, the result is identical. The photo and the paintings are looked up where
    they were, and beside PICTURE. A picture made by a network needs the same network and style. On
    a different device, the result may differ.

    Examples:

      impasto rerun out.png

      impasto rerun out.png -o again.png --content elsewhere/photo.jpg

      impasto rerun film.mp4
    """
    import numpy as np

    from impasto import stylize
    from impasto.atomic import check_output
    from impasto.cli.paint_session import PaintSession
    from impasto.cli.video_progress import carry_out
    from impasto.events import Saved
    from impasto.images import read_recipe
    from impasto.painter import Painter
    from impasto.video.again import rerun_animation, rerun_video
    from impasto.video.animation import RESULTS
    from impasto.video.codecs import FORMATS

    out = out or picture.with_name(f"{picture.stem}-again{picture.suffix}")
    if picture.suffix.lower() in FORMATS:
        if record != RecordOptions() or replace(checkpoint, resume=False) != CheckpointOptions():
            raise OptionsError("of the options for records and checkpoints, films have --resume")
        film = rerun_video(
            picture,
            out,
            content=content,
            styles=style,
            read=read,
            resume=checkpoint.resume,
            device=device,
        )
        carry_out(film, quiet=quiet, as_json=as_json)
        return
    recipe = read_recipe(picture, read)
    saving = recipe.get("save")
    session = PaintSession(
        out=out,
        save=SaveOptions.from_dict(saving if isinstance(saving, dict) else {}),
        record=record,
        checkpoint=checkpoint,
        quiet=quiet,
        as_json=as_json,
    )
    made: Painter | Stylised | StylisedAnimation
    if recipe.get("kind") == "animation":
        check_output(out, extensions=RESULTS, inputs=[picture])
        made = rerun_animation(picture, content=content, styles=style, read=read, device=device)
    else:
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
    if not quiet and not as_json:
        before, after = _frames(picture, read), _frames(out, read)
        same = len(before) == len(after) and all(map(np.array_equal, before, after))
        typer.echo("every pixel is the same" if same else "the pixels differ from the original")


def _frames(path: Path, read: ReadOptions) -> Sequence[NDArray[Any]]:
    """Return the frames of an animation, or a picture as the only one."""
    from impasto.images import read_picture
    from impasto.images.load import load_bytes
    from impasto.video.animation import find_animation

    animation = find_animation(load_bytes(path, read), str(path), read)
    return list(animation) if animation else [read_picture(path, read).rgb]
