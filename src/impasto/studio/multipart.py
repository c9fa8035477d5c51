"""Forms with files (multipart/form-data), refused at the first part that does not belong in them.

Starlette reads them. Small files stay in memory, larger ones go to a temporary file: many that come
in at the same time take no more than a megabyte each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, SpooledTemporaryFile
from typing import BinaryIO, cast

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from impasto.errors import nearest
from impasto.studio.problems import Problem
from impasto.text import shown

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


@asynccontextmanager
async def read_form(
    request: Request,
    *,
    fields: Collection[str],
    files: Mapping[str, int],
    check: Check,
    folder: Path | None = None,
) -> AsyncIterator[Form]:
    """Give the form of a request: ``fields`` once at most, ``files`` so many times at most.

    With a ``folder``, files go there as they come in, see `place`, and are removed in the end.
    ``check`` sees the fields that came so far before a file is read, and all of them in the end.
    Raises `Problem` for all that is no such form, as soon as that shows.
    """
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    if kind != _TYPE.encode() or not parameters.get(b"boundary"):
        text = f"send {_TYPE} with a boundary, as curl -F does"
        raise Problem("unsupported-media-type", text, headers={"Accept-Post": _TYPE})
    form = Form(request, fields, files, check, folder)
    try:
        await form.parse()
        form.finish()
        yield form
    except MultiPartException as error:
        text = f"the form cannot be read: {shown(error.message)}"
        raise Problem("bad-form", text) from None
    finally:
        for upload in (upload for uploads in form.files.values() for upload in uploads):
            upload.file.close()
            if folder:
                place(upload).unlink(missing_ok=True)


class Form(MultiPartParser):
    """The fields and the files of a form, by name. The files are gone when the form is.

    Each part is looked at as it begins, and those that do not belong in the form are refused.
    """

    def __init__(
        self,
        request: Request,
        fields: Collection[str],
        files: Mapping[str, int],
        check: Check,
        folder: Path | None,
    ) -> None:
        super().__init__(request.headers, request.stream())
        self.fields: Fields = {}
        self.files: dict[str, list[UploadFile]] = {}
        self._allowed, self._most, self._check = fields, files, check
        self._checked: Fields = {}
        self._ended, self._folder = False, folder

    def file(self, name: str) -> UploadFile | None:
        """Return the one file of this name."""
        return next(iter(self.files.get(name, [])), None)

    def required(self, name: str) -> UploadFile:
        """Return the one, or the first, file of this name. Raises `Problem` without one."""
        found = self.file(name)
        if found is None:
            raise Problem("invalid-option", f"{name} is missing: send it as a file", field=name)
        return found

    def finish(self) -> None:
        """Check what came last. Raises `Problem`."""
        if not self._ended:
            raise Problem("bad-form", "the form ends in the middle")
        self._check_fields()

    def on_headers_finished(self) -> None:
        """See what a part is called, and whether it may be here."""
        part = self._current_part
        _, parameters = parse_options_header(part.content_disposition)
        name = _text(parameters.get(b"name", b""))
        if name in self._most:
            most = self._most[name]
            if len(self.files.get(name, [])) >= most:
                raise _too_many(name, most)
            self._check_fields()
            # To Starlette a file is what has a file's name, whatever the part is called.
            part.content_disposition = b'form-data; name="file"; filename="file"'
        elif name not in self._allowed:
            text = f"unknown field {shown(name)!r}{nearest(name, [*self._most, *self._allowed])}"
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
