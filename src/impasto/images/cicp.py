"""Colours that a file tells by numbers, not by a profile: code points of H.273, gAMA and cHRM.

Code points are those of ITU-T H.273 (2023), tables 2 and 3: in the cICP chunk of a PNG, in the nclx
box of HEIC and AVIF. A PNG may also tell the exponent of its curve and its primaries (PNG
specification, third edition, 11.3.2).
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import ImageError, Notice
from impasto.images.color import linear_to_srgb
from impasto.images.picture import Floats, Samples, floats
from impasto.images.text import shown

Curve = Callable[[Floats], Floats]
"""From stored values in [0, 1] to light, in which 1 is the white of a page."""

Coordinates = tuple[float, ...]
"""x and y of red, green, blue and white."""

_D65 = (0.3127, 0.3290)
_SRGB: Coordinates = (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *_D65)
"""Those of IEC 61966-2-1."""

_PRIMARIES = {
    1: _SRGB,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65),
}

_WHITE = 203.0
"""Candela per square metre of the white of a page in HDR (ITU-R BT.2408)."""

_HLG_PEAK = 1000.0
"""Candela per square metre at which HLG is shown (ITU-R BT.2100)."""

_KNEE = 0.5
"""Light up to here stays as it is when HDR is brought into sRGB."""

_NOTHING_SAID = (0, 2, 3)
"""Code points that are reserved, or say that nothing is known."""

_NEAR_SRGB = 0.006
"""A gAMA so close to 1 / 2.2 means the curve of sRGB."""

_SAME = 0.002
"""Primaries so close are the same."""

_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


@dataclass(frozen=True)
class Encoding:
    """How stored RGB stands for light: eight coordinates of primaries and white, and a curve.

    ``hdr`` names the curve of one that goes beyond the white of a page. Values are of the ``full``
    range, or from 16/255 to 235/255.
    """

    primaries: Coordinates
    curve: Curve
    hdr: str = ""
    full: bool = True

    def to_srgb(self, rgb: Samples, name: str) -> Samples:
        """Return RGB (H, W, 3) in sRGB, uint8 where it was; ``name`` is the picture's.

        What is lighter than white is compressed into the range of sRGB, with a `Notice`.
        """
        values = floats(rgb)
        if not self.full:
            values = np.clip((values * 255 - 16) / 219, 0, 1)
        light = self.curve(values) @ _to_linear_srgb(self.primaries).T.astype(np.float32)
        if self.hdr:
            told = f"{shown(name)}: is HDR ({self.hdr}); its light is compressed into sRGB"
            warnings.warn(told, Notice, stacklevel=2)
            light = _compressed(np.maximum(light, 0))
        srgb = linear_to_srgb(light)
        return np.rint(srgb * 255).astype(np.uint8) if rgb.dtype == np.uint8 else srgb


def declared(data: bytes, info: Mapping[Any, Any], name: str) -> tuple[Encoding | None, bool]:
    """Return how a file says its colours are to be read, None for sRGB, and if it is the last word.

    The last word goes before an ICC profile. ``data`` are the bytes of the file, ``info`` what
    Pillow knows of it. Raises `ImageError` for code points that are not known here.
    """
    if points := _cicp(data):
        return _of_points(*points, name), True
    if points := _nclx(data):
        return _of_points(*points, name), False
    if "gamma" in info or "chromaticity" in info:
        return None if "srgb" in info else _of_numbers(info), False
    return None, False


def _of_points(primaries: int, transfer: int, full: bool, name: str) -> Encoding | None:
    primaries = 1 if primaries in _NOTHING_SAID else primaries
    transfer = 13 if transfer in _NOTHING_SAID else transfer
    if primaries not in _PRIMARIES or transfer not in _CURVES:
        raise ImageError(
            f"{shown(name)}: its colours are told by code points that are not known here "
            f"(primaries {primaries}, transfer {transfer}); convert it to sRGB"
        )
    hdr = _HDR.get(transfer, "")
    if primaries == 1 and _CURVES[transfer] is _srgb and full:
        return None
    return Encoding(_PRIMARIES[primaries], _CURVES[transfer], hdr, full)


def _of_numbers(info: Mapping[Any, Any]) -> Encoding | None:
    """Return what gAMA and cHRM of a PNG say."""
    primaries: Coordinates = _SRGB
    curve: Curve = _srgb
    gamma, told = info.get("gamma"), info.get("chromaticity")
    if isinstance(gamma, float) and gamma > 0 and abs(gamma - 1 / 2.2) > _NEAR_SRGB:
        curve = _power(1 / gamma)
    if isinstance(told, tuple) and len(told) == 8 and all(value >= 0 for value in told):
        found = (*map(float, told[2:]), *map(float, told[:2]))
        if max(abs(a - b) for a, b in zip(found, _SRGB, strict=True)) > _SAME and _spans(found):
            primaries = found
    return None if curve is _srgb and primaries is _SRGB else Encoding(primaries, curve)


def _cicp(data: bytes) -> tuple[int, int, bool] | None:
    """Return primaries, transfer and whether the range is full of a PNG's cICP chunk."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind in (b"IDAT", b"IEND"):
            break
        if kind == b"cICP" and length == 4:
            primaries, transfer, _, full = data[at + 8 : at + 12]
            return primaries, transfer, bool(full)
        at += 12 + length
    return None


