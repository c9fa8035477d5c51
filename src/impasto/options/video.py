"""How to stylise films."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from impasto.errors import OptionsError
from impasto.options import parsing
from impasto.options.checked import Checked, option

CODECS = ("auto", "h264", "hevc", "av1", "vp9", "prores", "ffv1")

_FASTEST = 1000


@dataclass(frozen=True, kw_only=True)
class VideoOptions(Checked):
    """How to stylise films."""

    start: float = option(
        0.0, "Where in the clip to begin: 12.5, 1m30s or 0:01:30.", metavar="TIME", text=True
    )
    end: float | None = option(
        None,
        "Where in the clip to end; --end 3 is a look at its first three seconds.",
        metavar="TIME",
        text=True,
    )
    fps: float | None = option(
        None, "At most so many frames a second: the others are left out. Default: all frames."
    )
    stability: float = option(
        0.95, "How steady the film is, from 0, each frame on its own, to 1, the steadiest."
    )
    codec: str = option(
        "auto",
        "auto is h264, which every browser plays; in .webm vp9, and in .mov prores where the clip "
        "has transparency.",
        choices=CODECS,
    )
    crf: int | None = option(
        None, "Quality of h264, hevc, av1 and vp9: 0 is the best. Default: what suits the codec."
    )
    steps: int = option(
        40,
        "With --paint: steps for each frame but the first of a shot, which has three times more.",
    )

    def __post_init__(self) -> None:
        """Bring every field to its one form, check all."""
        self._set("start", parsing.moment("start", self.start))
        if self.end is not None:
            self._set("end", parsing.moment("end", self.end))
            if self.end <= self.start:
                raise OptionsError(
                    f"--end must be after --start: got {self.end:g} s and {self.start:g} s"
                )
        if self.fps is not None:
            self._number("fps", 0, _FASTEST, open_low=True)
        self._number("stability", 0, 1)
        self._choice("codec", CODECS)
        if self.crf is not None:
            self._integer("crf", 0, 63)
        self._integer("steps", 1, 10_000)

    @property
    def rate(self) -> Fraction | None:
        """What ``fps`` says, with 23.976 and its like as the fractions that are meant."""
        if self.fps is None:
            return None
        near = Fraction(round(self.fps * 1.001) * 1000, 1001)
        exact = Fraction(self.fps).limit_denominator(1000)
        return near if near and abs(float(near) - self.fps) < 1e-3 else exact
