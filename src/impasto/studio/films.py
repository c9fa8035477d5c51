"""Films that are asked for: a clip that passes every check becomes a job of kind ``video``.

Its files are the clip, its first frame (``photo``), and while it is painted the finished pieces.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from impasto.apply.passes import bytes_of, work_of
from impasto.errors import ImageError, OptionsError, OutputError
from impasto.images.picture import floats
from impasto.options import ApplyOptions, VideoOptions
from impasto.studio.jobs import Job, NoSuchJob
from impasto.studio.learnt import Own
from impasto.studio.previews import encode
from impasto.studio.quick import Asked
from impasto.studio.settings import Settings
from impasto.studio.validation import fingerprint
from impasto.text import shown
from impasto.video import writing
from impasto.video.animation import find_animation
from impasto.video.codecs import choose
from impasto.video.reading import Film
from impasto.zoo.pack import Pack

if TYPE_CHECKING:
    from impasto.studio.context import Studio

FORMATS = ("mp4", "webm", "mov", "mkv")
"""Of results."""

OF_NETWORK = ("strength", "color", "style_scale", "seed", "size")
OF_VIDEO = ("start", "end", "fps", "stability")
"""The fields of `ApplyOptions` and `VideoOptions` that a request may set."""

_EXTENSIONS = {"mov": "mp4", "matroska": "webm", "gif": "gif"}
"""How clips are stored, by the first name that FFmpeg has for the container."""

_NETWORK_SIDE = 16
"""No side of a frame may be under this, in pixels."""


class FilmError(ImageError):
    """A clip is not a film that can be stylised here."""


@dataclass(frozen=True)
class FilmRequest:
    """What is asked of a clip: of each frame, and of the film."""

    asked: Asked
    video: VideoOptions

    @classmethod
    def of(cls, given: Mapping[str, Any], own: Own = ()) -> Self:
        """Build from one flat mapping, as a form or a job has it. Raises `OptionsError`."""
        network = ApplyOptions(**{name: given[name] for name in OF_NETWORK if name in given})
        video = VideoOptions(**{name: given[name] for name in OF_VIDEO if name in given})
        format, fast = given.get("format", FORMATS[0]), given.get("fast", False)
        return cls(Asked(given["style"], network, format, fast, own), video)

    def flat(self) -> dict[str, Any]:
        """Return what `of` takes back."""
        return {
            **{name: getattr(self.asked, name) for name in ("style", "format", "fast")},
            **{name: getattr(self.asked.options, name) for name in OF_NETWORK},
            **{name: getattr(self.video, name) for name in OF_VIDEO},
        }


def accept_film(
    studio: Studio,
    owner: str,
    path: Path,
    request: FilmRequest,
    key: str | None = None,
    name: str = "Clip",
) -> Job:
    """Check a clip and take a job; the clip is moved to the job's files. Lists call it ``name``.

    Raises `FilmError`, `OptionsError`, `QueueFull`, `KeyReused`, `OutputError` and
    `MissingExtraError`.
    """
    bounds, mark = studio.settings, None
    if key is not None:
        with path.open("rb") as file:
            mark = fingerprint([], hashlib.file_digest(file, "sha256").hexdigest(), request.flat())
        if earlier := studio.store.by_key(owner, key, mark):
            return earlier
    pack = studio.quick.check(request.asked)
    _unpack_animation(path, bounds)
    with plain_errors(path):
        film = Film(path, request.video, size=request.asked.options.size, read=bounds.film_limits)
    extension = _EXTENSIONS.get(film.form.partition(",")[0])
    if extension is None:
        raise FilmError(f"the clip is of kind {film.form}; send MP4, MOV, WebM, MKV, GIF or WebP")
    check_film(film, pack, request, bounds)
    _check_format(film, request)
    with plain_errors(path), closing(film.frames_after()) as frames:
        poster = encode(floats(next(frames).rgb))
    with path.open("rb+") as written:
        os.fsync(written.fileno())
    width, height = film.own_size
    told = {"width": width, "height": height, "seconds": float(film.seconds or 0)}
    return studio.accept(
        owner, "video", {**request.flat(), "clip": told},
        {"photo": poster, f"clip.{extension}": path},
        key=key, fingerprint=mark, pictures={"photo": {"source": "clip", "name": name}},
    )  # fmt: skip


def check_film(film: Film, pack: Pack, request: FilmRequest, settings: Settings) -> None:
    """Check what a film takes, as far as its header tells. Raises `FilmError`, `OptionsError`."""
    video, most = request.video, settings.max_film_seconds
    ends = [float(one) for one in (film.seconds, video.end) if one is not None]
    seconds = min(ends, default=0.0) - video.start
    if seconds > most:
        raise OptionsError(f"--end is at most {video.start + most:g} s here for this clip: a film "
                           f"has at most {most:g} s")  # fmt: skip
    width, height = film.width, film.height
    if min(width, height) < _NETWORK_SIDE:
        raise FilmError(
            f"the clip has frames of {width}x{height} pixels; no side may be under {_NETWORK_SIDE}"
        )
    if bytes_of(pack, request.asked.options, width, height) > settings.max_memory:
        raise OptionsError(f"--size is too large here: {width}x{height} pixels do not fit")
    each = work_of(pack, request.asked.options, width, height)
    check_work((film.frames or 1) * each, settings)


def _check_format(film: Film, request: FilmRequest) -> None:
    """Raise `OptionsError` for a format that cannot hold the sound of a clip."""
    path = Path(f"film.{request.asked.format}")
    try:
        writing.check(path, film, choose(path, request.video, alpha=film.alpha))
    except OutputError as error:
        raise OptionsError(f"--format: {str(error).partition(': ')[2]}") from None


def check_work(work: float, settings: Settings) -> None:
    """Raise `FilmError` for more multiplications than a film may take."""
    most = settings.max_film_work * 1e9
    if work > most:
        raise FilmError(
            f"the clip takes {work / most:.2g} times the work allowed here: "
            "ask for a smaller size, fewer fps or an earlier end"
        )


def clip_of(studio: Studio, job: Job) -> str:
    """Return the name of the clip of a film's job. Raises `NoSuchJob` for other jobs."""
    names = studio.files.names(job.id) if job.kind == "video" else []
    for name in names:
        if name.startswith("clip."):
            return name
    raise NoSuchJob(job.id)


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Say "the clip" in place of where it lies. Raises `FilmError`."""
    try:
        yield
    except ImageError as error:
        text = str(error).partition("; raise --")[0].replace(f"{shown(path)}:", "the clip")
        raise FilmError(text.replace("--", "")) from None


def _unpack_animation(path: Path, settings: Settings) -> None:
    """Make a film of an animated WebP, which FFmpeg does not read."""
    with path.open("rb") as file:
        start = file.read(12)
    if start[:4] + start[8:] != b"RIFFWEBP":
        return
    with plain_errors(path):
        animation = find_animation(path.read_bytes(), str(path), settings.limits)
        if animation is None:
            raise FilmError("the clip is a still picture: send it as a photo")
        film = path.with_name(f"{path.name}.film")
        try:
            animation.write_film(film)
            film.replace(path)
        finally:
            film.unlink(missing_ok=True)
