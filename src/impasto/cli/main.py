"""The command ``impasto``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from impasto import __version__
from impasto.cli import doctor, layers, paint, rerun, samples
from impasto.errors import ImpastoError

app = typer.Typer(
    name="impasto",
    help="Neural style transfer: the content of one picture, painted in the style of others.",
    epilog="Start with:  impasto samples astronaut swirls  and  impasto paint --help",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (paint.paint, rerun.rerun, samples.samples, layers.layers, doctor.doctor):
    app.command(context_settings={"help_option_names": ["-h", "--help"]})(command)


def _show_version(show: bool) -> None:
    if show:
        typer.echo(f"impasto {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


def run() -> None:
    """Run the command line. What goes wrong is one line on stderr and exit code 2."""
    try:
        app()
    except ImpastoError as error:
        _fail(str(error), 2)
    except KeyboardInterrupt:
        _fail("stopped; nothing was written", 130)
    except BrokenPipeError:
        # Whoever read our output went away (`impasto layers | head`).
        sys.stderr.close()
        sys.exit(1)
    except MemoryError:
        _fail("out of memory: choose a smaller --size", 2)


def _fail(message: str, code: int) -> None:
    line = " ".join(message.split())
    typer.echo(f"impasto: {line}", err=True)
    sys.exit(code)
