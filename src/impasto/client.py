"""A client of a studio that runs elsewhere; ``impasto serve`` starts one."""

from __future__ import annotations

import json
import math
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import numpy as np

from impasto import errors
from impasto.errors import ImageError, ImpastoError, OptionsError, StudioError
from impasto.images.encode import Job, png
from impasto.images.load import load_bytes
from impasto.images.read import Source, read_stored
from impasto.options import ReadOptions, SaveOptions
from impasto.text import reason, shown

T = TypeVar("T")

_KINDS: Mapping[str, type[ImpastoError]] = {
    **dict.fromkeys(("bad-picture", "too-many-pixels", "too-large"), ImageError),
    **dict.fromkeys(("invalid-option", "unknown-style", "unfit-format"), OptionsError),
}
"""The error of each problem, by its code; all others are a `StudioError`."""

_LATER = (429, 502, 503, 504)
"""Statuses of requests that may succeed later."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
"""Seconds between attempts, twice as long each time, at least those that the studio asks for."""

_LONGEST_PROBLEM = 65536
_JOB = ("id", "state", "step", "steps", "links")
_PROGRESS = ("step", "steps", "loss", "remaining")
_sleep = time.sleep


class Client:
    """A studio at ``url``; ``key`` is an API key, if the studio requires one.

    ``timeout`` is the longest silence of the studio, in seconds. Requests are repeated for up to
    ``patience`` seconds: if the studio is busy, after the pause that it asks for, and if it cannot
    be reached although it was reached before. Requests that could then be executed twice are not
    repeated.

    All methods raise `StudioError` if the studio cannot be reached or refuses a request, and
    `OptionsError` or `ImageError`, with the studio's message, if an option or a picture is wrong.
    Several threads may share a client.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        key: str | None = None,
        *,
        timeout: float = 120.0,
        patience: float = 60.0,
    ) -> None:
        self._connect, self._path = _parsed(url)
        self._name = shown(url)
        if not (timeout > 0 and patience >= 0):
            raise OptionsError(
                "timeout must be more than 0 seconds and patience at least 0, got "
                f"{timeout} and {patience}"
            )
        self._timeout, self._patience = timeout, patience
        self._headers = {"Connection": "close"}
        if key is not None:
            if not (key.isascii() and key.isprintable()):
                raise OptionsError("the key of a studio must be printable ASCII characters")
            self._headers["Authorization"] = f"Bearer {key}"
        self._reached = False

    def __repr__(self) -> str:
        """The address, without the key."""
        return f"<Client {self._name}>"

    def styles(self) -> list[dict[str, Any]]:
        """Return the styles of the studio: ``name``, ``title``, ``painter`` and more of each."""
        styles: list[dict[str, Any]] = self._json("GET", "/v1/styles", has=("styles",))["styles"]
        return styles

    def stylise(
        self, photo: Source, style: str | None = None, *, mask: Source | None = None, **options: Any
    ) -> bytes:
        """Return a photo in a style, as the bytes of a picture file.

        ``photo`` and ``mask`` are paths, bytes, PIL images or arrays, as for `read_picture`.
        ``style`` is a name or a mixture such as ``"wave:0.6,starry:0.4"``; None is the studio's
        default. ``options`` are the fields of ``POST /v1/stylize``: ``strength``, ``color``,
        ``style_scale``, ``seed``, ``size``, ``fast`` and ``format``, which is ``"jpeg"``.
        """
        pictures = {"photo": [photo], "mask": [] if mask is None else [mask]}
        return self._request("POST", "/v1/stylize", *_form(pictures, {"style": style, **options}))

    def paint(
        self, photo: Source, paintings: Source | Sequence[Source], **options: Any
    ) -> StudioJob:
        """Order a photo in the style of one or more paintings, and return the job at once.

        Pictures are as for `stylise`. ``options`` are the fields of ``POST /v1/jobs``: ``size``,
        ``steps``, ``quality``, ``strength``, ``format`` (``"png"``) and more.
        """
        several: list[Any] = [*paintings] if isinstance(paintings, list | tuple) else [paintings]
        body, headers = _form({"photo": [photo], "painting": several}, options)
        once = {**headers, "Idempotency-Key": secrets.token_urlsafe(18)}
        return StudioJob(self, self._json("POST", "/v1/jobs", body, once))

    def learn(self, painting: Source, name: str | None = None, **options: Any) -> StudioJob:
        """Have a painting learnt as a style of this key alone, and return the job at once.

        ``options`` are the fields of ``POST /v1/styles``: ``budget``, ``distance``, ``style_size``
        and ``model``. ``data["style"]`` of the job is the style's name, for `stylise` some seconds
        after the learning began.
        """
        body, headers = _form({"painting": [painting]}, {"name": name, **options})
        once = {**headers, "Idempotency-Key": secrets.token_urlsafe(18)}
        return StudioJob(self, self._json("POST", "/v1/styles", body, once))

    def job(self, id: str) -> StudioJob:
        """Return a job by its id."""
        return StudioJob(self, self._json("GET", f"/v1/jobs/{quote(id, safe='')}"))

    def jobs(self) -> Iterator[StudioJob]:
        """Yield all jobs of the key, the newest first."""
        page: str | None = "/v1/jobs"
        while page:
            found = self._json("GET", page, has=("jobs", "next"))
            yield from (StudioJob(self, data) for data in found["jobs"])
            page = found["next"]

    def _json(self, *request: Any, has: Sequence[str] = _JOB, **how: Any) -> dict[str, Any]:
        """Send a request, and return the JSON of the answer, which has these fields."""
        with suppress(ValueError):
            found = json.loads(self._request(*request, **how) or b"{}")
            if isinstance(found, dict) and all(name in found for name in has):
                return found
        raise self._foreign()

    def _foreign(self) -> StudioError:
        return StudioError(f"{self._name}: does not answer as a studio does")

    def _request(self, *request: Any, repeat: bool = True) -> bytes:
        """Send a request, again if need be, and return the body of the answer."""

        def attempt() -> bytes:
            with closing(self._attempt(*request)) as response:
                return response.read()

        return self._repeated(attempt, repeat=repeat)

    def _lines(self, path: str, headers: Mapping[str, str]) -> Iterator[str]:
        """Yield the lines of a stream until it ends or breaks off."""
        with (
            closing(self._repeated(lambda: self._attempt("GET", path, None, headers))) as response,
            suppress(OSError, HTTPException),
        ):
            for line in response:
                yield line.decode("utf-8", "replace").rstrip("\r\n")

    def _repeated(self, attempt: Callable[[], T], *, repeat: bool = True) -> T:
        """Return the result of an attempt; without ``repeat``, a broken one is the last."""
        end, pause = time.monotonic() + self._patience, _FIRST_PAUSE
        while True:
            try:
                return attempt()
            except _BusyError as busy:
                error, wait = busy.problem, max(busy.seconds, pause)
            except (OSError, HTTPException) as failure:
                error, wait = self._unreached(failure), pause
                if not (repeat and self._reached) or isinstance(failure, TimeoutError):
                    raise error from failure
            if time.monotonic() + wait > end:
                raise error
            _sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _attempt(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HTTPResponse:
        """Send a request once. Raises the error in the answer, `_BusyError`, `OSError`."""
        connection = self._connect(self._timeout)
        try:
            with suppress(
                BrokenPipeError, ConnectionResetError
            ):  # the studio answered before it had read everything
                all_headers = {**self._headers, **(headers or {})}
                connection.request(method, self._path + path, body, all_headers)
            response = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:
            connection.sock.close()  # when the response is closed, which uses it
        self._reached = True
        if 200 <= response.status < 300:
            return response
        with closing(response):
            problem = self._problem(response)
        if response.status in _LATER:
            after = response.headers.get("Retry-After", "")
            raise _BusyError(problem, int(after) if after.isdecimal() else 0)
        raise problem

    def _problem(self, response: HTTPResponse) -> ImpastoError:
        """Return the error that a studio, or something else at its address, answers."""
        with suppress(ValueError, KeyError, TypeError):
            problem = json.loads(response.read(_LONGEST_PROBLEM))
            return _KINDS.get(problem["code"], StudioError)(" ".join(problem["detail"].split()))
        status = f"{response.status} {shown(response.reason)}"
        return StudioError(f"{self._name}: answered {status}, not as a studio does")

    def _unreached(self, failure: Exception) -> StudioError:
        if isinstance(failure, TimeoutError):
            return StudioError(f"{self._name}: was silent for {self._timeout:g} seconds")
        return StudioError(f"{self._name}: cannot be reached: {reason(failure)}")


class StudioJob:
    """A painting ordered from a studio, or a style; `Client.paint` and `learn` return it.

    ``data`` is its state as last received, with the fields of ``GET /v1/jobs/{id}``.
    """

    def __init__(self, client: Client, data: dict[str, Any]) -> None:
        self._client, self.data = client, data
        self._here = f"/v1/jobs/{quote(self.id, safe='')}"

    @property
    def id(self) -> str:
        """The id, for `Client.job`."""
        return str(self.data["id"])

    @property
    def state(self) -> str:
        """One of queued, running, stopped, done, failed, cancelled, and removed."""
        return str(self.data["state"])

    @property
    def step(self) -> int:
        """The number of steps done."""
        return int(self.data["step"])

    @property
    def steps(self) -> int:
        """The total number of steps, as planned now; 0 if it is not known yet."""
        return int(self.data["steps"])

    def __repr__(self) -> str:
        """Id, state and progress."""
        return f"<StudioJob {self.id}, {self.state}, step {self.step} of {self.steps}>"

    def follow(self, timeout: float = math.inf) -> Iterator[StudioJob]:
        """Yield this job after every step and change, until it is stopped or has ended.

        A broken connection is opened again, and no step is missed. Raises `StudioError` after
        ``timeout`` seconds, up to 15 seconds late.
        """
        end, last = time.monotonic() + timeout, ""
        while True:
            fields: dict[str, str] = {}
            for line in self._client._lines(f"{self._here}/events", {"Last-Event-ID": last}):
                if time.monotonic() > end:
                    raise StudioError(f"job {self.id}: is not ready after {timeout:g} seconds")
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    last = self._take(fields)
                    yield self
                    if last.endswith("-end"):
                        return
                    fields = {}
            _sleep(_FIRST_PAUSE)

    def wait(
        self,
        progress: Callable[[StudioJob], object] | None = None,
        timeout: float = math.inf,
    ) -> bytes:
        """Return the finished picture as the bytes of a picture file, or the file of a style.

        ``progress`` is called with this job after every step and change. ``timeout`` is as for
        `follow`. Raises the error of a job that failed, `StudioError` for one that was stopped or
        cancelled.
        """
        for job in self.follow(timeout):
            if progress is not None:
                progress(job)
        if self.state == "done" and self.data.get("kind") == "learn":
            return self._client._request("GET", f"{self.data['links']['style']}/file")
        if self.state == "done":
            return self.picture()
        if self.state == "failed":
            problem = self.data["error"]
            name = problem["code"].title().replace("-", "")
            kind = vars(errors)[name] if name in _FAILURES else StudioError
            raise kind(problem["detail"])
        raise StudioError(f"job {self.id}: was {self.state} at step {self.step} of {self.steps}")

    def picture(self) -> bytes:
        """Return the picture of a job that is done or stopped, as the bytes of a file."""
        return self._client._request("GET", f"{self._here}/picture")

    def preview(self) -> bytes:
        """Return the picture of a moment ago, a small JPEG file."""
        return self._client._request("GET", f"{self._here}/preview")

    def timelapse(self) -> bytes:
        """Return a film of the painting, an MP4 file."""
        return self._client._request("GET", f"{self._here}/timelapse")

    def stop(self) -> None:
        """Stop the job within a step; its picture is kept, and `resume` continues it."""
        self.data = self._client._json("POST", f"{self._here}/stop")

    def resume(self) -> None:
        """Continue a stopped job."""
        self.data = self._client._json("POST", f"{self._here}/go-on")

    def cancel(self) -> None:
        """Cancel the job, or remove it with all its files if it is stopped or has ended."""
        found = self._client._json("DELETE", self._here, has=(), repeat=False)
        self.data = found or {**self.data, "state": "removed"}

    def _take(self, fields: Mapping[str, str]) -> str:
        """Note what an event says, and return its id."""
        try:
            event, data = fields["event"], json.loads(fields["data"])
            if event == "step":
                self.data |= {"state": "running", **{name: data[name] for name in _PROGRESS}}
            elif event == "preview":
                self.data["links"] = {**self.data["links"], **data}
            else:
                self.data |= data
            return fields["id"]
        except (ValueError, KeyError, TypeError):
            raise self._client._foreign() from None


class _BusyError(Exception):
    """The studio is busy for ``seconds``; ``problem`` is the error if patience ends."""

    def __init__(self, problem: ImpastoError, seconds: int) -> None:
        super().__init__(problem, seconds)
        self.problem, self.seconds = problem, seconds


_FAILURES = ("CheckpointError", "DivergedError", "ImageError", "OptionsError", "OutOfMemoryError")
"""The errors of jobs that mean the same here. The others are of the studio's own files."""


def _parsed(url: str) -> tuple[Callable[[float], HTTPConnection], str]:
    """Return what opens a connection to a studio with a timeout, and the path of its address."""
    with suppress(ValueError):
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        kind = {"http": HTTPConnection, "https": HTTPSConnection}.get(parts.scheme)
        extra = parts.query or parts.fragment or parts.username
        if kind and host and not extra and url.isascii() and url.isprintable() and " " not in url:
            return lambda timeout: kind(host, port, timeout=timeout), parts.path.rstrip("/")
    raise OptionsError(
        f"{shown(url)} is not the address of a studio; give one such as http://127.0.0.1:8000"
    )


def _form(
    pictures: Mapping[str, Sequence[Source]], fields: Mapping[str, Any]
) -> tuple[bytes, dict[str, str]]:
    """Return a body of multipart/form-data, fields first, and its header."""
    boundary = secrets.token_hex(16)
    parts = [
        (name, "", _text(value).encode()) for name, value in fields.items() if value is not None
    ]
    parts += [
        (name, '; filename="picture"', _file(picture))
        for name, several in pictures.items()
        for picture in several
    ]
    lines: list[bytes] = []
    for name, file, data in parts:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        lines += [head.encode(), data, b"\r\n"]
    body = b"".join([*lines, f"--{boundary}--\r\n".encode()])
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def _text(value: Any) -> str:
    """Return the value of an option as forms have it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{_text(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return str(value)


def _file(picture: Source) -> bytes:
    """Return a picture as the bytes of a file; files are sent as they are."""
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, str | os.PathLike):
        return load_bytes(picture, ReadOptions())
    stored = read_stored(picture)
    save = SaveOptions(bits=8 if stored.rgb.dtype == np.uint8 else 16)
    return png(Job(stored.rgb, stored.alpha, save, None, "the picture"))
