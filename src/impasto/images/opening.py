"""Opening a picture without decoding it, whatever it turns out to be."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import Image

from impasto.errors import ImageError, ImpastoError, MissingExtraError
from impasto.images.load import check_pixels, looks_like
from impasto.options import ReadOptions
from impasto.text import reason, shown

REFUSED = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"})
"""Never opened: EPS starts Ghostscript, a program; the others open and then never decode."""

_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_NEW_SUBFILE_TYPE = 254
_MUCH_LARGER = 4
_MOST_PAGES = 64

_AVIF_BRANDS = frozenset({b"avif", b"avis"})


def measured(
    image: Image.Image | None, data: bytes, name: str, options: ReadOptions
) -> Image.Image:
    """Return an image that is opened and not over the limit; None or too large: `ImageError`."""
    if image is None:
        raise ImageError(f"{shown(name)}: is not a picture that can be read; {looks_like(data)}")
    if _is_preview(image):
        width, height = image.size
        raise ImageError(
            f"{shown(name)}: holds a raw photo, of which only a preview of {width}x{height} pixels "
            "can be read; export it as TIFF, PNG or JPEG"
        )
    check_pixels(*image.size, name, options)
    return image


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn every exception of a decoder into an `ImageError` of one line."""
    try:
        yield
    except ImpastoError:
        raise
    except MemoryError as error:
        raise ImageError(f"{shown(name)}: does not fit into memory") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{shown(name)}: unpacks to too many pixels") from error
    except Exception as error:  # Decoders raise anything at all on hostile bytes.
        raise ImageError(f"{shown(name)}: is damaged or truncated: {reason(error)}") from error


def open_image(data: bytes) -> Image.Image | None:
    """Open the header of a picture, or return None if nothing here knows it.

    `PIL.Image.open` is not used: its limit on pixels is one for the whole process, and ours is
    the caller's, checked by `measured` before anything is decoded.
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
    # A text instead of True says why this kind is not supported here.
    if accepts is not None and accepts(data[:16]) is not True:
        return None
    try:
        image = factory(io.BytesIO(data), "")
        if kind == "TIFF" and (page := _full_page(factory(io.BytesIO(data), ""))):
            image.seek(page)
        return image
    except (SyntaxError, IndexError, TypeError, struct.error):
        return None  # how a plugin says that this is not its kind


def _full_page(image: Image.Image) -> int:
    """Return which page of a TIFF is its full picture, where what comes first is a preview of it.

    A first page that says so, or one much smaller than another, is not a page of a document. The
    image is of no use afterwards.
    """
    sizes = {0: image.width * image.height}
    least = 1 if _is_preview(image) else _MUCH_LARGER * sizes[0]
    for page in range(1, _MOST_PAGES):
        try:
            image.seek(page)
        except Exception:  # The last one, or anything at all where the file is damaged there.
            break
        if not _is_preview(image):
            sizes[page] = image.width * image.height
    fullest = max(sizes, key=lambda page: sizes[page])
    return fullest if sizes[fullest] >= least else 0


def _is_preview(image: Image.Image) -> bool:
    """Return whether a page of a TIFF says that it is another picture at a smaller size."""
    kind = getattr(image, "tag_v2", {}).get(_NEW_SUBFILE_TYPE, 0)
    return image.format == "TIFF" and isinstance(kind, int) and bool(kind & 1)


def _is_heic(data: bytes) -> bool:
    if data[4:8] != b"ftyp":
        return False
    size = min(int.from_bytes(data[:4], "big"), 256)
    # The major brand, and after four bytes of version the compatible ones.
    brands = {data[i : i + 4] for i in (8, *range(16, size, 4))}
    return not brands & _AVIF_BRANDS and bool(brands & _HEIC_BRANDS)


def _open_heic(data: bytes) -> Image.Image:
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise MissingExtraError("Reading HEIC pictures", "heic") from error
    plugin: Callable[[io.BytesIO], Image.Image] = HeifImageFile
    return plugin(io.BytesIO(data))
