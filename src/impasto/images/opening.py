"""Opens a picture of any format without decoding it."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import Image

from impasto.errors import ImageError, ImpastoError, MissingExtraError
from impasto.images.load import check_pixels, looks_like
from impasto.images.tiff import full_page, is_preview
from impasto.options import ReadOptions
from impasto.text import reason, shown

REFUSED = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"})
"""Never opened: EPS would run Ghostscript, and the others open but cannot be decoded."""

_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})


def measured(
    image: Image.Image | None, data: bytes, name: str, options: ReadOptions
) -> Image.Image:
    """Return ``image`` if it could be opened and is within the limits, else raise `ImageError`."""
    if image is None:
        raise ImageError(f"{shown(name)}: is not a picture that can be read; {looks_like(data)}")
    if is_preview(image):
        width, height = image.size
        raise ImageError(
            f"{shown(name)}: is a raw photo; only its preview of {width}x{height} pixels "
            "can be read; export it as TIFF, PNG or JPEG"
        )
    check_pixels(*image.size, name, options)
    return image


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn every exception of a decoder into a one-line `ImageError`."""
    try:
        yield
    except ImpastoError:
        raise
    except MemoryError as error:
        raise ImageError(f"{shown(name)}: does not fit into memory") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{shown(name)}: unpacks to too many pixels") from error
    except Exception as error:  # On hostile bytes decoders raise exceptions of any kind.
        raise ImageError(f"{shown(name)}: is damaged or truncated: {reason(error)}") from error


def open_image(data: bytes) -> Image.Image | None:
    """Read the header of a picture; return None if no decoder recognises it.

    `PIL.Image.open` is not used: its pixel limit applies to the whole process, while ours is set by
    the caller and checked by `measured` before anything is decoded.
    """
    if _is_heic(data):
        return _open_heic(data)
    for load_plugins in (Image.preinit, Image.init):
        load_plugins()
        for kind in Image.ID:
            if kind not in REFUSED and (image := _open_as(kind, data)) is not None:
                return image
    return None


def _open_as(kind: str, data: bytes) -> Image.Image | None:
    factory, accepts = Image.OPEN[kind]
    # A string instead of True explains why the format is not supported.
    if accepts is not None and accepts(data[:16]) is not True:
        return None
    try:
        image = factory(io.BytesIO(data), "")
        if kind == "TIFF" and (page := full_page(factory(io.BytesIO(data), ""))):
            image.seek(page)
        return image
    except (SyntaxError, IndexError, TypeError, struct.error):
        return None  # this is how a plugin rejects a file that is not its format


def _is_heic(data: bytes) -> bool:
    if data[4:8] != b"ftyp":
        return False
    size = min(int.from_bytes(data[:4], "big"), 256)
    # The major brand, four bytes of version, then the compatible brands.
    brands = {data[i : i + 4] for i in (8, *range(16, size, 4))}
    return not brands & _AVIF_BRANDS and bool(brands & _HEIC_BRANDS)


def _open_heic(data: bytes) -> Image.Image:
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise MissingExtraError("Reading HEIC pictures", "heic") from error
    plugin: Callable[[io.BytesIO], Image.Image] = HeifImageFile
    return plugin(io.BytesIO(data))
