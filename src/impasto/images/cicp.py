"""Colour spaces declared by numbers instead of a profile: H.273 code points, gAMA and cHRM.

Code points follow ITU-T H.273 (2023), tables 2 and 3. They are in the cICP chunk of a PNG and in
the nclx box of HEIC and AVIF. A PNG may also give the exponent of its transfer curve (gAMA) and its
primaries (cHRM); see the PNG specification, third edition, 11.3.2.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import Notice
from impasto.images.color import linear_to_srgb
from impasto.images.picture import Floats, Samples, floats
from impasto.text import shown

Curve = Callable[[Floats], Floats]
"""From stored values in [0, 1] to linear light, where 1 is reference white."""

Coordinates = tuple[float, ...]
"""x and y of red, green, blue and white."""

_D65 = (0.3127, 0.3290)
_SRGB: Coordinates = (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *_D65)
"""From IEC 61966-2-1."""

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
"""Reference white in HDR, in candela per square metre (ITU-R BT.2408)."""

_HLG_PEAK = 1000.0
"""Peak luminance of the HLG display, in candela per square metre (ITU-R BT.2100)."""

FILM_PEAK = _HLG_PEAK / _WHITE
"""The peak of the light that HDR films are made for, relative to reference white."""

_ROWS = 128
"""Rows converted at a time."""

_KNEE = 0.5
"""Light up to here stays unchanged when HDR is compressed into sRGB."""

_UNSPECIFIED = (0, 2, 3)
"""Code points that are reserved or mean "unspecified"."""

_NEAR_SRGB = 0.006
"""A gAMA this close to 1 / 2.2 means the sRGB curve."""

_SAME = 0.002
"""Primaries this close count as equal."""

_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


@dataclass(frozen=True)
class Encoding:
    """How stored RGB maps to light: primaries and white point, and a transfer curve.

    ``hdr`` names the curve if it goes beyond reference white. Values use the ``full`` range, or run
    from 16/255 to 235/255.
    """

    primaries: Coordinates
    curve: Curve
    hdr: str = ""
    full: bool = True

    def light(self, rgb: Samples) -> Floats:
        """Convert RGB (h, w, 3) to linear light in the primaries of sRGB."""
        values = floats(rgb)
        if not self.full:  # with 16 bits, 4096 to 60160
            low, high = (16 / 255, 235 / 255) if rgb.dtype == np.uint8 else (256 / 4096, 235 / 256)
            values = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
        return np.asarray(self.curve(values) @ _to_linear_srgb(self.primaries).T.astype(np.float32))

    def srgb(self, rgb: Samples, top: float) -> Samples:
        """Convert RGB (h, w, 3) to sRGB; uint8 stays uint8.

        HDR light of up to ``top``, at least 1, is compressed into the range of sRGB.
        """
        found = np.empty_like(rgb)
        for part, into in zip(_bands(rgb), _bands(found), strict=True):
            light = self.light(part)
            if self.hdr:
                light = _compressed(np.maximum(light, 0), top)
            srgb = linear_to_srgb(light)
            into[:] = np.rint(srgb * 255) if rgb.dtype == np.uint8 else srgb
        return found


@dataclass(frozen=True)
class DeclaredColours:
    """The colour space that a file declares apart from a profile; ``encoding`` is None for sRGB.

    ``name`` is the picture's. With ``overrides_profile`` the declaration takes precedence over an
    embedded profile. ``unknown`` holds code points that are not supported; the picture is then read
    as sRGB.
    """

    name: str
    encoding: Encoding | None = None
    overrides_profile: bool = False
    unknown: str = ""

    def to_srgb(self, rgb: Samples) -> Samples:
        """Convert RGB (H, W, 3) to sRGB; uint8 stays uint8.

        Light above white is compressed into the range of sRGB. A `Notice` reports this, and unknown
        code points.
        """
        if self.unknown:
            message = f"declares unknown colour {self.unknown}; it is read as sRGB"
            warnings.warn(f"{shown(self.name)}: {message}", Notice, stacklevel=2)
        if self.encoding is None:
            return rgb
        top = 1.0
        if self.encoding.hdr:
            message = f"is HDR ({self.encoding.hdr}); its light is compressed into sRGB"
            warnings.warn(f"{shown(self.name)}: {message}", Notice, stacklevel=2)
            top = max(float(self.encoding.light(part).max()) for part in _bands(rgb))
        return self.encoding.srgb(rgb, max(top, 1.0))


def declared_colours(data: bytes, info: Mapping[Any, Any], name: str) -> DeclaredColours:
    """Return the colour space that a file declares.

    ``data`` holds the bytes of the file, ``info`` the metadata that Pillow read from it.
    """
    points = _cicp(data)
    if points and not {*points[:2]} <= {*_UNSPECIFIED}:
        return _of_points(*points, name, overrides_profile=True)
    if (points := _nclx(data)) and not info.get("icc_profile"):
        return _of_points(*points, name, overrides_profile=False)
    if ("gamma" in info or "chromaticity" in info) and "srgb" not in info:
        return DeclaredColours(name, _of_numbers(info))
    return DeclaredColours(name)


def encoding_of(primaries: int, transfer: int) -> Encoding | None:
    """Return the encoding of two code points in full range; None for sRGB and unknown ones."""
    return _of_points(primaries, transfer, True, "", overrides_profile=True).encoding


def _of_points(
    primaries: int, transfer: int, full: bool, name: str, *, overrides_profile: bool
) -> DeclaredColours:
    primaries = 1 if primaries in _UNSPECIFIED else primaries
    transfer = 13 if transfer in _UNSPECIFIED else transfer
    if primaries not in _PRIMARIES or transfer not in _CURVES:
        points = f"code points (primaries {primaries}, transfer {transfer})"
        return DeclaredColours(name, None, overrides_profile, points)
    curve = _CURVES[transfer]
    if primaries == 1 and curve is _srgb and full:
        return DeclaredColours(name, None, overrides_profile)
    encoding = Encoding(_PRIMARIES[primaries], curve, _HDR.get(transfer, ""), full)
    return DeclaredColours(name, encoding, overrides_profile)


def _bands(rgb: Samples) -> Iterator[Samples]:
    """Yield a few rows at a time, since floats take four times the memory, and light more."""
    for top in range(0, len(rgb), _ROWS):
        yield rgb[top : top + _ROWS]


def _of_numbers(info: Mapping[Any, Any]) -> Encoding | None:
    """Return the encoding given by gAMA and cHRM of a PNG, None for sRGB."""
    primaries: Coordinates = _SRGB
    curve: Curve = _srgb
    gamma, chromaticity = info.get("gamma"), info.get("chromaticity")
    if isinstance(gamma, float) and gamma > 0 and abs(gamma - 1 / 2.2) > _NEAR_SRGB:
        curve = _power(1 / gamma)
    if (
        isinstance(chromaticity, tuple)
        and len(chromaticity) == 8
        and all(value >= 0 for value in chromaticity)
    ):
        found = (*map(float, chromaticity[2:]), *map(float, chromaticity[:2]))
        if max(abs(a - b) for a, b in zip(found, _SRGB, strict=True)) > _SAME and _spans(found):
            primaries = found
    return None if curve is _srgb and primaries is _SRGB else Encoding(primaries, curve)


def _cicp(data: bytes) -> tuple[int, int, bool] | None:
    """Return primaries, transfer and the full-range flag from a PNG's cICP chunk."""
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
    """Return primaries and transfer from the nclx box of HEIC or AVIF.

    The box is that of the primary item, or of the tiles that it consists of; thumbnails, depth and
    alpha may have others (ISO/IEC 23008-12, 9.3). The range applies to luma and chroma, and the
    decoder has already dealt with it.
    """
    if data[4:8] != b"ftyp":
        return None
    try:
        for meta in _boxes(data, b"meta"):
            inside = dict(_all_boxes(meta[4:]))
            properties = dict(_all_boxes(inside[b"iprp"]))
            described = list(_all_boxes(properties[b"ipco"]))
            described_by = _associations(properties[b"ipma"])
            primary = _item(inside[b"pitm"])
            for item in (primary, *_parts_of(primary, inside.get(b"iref", b""))):
                for index in described_by.get(item, ()):
                    kind, box = described[index - 1]
                    if kind == b"colr" and box[:4] == b"nclx":
                        primaries, transfer = struct.unpack_from(">HH", box, 4)
                        return primaries, transfer, True
    except (LookupError, struct.error):
        pass  # a damaged box declares nothing
    return None


