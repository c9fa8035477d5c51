"""Animations: GIF, WebP and PNG files with several frames, read and written by Pillow."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import impasto
from impasto.atomic import atomic_write
from impasto.errors import ImageError, OutputError
from impasto.images.alpha import fill_hidden
from impasto.images.load import check_pixels
from impasto.images.opening import measured, open_image, translated
from impasto.images.quiet import quiet
from impasto.images.recipe import exif_bytes, recipe_text
from impasto.images.resize import fit
from impasto.options import ReadOptions, SaveOptions
from impasto.text import reason, shown

if TYPE_CHECKING:
    from impasto.video.frames import FrameStylizer

_SOURCES = ("GIF", "WEBP", "PNG")
"""Formats that are read as animations. Several pictures in a TIFF or a JPEG are not frames."""

RESULTS = (".gif", ".webp")
"""Extensions of the formats that animations are written in."""

_DEFAULT_DURATION = 100
"""Duration in milliseconds of a frame that declares none, as in browsers."""

_TICKS = 1000
"""Durations are in milliseconds."""

_OPAQUE = 128
"""The alpha from which a pixel of a GIF is opaque; a GIF has no partial transparency."""

_COLOURS = 255
"""Colours of a GIF, besides the transparent one."""

_SAMPLES = 16
"""The number of frames that determine the colours of a GIF."""


def can_move(out: str | os.PathLike[str]) -> bool:
    """Return whether the format of a result can hold an animation."""
    return Path(out).suffix.lower() in RESULTS


def is_gif(out: str | os.PathLike[str]) -> bool:
    """Return whether a result is a GIF, which `images.save_picture` does not write."""
    return Path(out).suffix.lower() == ".gif"


class Animation:
    """An animation. ``frames`` is the number of frames, ``durations`` are in milliseconds.

    ``loop`` is how often it is shown, 0 for endlessly, None if the file does not declare it.
    """

    def __init__(self, data: bytes, name: str, image: Image.Image) -> None:
        self.name, self._data = name, data
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.frames = int(getattr(image, "n_frames", 1))
        self.width, self.height = image.size
        loop = image.info.get("loop")
        self.loop: int | None = int(loop) if isinstance(loop, int) else None
        self.durations: list[int] = []

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames as they are displayed, uint8 RGBA (height, width, 4)."""
        self.durations = []
        with translated(self.name), quiet():
            image = open_image(self._data)
            assert image is not None
            for number in range(self.frames):
                image.seek(number)
                image.load()
                duration = round(float(image.info.get("duration") or 0))
                self.durations.append(duration or _DEFAULT_DURATION)
                yield np.array(image.convert("RGBA"))

    def write_film(self, path: str | os.PathLike[str]) -> None:
        """Write it as a film without losses (FFV1 in Matroska). Raises `MissingExtraError`."""
        from impasto.video.libav import import_av

        av, now = import_av(), 0
        frames = sum(1 for _ in self)  # after that their durations are known
        rate = Fraction(frames * _TICKS, sum(self.durations)).limit_denominator(_TICKS)
        with av.open(str(path), "w", format="matroska") as film:
            stream = film.add_stream("ffv1", rate=rate)
            stream.width, stream.height, stream.pix_fmt = self.width, self.height, "bgra"
            stream.codec_context.time_base = Fraction(1, _TICKS)
            for rgba in self:
                frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format="bgra")
                frame.pts, frame.time_base = now, Fraction(1, _TICKS)
                now += self.durations[-1]
                film.mux(stream.encode(frame))
            film.mux(stream.encode())


def find_animation(data: bytes, name: str, read: ReadOptions) -> Animation | None:
    """Return the animation in the bytes of a file, None for anything else.

    All frames together may have as many pixels as ``read`` allows for a picture. Raises
    `ImageError`.
    """
    with translated(name), quiet():
        image = open_image(data)
        if image is None or image.format not in _SOURCES:
            return None
        found = Animation(data, name, measured(image, data, name, read))
    if found.frames == 1:
        return None
    if found.frames * found.width * found.height > read.max_pixels:
        raise ImageError(
            f"{shown(name)}: has {found.frames} frames of {found.width}x{found.height}, more than "
            f"{read.max_pixels:,} pixels in total; raise --max-pixels"
        )
    return found


