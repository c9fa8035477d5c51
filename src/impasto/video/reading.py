"""Reads films frame by frame: upright, in sRGB, with time stamps."""

from __future__ import annotations

import copy
import os
import stat
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import ImageError, Notice
from impasto.images.alpha import fill_hidden
from impasto.images.cicp import FILM_PEAK, Encoding, encoding_of
from impasto.images.load import check_bytes, check_pixels
from impasto.images.resize import fit
from impasto.options import MAX_SIDE, ReadOptions, VideoOptions
from impasto.text import reason, shown
from impasto.video.libav import converted, import_av, translated

_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,nut,mxf,gif,ivf,"
    "h264,hevc,obu,av1,dv,m4v,mjpeg,yuv4mpegpipe,apng,webp_pipe,mp3,wav,flac,aac"
)
"""Formats that contain the whole film. Playlists would open other files."""

_WIDE = (9, 11, 12)
"""Primaries of H.273 that visibly differ from those of sRGB."""

_BT709, _BT601, _LIMITED = 1, 5, 1
_HIGH_DEFINITION = 720
"""The number of lines from which a film without a declared matrix has that of BT.709."""

_ODDEST = 4
"""The largest ratio of the sides of a pixel; others are ignored as wrong."""

_CLOSE = Fraction(1, 1000)

