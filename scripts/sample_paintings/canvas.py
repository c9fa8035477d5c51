"""The studio all painters share: a canvas with colour and relief, strokes, and light.

Painters think in *reference units*: whatever its size in pixels, a picture covers the area of
768 × 608 units. Strokes, their number and every random draw are set in these units, so a
larger picture is the same picture with bigger strokes. Colours are sRGB in 0..1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sample_paintings.brush import ACROSS, ALONG, Brush
from sample_paintings.fields import Field, Floats, Ints, blur

REFERENCE_AREA = 768 * 608
_CHUNK = 1_500_000  # samples put down at once; bounds the memory


@dataclass(frozen=True)
class Strokes:
    """A batch of strokes in the order they are laid down; sizes in reference units."""

    path: Floats  # (n, points, 2) as x, y
    width: Floats  # (n,)
    colour: Floats  # (n, 3)
    second: Floats  # (n, 3): the other colour on the same unevenly loaded brush
    load: Floats  # (n,): how thick the paint is

    @property
    def start(self) -> Floats:
        """Where each stroke has its middle, (n, 2)."""
        return self.path[:, self.path.shape[1] // 2]

    def take(self, index: NDArray[Any]) -> Strokes:
        """Return some of the strokes, or the same ones in another order."""
        return Strokes(*(getattr(self, f)[index] for f in self.__dataclass_fields__))

    def tint(self, colour: Floats, second: Floats) -> Strokes:
        """Return the same strokes in other colours."""
        return replace(self, colour=colour, second=second)


class Canvas:
    """A primed canvas of ``width`` × ``height`` pixels; `photograph` gives the lit picture."""

    def __init__(self, width: int, height: int, rng: np.random.Generator) -> None:
        scale = math.sqrt(width * height / REFERENCE_AREA)
        # Finer than the picture, so that edges are smooth and small pictures keep their strokes.
        over = min(max(2, round(1 / scale)), 4) if scale < 3 else 1
        self.over = over
        self.W, self.H = width / scale, height / scale
        self.k = scale * over
        self.h, self.w = height * over, width * over
        self.colour = np.full((self.h * self.w, 3), 0.8, np.float32)
        self.relief = np.zeros(self.h * self.w, np.float32)
        self._rng = rng
        self._weave = [Field(rng, 30) for _ in range(2)]
        self._sheen = Field(rng, 260)

    def grid(self, step: float = 1) -> tuple[Floats, Floats]:
        """Return x and y of a map over the canvas, one entry every ``step`` units."""
        y, x = np.mgrid[0 : round(self.H / step), 0 : round(self.W / step)].astype(np.float32)
        return (x + 0.5) * step, (y + 0.5) * step

    def look(self, a: NDArray[Any], xy: Floats, step: float = 1) -> NDArray[Any]:
        """Read the map ``a`` (made on `grid`) at points (..., 2)."""
        x = np.clip((xy[..., 0] / step).astype(np.int32), 0, a.shape[1] - 1)
        y = np.clip((xy[..., 1] / step).astype(np.int32), 0, a.shape[0] - 1)
        return np.asarray(a[y, x])

    def pixels(self, a: NDArray[Any]) -> Floats:
        """Enlarge the map ``a`` (h, w) or (h, w, 3) to the working resolution."""
        zoom = (self.h / a.shape[0], self.w / a.shape[1])
        y = (np.arange(self.h, dtype=np.float32) + 0.5) / zoom[0] - 0.5
        x = (np.arange(self.w, dtype=np.float32) + 0.5) / zoom[1] - 0.5
        rows = _lerp(np.asarray(a, np.float32), y, 0)
        return _lerp(rows, x, 1)

    def ground(self, a: Floats) -> None:
        """Tone the whole canvas with a thin wash (h, w, 3) made on `grid`."""
        self.colour = self.pixels(a).reshape(-1, 3)

    def strokes(
        self,
        angle: Floats,
        xy: Floats,
        length: ArrayLike,
        width: ArrayLike,
        *,
        points: int = 7,
        load: ArrayLike = 1.0,
        spread: float = 0.3,
        wobble: float = 0.0,
        bend: float = 0.0,
    ) -> Strokes:
        """Trace strokes centred on ``xy`` (n, 2) along the direction map ``angle`` (radians)."""
        n = len(xy)
        vary = np.exp(self._rng.normal(0, spread, (3, n))).clip(0.45, 2.0).astype(np.float32)
        step = np.asarray(length, np.float32) * vary[0] / (points - 1)
        turn = self._rng.normal(0, wobble, n).astype(np.float32)
        bow = self._rng.normal(0, bend, n).astype(np.float32) / points
        path = np.empty((n, points, 2), np.float32)
        middle = points // 2
        path[:, middle] = xy
        for sign, stop in ((1, points), (-1, -1)):
            for i in range(middle + sign, stop, sign):
                at = path[:, i - sign]
                theta = self.look(angle, at) + turn + bow * (i - middle)
                path[:, i, 0] = at[:, 0] + sign * step * np.cos(theta)
                path[:, i, 1] = at[:, 1] + sign * step * np.sin(theta)
        blank = np.zeros((n, 3), np.float32)
        thick = (np.asarray(load, np.float32) * vary[2]).astype(np.float32)
        return Strokes(path, (np.asarray(width, np.float32) * vary[1] ** 0.7), blank, blank, thick)

    def paint(
        self,
        brush: Brush,
        strokes: Strokes,
        *,
        streak: float = 0.06,
        blend: float = 0.35,
        bury: float = 0.55,
        clip: tuple[Ints, Ints] | None = None,
    ) -> None:
        """Lay strokes down in order, each over the last.

        ``streak`` is the lightness and ``blend`` the share of the second colour that the
        bristles vary; ``bury`` is how much of the relief beneath still shows. ``clip`` is a map
        of regions at the working resolution, flat, with the region each stroke must stay in.
        """
        n, points, _ = strokes.path.shape
        legs = np.linalg.norm(np.diff(strokes.path, axis=1), axis=2).sum(1)
        nu = int(np.clip(np.percentile(legs, 97) * self.k / 0.75, 4, 400)) if n else 4
        nv = int(np.clip(np.percentile(strokes.width, 97) * self.k / 0.75, 3, 200)) if n else 3
        kind = np.asarray(self._rng.integers(0, len(brush.cover), n))
        u = (np.arange(nu) + 0.5) / nu
        v = (np.arange(nv) + 0.5) / nv * 2 - 1
        iu: NDArray[Any] = (u * ALONG).astype(np.int32)
        iv: NDArray[Any] = ((v + 1) / 2 * ACROSS).astype(np.int32)
        cover = brush.cover[:, iu][:, :, iv]
        along = u * (points - 1)
        leg = np.minimum(along.astype(np.int32), points - 2)
        part = (along - leg).astype(np.float32)
        tangent = np.gradient(strokes.path, axis=1)
        tangent /= np.linalg.norm(tangent, axis=2, keepdims=True) + 1e-9
        owner = np.full(self.h * self.w, -1, np.int32)
        per = nu * nv
        for a in range(0, n, max(1, _CHUNK // per)):
            some = slice(a, a + max(1, _CHUNK // per))
            centre = _between(strokes.path[some], leg, part) * self.k
            normal = _between(tangent[some], leg, part)
            half = (strokes.width[some, None] * (self.k / 2)).astype(np.float32)
            x = centre[..., 0, None] - (normal[..., 1] * half)[..., None] * v.astype(np.float32)
            y = centre[..., 1, None] + (normal[..., 0] * half)[..., None] * v.astype(np.float32)
            ok = cover[kind[some]] & (x >= 0) & (x < self.w) & (y >= 0) & (y < self.h)
            sample: NDArray[Any] = np.flatnonzero(ok).astype(np.int32)
            pixel: NDArray[Any] = y[ok].astype(np.int32) * self.w + x[ok].astype(np.int32)
            if clip is not None:
                regions, wanted = clip
                inside = regions[pixel] == wanted[a + sample // per]
                sample, pixel = sample[inside], pixel[inside]
            owner[pixel] = sample + a * per  # of samples on one pixel the last one stays
        painted = np.flatnonzero(owner >= 0)
        stroke, place = np.divmod(owner[painted], per)
        cell = (kind[stroke] * ALONG + iu[place // nv]) * ACROSS + iv[place % nv]
        tone = brush.streak.reshape(-1)[cell]
        # A dry lane lets a little of what lies beneath through.
        own = np.clip(0.5 + 0.45 * tone, 0, 1)[:, None] * np.float32(blend)
        paint = strokes.colour[stroke]
        paint += (strokes.second[stroke] - paint) * own
        paint += np.float32(streak) * tone[:, None] * (0.35 + paint)
        self.colour[painted] = paint
        thick = brush.relief.reshape(-1)[cell] * strokes.load[stroke]
        self.relief[painted] = self.relief[painted] * np.float32(bury) + thick

    def photograph(
        self,
        *,
        relief: float = 1.0,
        gloss: float = 0.16,
        weave: float = 0.5,
        light: tuple[float, float] = (-0.7, -0.72),
    ) -> NDArray[np.uint8]:
        """Light the relief from ``light`` and return the picture, (height, width, 3) uint8."""
        height = self.relief.reshape(self.h, self.w)
        if weave:
            height = height + np.float32(weave) * self._threads() * np.exp(-height * 0.7)
        height = blur(height, 0.32 * self.k)
        gy, gx = np.gradient(height * np.float32(relief * self.k))
        slope = gx * light[0] + gy * light[1]  # > 0 rises away from the light
        shade = np.tanh(-slope * 0.9)
        hollow = np.tanh((height - blur(height, 2.2 * self.k)) * 1.1)
        skew = gx * light[1] - gy * light[0]
        shine = np.exp(-(((slope + 0.75) / 0.38) ** 2) - (skew / 0.5) ** 2)
        x, y = self.grid(8)
        sheen = self.pixels(1 + 0.025 * self._sheen(x, y))
        lit = (1 + 0.26 * shade + 0.12 * hollow) * sheen
        picture = self.colour.reshape(self.h, self.w, 3) * lit[..., None]
        warm = np.array([1.0, 0.98, 0.93], np.float32)
        picture += np.float32(gloss) * shine[..., None] * (warm - 0.55 * picture)
        o = self.over
        picture = picture.reshape(self.h // o, o, self.w // o, o, 3).mean((1, 3))
        # A lens neither clips hard nor reaches pure black.
        picture = 0.03 + 0.955 * np.clip(picture, 0, None)
        picture = np.where(picture > 0.9, 0.9 + 0.1 * np.tanh((picture - 0.9) / 0.1), picture)
        return np.asarray(np.rint(picture * 255), np.uint8)

    def _threads(self) -> Floats:
        x, y = self.grid(4)
        pitch = np.float32(2 * math.pi / 3.4)
        sx, sy = (self.pixels(f(x, y)) for f in self._weave)
        px = (np.arange(self.w, dtype=np.float32)[None, :] + 0.5) / self.k * pitch + 0.8 * sx
        py = (np.arange(self.h, dtype=np.float32)[:, None] + 0.5) / self.k * pitch + 0.8 * sy
        a, b = np.sin(px), np.sin(py)
        return np.asarray(0.5 * np.maximum(a, b) + 0.25 * a * b, np.float32)


def _between(a: Floats, leg: NDArray[Any], part: Floats) -> Floats:
    """Interpolate points (n, points, 2) along the second axis."""
    low = a[:, leg]
    return np.asarray(low + (a[:, leg + 1] - low) * part[None, :, None], np.float32)


def _lerp(a: Floats, at: Floats, axis: int) -> Floats:
    """Interpolate linearly along an axis, holding the ends."""
    at = np.clip(at, 0, a.shape[axis] - 1)
    low = at.astype(np.int32)
    high = np.minimum(low + 1, a.shape[axis] - 1)
    shape = [1] * a.ndim
    shape[axis] = -1
    part = (at - low).astype(np.float32).reshape(shape)
    first = np.take(a, low, axis)
    return np.asarray(first + (np.take(a, high, axis) - first) * part, np.float32)