def _item(pitm: bytes) -> int:
    """Return the number of the primary item."""
    found: int = struct.unpack_from(">I" if pitm[0] else ">H", pitm, 4)[0]
    return found


def _associations(ipma: bytes) -> dict[int, list[int]]:
    """Return the properties of each item, numbered from 1; 0 means none."""
    item, index = (">IB" if ipma[0] else ">HB"), (">H" if ipma[3] & 1 else ">B")
    most = 0x7FFF if ipma[3] & 1 else 0x7F  # the next bit marks an essential property
    (entries,) = struct.unpack_from(">I", ipma, 4)
    found: dict[int, list[int]] = {}
    at = 8
    for _ in range(entries):
        number, count = struct.unpack_from(item, ipma, at)
        at += struct.calcsize(item)
        indices = []
        for _ in range(count):
            indices.append(struct.unpack_from(index, ipma, at)[0] & most)
            at += struct.calcsize(index)
        found[number] = [one for one in indices if one]
    return found


def _parts_of(item: int, iref: bytes) -> tuple[int, ...]:
    """Return the items that an item is derived from: the tiles of a grid."""
    if not iref:
        return ()
    number = "I" if iref[0] else "H"
    for box in _boxes(iref[4:], b"dimg"):
        whole, count = struct.unpack_from(f">{number}H", box)
        if whole == item:
            return struct.unpack_from(f">{count}{number}", box, struct.calcsize(f">{number}H"))
    return ()


