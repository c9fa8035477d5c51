"""Writing a time-lapse: GIF, animated WebP or MP4, chosen by the extension of the file."""

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
"""Pictures of a film: a GIF grows fast with them, an .mp4 hardly."""

_CODECS = ("libx264", "libopenh264", "mpeg4")  # FFmpeg always has the last
_BIT_RATE = 4_000_000  # of the codecs that cannot aim at a quality
_MOVING, _OPENING, _HOLD = 5000, 500, 1500  # milliseconds
_SHORTEST, _LONGEST = 40, 250  # milliseconds a picture


def write_film(path: Path, pictures: Sequence[Image.Image]) -> None:
    """Write the pictures, all of one size and RGB, as a film of some seven seconds.

    The first is shown for half a second and the last for one and a half; what lies between
    shares five seconds. GIF and WebP repeat for ever. Atomic; raises `OutputError`.
    """
    durations = timing(len(pictures))
    with atomic_write(path) as file:
        _WRITERS[path.suffix.lower()](file, pictures, durations)


def timing(count: int) -> list[int]:
    """Return for how long each of so many pictures is shown, in milliseconds (whole tens)."""
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
    """Return 256 colours for the whole film: one palette, so that nothing flickers."""
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
    """Encode beside and copy: to put the index first, the encoder reads its own file again."""
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
    """Yield one picture a tick: the last frame of a video has no duration of its own."""
    for picture, duration in zip(pictures, durations, strict=True):
        for _ in range(max(1, round(duration / tick))):
            yield picture


_Writer = Callable[[IO[bytes], Sequence[Image.Image], list[int]], None]
_WRITERS: dict[str, _Writer] = {".gif": _write_gif, ".webp": _write_webp, ".mp4": _write_mp4}