def _nclx(data: bytes) -> tuple[int, int, bool] | None:
    """Return primaries and transfer of the first nclx box of HEIC or AVIF.

    The range is that of luma and chroma, which the decoder has seen to.
    """
    if data[4:8] != b"ftyp":
        return None
    for meta in _boxes(data, b"meta"):
        for properties in _boxes(meta[4:], b"iprp"):
            for container in _boxes(properties, b"ipco"):
                for box in _boxes(container, b"colr"):
                    if box[:4] == b"nclx" and len(box) >= 8:
                        primaries, transfer = struct.unpack_from(">HH", box, 4)
                        return primaries, transfer, True
    return None


def _boxes(data: bytes, kind: bytes) -> Iterator[bytes]:
    """Yield what the boxes of a kind hold (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at + 8 <= len(data):
        size, found = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        size = size or len(data) - at
        if size < head:
            return
        if found == kind:
            yield data[at + head : at + size]
        at += size


def _spans(primaries: Coordinates) -> bool:
    """Return whether primaries make a triangle, and all of them exist."""
    try:
        return bool(np.isfinite(_to_linear_srgb(primaries)).all())
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return False


def _to_linear_srgb(primaries: Coordinates) -> NDArray[np.float64]:
    """Return the matrix from light in some primaries to that in sRGB's."""
    ours, theirs = _white(_SRGB), _white(primaries)
    cones = (_BRADFORD @ ours) / (_BRADFORD @ theirs)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD
    return np.asarray(np.linalg.inv(_to_xyz(_SRGB)) @ adapted @ _to_xyz(primaries))


def _to_xyz(primaries: Coordinates) -> NDArray[np.float64]:
    """Return the matrix from light in some primaries to XYZ (SMPTE RP 177)."""
    x, y = np.array(primaries[:6:2]), np.array(primaries[1:6:2])
    if (y <= 0).any() or primaries[7] <= 0:
        raise np.linalg.LinAlgError("a primary without light")
    columns = np.stack([x / y, np.ones(3), (1 - x - y) / y])
    return np.asarray(columns * np.linalg.solve(columns, _white(primaries)))


def _white(primaries: Coordinates) -> NDArray[np.float64]:
    x, y = primaries[6:]
    return np.array([x / y, 1, (1 - x - y) / y])


def _compressed(light: Floats) -> Floats:
    """Bring light to at most 1: what is beyond the knee as Reinhard et al. 2002, equation 4.

    Of each pixel the largest of the three is taken, and the others in proportion: hues stay.
    """
    largest = light.max(axis=2)
    top = max(float(largest.max()), 1.0)
    over = np.maximum(largest - _KNEE, 0) / (1 - _KNEE)
    end = (top - _KNEE) / (1 - _KNEE)
    lowered = _KNEE + (1 - _KNEE) * over * (1 + over / end**2) / (1 + over)
    scale = np.where(over > 0, lowered / np.maximum(largest, np.float32(1e-9)), 1)
    return np.asarray(light * scale[:, :, None], np.float32)


def _srgb(values: Floats) -> Floats:
    low = values / np.float32(12.92)
    high = ((values + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.asarray(np.where(values <= 0.04045, low, high), np.float32)


def _power(exponent: float) -> Curve:
    return lambda values: np.asarray(values ** np.float32(exponent), np.float32)


def _pq(values: Floats) -> Floats:
    """Return light of SMPTE ST 2084, equation 4.1."""
    power = values.astype(np.float64) ** (32 / 2523)
    ratio = np.maximum(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power)
    return np.asarray(ratio ** (8192 / 1305) * (10000 / _WHITE), np.float32)


def _hlg(values: Floats) -> Floats:
    """Return light of ITU-R BT.2100, table 5: the inverse of its OETF, and its OOTF."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    x = values.astype(np.float64)
    scene = np.where(x <= 0.5, x**2 / 3, (np.exp((x - c) / a) + b) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    light = scene * np.maximum(luminance, 1e-9)[:, :, None] ** 0.2
    return np.asarray(light * (_HLG_PEAK / _WHITE), np.float32)


def _linear(values: Floats) -> Floats:
    return values


# The curve of cameras of BT.709 is shown as that of sRGB is, as browsers do.
_CURVES: dict[int, Curve] = {
    **dict.fromkeys((1, 6, 7, 11, 12, 13, 14, 15), _srgb),
    4: _power(2.2),
    5: _power(2.8),
    8: _linear,
    16: _pq,
    17: _power(2.6),
    18: _hlg,
}
_HDR = {16: "PQ", 18: "HLG"}
