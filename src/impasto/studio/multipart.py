"""Forms with files (multipart/form-data), refused at the first part that does not belong in them.

Small files stay in memory, larger ones go to a temporary file: many that come in at the same time
take no more than a megabyte each.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from typing import IO, Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from impasto.errors import nearest
from impasto.studio.problems import Problem
from impasto.text import shown

_IN_MEMORY = 2**20
_LONGEST_FIELD = 4096
_TYPE = "multipart/form-data"

Fields = dict[str, str]
Check = Callable[[Fields], object]


class Upload:
    """A file that came in. It is gone when its form is."""

    def __init__(self) -> None:
        self._memory = bytearray()
        self._file: IO[bytes] | None = None

    def read(self) -> bytes:
        """Return all of it; blocks when it lies on the disk."""
        if self._file is None:
            return bytes(self._memory)
        self._file.seek(0)
        return self._file.read()

    def add(self, data: bytes | memoryview) -> None:
        """Take more of it."""
        self._memory += data

    @property
    def too_long(self) -> bool:
        """Whether it is time to `spill`."""
        return len(self._memory) > _IN_MEMORY

    def spill(self) -> None:
        """Move what is in memory to the disk; blocks."""
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the form
        self._file.write(self._memory)
        self._memory = bytearray()

    def finish(self) -> None:
        """Put all of it in one place."""
        if self._file is not None and self._memory:
            self.spill()

    def close(self) -> None:
        """Remove it."""
        self._memory = bytearray()
        if self._file is not None:
            self._file.close()


class Form:
    """The fields and the files of a form, by name."""

    def __init__(self) -> None:
        self.fields: Fields = {}
        self.files: dict[str, list[Upload]] = {}

    def file(self, name: str) -> Upload | None:
        """Return the one file of this name."""
        return next(iter(self.files.get(name, [])), None)

    def close(self) -> None:
        """Remove the files."""
        for uploads in self.files.values():
            for upload in uploads:
                upload.close()


@asynccontextmanager
async def read_form(
    request: Request, *, fields: Collection[str], files: Mapping[str, int], check: Check
) -> AsyncIterator[Form]:
    """Give the form of a request: ``fields`` once at most, ``files`` so many times at most.

    ``check`` sees the fields that came so far before a file is read, and all of them in the end.
    Raises `Problem` for all that is no such form, as soon as that shows.
    """
    form = Form()
    reader = _Reader(form, fields, files, check)
    parser = _parser(request, reader)
    try:
        try:
            async for chunk in request.stream():
                parser.write(chunk)
                for upload in reader.too_long():
                    await asyncio.to_thread(upload.spill)
            parser.finalize()
        except FormParserError as error:
            raise Problem("bad-form", f"the form cannot be read: {shown(str(error))}") from None
        if not reader.ended:
            raise Problem("bad-form", "the form ends in the middle")
        reader.check()
        for uploads in form.files.values():
            for upload in uploads:
                upload.finish()
        yield form
    finally:
        form.close()


def _parser(request: Request, reader: _Reader) -> MultipartParser:
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    boundary = parameters.get(b"boundary")
    if kind != _TYPE.encode() or not boundary:
        raise Problem(
            "unsupported-media-type",
            f"send {_TYPE} with a boundary, as curl -F does",
            headers={"Accept-Post": _TYPE},
        )
    try:
        return MultipartParser(boundary, reader.callbacks())
    except FormParserError as error:
        raise Problem("bad-form", f"the form cannot be read: {shown(str(error))}") from None


class _Reader:
    """What the parser calls back."""

    def __init__(
        self, form: Form, fields: Collection[str], files: Mapping[str, int], check: Check
    ) -> None:
        self._form, self._fields, self._files, self._check = form, fields, files, check
        self._checked: Fields = {}
        self._header = self._value = b""
        self._name, self._text = "", bytearray()
        self._upload: Upload | None = None
        self._disposition: bytes | None = None
        self.ended = False

    def callbacks(self) -> Any:
        """Return the callbacks by name."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._add_header,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._add,
            "on_part_end": self._close,
            "on_end": self._end,
        }

    def check(self) -> None:
        """Have the fields checked that came since the last time."""
        if self._form.fields != self._checked:
            self._check(self._form.fields)
            self._checked = dict(self._form.fields)

    def too_long(self) -> list[Upload]:
        """Return the file that has outgrown memory, if one has."""
        upload = self._upload
        return [upload] if upload is not None and upload.too_long else []

    def _begin(self) -> None:
        self._disposition, self._upload, self._text = None, None, bytearray()
        self._header = self._value = b""

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _open(self) -> None:
        """See what a part is called, and whether it may be here."""
        _, parameters = parse_options_header(self._disposition)
        name = _text(parameters.get(b"name", b""))
        self._name = name
        if name in self._files:
            uploads = self._form.files.setdefault(name, [])
            if len(uploads) >= self._files[name]:
                most = self._files[name]
                text = "once" if most == 1 else f"{most} times"
                raise Problem("bad-form", f"{name} may come {text}", field=name)
            self.check()
            self._upload = Upload()
            uploads.append(self._upload)
        elif name not in self._fields:
            known = [*self._files, *self._fields]
            text = f"unknown field {shown(name)!r}{nearest(name, known)}"
            raise Problem("invalid-option", text, field=shown(name))
        elif name in self._form.fields:
            raise Problem("bad-form", f"{name} may come once", field=name)

    def _add(self, data: bytes, start: int, end: int) -> None:
        if self._upload is not None:
            self._upload.add(memoryview(data)[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > _LONGEST_FIELD:
            text = f"{self._name} has more than {_LONGEST_FIELD:,} bytes"
            raise Problem("invalid-option", text, field=self._name)

    def _close(self) -> None:
        if self._upload is None:
            self._form.fields[self._name] = _text(self._text)

    def _end(self) -> None:
        self.ended = True


def _text(data: bytes | bytearray) -> str:
    with suppress(UnicodeDecodeError):
        return data.decode()
    raise Problem("bad-form", "a field is not a UTF-8 text")
