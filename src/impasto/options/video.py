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
        0.0, "Start time in the clip: 12.5, 1m30s or 0:01:30.", metavar="TIME", text=True
    )
    end: float | None = option(
        None,
        "End time in the clip; --end 3 is a quick test on its first three seconds.",
        metavar="TIME",
        text=True,
    )
    fps: float | None = option(
        None, "Maximum frame rate; the other frames are dropped. Default: all frames."
    )
    stability: float = option(0.95, "Temporal stability, from 0 (each frame on its own) to 1.")
    codec: str = option(
        "auto",
        "auto uses h264, which all browsers play; vp9 for .webm; and prores for .mov if the clip "
        "has transparency.",
        choices=CODECS,
    )
    crf: int | None = option(
        None, "Quality of h264, hevc, av1 and vp9; 0 is the best. The default depends on the codec."
    )
    steps: int = option(
        40,
        "With --paint: steps per frame; the first frame of a shot gets three times as many.",
    )

    def __post_init__(self) -> None:
        """Normalise and check all fields."""
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