_MOST_PIXELS = 2**31 - 1
"""The largest limit that FFmpeg takes."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a film: uint8 ``rgb`` (h, w, 3) and ``alpha`` (h, w) or None.

    ``pts`` and ``duration`` are in units of the film's time base; ``duration`` is 0 if the file
    does not declare it.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    pts: int
    duration: int


class Film:
    """A film in a file: its properties and its frames.

    ``start``, ``end`` and ``fps`` of ``options`` select the frames. ``size`` is their long side,
    None for the film's own; ``width`` and ``height`` are their sides, ``own_size`` what they would
    be without a ``size``. ``time_base`` is the unit of their time stamps, in seconds; time stamps
    begin as in the film, or at 0 with a ``start``; ``begins`` is the time of the first in seconds.
    ``rate`` is the number of frames per second and ``frames`` their expected number, None if
    unknown. ``alpha`` means that there is transparency. ``sounds`` and ``subtitles`` are the codecs
    of these tracks, ``form`` is FFmpeg's name of the container, and ``notices`` are the changes
    that users should know of.

    Raises `ImageError` for what is not a film, is empty, damaged or over the limit on pixels, and
    `MissingExtraError`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        options: VideoOptions | None = None,
        *,
        size: int | None = None,
        read: ReadOptions | None = None,
    ) -> None:
        self.path = Path(path)
        self._name = shown(path)
        self._options = options or VideoOptions()
        self._read = read or ReadOptions()
        self.bytes = _regular(path, self._name)
        self.notices: list[str] = []
        self._damaged = 0
        with self.open() as container:
            stream = _video_of(container, self._name)
            self.form = str(container.format.name)
            check_pixels(stream.width, stream.height, self._name, self._read)
            self._stream_base = Fraction(stream.time_base)
            self._alpha_by = _alpha_decoder(stream)
            frames = self._decoded(container, stream)
            with closing(frames):
                first = next(frames, None)
            if first is None:
                raise ImageError(f"{self._name}: is damaged or truncated: no frame can be decoded")
            self._measure(stream, first, size)
            self._colours(first)
            self._times(container, stream, first)
            self.sounds = [sound.codec_context.name for sound in container.streams.audio]
            self.metadata = dict(container.metadata)
            self.subtitles = [text.codec_context.name for text in container.streams.subtitles]
            kept = len(self.sounds) + len(self.subtitles) + 1
            if lost := len(container.streams) - kept:
                self.notices.append(f"tracks other than video, sound and subtitles: {lost} dropped")

    def open(self) -> Any:
        """Open the file anew, as PyAV's container."""
        return open_film(self.path, self._name)

    def until(self, pts: int) -> Film:
        """Return the film up to a time stamp of the result, sound included."""
        shorter = copy.copy(self)
        shorter._until = self._origin + round(pts * self.time_base / self._stream_base)
        return shorter

    def tell(self) -> None:
        """Issue a `Notice` for each change that users should know of."""
        for told in self.notices:
            warnings.warn(f"{self._name}: {told}", Notice, stacklevel=2)

    def frames_after(self, pts: int | None = None) -> Generator[Frame]:
        """Yield the frames, or those after a time stamp. Raises `ImageError` if there are none.

        Packets that cannot be decoded are skipped; a `Notice` at the end gives their number.
        """
        self._damaged = 0
        last, any_at_all = pts, pts is not None
        for frame in self._chosen(pts):
            stamp, duration = self._stamped(frame)
            if last is not None and stamp <= last:
                if self._options.rate or pts is not None:
                    continue  # another frame of the same slot, or one that is done
                stamp = last + 1
            last, any_at_all = stamp, True
            yield self._converted(frame, stamp, duration)
        if not any_at_all:
            seconds = "" if self.seconds is None else f"; it is {float(self.seconds):.3g} s long"
            raise ImageError(
                f"{self._name}: has no frame after --start {self._options.start:g} s{seconds}"
            )
        if self._damaged:
            told = f"damaged packets were skipped ({self._damaged})"
            warnings.warn(f"{self._name}: {told}", Notice, stacklevel=2)

    def packets(self, container: Any, tracks: Sequence[Any]) -> Iterator[Any]:
        """Yield the packets of tracks of an open container, with the time stamps of the result."""
        begin, end = self._from * self._stream_base, self._until
        for packet in container.demux(tracks):
            if packet.dts is None or packet.pts is None:
                continue
            base = Fraction(packet.time_base)
            time = packet.pts * base
            if self._options.start and time < begin:
                continue
            if end is not None and time >= end * self._stream_base:
                continue
            shift = round(self._origin * self._stream_base / base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            yield packet

    def _measure(self, stream: Any, frame: Any, size: int | None) -> None:
        """Find the size and the rotation of frames."""
        width, height = frame.width, frame.height
        check_pixels(width, height, self._name, self._read)
        wide = Fraction(stream.sample_aspect_ratio or 1)
        if wide != 1 and Fraction(1, _ODDEST) <= wide <= _ODDEST:
            if wide > 1:
                width = round(width * wide)
            else:
                height = round(height / wide)
            self.notices.append(f"has pixels that are not square; frames become {width}x{height}")
        self._quarters = round(frame.rotation / 90) % 4
        self.own_size = (height, width) if self._quarters % 2 else (width, height)
        if size is not None:
            width, height = fit(width, height, size)
        if max(width, height) > MAX_SIDE:
            raise ImageError(f"{self._name}: {width}x{height} is over {MAX_SIDE:,} pixels a side")
        check_pixels(width, height, self._name, self._read)
        self._lying = width, height
        turned = self._quarters % 2
        self.width, self.height = (height, width) if turned else (width, height)

    def _colours(self, frame: Any) -> None:
        """Find the colour space of the pixels."""
        self.alpha = self._alpha_by is not None or any(c.is_alpha for c in frame.format.components)
        bits = max(component.bits for component in frame.format.components)
        primaries, transfer = int(frame.color_primaries), int(frame.color_trc)
        self._encoding: Encoding | None = None
        found = encoding_of(primaries, transfer)
        if found and (found.hdr or primaries in _WIDE):
            self._encoding = found
        if found and found.hdr:
            self.notices.append(f"is HDR ({found.hdr}); its light is compressed into sRGB")
        elif bits > 8:
            self.notices.append(f"has {bits} bits per channel; frames are converted to 8 bits")
        self._interlaced = bool(frame.interlaced_frame)
        if self._interlaced:
            self.notices.append("is interlaced; every two fields become one frame")

    def _times(self, container: Any, stream: Any, frame: Any) -> None:
        """Find where the film begins and ends, and the time base of the result."""
        options, base = self._options, self._stream_base
        self.rate = Fraction(stream.average_rate or stream.guessed_rate or 0) or None
        self._step = max(1, round(1 / (self.rate * base))) if self.rate else 1
        self._first = stream.start_time if frame.pts is None else self._ticks(frame)
        self._first = self._first or 0
        self._from = self._first + round(options.start / base)
        self._until = None if options.end is None else self._first + round(options.end / base)
        self._origin = self._from if options.start else 0
        self.begins = float((self._from - self._origin) * base)
        self.time_base = 1 / options.rate if options.rate else base
        seconds: Fraction | None = None
        if stream.duration:
            seconds = stream.duration * base
        elif container.duration:
            seconds = Fraction(container.duration, 1_000_000)
        self.seconds = seconds
        self.frames = self._expected(stream.frames, seconds)

    def _expected(self, frames: int, seconds: Fraction | None) -> int | None:
        """Return the number of frames, as far as the file is right."""
        rates = [rate for rate in (self.rate, self._options.rate) if rate]
        end = self._options.end
        if seconds is None and end is not None:
            seconds = Fraction(end)
        if not rates or seconds is None or seconds <= 0:
            return frames or None
        shown = min(seconds, Fraction(end)) if end is not None else seconds
        whole = not self._options.start and shown == seconds and not self._options.rate
        if whole and frames:
            return frames
        return max(1, round((shown - Fraction(self._options.start)) * min(rates)))

    def _chosen(self, after: int | None) -> Iterator[Any]:
        """Yield the frames of the selected part, as PyAV's."""
        begin = self._from
        if after is not None:
            begin = max(begin, int(self._origin + after * self.time_base / self._stream_base))
        with self.open() as container:
            stream = _video_of(container, self._name)
            found = self._sought(container, stream, begin)
            with closing(found):
                for frame in found:
                    if frame.pts is None or frame.pts < self._from:
                        continue
                    if self._until is not None and frame.pts >= self._until:
                        return
                    yield frame

    def _sought(self, container: Any, stream: Any, begin: int) -> Generator[Any]:
        """Yield frames from ``begin``, or from a frame before it, on."""
        if begin > self._first:
            av = import_av()
            try:
                container.seek(begin, stream=stream)
                found = self._smooth(container, stream)
                first = next(found, None)
            except av.error.FFmpegError:
                first = None
            if first is not None and first.pts is not None and first.pts <= begin:
                yield first
                yield from found
                return
            with self.open() as again:  # a file without an index: from its start
                yield from self._smooth(again, _video_of(again, self._name))
            return
        yield from self._smooth(container, stream)

    def _smooth(self, container: Any, stream: Any) -> Iterator[Any]:
        """Yield decoded, deinterlaced frames with time stamps of the stream."""
        frames: Iterator[Any] = self._decoded(container, stream)
        if self._interlaced:
            frames = _deinterlaced(stream, frames)
        before: int | None = None
        for frame in frames:
            if frame.pts is None:
                frame.pts = self._first if before is None else before + self._step
            else:
                frame.pts = self._ticks(frame)
            frame.time_base = self._stream_base
            before = frame.pts
            yield frame

    def _decoded(self, container: Any, stream: Any) -> Generator[Any]:
        """Yield decoded frames, and count damaged packets."""
        av = import_av()
        stream.thread_type = "AUTO"
        decoder = stream.codec_context
        if self._alpha_by:
            decoder = av.CodecContext.create(self._alpha_by, "r")
            decoder.extradata = stream.codec_context.extradata
        # A frame may be larger than the header says: then the decoder refuses it.
        decoder.options = {"max_pixels": str(min(self._read.max_pixels, _MOST_PIXELS))}
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                self._damaged += 1
                packet = None
            try:
                ends = packet is None or (packet.dts is None and not packet.size)
                for frame in decoder.decode(None if ends else packet):
                    if frame.time_base is None:
                        frame.time_base = self._stream_base
                    yield frame
            except EOFError:
                return
            except av.error.FFmpegError:
                self._damaged += 1
            if ends:
                return

    def _ticks(self, frame: Any) -> int:
        """Return a frame's time stamp in units of the stream."""
        base = Fraction(frame.time_base or self._stream_base)
        return (
            int(frame.pts)
            if base == self._stream_base
            else round(frame.pts * base / self._stream_base)
        )

    def _stamped(self, frame: Any) -> tuple[int, int]:
        """Return time stamp and duration of a frame in the result."""
        pts, duration = frame.pts - self._origin, frame.duration or 0
        if self._options.rate is None:
            return pts, duration
        return int(pts * self._stream_base * self._options.rate + _CLOSE), 1

    def _converted(self, frame: Any, pts: int, duration: int) -> Frame:
        """Return a frame upright, in sRGB, at the requested size."""
        width, height = self._lying
        matrix = int(frame.colorspace)
        if matrix in (0, 2):
            matrix = _BT709 if frame.height >= _HIGH_DEFINITION else _BT601
        deep = self._encoding is not None
        kind = (
            ("rgba64le" if self.alpha else "rgb48le")
            if deep
            else ("rgba" if self.alpha else "rgb24")
        )
        with translated(ImageError, f"{self._name}: is damaged"):
            plain = converted(
                frame,
                width=width,
                height=height,
                format=kind,
                src_colorspace=matrix if matrix in (1, 4, 5, 6, 7, 9) else _BT709,
                src_color_range=int(frame.color_range) or _LIMITED,
            )
        values = plain.to_ndarray()
        alpha = values[:, :, 3] if self.alpha else None
        rgb = values[:, :, :3]
        if self._encoding:
            light = rgb.astype(np.float32) / np.float32(65535)
            rgb = np.rint(self._encoding.srgb(light, FILM_PEAK) * 255).astype(np.uint8)
            alpha = None if alpha is None else (alpha >> 8).astype(np.uint8)
        rgb = np.ascontiguousarray(np.rot90(rgb, self._quarters))
        if alpha is not None:
            alpha = np.ascontiguousarray(np.rot90(alpha, self._quarters))
            rgb = fill_hidden(rgb, alpha)
        return Frame(rgb, alpha, pts, duration)


def open_film(path: Path, name: str | None = None) -> Any:
    """Open the file of a film as PyAV's container. Raises `ImageError`, under a ``name``."""
    av = import_av()
    place = f"file:{path.absolute()}"  # never an address or a protocol
    with translated(ImageError, f"{name or shown(path)}: cannot be read as a film"):
        return av.open(place, options={"format_whitelist": _FORMATS})


def sample_frames(film: Film, count: int) -> list[NDArray[np.uint8]]:
    """Return up to ``count`` frames (h, w, 3), spread over a film."""
    if not film.frames or film.frames <= count or film.rate is None:
        frames = film.frames_after()
        with closing(frames):
            return [frame.rgb for frame, _ in zip(frames, range(count), strict=False)]
    found = []
    ticks = film.frames / film.rate / film.time_base
    for number in range(count):
        frames = film.frames_after(round(ticks * number / count))
        with closing(frames):
            frame = next(frames, None)
        if frame is not None:
            found.append(frame.rgb)
    return found


def _regular(path: str | os.PathLike[str], name: str) -> int:
    """Return the size of a regular file in bytes. Raises `ImageError` for anything else."""
    try:
        found = Path(path).stat()
    except FileNotFoundError as error:
        raise ImageError(f"{name}: no such file") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{name}: cannot be read: {reason(error)}") from error
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise ImageError(f"{name}: is {what}; give the file of a film")
    check_bytes(found.st_size, path, ReadOptions(max_bytes=2**50))
    return found.st_size


def _video_of(container: Any, name: str) -> Any:
    """Return the video stream, which is not a cover picture."""
    av = import_av()
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            if stream.codec_context is None:
                break
            return stream
    what = "only sound" if container.streams.audio else "no video that can be decoded"
    raise ImageError(f"{name}: has {what}; give a film")


def _alpha_decoder(stream: Any) -> str | None:
    """Return the decoder that a VP8 or VP9 stream with transparency needs."""
    av = import_av()
    name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(stream.codec_context.name)
    told = {key.lower(): value for key, value in stream.metadata.items()}.get("alpha_mode") == "1"
    return name if told and name in av.codecs_available else None


def _deinterlaced(stream: Any, frames: Iterator[Any]) -> Iterator[Any]:
    """Yield deinterlaced frames, by FFmpeg's filter bwdif."""
    av = import_av()
    graph = av.filter.Graph()
    source = graph.add_buffer(template=stream)
    filtered = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(filtered)
    filtered.link_to(sink)
    graph.configure()

    def ready() -> Iterator[Any]:
        while True:
            try:
                yield sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return

    for frame in frames:
        source.push(frame)
        yield from ready()
    source.push(None)
    yield from ready()
