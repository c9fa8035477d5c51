"""Writes films: pieces are encoded one by one, and joined with sound and subtitles at the end."""

from __future__ import annotations

import heapq
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.atomic import atomic_path
from impasto.errors import Notice, OutputError
from impasto.images.alpha import on_white
from impasto.images.picture import eight_bits, floats
from impasto.text import shown
from impasto.video.codecs import Encoding
from impasto.video.libav import converted, import_av, translated
from impasto.video.reading import Film, Frame, open_film

_BT709, _LIMITED, _FULL = 1, 1, 2
_MP4 = {"movflags": "+faststart", "movie_timescale": "90000"}
"""The index comes first; durations are in a unit that divides those of all usual rates."""

_RECIPE = "comment"
"""The metadata field of a film that contains the recipe."""

_BEGINS = _RECIPE
"""The metadata field of a piece that contains the time stamp of its first frame."""


class Piece:
    """A part of a film in a separate file, without sound. `close` completes it."""

    def __init__(self, path: Path, film: Film, encoding: Encoding) -> None:
        av = import_av()
        self._encoding = encoding
        self._name = shown(path)
        self._first: int | None = None
        with translated(OutputError, f"{self._name}: cannot be encoded"):
            self._container = av.open(str(path), "w", format=encoding.piece_form)
            stream = self._container.add_stream(encoding.encoder, rate=film.rate or 25)
            stream.options = dict(encoding.settings)
            stream.pix_fmt = encoding.pixels
            stream.width, stream.height = encoded_size(film.width, film.height, encoding)
            context = stream.codec_context
            context.time_base = film.time_base
            context.thread_type = "AUTO"
            if not encoding.rgb:
                context.colorspace, context.color_range = _BT709, _LIMITED
                context.color_primaries, context.color_trc = _BT709, _BT709
            if encoding.clear and encoding.codec == "vp9":
                stream.metadata["alpha_mode"] = "1"
        self._stream, self._base = stream, film.time_base
        self._durations: dict[int, int] = {}

    def write(self, frame: Frame, rgb: NDArray[np.uint8]) -> None:
        """Encode a picture (h, w, 3) in place of a frame's."""
        av = import_av()
        alpha = frame.alpha
        if alpha is not None and not self._encoding.clear:
            rgb, alpha = eight_bits(on_white(floats(rgb), floats(alpha))), None
        values = rgb if alpha is None else np.dstack([rgb, alpha])
        height, width = values.shape[:2]
        if self._encoding.even and (height % 2 or width % 2):
            values = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        kind = "rgb24" if alpha is None else "rgba"
        with translated(OutputError, f"{self._name}: cannot be encoded"):
            given = av.VideoFrame.from_ndarray(np.ascontiguousarray(values), format=kind)
            made = converted(
                given,
                format=self._encoding.pixels,
                dst_colorspace=None if self._encoding.rgb else _BT709,
                src_color_range=_FULL,
                dst_color_range=_FULL if self._encoding.rgb else _LIMITED,
            )
            if self._first is None:
                self._first = frame.pts
                self._container.metadata[_BEGINS] = str(frame.pts)
            made.pts, made.time_base = frame.pts - self._first, self._base
            if frame.duration:
                made.duration = frame.duration
                self._durations[made.pts] = frame.duration
            self._mux(self._stream.encode(made))

    def close(self) -> None:
        """Encode the remaining frames and close the file. Raises `OutputError`."""
        with translated(OutputError, f"{self._name}: cannot be encoded"):
            self._mux(self._stream.encode())
            self._container.close()

    def drop(self) -> None:
        """Close the file without completing it."""
        with suppress(Exception):
            self._container.close()

    def _mux(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            if not packet.duration and packet.pts in self._durations:
                packet.duration = self._durations[packet.pts]
            self._durations.pop(packet.pts, None)
            self._container.mux(packet)


def encoded_size(width: int, height: int, encoding: Encoding) -> tuple[int, int]:
    """Return width and height of the encoded film: even if the codec needs that."""
    return (width + width % 2, height + height % 2) if encoding.even else (width, height)


def check(path: Path, film: Film, encoding: Encoding) -> None:
    """Raise `OutputError` now if the sound could not be added later."""
    for sound in film.sounds:
        if not holds(encoding, sound):
            raise OutputError(
                f"{shown(path)}: a {path.suffix} file cannot contain the sound of the clip "
                f"({sound}); use .mkv or .mov"
            )


def holds(encoding: Encoding, codec: str) -> bool:
    """Return whether the container supports a codec, whose decoders have several names."""
    av = import_av()
    null = "/dev/null" if Path("/dev/null").exists() else "nul"
    container = av.open(null, "w", format=encoding.form)
    try:
        names = container.supported_codecs
        return codec in names or any(name.split("_")[0] == codec.split("_")[0] for name in names)
    finally:
        with suppress(Exception):
            container.close()


def join(
    path: Path,
    pieces: Sequence[Path],
    film: Film,
    encoding: Encoding,
    metadata: Mapping[str, str],
) -> None:
    """Join pieces with the sound and the subtitles of their source, atomically.

    Packets are copied unchanged. Raises `OutputError`.
    """
    av = import_av()
    flags = _MP4 if encoding.form in ("mp4", "mov") else {}
    what = f"{shown(path)}: cannot be written"
    with atomic_path(path) as temporary, translated(OutputError, what), ExitStack() as stack:
        source = stack.enter_context(film.open())
        first = stack.enter_context(av.open(str(pieces[0])))
        out = stack.enter_context(av.open(str(temporary), "w", format=encoding.form, options=flags))
        out.metadata.update({**film.metadata, **metadata})
        video = out.add_stream_from_template(first.streams.video[0], opaque=True)
        video.time_base = film.time_base
        video.metadata.update(first.streams.video[0].metadata)
        if encoding.tag and encoding.form in ("mp4", "mov"):
            video.codec_context.codec_tag = encoding.tag
        subtitles = [text for text in source.streams.subtitles
                     if holds(encoding, text.codec_context.name)]  # fmt: skip
        copied = {}
        for track in (*source.streams.audio, *subtitles):
            copied[track] = out.add_stream_from_template(track)
            copied[track].metadata.update(track.metadata)
        picture = _placed(_pieces_packets(pieces, film.time_base), lambda _: video)
        others = _placed(film.packets(source, list(copied)), lambda packet: copied[packet.stream])
        both = heapq.merge(picture, others if copied else (), key=lambda item: item[0])
        for _, stream, packet in both:
            packet.stream = stream
            out.mux(packet)


def _placed(packets: Iterable[Any], of: Any) -> Iterator[tuple[Fraction, Any, Any]]:
    """Yield packets with their time in seconds and their new stream."""
    for packet in packets:
        yield packet.dts * Fraction(packet.time_base), of(packet), packet


def _pieces_packets(pieces: Sequence[Path], base: Fraction) -> Iterator[Any]:
    """Yield the packets of all pieces; decoding times increase across the seams too."""
    av = import_av()
    last: int | None = None
    for piece in pieces:
        with av.open(str(piece)) as container:
            begins = int({k.lower(): v for k, v in container.metadata.items()}[_BEGINS]) * base
            for packet in container.demux(video=0):
                if packet.dts is None:
                    continue
                shift = round(begins / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                if last is not None and packet.dts <= last:
                    packet.dts = last + 1
                last = packet.dts
                yield packet


def read_recipe(path: Path) -> str | None:
    """Return the text of the recipe in a film, if there is one. Raises `ImageError`."""
    with open_film(path) as film:
        return {k.lower(): v for k, v in film.metadata.items()}.get(_RECIPE)


def recipe_field(text: str) -> dict[str, str]:
    """Return the metadata that contains a recipe."""
    return {_RECIPE: text}


def tell_changes(film: Film, encoding: Encoding) -> None:
    """Issue a `Notice` for each property of the film that the result cannot keep."""
    size = encoded_size(film.width, film.height, encoding)
    if size != (film.width, film.height):
        told = (
            f"is {film.width}x{film.height}, but {encoding.codec} needs even sides; the result is "
            f"{size[0]}x{size[1]}"
        )
        warnings.warn(f"{shown(film.path)}: {told}", Notice, stacklevel=2)
    for codec in film.subtitles:
        if not holds(encoding, codec):
            told = f"its subtitles ({codec}) are dropped, because the result cannot contain them"
            warnings.warn(f"{shown(film.path)}: {told}", Notice, stacklevel=2)
    if film.alpha and not encoding.clear:
        told = (
            f"has transparency, which {encoding.codec} does not support; frames are composited on "
            "white"
        )
        warnings.warn(f"{shown(film.path)}: {told}", Notice, stacklevel=2)
