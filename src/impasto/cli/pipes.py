"""``-`` as a picture: standard input and output."""

from __future__ import annotations

import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, Self

import typer

STANDARD = "-"


class Pipes:
    """Replaces ``-`` by a temporary file for standard input or standard output.

    The rest of the command works with these files, in a temporary folder. If the block ends without
    an error, the output file is copied to standard output. After an error, the folder keeps all
    files except the input, because they may be the work of hours.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._input: Path | None = None
        self._output: Path | None = None

    def input(self, path: Path) -> Path:
        """Return the file to read a picture from. Raises `OptionsError` for a second ``-``."""
        from impasto.errors import OptionsError

        if str(path) != STANDARD:
            return path
        if self._input:
            raise OptionsError(
                "- (standard input) can be used only once: give a file name for the other"
            )
        self._input = self._place() / "standard-input"
        with self._input.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        return self._input

    def output(self, path: Path, extension: str = ".png", *, as_json: bool = False) -> Path:
        """Return the file to write a picture to. Raises `OptionsError` for ``-`` with JSON."""
        from impasto.errors import OptionsError

        if str(path) != STANDARD:
            return path
        if as_json:
            raise OptionsError("--json and -o - both use standard output: use only one of them")
        self._output = self._place() / f"standard-output{extension}"
        return self._output

    @property
    def reads(self) -> bool:
        """Whether a picture was read from standard input."""
        return self._input is not None

    @property
    def writes(self) -> bool:
        """Whether the picture goes to standard output; nothing else may be printed there."""
        return self._output is not None

    def message(self, text: str) -> str:
        """Return a message with "standard input" in place of the temporary file."""
        return text.replace(str(self._input), "standard input") if self._input else text

    def __enter__(self) -> Self:
        show = self._show = warnings.showwarning

        def shown(message: Warning | str, *where: Any, **more: Any) -> None:
            show(self.message(str(message)), *where, **more)

        warnings.showwarning = shown
        return self

    def __exit__(self, kind: object, raised: BaseException | None, _traceback: object) -> None:
        from impasto.errors import ImpastoError, OutputError
        from impasto.text import reason

        warnings.showwarning = self._show
        try:
            if self._output and kind is None:
                sys.stdout.buffer.write(self._output.read_bytes())
                sys.stdout.buffer.flush()
                self._output.unlink()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"standard output: cannot be written: {reason(error)}") from error
        finally:
            self._tidy()
        if isinstance(raised, ImpastoError) and (text := self.message(str(raised))) != str(raised):
            raise type(raised)(text) from raised

    def _tidy(self) -> None:
        if self._input:
            self._input.unlink(missing_ok=True)
        if self._folder:
            left = sorted(self._folder.iterdir())
            if not left:
                self._folder.rmdir()
            elif self._output:
                typer.echo(f"impasto: the files made so far are in {self._folder}", err=True)

    def _place(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="impasto-"))
        return self._folder
