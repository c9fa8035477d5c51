"""Forms with files (multipart/form-data), refused at the first part that does not belong in them.

Starlette reads them. Small files stay in memory, larger ones go to a temporary file: many that come
in at the same time take no more than a megabyte each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile, SpooledTemporaryFile
from typing import Any, BinaryIO, cast

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from impasto.errors import nearest
from impasto.studio.fields import Field
from impasto.studio.problems import Problem
from impasto.text import shown

BINARY = {"type": "string", "format": "binary"}
"""What OpenAPI calls a file."""

_LONGEST_FIELD = 4096
_TYPE = "multipart/form-data"

Fields = dict[str, str]
Check = Callable[[Fields], object]


def content(upload: UploadFile) -> bytes:
    """Return all of a file; blocks when it lies on the disk."""
    upload.file.seek(0)
    return upload.file.read()


def place(upload: UploadFile) -> Path:
    """Return where a file lies that came into a folder."""
    return Path(str(upload.file.name))


@asynccontextmanager
async def read_body(request: Request) -> AsyncIterator[UploadFile]:
    """Give the body of a request as a file, which is gone when the block ends."""
    with SpooledTemporaryFile(MultiPartParser.spool_max_size) as file:
        upload = UploadFile(file, size=0)  # type: ignore[arg-type]
        async for part in request.stream():
            await upload.write(part)
        yield upload


@dataclass(frozen=True)
class Form:
    """A form that a route takes: ``files`` by name and what they are, and ``fields``.

    Each may come once, files as often as ``most`` says. ``required`` files have to come.
    """

    files: Mapping[str, str]
    fields: Mapping[str, Field]
    required: tuple[str, ...] = ()
    most: Mapping[str, int] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """Return what OpenAPI says of a request with this form."""
        properties: dict[str, Any] = {}
        for name, what in self.files.items():
            several = {"type": "array", "items": BINARY, "minItems": 1}
            kind = several if name in self.most else BINARY
            properties[name] = {**kind, "description": what}
        schema = {
            "type": "object",
            "properties": properties | {n: field.schema() for n, field in self.fields.items()},
            "required": list(self.required),
            "additionalProperties": False,
        }
        return {"requestBody": {"required": True, "content": {_TYPE: {"schema": schema}}}}

    @asynccontextmanager
    async def read(
        self, request: Request, check: Check, folder: Path | None = None
    ) -> AsyncIterator[Filled]:
        """Give the form of a request.

        With a ``folder``, files go there as they come in, see `place`, and are removed in the end.
        ``check`` sees the fields that came so far before a file is read, and all in the end.
        Raises `Problem` for all that is no such form, as soon as that shows.
        """
        kind, parameters = parse_options_header(request.headers.get("content-type", ""))
        if kind != _TYPE.encode() or not parameters.get(b"boundary"):
            text = f"send {_TYPE} with a boundary, as curl -F does"
            raise Problem("unsupported-media-type", text, headers={"Accept-Post": _TYPE})
        filled = Filled(request, self, check, folder)
        try:
            await filled.parse()
            filled.finish()
            yield filled
        except MultiPartException as error:
            text = f"the form cannot be read: {shown(error.message)}"
            raise Problem("bad-form", text) from None
        finally:
            for upload in (upload for uploads in filled.files.values() for upload in uploads):
                upload.file.close()
                if folder:
                    place(upload).unlink(missing_ok=True)


class Filled(MultiPartParser):
    """A form as it came, with fields and files by name. The files are gone when the form is.

    Each part is looked at as it begins, and those that do not belong in the form are refused.
    """

    def __init__(self, request: Request, form: Form, check: Check, folder: Path | None) -> None:
        super().__init__(request.headers, request.stream())
        self.fields: Fields = {}
        self.files: dict[str, list[UploadFile]] = {}
        self._form, self._check = form, check
        self._checked: Fields = {}
        self._ended, self._folder = False, folder

    def file(self, name: str) -> UploadFile | None:
        """Return the one file of this name."""
        return next(iter(self.files.get(name, [])), None)

    def one(self, name: str) -> UploadFile:
        """Return the one file of this name, which there is."""
        return self.files[name][0]

    def finish(self) -> None:
        """Check what came last, and what did not come. Raises `Problem`."""
        if not self._ended:
            raise Problem("bad-form", "the form ends in the middle")
        self._check_fields()
        for name in self._form.required:
            if name not in self.files:
                text = f"{name} is missing: send it as a file"
                raise Problem("invalid-option", text, field=name)

    def on_headers_finished(self) -> None:
        """See what a part is called, and whether it may be here."""
        part = self._current_part
        _, parameters = parse_options_header(part.content_disposition)
        name = _text(parameters.get(b"name", b""))
        known = [*self._form.files, *self._form.fields]
        if name in self._form.files:
            most = self._form.most.get(name, 1)
            if len(self.files.get(name, [])) >= most:
                raise _too_many(name, most)
            self._check_fields()
            # To Starlette a file is what has a file's name, whatever the part is called.
            part.content_disposition = b'form-data; name="file"; filename="file"'
        elif name not in known:
            text = f"unknown field {shown(name)!r}{nearest(name, known)}"
            raise Problem("invalid-option", text, field=shown(name))
        elif name in self.fields:
            raise _too_many(name, 1)
        else:
            part.content_disposition = b'form-data; name="field"'
        super().on_headers_finished()
        part.field_name = name
        if part.file is not None:
            if self._folder:
                part.file.file.close()
                part.file.file = _file_in(self._folder)
            self.files.setdefault(name, []).append(part.file)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Take some of a part."""
        super().on_part_data(data, start, end)
        part = self._current_part
        if len(part.data) > _LONGEST_FIELD:
            text = f"{part.field_name} has more than {_LONGEST_FIELD:,} bytes"
            raise Problem("invalid-option", text, field=part.field_name)

    def on_part_end(self) -> None:
        """Take the end of a part."""
        super().on_part_end()
        if self._current_part.file is None:
            self.fields[self._current_part.field_name] = _text(self._current_part.data)

    def on_end(self) -> None:
        """Note that the form is whole."""
        self._ended = True

    def _check_fields(self) -> None:
        """Have the fields checked that came since the last time."""
        if self.fields != self._checked:
            self._check(self.fields)
            self._checked = dict(self.fields)


def _file_in(folder: Path) -> BinaryIO:
    return cast(BinaryIO, NamedTemporaryFile(dir=folder, delete=False))


def _too_many(name: str, most: int) -> Problem:
    times = "once" if most == 1 else f"at most {most} times"
    return Problem("bad-form", f"{name} may be sent {times}", field=name)


def _text(data: bytes | bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Problem("bad-form", "a field is not a UTF-8 text") from None