@dataclass(frozen=True, eq=False, repr=False)
class StylisedAnimation:
    """A stylised animation.

    ``pictures`` are its frames, uint8 RGB or RGBA (height, width, 3 or 4); ``durations`` and
    ``loop`` are as in `Animation`.
    """

    pictures: Sequence[NDArray[np.uint8]]
    durations: Sequence[int]
    loop: int | None
    recipe: Mapping[str, Any]

    @classmethod
    def still(cls, image: Image.Image, recipe: Mapping[str, Any]) -> StylisedAnimation:
        """Return a single picture, which can be written as a GIF."""
        return cls([np.array(image)], [_DEFAULT_DURATION], None, recipe)

    def save(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write it as GIF or WebP, atomically; the extension chooses the format.

        ``options`` are the fields of `SaveOptions`. Raises `OutputError`.
        """
        saving = SaveOptions.from_dict(options)
        recipe = {**self.recipe, "save": saving.to_dict()}
        encode = self._gif if is_gif(path) else self._webp
        out = io.BytesIO()
        try:
            with warnings.catch_warnings():
                encode(out, saving, recipe, os.fspath(path))
        except (OSError, ValueError) as error:
            raise OutputError(f"{shown(path)}: cannot be encoded: {reason(error)}") from error
        with atomic_write(path) as file:
            file.write(out.getbuffer())

    @property
    def _transparent(self) -> bool:
        return any(picture.shape[2] == 4 for picture in self.pictures)

    def _gif(
        self, out: io.BytesIO, _saving: SaveOptions, recipe: Mapping[str, Any], name: str
    ) -> None:
        how: dict[str, Any] = {"comment": recipe_text(recipe, name).encode()}
        if self._transparent:
            how["transparency"] = _COLOURS
        if self.loop is not None:
            how["loop"] = self.loop
        first, *others = _with_one_palette(self.pictures)
        first.save(
            out,
            "GIF",
            save_all=True,
            append_images=others,
            duration=list(self.durations),
            optimize=False,
            disposal=2,
            **how,
        )

    def _webp(
        self, out: io.BytesIO, saving: SaveOptions, recipe: Mapping[str, Any], name: str
    ) -> None:
        first, *others = [Image.fromarray(picture) for picture in self.pictures]
        first.save(
            out,
            "WEBP",
            save_all=True,
            append_images=others,
            duration=list(self.durations),
            loop=1 if self.loop is None else self.loop,
            quality=saving.jpeg_quality,
            lossless=self._transparent,  # libwebp drops transparency from lossy animations
            exif=exif_bytes(recipe, name),
        )


def stylise_animation(
    frames: FrameStylizer,
    animation: Animation,
    *,
    stability: float,
    size: int | None,
    read: ReadOptions,
    progress: Callable[[float], None] | None = None,
) -> StylisedAnimation:
    """Stylise all frames of an animation; durations, loops and transparency stay.

    ``size`` is the long side of the result in pixels, None for that of the animation. ``progress``
    receives the finished share, from 0 to 1. Raises `ImageError`.
    """
    from impasto.video.sequence import FrameSequence

    width, height = animation.width, animation.height
    if size is not None:
        width, height = fit(width, height, size)
        check_pixels(width, height, animation.name, read)
    frames.prepare(width, height, stability)
    sequence = FrameSequence(frames, stability)
    follower = sequence.follower()
    pictures: list[NDArray[np.uint8]] = []
    for rgba in animation:
        if (width, height) != (animation.width, animation.height):
            resized = Image.fromarray(rgba).resize((width, height), Image.Resampling.LANCZOS)
            rgba = np.array(resized)
        alpha = rgba[:, :, 3]
        rgb = np.ascontiguousarray(fill_hidden(rgba[:, :, :3], alpha))
        made = sequence.paint(rgb, follower.follow(rgb) if follower else None)
        pictures.append(made if alpha.min() == 255 else np.dstack([made, alpha]))
        if progress:
            progress(len(pictures) / animation.frames)
    recipe = {
        "kind": "animation",
        "version": impasto.__version__,
        "stability": stability,
        **frames.recipe(),
        "content": {"name": animation.name, "sha256": animation.sha256},
    }
    return StylisedAnimation(pictures, animation.durations, animation.loop, recipe)


def _with_one_palette(pictures: Sequence[NDArray[np.uint8]]) -> list[Image.Image]:
    """Return pictures that share a palette of 255 colours, so that they do not flicker."""
    chosen = pictures[:: max(1, len(pictures) // _SAMPLES)]
    seen = np.concatenate([_visible(picture) for picture in chosen])[None]
    palette = Image.fromarray(seen).quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=1)
    found = []
    for picture in pictures:
        plain = Image.fromarray(np.ascontiguousarray(picture[:, :, :3]))
        index = np.array(plain.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG))
        if picture.shape[2] == 4:
            index[picture[:, :, 3] < _OPAQUE] = _COLOURS
        image = Image.frombytes("P", plain.size, index.tobytes())
        image.putpalette([*(palette.getpalette() or [])[: 3 * _COLOURS], *[0] * 3])
        found.append(image)
    return found


def _visible(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a sample of the visible colours, (n, 3)."""
    step = max(1, picture.shape[0] // 128), max(1, picture.shape[1] // 128)
    some = picture[:: step[0], :: step[1]].reshape(-1, picture.shape[2])
    if some.shape[1] == 4 and (some[:, 3] >= _OPAQUE).any():
        some = some[some[:, 3] >= _OPAQUE]
    return np.ascontiguousarray(some[:, :3])
