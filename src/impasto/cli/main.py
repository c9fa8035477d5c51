"""The command ``impasto``."""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from importlib import import_module
from keyword import iskeyword
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from impasto import __version__
from impasto.errors import ImpastoError, Notice, is_out_of_memory

_show_warning = warnings.showwarning
_COMPLETE = "_IMPASTO_COMPLETE"

# The one public name under which every version of Typer carries Click's errors.
_UsageError: Any = typer.BadParameter.__base__

_HELP = {"help_option_names": ["-h", "--help"]}
_GROUPS = {
    "Make pictures": ("paint", "apply", "video", "texture", "rerun"),
    "Look closer": ("sheet", "sweep", "compare", "explain", "invert"),
    "Styles and networks": ("learn", "models", "train", "import", "export"),
    "Serve": ("serve", "worker"),
    "Tools": ("samples", "layers", "doctor"),
}
"""The commands, as --help lists them. Each is a function in the module of its name."""

_HOMES = {"worker": "serve"}
"""The modules of the commands that are in another one."""


class _Commands(Mapping[str, Any]):
    """The commands by name. Each is imported when it is needed, because all of them take longer."""

    def __init__(self) -> None:
        self._names = [name for names in _GROUPS.values() for name in names]
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = _command(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _command(name: str) -> Any:
    """Import a command, or a group of commands."""
    from impasto.cli.flags import Command

    identifier = f"{name}_" if iskeyword(name) else name
    module = import_module(f"impasto.cli.{_HOMES.get(name, identifier)}")
    if hasattr(module, "app"):
        return typer.main.get_command(module.app)
    alone = typer.Typer(rich_markup_mode=None, add_completion=False)
    alone.command(name, cls=Command, context_settings=_HELP)(getattr(module, identifier))
    return typer.main.get_command(alone)


class _Grouped(TyperGroup):
    """Lists commands in groups."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: Any = _Commands()

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands under the headings of their groups."""
        for heading, names in _GROUPS.items():
            with formatter.section(heading):
                room = formatter.width - 6 - max(map(len, self.commands))
                found = [(name, self.get_command(ctx, name)) for name in names]
                rows = [(name, one.get_short_help_str(room)) for name, one in found if one]
                formatter.write_dl(rows, col_max=room)


app = typer.Typer(
    name="impasto",
    cls=_Grouped,
    help="Neural style transfer: paint the content of one picture in the style of others.",
    epilog="Start with:  impasto samples astronaut swirls  and  impasto paint --help",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_HELP,
)


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
