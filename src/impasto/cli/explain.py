"""``impasto explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.flags import Quiet, with_options
from impasto.options import ReadOptions
from impasto.options.explain import ExplainOptions

_EXTENSIONS = (".html", ".htm")


@with_options(options=ExplainOptions, read=ReadOptions)
def explain(
    photo: Annotated[Path, typer.Argument(help="The photo.", metavar="PHOTO", show_default=False)],
    painting: Annotated[
        Path, typer.Argument(help="The painting.", metavar="PAINTING", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page: .html", show_default=False)],
    quiet: Quiet = False,
    *,
    options: ExplainOptions,
    read: ReadOptions,
) -> None:
    """Paint a photo and explain how, on one page for a browser.

    The page shows what the network sees in both pictures, what each layer remembers of the photo,
    which texture each layer makes of the painting, how the result came about, and every number with
    its equation. It is a single file that works offline.

    Examples:

      impasto explain photo.jpg starry.jpg -o report.html

      impasto explain photo.jpg starry.jpg -o report.html --size 384 --quality best
    """
    import shlex
    import sys

    from impasto.atomic import atomic_write, check_output
    from impasto.cli.explain_progress import ExplainProgress
    from impasto.explain.explainer import Explainer
    from impasto.explain.render import render
    from impasto.runtime.device import keep_freed_memory

    check_output(out, extensions=_EXTENSIONS, inputs=[photo, painting])
    explainer = Explainer(photo, painting, options, read=read)
    keep_freed_memory()
    with ExplainProgress(quiet=quiet) as progress:
        for event in explainer:
            progress.take(event)
    page = render(explainer.explanation, command=shlex.join(["impasto", *sys.argv[1:]]))
    with atomic_write(out) as file:
        file.write(page.encode())
    if not quiet:
        typer.echo(f"report  {out}")
