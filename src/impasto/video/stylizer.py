"""The video stylizer: a film, a frame stylizer and options in, events and a film out."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

import impasto
from impasto.apply.network import Network, load
from impasto.atomic import check_output
from impasto.errors import OptionsError, in_memory
from impasto.events import Saved
from impasto.images.recipe import recipe_text
from impasto.options import ApplyOptions, ReadOptions, VideoOptions
from impasto.options.keywords import VideoKeywords
from impasto.video import writing
from impasto.video.codecs import FORMATS, Encoding, choose
from impasto.video.events import FilmStarted, FramePainted, VideoEvent
from impasto.video.frames import FrameStylizer, NetworkStylizer, PaintingStylizer
from impasto.video.pieces import Pieces
from impasto.video.reading import Film, Frame
from impasto.video.sequence import FrameSequence, Painted
from impasto.video.steady import Follower, Motion
from impasto.video.threads import Behind, ahead, mapped

_WAY_OUT = "choose a smaller --size"

_DEPTH = 2
"""The maximum number of frames that wait between two threads."""

_Followed = tuple[Frame, Motion | None]

_END_BYTES = 2**20
"""The bytes at both ends of a film that are hashed; hashing all would take long."""


@dataclass(frozen=True, eq=False)
class _Kept:
    """The state after the last frame of a piece, which the next frames depend on."""

    arrays: dict[str, NDArray[Any]]
    data: dict[str, Any]


class _PieceWriter:
    """Writes painted frames, and the state at the end of each piece."""

    def __init__(self, pieces: Pieces, film: Film, encoding: Encoding) -> None:
        self._pieces, self._film, self._encoding = pieces, film, encoding
        self._piece: writing.Piece | None = None

    def take(self, item: tuple[Frame, NDArray[np.uint8]] | _Kept) -> None:
        """Encode a frame, or end a piece."""
        if isinstance(item, _Kept):
            if self._piece:
                self._piece.close()
                self._piece = None
                self._pieces.keep(item.arrays, item.data)
            return
        if self._piece is None:
            self._piece = writing.Piece(self._pieces.next, self._film, self._encoding)
        self._piece.write(*item)

    def drop(self) -> None:
        """Drop an unfinished piece."""
        if self._piece:
            self._piece.drop()


class VideoStylizer:
    """Stylises a film frame by frame; iterate it for its events (`video.events`).

    ``frames`` paints the frames. ``size`` is the long side of the result in pixels, None for the
    film's own. The constructor checks everything; the iteration does the work. The result appears
    at ``out`` when it is complete. Until then, finished pieces are in a hidden folder beside it;
    with ``resume``, a stopped or killed run continues after the last piece, to the same film.
    ``pieces`` makes the store of the pieces from ``out`` and what identifies the run.

    Raises `ImageError`, `OptionsError`, `OutputError`, `CheckpointError` and `MissingExtraError`.
    """

    def __init__(
        self,
        frames: FrameStylizer,
        clip: str | os.PathLike[str],
        out: str | os.PathLike[str],
        options: VideoOptions | None = None,
        *,
        size: int | None = None,
        read: ReadOptions | None = None,
        resume: bool = False,
        pieces: Callable[[Path, Mapping[str, Any]], Pieces] = Pieces,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options or VideoOptions()
        self._frames, self._resume, self._clock = frames, resume, clock
        self.out = Path(out)
        check_output(out, extensions=tuple(FORMATS), inputs=[clip])
        self.film = Film(clip, self._options, size=size, read=read)
        self.encoding: Encoding = choose(self.out, self._options, alpha=self.film.alpha)
        writing.check(self.out, self.film, self.encoding)
        frames.prepare(self.film.width, self.film.height, self._options.stability)
        self.recipe = self._recipe()
        self._pieces = pieces(self.out, _without_names(self.recipe))
        self._stopped = False
        self._end = 0
        self.stopped = False
        """Whether it was stopped early: there are pieces, but no film."""

    def stop(self) -> None:
        """Stop after the current frame. Finished frames are kept for a resumed run."""
        self._stopped = True

    def __iter__(self) -> Generator[VideoEvent]:
        """Do the work."""
        with in_memory(_WAY_OUT), self._pieces.locked():
            kept = self._pieces.begin(resume=self._resume)
            self.film.tell()
            writing.tell_changes(self.film, self.encoding)
            try:
                yield from self._painted(kept)
            except BaseException:
                if not self._pieces.count:
                    self._pieces.remove()
                raise
            if self.stopped:
                return
            self._join(self.film)
            self._pieces.remove()
        yield Saved(self.out, "film")

    def save_stopped(self) -> Path:
        """Write what there is of a film that was stopped, with its sound; return where it is.

        The pieces stay: the film can go on. Raises `OutputError`.
        """
        self._join(self.film.until(self._end))
        return self.out

    def _join(self, film: Film) -> None:
        metadata = writing.recipe_field(recipe_text(self.recipe, str(self.out)))
        writing.join(self.out, self._pieces.paths, film, self.encoding, metadata)

    def _painted(
        self, kept: tuple[Mapping[str, NDArray[Any]], dict[str, Any]] | None
    ) -> Iterator[VideoEvent]:
        """Paint the frames that are not in pieces yet; yield the events."""
        film, done, pts = self.film, 0, None
        sequence = FrameSequence(self._frames, self._options.stability)
        before: NDArray[np.uint8] | None = None
        if kept is not None:
            arrays, data = kept
            done, pts, before = int(data["frames"]), int(data["pts"]), arrays["before"]
            sequence.restore(arrays)
            if data["ended"]:
                yield self._started(done)
                return
        yield self._started(done)
        began, first = self._clock(), done
        depth = _DEPTH if film.width * film.height <= 2**23 else 1
        writer = _PieceWriter(self._pieces, film, self.encoding)
        pieces = Behind(writer.take, depth)
        source = _pictures(film.frames_after(pts), sequence, before, depth)
        frame: Frame | None = None
        in_piece = 0
        try:
            with closing(source):
                for (frame, motion), own in source:
                    picture = sequence.steadied(own, motion)
                    pieces.put((frame, picture))
                    done, in_piece = done + 1, in_piece + 1
                    cut = motion is not None and motion.cut
                    yield self._event(frame, picture, done, self._clock() - began, first, cut=cut)
                    self._end = frame.pts + max(frame.duration, 1)
                    if self._stopped:
                        break
                    if in_piece >= self._frames.piece:
                        pieces.put(_state(sequence, frame, done, ended=False))
                        in_piece = 0
            self.stopped = self._stopped
            if frame is not None and (in_piece or not self.stopped):
                pieces.put(_state(sequence, frame, done, ended=not self.stopped))
            pieces.close()
        except BaseException:
            pieces.end()
            writer.drop()
            raise

    def _started(self, done: int) -> FilmStarted:
        width, height = writing.encoded_size(self.film.width, self.film.height, self.encoding)
        return FilmStarted(width, height, self.film.frames, done)

    def _event(
        self,
        frame: Frame,
        picture: NDArray[np.uint8],
        done: int,
        seconds: float,
        first: int,
        *,
        cut: bool,
    ) -> FramePainted:
        expected = self.film.frames
        frames = None if expected is None else max(expected, done)
        remaining = None if frames is None else seconds / (done - first) * (frames - done)
        at = float(frame.pts * self.film.time_base)
        return FramePainted(done, frames, at, cut, seconds, remaining, picture)

    def _recipe(self) -> dict[str, Any]:
        """Return the recipe of the film, as plain data."""
        return {
            "kind": "video",
            "version": impasto.__version__,
            **self._frames.recipe(),
            **{name: value for name, value in self._options.to_dict().items() if name != "crf"},
            "pixels": [self.film.width, self.film.height],
            "encoding": self.encoding.recipe(),
            "content": {
                "name": str(self.film.path),
                "bytes": self.film.bytes,
                "sha256_of_ends": _hash_of_ends(self.film.path, self.film.bytes),
            },
        }


def stylize_video(
    style: Any,
    clip: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    paint: bool = False,
    resume: bool = False,
    read: ReadOptions | None = None,
    **options: Unpack[VideoKeywords],
) -> Path:
    """Stylise a film, and return the path of the result.

    ``style`` is a `Network` (`impasto.load`, `impasto.learn`) or an argument of `impasto.load`;
    with ``paint`` it is a painting, or several, and each frame is optimised. ``options`` are the
    fields of `VideoOptions`, and of `ApplyOptions` except ``jobs``. Raises the errors
    of `VideoStylizer`.
    """
    given = dict(options)
    known = [field.name for field in fields(VideoOptions)]
    of_video = VideoOptions.from_dict({name: given.pop(name) for name in known if name in given})
    chosen = ApplyOptions.from_dict(given)
    if "jobs" in given:
        raise OptionsError("jobs does not apply to films: each frame depends on the last one")
    frames: FrameStylizer
    if paint:
        frames = PaintingStylizer(style, of_video.steps, chosen, read)
    else:
        network = style
        if not isinstance(style, Network):
            network = load(style, backend=chosen.backend, device=chosen.device)
        frames = NetworkStylizer(network, chosen, read)
    stylizer = VideoStylizer(
        frames, clip, out, of_video, size=chosen.size, read=read, resume=resume
    )
    for _ in stylizer:
        pass
    return stylizer.out


def _pictures(
    frames: Generator[Frame], sequence: FrameSequence, before: NDArray[np.uint8] | None, depth: int
) -> Generator[tuple[_Followed, Painted]]:
    """Yield each frame with its motion, and its own picture.

    ``before`` is the frame before the first, if there is one. Threads read frames, find motion and
    paint, unless painting has to wait for the last result.
    """

    def paint(followed: _Followed) -> Painted:
        frame, motion = followed
        return sequence.painted(frame.rgb, motion)

    followed = ahead(_followed(frames, sequence.follower(before)), depth)
    if not sequence.follows:
        yield from mapped(followed, paint, sequence.at_once)
        return
    with closing(followed):
        for item in followed:
            yield item, paint(item)


def _followed(frames: Generator[Frame], follower: Follower | None) -> Generator[_Followed]:
    """Yield each frame with its motion."""
    with closing(frames):
        for frame in frames:
            yield frame, follower.follow(frame.rgb) if follower else None


def _state(sequence: FrameSequence, frame: Frame, done: int, *, ended: bool) -> _Kept:
    """Return the state after a frame."""
    arrays = {"before": frame.rgb, **sequence.state()}
    return _Kept(arrays, {"frames": done, "pts": frame.pts, "ended": ended})


def _without_names(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return what identifies a run: not the path of the clip, nor the device."""
    content = {name: value for name, value in recipe["content"].items() if name != "name"}
    return {name: value for name, value in recipe.items() if name != "ran"} | {"content": content}


def _hash_of_ends(path: Path, size: int) -> str:
    """Return the SHA-256 of the beginning and the end of a file."""
    with path.open("rb") as file:
        found = hashlib.sha256(file.read(_END_BYTES))
        file.seek(max(size - _END_BYTES, 0))
        found.update(file.read(_END_BYTES))
    return found.hexdigest()
