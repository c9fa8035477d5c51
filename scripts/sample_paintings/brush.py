"""Brushes: the marks that bristles, the tip of a round brush and a palette knife leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sample_paintings.fields import Floats, blur, smoothstep

ALONG, ACROSS = 64, 24
"""How finely a mark is described, along and across the stroke."""


@dataclass(frozen=True)
class Brush:
    """The marks one brush makes: tables (kinds, along, across) of cover, streaks and relief."""

    cover: NDArray[np.bool_]
    streak: Floats
    relief: Floats

    @classmethod
    def bristle(
        cls,
        rng: np.random.Generator,
        *,
        taper: float = 0.25,
        ragged: float = 0.12,
        dry: float = 0.3,
        groove: float = 0.3,
        kinds: int = 40,
    ) -> Self:
        """A hog-hair brush: tapered, streaked, with ridges where it pushed the paint aside."""
        u = ((np.arange(ALONG) + 0.5) / ALONG)[:, None].astype(np.float32)
        v = np.linspace(-1, 1, ACROSS, dtype=np.float32)[None, :]
        lanes = _unit(blur(rng.standard_normal((kinds, 1, ACROSS)), (0, 0, 0.7)))
        along = _unit(blur(rng.standard_normal((kinds, ALONG, ACROSS)), (0, ALONG * 0.16, 0.6)))
        fine = _unit(blur(rng.standard_normal((kinds, ALONG, ACROSS)), (0, ALONG * 0.05, 0.5)))
        streak = 0.65 * lanes + 0.65 * along + 0.3 * fine
        wobble = _unit(blur(rng.standard_normal((kinds, ALONG, 1)), (0, ALONG * 0.12, 0)))
        half = np.minimum(np.clip(u / taper, 0, 1) ** 0.45, np.clip((1 - u) / taper, 0, 1) ** 0.6)
        half = half * (1 - 0.08 * np.abs(wobble)) + 1e-6
        start = (
            ragged * 0.5 * np.abs(_unit(blur(rng.standard_normal((kinds, 1, ACROSS)), (0, 0, 1.2))))
        )
        end = 1 - ragged * np.abs(_unit(blur(rng.standard_normal((kinds, 1, ACROSS)), (0, 0, 1.2))))
        cover = (np.abs(v) < half) & (u > start) & (u < end)
        cover &= streak > -2.6 + 2.6 * dry * smoothstep(0.45, 1, u)
        across = np.clip(np.abs(v) / half, 0, 1)
        body = (1 - across**4) ** 0.5 * (0.8 + 0.45 * smoothstep(0.4, 0.85, across))
        lift = 0.35 * np.exp(-(((u - 0.86) / 0.08) ** 2)) + 0.2 * np.exp(-(((u - 0.1) / 0.1) ** 2))
        relief = body * (1 - 0.35 * u + lift) * (1 + groove * streak)
        return cls(cover, streak.astype(np.float32), relief.astype(np.float32))

    @classmethod
    def dab(cls, rng: np.random.Generator, *, kinds: int = 60) -> Self:
        """The tip of a round brush: a small dome with an uneven rim and a peak where it left."""
        u = np.linspace(-1, 1, ALONG, dtype=np.float32)[:, None]
        v = np.linspace(-1, 1, ACROSS, dtype=np.float32)[None, :]
        angle, radius = np.arctan2(v, u), np.hypot(u, v)
        rim = np.full((kinds, ALONG, ACROSS), 0.9, np.float32)
        for n in (2, 3, 5):
            phase, size = rng.uniform(0, 2 * np.pi, (kinds, 1, 1)), 0.16 / n
            rim += size * rng.standard_normal((kinds, 1, 1)) * np.cos(n * angle + phase)
        px, py = rng.normal(0, 0.3, (2, kinds, 1, 1))
        peak = np.exp(-((u - px) ** 2 + (v - py) ** 2) / 0.12)
        streak = _unit(blur(rng.standard_normal((kinds, ALONG, ACROSS)), (0, ALONG * 0.12, 1.2)))
        dome = np.sqrt(np.clip(1 - (radius / rim) ** 2, 0, 1))
        relief = dome * 0.75 + 0.4 * peak + 0.08 * streak
        return cls(radius < rim, streak, relief.astype(np.float32))

    @classmethod
    def knife(cls, rng: np.random.Generator, *, kinds: int = 40) -> Self:
        """A palette knife: a flat slab with torn ends, scraped lanes and raised, sharp rims."""
        u = ((np.arange(ALONG) + 0.5) / ALONG)[:, None].astype(np.float32)
        v = np.linspace(-1, 1, ACROSS, dtype=np.float32)[None, :]
        lanes = _unit(blur(rng.standard_normal((kinds, 1, ACROSS)), (0, 0, 1.4)))
        along = _unit(blur(rng.standard_normal((kinds, ALONG, ACROSS)), (0, ALONG * 0.2, 1.0)))
        streak = 0.7 * lanes + 0.7 * along
        torn = np.abs(_unit(blur(rng.standard_normal((2, kinds, 1, ACROSS)), (0, 0, 0, 2.0))))
        fray = np.abs(_unit(blur(rng.standard_normal((2, kinds, 1, ACROSS)), (0, 0, 0, 0.6))))
        end = 1 - 0.1 * torn[1] - 0.05 * fray[1]
        side = 1 - 0.1 * np.abs(_unit(blur(rng.standard_normal((kinds, ALONG, 1)), (0, 4, 0))))
        cover = (u > 0.03 * torn[0]) & (u < end) & (np.abs(v) < side)
        cover &= streak > -2.5 + 1.5 * smoothstep(0.5, 1, u)
        rim = np.exp(-(((np.abs(v) - side + 0.1) / 0.07) ** 2)) * (0.4 + 0.6 * along**2)
        ridge = np.exp(-(((u - end + 0.04) / 0.035) ** 2))
        chatter = _unit(blur(rng.standard_normal((kinds, ALONG, ACROSS)), (0, 1.2, 4)))
        relief = 0.8 + 0.16 * streak + 0.5 * rim + 0.7 * ridge + 0.06 * chatter
        return cls(cover, streak.astype(np.float32), relief.astype(np.float32))


def _unit(a: Floats) -> Floats:
    return np.asarray(a / (a.std() + 1e-9), np.float32)
