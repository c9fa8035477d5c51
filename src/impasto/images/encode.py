"""Encodes a picture as a PNG, JPEG, WebP, AVIF or TIFF file."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import OutputError
from impasto.images.alpha import on_white
from impasto.images.picture import Floats, Samples, floats
from impasto.images.profiles import srgb_profile
from impasto.images.recipe import exif_bytes, recipe_text, software
from impasto.options import SaveOptions
from impasto.text import shown

_EXIF_START = b"Exif\0\0"
_MAX_JPEG_SEGMENT = 65_533
_ROWS_AT_A_TIME = 256


@dataclass(frozen=True)
class Job:
    """What to encode: sRGB (H, W, 3) and alpha (H, W) or None, and how."""

    rgb: Samples
    alpha: Samples | None
    options: SaveOptions
    recipe: Mapping[str, Any] | None
    name: str

    def exif(self) -> bytes:
        """Return the EXIF block with the recipe, or nothing."""
        return b"" if self.recipe is None else exif_bytes(self.recipe, self.name)

    def samples(self) -> NDArray[Any]:
        """Return (H, W, 3 or 4) in uint8 or uint16, clipped and rounded to nearest."""
        top, kind = (65535, np.uint16) if self.options.bits == 16 else (255, np.uint8)
        if self.alpha is None and self.rgb.dtype == kind:
            return self.rgb
        height, width, _ = self.rgb.shape
        samples = np.empty((height, width, 3 if self.alpha is None else 4), kind)
        for band in self._bands():
            samples[band, :, :3] = _rounded(self.rgb[band], top)
            if self.alpha is not None:
                samples[band, :, 3] = _rounded(self.alpha[band], top)
        return samples

    def on_white(self) -> NDArray[np.uint8]:
        """Return (H, W, 3) in uint8, composited on white."""
        if self.alpha is None:
            return self.samples()
        laid = np.empty(self.rgb.shape, np.uint8)
        for band in self._bands():
            laid[band] = _rounded(on_white(floats(self.rgb[band]), self.alpha[band]), 255)
        return laid

    def _bands(self) -> Iterator[slice]:
        """Yield a few rows at a time, since floats take four times the memory."""
        for start in range(0, len(self.rgb), _ROWS_AT_A_TIME):
            yield slice(start, start + _ROWS_AT_A_TIME)


def _rounded(values: Samples, top: int) -> Samples:
    if values.dtype == np.uint8 and top == 255:
        return values
    rounded: Floats = np.rint(np.clip(floats(values), 0, 1) * np.float32(top))
    return rounded


def jpeg(job: Job, subsampling: int = 0) -> bytes:
    """Encode as JPEG without chroma subsampling, or with Pillow's; composited on white."""
    exif = job.exif()
    if len(exif) > _MAX_JPEG_SEGMENT:
        raise OutputError(
            f"{shown(job.name)}: its recipe has {len(exif):,} bytes, but a JPEG holds at most "
            "64 KiB; use .png or .tif"
        )
    # Subsampling would blur the coloured edges of brush strokes.
    how = {"quality": job.options.jpeg_quality, "subsampling": subsampling}
    return _pillow(job.on_white(), exif, "JPEG", **how)


def webp(job: Job) -> bytes:
    """Encode as lossy WebP, keeping the colours of transparent pixels."""
    how = {"quality": job.options.jpeg_quality, "exact": True}
    return _pillow(job.samples(), job.exif(), "WEBP", **how)


def avif(job: Job) -> bytes:
    """Encode as lossy AVIF with 8 bits, without chroma subsampling."""
    how = {"quality": job.options.jpeg_quality, "subsampling": "4:4:4"}
    return _pillow(job.samples(), job.exif(), "AVIF", **how)


def png(job: Job) -> bytes:
    """Encode as PNG with 8 or 16 bits."""
    if job.options.bits == 16:
        return _png16(job.samples(), job.exif().removeprefix(_EXIF_START))
    return _pillow(job.samples(), job.exif(), "PNG")


def _pillow(samples: NDArray[np.uint8], exif: bytes, kind: str, **how: Any) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(samples)
    with_exif = {"exif": exif} if exif else {}
    image.save(out, kind, icc_profile=srgb_profile(), **with_exif, **how)
    return out.getvalue()


def tiff(job: Job) -> bytes:
    """Encode as TIFF with 8 or 16 bits, losslessly compressed."""
    import tifffile

    out = io.BytesIO()
    recipe = job.recipe
    tifffile.imwrite(
        out,
        job.samples(),
        photometric="rgb",
        compression="zlib",
        predictor=True,
        rowsperstrip=_ROWS_AT_A_TIME,
        extrasamples=None if job.alpha is None else ("unassalpha",),
        metadata=None,
        description=None if recipe is None else recipe_text(recipe, job.name),
        software=False if recipe is None else software(recipe),
        iccprofile=srgb_profile(),
    )
    return out.getvalue()


def _png16(samples: NDArray[np.uint16], exif: bytes) -> bytes:
    """Write the chunks by hand: neither Pillow nor pypng writes 16-bit colour with a profile."""
    import png as pypng

    height, width, channels = samples.shape
    colour_type = 2 if channels == 3 else 6
    header = struct.pack(">2I5B", width, height, 16, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile()))]
    if exif:
        chunks.append((b"eXIf", exif))
    chunks += [(b"IDAT", part) for part in _compressed(samples)]
    chunks.append((b"IEND", b""))
    out = io.BytesIO()
    pypng.write_chunks(out, chunks)
    return out.getvalue()


def _compressed(samples: NDArray[np.uint16]) -> Iterator[bytes]:
    """Yield the zlib stream of scanlines, each stored as its difference from the one above."""
    height, width, channels = samples.shape
    stream = zlib.compressobj()
    above = np.zeros((1, width * channels * 2), np.uint8)
    for top in range(0, height, _ROWS_AT_A_TIME):
        band = samples[top : top + _ROWS_AT_A_TIME].astype(">u2").view(np.uint8)
        rows = band.reshape(len(band), -1)
        filtered = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
        filtered[:, 0] = 2  # PNG's filter "Up"
        filtered[:, 1:] = rows - np.concatenate((above, rows[:-1]))
        above = rows[-1:]
        yield stream.compress(filtered.tobytes())
    yield stream.flush()
