"""Writing a time-lapse as GIF, animated WebP or MP4, depending on the file extension."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import IO

from PIL import Image

from impasto.atomic import atomic_write
from impasto.errors import MissingExtraError, OutputError
from impasto.record.existing import MARK

MOST_PICTURES = {".gif": 60, ".webp": 100, ".mp4": 120}
"""The most pictures by format: the size of a GIF grows fast with them, that of an .mp4 hardly."""

_CODECS = ("libx264", "libopenh264", "mpeg4")  # FFmpeg always has the last one
_BIT_RATE = 4_000_000  # for codecs without a quality setting
_MOVING, _OPENING, _HOLD = 5000, 500, 1500  # milliseconds
_SHORTEST, _LONGEST = 40, 250  # milliseconds per picture


def write_film(path: Path, pictures: Sequence[Image.Image]) -> None:
    """Write RGB pictures of equal size as a film of about seven seconds.

    The first is shown for half a second, the last for one and a half; the others share five
    seconds. GIF and WebP loop forever. Atomic; raises `OutputError`.
    """
    durations = timing(len(pictures))
    with atomic_write(path) as file:
        _WRITERS[path.suffix.lower()](file, pictures, durations)


def timing(count: int) -> list[int]:
    """Return how long each of ``count`` pictures is shown, in milliseconds (multiples of ten)."""
    each = min(max(round(_MOVING / max(count - 2, 1) / 10) * 10, _SHORTEST), _LONGEST)
    return [_OPENING, *[each] * (count - 2), _HOLD][-count:]


def import_av() -> ModuleType:
    """Return PyAV, or raise `MissingExtraError`."""
    try:
        import av
    except ImportError as error:
        raise MissingExtraError("a time-lapse as .mp4", "video") from error
    return av


def _write_gif(file: IO[bytes], pictures: Sequence[Image.Image], durations: list[int]) -> None:
    palette = _palette(pictures)
    dither = Image.Dither.FLOYDSTEINBERG
    first, *others = [p.quantize(palette=palette, dither=dither) for p in pictures]
    first.save(
        file,
        "GIF",
        save_all=True,
        append_images=others,
        duration=durations,
        loop=0,
        optimize=False,
        comment=MARK,
    )


def _palette(pictures: Sequence[Image.Image]) -> Image.Image:
    """Return 256 colours for the whole film: a single palette avoids flicker."""
    chosen = [*pictures[:: max(1, len(pictures) // 12)], *[pictures[-1]] * 3]
    w, h = (max(1, side // 6) for side in pictures[0].size)
    sheet = Image.new("RGB", (w, h * len(chosen)))
    for i, picture in enumerate(chosen):
        sheet.paste(picture.resize((w, h), Image.Resampling.BOX), (0, i * h))
    return sheet.quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=1)


def _write_webp(file: IO[bytes], pictures: Sequence[Image.Image], durations: list[int]) -> None:
    first, *others = pictures
    first.save(
        file,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=durations,
        loop=0,
        quality=85,
        xmp=MARK.encode(),
    )


def _write_mp4(file: IO[bytes], pictures: Sequence[Image.Image], durations: list[int]) -> None:
    """Encode to a temporary file and copy it: the encoder rereads it to move the index first."""
    av = import_av()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        try:
            _encode_h264(av, path, pictures, durations)
        except av.error.FFmpegError as error:
            raise OutputError(f"the time-lapse cannot be encoded: {error}") from error
        with path.open("rb") as film:
            shutil.copyfileobj(film, file)


def _encode_h264(
    av: ModuleType, path: Path, pictures: Sequence[Image.Image], durations: list[int]
) -> None:
    tick = min(durations)
    codec = next(name for name in _CODECS if name in av.codecs_available)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        container.metadata["comment"] = MARK
        stream = container.add_stream(codec, rate=Fraction(1000, tick))
        stream.width, stream.height = pictures[0].size
        stream.pix_fmt = "yuv420p"
        if codec == "libx264":
            stream.options = {"crf": "18", "preset": "medium"}
        else:
            stream.bit_rate = _BIT_RATE
        for picture in _repeated(pictures, durations, tick):
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())


def _repeated(
    pictures: Sequence[Image.Image], durations: list[int], tick: int
) -> Iterator[Image.Image]:
    """Yield one picture per tick, because the last frame of a video has no duration."""
    for picture, duration in zip(pictures, durations, strict=True):
        for _ in range(max(1, round(duration / tick))):
            yield picture


_Writer = Callable[[IO[bytes], Sequence[Image.Image], list[int]], None]
_WRITERS: dict[str, _Writer] = {".gif": _write_gif, ".webp": _write_webp, ".mp4": _write_mp4}
