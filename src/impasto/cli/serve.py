"""``impasto serve`` and ``impasto worker``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from impasto.studio.context import Studio

# Texts and defaults repeat those of `studio.settings`, whose import takes a second; a test keeps
# them in sync.
_DATA = typer.Option(
    help="Where files are kept: a folder, or the URL of a bucket that fsspec knows. "
    "Default: the user's own folder for data.",
    metavar="FOLDER|URL",
)
_DATABASE = typer.Option(
    help="sqlite:///FILE or postgresql://...; else studio.sqlite in the data folder.",
    metavar="URL",
)
_THREADS = typer.Option(
    help="Threads of each painting; 0 shares the cores among workers. Default: 0."
)
_LOG = typer.Option(help="What is logged. Default: info.", metavar="debug|info|warning|error")


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one. Default: 8000.")
    ] = None,
    data: Annotated[str | None, _DATA] = None,
    database: Annotated[str | None, _DATABASE] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that paint, beside the server. Default: 1.")
    ] = None,
    threads: Annotated[int | None, _THREADS] = None,
    log_level: Annotated[str | None, _LOG] = None,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the studio in the browser.")
    ] = False,
) -> None:
    """Start the studio: a page in the browser, and an API.

    Environment variables IMPASTO_... set everything else; docs/service.md lists them. Flags take
    precedence. Without API keys (IMPASTO_API_KEYS), it serves only this machine.

    Examples:

      impasto serve --open

      impasto serve --port 9000 --workers 2 --data ~/studio

      IMPASTO_API_KEYS=ada:$(openssl rand -hex 24) impasto serve --host 0.0.0.0
    """
    given = {
        "host": host, "port": port, "data": data, "database": database, "workers": workers,
        "threads": threads, "log_level": log_level,
    }  # fmt: skip
    with _extra("impasto serve"):
        from impasto.studio.settings import read

        settings = read(**given)
        typer.echo("starting the studio ...", err=True)
        from impasto.studio.server import serve

        serve(settings, lambda address, studio: _ready(address, studio, open_browser))


def worker(
    database: Annotated[str | None, _DATABASE] = None,
    data: Annotated[str | None, _DATA] = None,
    threads: Annotated[int | None, _THREADS] = None,
    log_level: Annotated[str | None, _LOG] = None,
) -> None:
    """Paint for a studio on another machine, until Ctrl-C.

    --database and --data must be those of the studio: a PostgreSQL database and a folder or bucket
    that both can reach. The studio itself may then run with --workers 0.

    Examples:

      impasto worker --database postgresql://impasto@db/impasto --data s3://pictures
    """
    given: dict[str, Any] = {
        "data": data, "database": database, "threads": threads, "log_level": log_level,
    }  # fmt: skip
    with _extra("impasto worker"):
        from impasto.studio.settings import read

        settings = read(**given)
        from impasto.studio.worker import run

        run(settings)


@contextmanager
def _extra(what: str) -> Iterator[None]:
    """Name the extra if one of its libraries is missing."""
    from impasto.errors import MissingExtraError

    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "impasto":
            raise
        raise MissingExtraError(f"{what} ({error.name})", "studio") from error


def _ready(address: str, studio: Studio, open_browser: bool) -> None:
    """Print the address of the studio."""
    settings = studio.settings
    typer.echo(f"studio   {address}")
    typer.echo(f"files    {settings.data}")
    styles = len(studio.quick.styles())
    typer.echo(f"styles   {styles if styles else 'none yet: see impasto learn, impasto train'}")
    if settings.api_keys:
        typer.echo(f"keys     {len(settings.api_keys)}")
    typer.echo("Ctrl-C stops it", err=True)
    if open_browser:
        import threading
        import webbrowser

        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
