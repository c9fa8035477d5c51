"""Animations: GIF, WebP and PNG pictures that move, by Pillow."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.atomic import atomic_write
from impasto.errors import ImageError
from impasto.images.alpha import fill_hidden
from impasto.images.load import check_pixels, load_bytes
from impasto.images.opening import measured, open_image, translated
from impasto.images.quiet import quiet
from impasto.images.recipe import exif_bytes, recipe_text
from impasto.images.resize import fit
from impasto.options import ReadOptions, SaveOptions
from impasto.text import shown

if TYPE_CHECKING:
    from impasto.video.frames import FrameStylizer

_ONE_FRAME = 100
"""Milliseconds of a frame that does not say how long it is shown, as browsers have it."""

_OPAQUE = 128
"""Alpha from which on a pixel of a GIF is there: it knows no half."""

_COLOURS = 255
"""Colours of a GIF, besides the one for nothing."""

_SAMPLES = 16
"""A GIF's colours are found in so many frames."""


class Animation:
    """An animation in a file. ``frames`` is how many; ``durations`` are in milliseconds.

    ``loop`` is how often it is shown, 0 for ever, None where the file does not say. All frames
    together may have as many pixels as ``read`` allows a picture. Raises `ImageError`.
    """

    def __init__(self, path: str | os.PathLike[str], read: ReadOptions) -> None:
        self._name = shown(path)
        self._data = load_bytes(path, read)
        with translated(self._name), quiet():
            image = measured(open_image(self._data), self._data, os.fspath(path), read)
            self.frames = int(getattr(image, "n_frames", 1))
            self.width, self.height = image.size
            loop = image.info.get("loop")
            self.loop: int | None = int(loop) if isinstance(loop, int) else None
        if self.frames > 1:
            count = self.frames * self.width * self.height
            if count > read.max_pixels:
                raise ImageError(
                    f"{self._name}: has {self.frames} frames of {self.width}x{self.height}, more "
                    f"than {read.max_pixels:,} pixels in all; raise --max-pixels"
                )
        self.durations: list[int] = []

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Yield its frames as they are seen, uint8 RGBA (height, width, 4)."""
        self.durations = []
        with translated(self._name), quiet():
            image = open_image(self._data)
            assert image is not None
            for number in range(self.frames):
                image.seek(number)
                image.load()
                self.durations.append(round(float(image.info.get("duration") or 0)) or _ONE_FRAME)
                yield np.array(image.convert("RGBA"))


def is_animation(photo: Path, read: ReadOptions) -> bool:
    """Return whether a picture moves. Raises `ImageError`."""
    return Animation(photo, read).frames > 1


def stylise_animation(
    frames: FrameStylizer,
    photo: Path,
    out: Path,
    *,
    stability: float,
    size: int | None,
    save: SaveOptions,
    read: ReadOptions,
) -> None:
    """Stylise an animation: frames, how long they are shown, how often, and what is transparent.

    ``size`` is the long side of the result in pixels. Raises `ImageError` and `OutputError`.
    """
    from impasto.video.sequence import FrameSequence

    animation = Animation(photo, read)
    width, height = animation.width, animation.height
    if size is not None:
        width, height = fit(width, height, size)
        check_pixels(width, height, os.fspath(photo), read)
    frames.prepare(width, height, stability)
    sequence = FrameSequence(frames, stability)
    follower = sequence.follower()
    pictures = []
    for rgba in animation:
        if (width, height) != (animation.width, animation.height):
            resized = Image.fromarray(rgba).resize((width, height), Image.Resampling.LANCZOS)
            rgba = np.array(resized)
        alpha = rgba[:, :, 3]
        rgb = np.ascontiguousarray(fill_hidden(rgba[:, :, :3], alpha))
        made = sequence.paint(rgb, follower.follow(rgb) if follower else None)
        pictures.append(made if alpha.min() == 255 else np.dstack([made, alpha]))
    recipe = {"kind": "animation", "stability": stability, **frames.recipe(),
              "content": {"name": str(photo)}}  # fmt: skip
    _write(out, pictures, animation.durations, animation.loop, save, recipe)


def write_still(out: Path, image: Image.Image, recipe: Mapping[str, Any]) -> None:
    """Write a picture as a GIF that does not move. Atomic; raises `OutputError`."""
    _write(out, [np.array(image)], [_ONE_FRAME], None, SaveOptions(), recipe)


def _write(
    out: Path,
    pictures: Sequence[NDArray[np.uint8]],
    durations: Sequence[int],
    loop: int | None,
    save: SaveOptions,
    recipe: Mapping[str, Any],
) -> None:
    """Write pictures (h, w, 3 or 4) as GIF or WebP. Atomic; raises `OutputError`."""
    how: dict[str, Any] = {"save_all": True, "duration": list(durations)}
    if out.suffix.lower() == ".gif":
        images = _with_one_palette(pictures)
        how |= {"optimize": False, "disposal": 2, "comment": recipe_text(recipe, str(out)).encode()}
        if any(picture.shape[2] == 4 for picture in pictures):
            how["transparency"] = _COLOURS
        if loop is not None:
            how["loop"] = loop
        form = "GIF"
    else:
        images = [Image.fromarray(picture) for picture in pictures]
        how |= {"quality": save.jpeg_quality, "loop": 1 if loop is None else loop,
                "exif": exif_bytes(recipe, str(out))}  # fmt: skip
        if any(picture.shape[2] == 4 for picture in pictures):
            how["lossless"] = True  # libwebp leaves transparency out of lossy animations
        form = "WEBP"
    with atomic_write(out) as file, warnings.catch_warnings():
        images[0].save(file, form, append_images=images[1:], **how)


def _with_one_palette(pictures: Sequence[NDArray[np.uint8]]) -> list[Image.Image]:
    """Return pictures in 255 colours, the same for all so that nothing flickers, and nothing."""
    chosen = pictures[:: max(1, len(pictures) // _SAMPLES)]
    seen = np.concatenate([_seen(picture) for picture in chosen])[None]
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


def _seen(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return some of the colours that are seen, (n, 3)."""
    step = max(1, picture.shape[0] // 128), max(1, picture.shape[1] // 128)
    some = picture[:: step[0], :: step[1]].reshape(-1, picture.shape[2])
    if some.shape[1] == 4 and (some[:, 3] >= _OPAQUE).any():
        some = some[some[:, 3] >= _OPAQUE]
    return np.ascontiguousarray(some[:, :3])
