"""The command ``impasto``."""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
import warnings
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from impasto import __version__
from impasto.cli import (
    apply,
    compare,
    doctor,
    explain,
    export,
    import_,
    invert,
    layers,
    learn,
    models,
    paint,
    rerun,
    samples,
    serve,
    sheet,
    sweep,
    texture,
    train,
    video,
)
from impasto.cli.flags import Command
from impasto.errors import ImpastoError, Notice, is_out_of_memory

_show_warning = warnings.showwarning
_COMPLETE = "_IMPASTO_COMPLETE"

# The one public name under which every version of Typer carries Click's errors.
_UsageError: Any = typer.BadParameter.__base__

_GROUPS: dict[str, tuple[Any, ...]] = {
    "Make pictures": (paint.paint, apply.apply, video.video, texture.texture, rerun.rerun),
    "Look closer": (sheet.sheet, sweep.sweep, compare.compare, explain.explain, invert.invert),
    "Styles and networks": (
        learn.learn,
        models.app,
        train.train,
        import_.import_,
        export.export,
    ),
    "Serve": (serve.serve, serve.worker),
    "Tools": (samples.samples, layers.layers, doctor.doctor),
}
"""The commands, as --help lists them."""


class _Grouped(TyperGroup):
    """Lists commands in groups."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands under the headings of their groups."""
        for heading, commands in _GROUPS.items():
            found = [(name, self.get_command(ctx, name)) for name in map(_name, commands)]
            with formatter.section(heading):
                room = formatter.width - 6 - max(len(name) for name in self.commands)
                rows = [
                    (name, command.get_short_help_str(room)) for name, command in found if command
                ]
                formatter.write_dl(rows, col_max=room)


def _name(command: Any) -> str:
    """Return the name of a command or of a group of commands."""
    if isinstance(command, typer.Typer):
        return str(command.info.name)
    return str(command.__name__).rstrip("_")


app = typer.Typer(
    name="impasto",
    cls=_Grouped,
    help="Neural style transfer: paint the content of one picture in the style of others.",
    epilog="Start with:  impasto samples astronaut swirls  and  impasto paint --help",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (command for group in _GROUPS.values() for command in group):
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=_name(command))
    else:
        settings = {"help_option_names": ["-h", "--help"]}
        app.command(_name(command), cls=Command, context_settings=settings)(command)


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


def _show_notice(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a notice as one line, and any other warning as Python does."""
    if issubclass(category, Notice):
        typer.echo(f"impasto: {message}", err=True)
    else:
        _show_warning(message, category, filename, lineno, file, line)


def run() -> None:
    """Run the command line. An error is one line on stderr and exit code 2."""
    # Without this, garbage collection of PyTorch's objects at exit takes most of a second.
    atexit.register(gc.freeze)
    for stream in (sys.stdout, sys.stderr):  # escape characters the terminal cannot show
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    warnings.showwarning = _show_notice
    if _COMPLETE in os.environ:  # the shell asks for completions
        app(prog_name="impasto")
    command = typer.main.get_command(app)
    try:
        with command.make_context("impasto", sys.argv[1:] or ["--help"]) as context:
            command.invoke(context)
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except _UsageError as error:
        _fail(f"{error.format_message().rstrip('.')}; see {_path(error)} --help", 2)
    except ImpastoError as error:
        _fail(str(error), 2)
    except KeyboardInterrupt:
        _fail("stopped", 130)
    except BrokenPipeError:
        # The reader of our output has exited (`impasto layers | head`).
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        _fail("out of memory; choose a smaller --size", 2)


def _path(error: Any) -> str:
    """Return the command with the error: "impasto paint"."""
    return error.ctx.command_path if error.ctx else "impasto"


def _fail(message: str, code: int) -> None:
    line = " ".join(message.split())
    typer.echo(f"impasto: {line}", err=True)
    sys.exit(code)