def _boxes(data: bytes, kind: bytes) -> Iterator[bytes]:
    """Yield the content of each box of a kind."""
    return (box for found, box in _all_boxes(data) if found == kind)


def _all_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the content of each box (ISO/IEC 14496-12, 4.2)."""
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
        yield found, data[at + head : at + size]
        at += size


def _spans(primaries: Coordinates) -> bool:
    """Return whether primaries are valid and span a triangle."""
    try:
        return bool(np.isfinite(_to_linear_srgb(primaries)).all())
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return False


def _to_linear_srgb(primaries: Coordinates) -> NDArray[np.float64]:
    """Return the matrix from linear light in these primaries to linear sRGB."""
    ours, theirs = _white(_SRGB), _white(primaries)
    cones = (_BRADFORD @ ours) / (_BRADFORD @ theirs)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD
    return np.asarray(np.linalg.inv(_to_xyz(_SRGB)) @ adapted @ _to_xyz(primaries))


def _to_xyz(primaries: Coordinates) -> NDArray[np.float64]:
    """Return the matrix from linear light in these primaries to XYZ (SMPTE RP 177)."""
    x, y = np.array(primaries[:6:2]), np.array(primaries[1:6:2])
    if (y <= 0).any() or primaries[7] <= 0:
        raise np.linalg.LinAlgError("a primary without light")
    columns = np.stack([x / y, np.ones(3), (1 - x - y) / y])
    return np.asarray(columns * np.linalg.solve(columns, _white(primaries)))


def _white(primaries: Coordinates) -> NDArray[np.float64]:
    x, y = primaries[6:]
    return np.array([x / y, 1, (1 - x - y) / y])


def _compressed(light: Floats, top: float) -> Floats:
    """Compress light of up to ``top`` to at most 1, above the knee as Reinhard et al. 2002, eq. 4.

    The curve is applied to the largest channel of each pixel and the others are scaled in
    proportion, so hues stay.
    """
    largest = light.max(axis=2)
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


def _dci(values: Floats) -> Floats:
    """Decode SMPTE ST 428-1, where white is at 48 of 52.37."""
    return np.asarray(_power(2.6)(values) * np.float32(52.37 / 48), np.float32)


def _pq(values: Floats) -> Floats:
    """Decode SMPTE ST 2084, equation 4.1."""
    power = values.astype(np.float64) ** (32 / 2523)
    ratio = np.maximum(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power)
    return np.asarray(ratio ** (8192 / 1305) * (10000 / _WHITE), np.float32)


def _hlg(values: Floats) -> Floats:
    """Decode ITU-R BT.2100, table 5: the inverse OETF, then the OOTF."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    x = values.astype(np.float64)
    scene = np.where(x <= 0.5, x**2 / 3, (np.exp((x - c) / a) + b) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    light = scene * np.maximum(luminance, 1e-9)[:, :, None] ** 0.2
    return np.asarray(light * (_HLG_PEAK / _WHITE), np.float32)


def _linear(values: Floats) -> Floats:
    return values


# The BT.709 camera curve is decoded like sRGB, as browsers do.
_CURVES: dict[int, Curve] = {
    **dict.fromkeys((1, 6, 7, 11, 12, 13, 14, 15), _srgb),
    4: _power(2.2),
    5: _power(2.8),
    8: _linear,
    16: _pq,
    17: _dci,
    18: _hlg,
}
_HDR = {16: "PQ", 18: "HLG"}
