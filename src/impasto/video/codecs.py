"""How films are encoded: encoders, pixel formats and containers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from impasto.atomic import check_extension
from impasto.errors import OptionsError, OutputError
from impasto.options import VideoOptions
from impasto.text import shown
from impasto.video.libav import import_av

FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""FFmpeg's names of the containers, by extension."""


@dataclass(frozen=True)
class Codec:
    """A codec: its encoders, best first, with their options, and its containers.

    ``pixels`` is FFmpeg's name of the pixel format, ``clear_pixels`` that with transparency, None
    if there is none; ``crf`` is the default quality, None if the codec has no such option.
    """

    encoders: Mapping[str, Mapping[str, str]]
    pixels: str
    containers: tuple[str, ...]
    clear_pixels: str | None = None
    crf: int | None = None
    tag: str | None = None


_ALL = (".mp4", ".mov", ".mkv")
_KNOWN = {
    "h264": Codec(
        {"libx264": {"preset": "veryfast"}, "libopenh264": {}}, "yuv420p", _ALL, crf=18
    ),
    "hevc": Codec(
        {"libx265": {"preset": "medium", "x265-params": "log-level=error:bframes=0"}},
        "yuv420p", _ALL, crf=21, tag="hvc1",
    ),
    "av1": Codec(
        {"libsvtav1": {"preset": "8"}, "libaom-av1": {"cpu-used": "6", "row-mt": "1"}},
        "yuv420p", (".mp4", ".mkv", ".webm"), crf=28,
    ),
    "vp9": Codec(
        {"libvpx-vp9": {"cpu-used": "4", "row-mt": "1", "b": "0"}},
        "yuv420p", (".webm", ".mkv", ".mp4"), "yuva420p", crf=28,
    ),
    "prores": Codec({"prores_ks": {}}, "yuv422p10le", (".mov", ".mkv"), "yuva444p10le"),
    "ffv1": Codec({"ffv1": {"level": "3"}}, "bgr0", (".mkv",), "bgra"),
}  # fmt: skip


@dataclass(frozen=True)
class Encoding:
    """How one film is encoded: all settings of the encoder."""

    codec: str
    encoder: str
    pixels: str
    clear: bool
    form: str
    settings: Mapping[str, str] = field(default_factory=dict)
    tag: str | None = None

    @property
    def even(self) -> bool:
        """Whether sides must be even: two by two, or two, pixels share their colour."""
        return "420" in self.pixels or "422" in self.pixels

    @property
    def piece_form(self) -> str:
        """The container of pieces, which must keep time stamps and any transparency."""
        return (
            "matroska" if self.codec in ("vp9", "ffv1") else "mp4" if self.codec == "av1" else "mov"
        )

    @property
    def rgb(self) -> bool:
        """Whether pixels are RGB."""
        return self.pixels.startswith("bgr")

    def recipe(self) -> dict[str, Any]:
        """Return the encoding as plain data."""
        return {"codec": self.codec, "encoder": self.encoder, "pixels": self.pixels,
                **self.settings}  # fmt: skip


def choose(path: Path, options: VideoOptions, *, alpha: bool) -> Encoding:
    """Choose the encoding of a film. Raises `OutputError` and `OptionsError`.

    ``alpha`` means that the film has transparency; it is kept if the codec supports it.
    """
    extension = check_extension(path, tuple(FORMATS))
    name = options.codec
    if name == "auto":
        usual = "prores" if alpha and extension == ".mov" else "h264"
        usual = "vp9" if alpha and extension == ".mkv" else usual
        name = "vp9" if extension == ".webm" else usual
    codec = _KNOWN[name]
    if extension not in codec.containers:
        raise OutputError(
            f"{shown(path)}: a {extension} file cannot contain {name}; "
            f"use {', '.join(codec.containers)} or another --codec"
        )
    if options.crf is not None and codec.crf is None:
        raise OptionsError(f"--crf applies to h264, hevc, av1 and vp9, not to {name}")
    if options.crf is not None and name in ("h264", "hevc") and options.crf > 51:
        raise OptionsError(f"--crf must be at most 51 for {name}, got {options.crf}")
    av = import_av()
    encoder = next((one for one in codec.encoders if one in av.codecs_available), None)
    if encoder is None:
        raise OptionsError(f"--codec {name} needs an encoder that PyAV lacks; choose another")
    clear = alpha and codec.clear_pixels is not None
    settings = dict(codec.encoders[encoder])
    crf = codec.crf if options.crf is None else options.crf
    if crf is not None:
        settings["crf"] = str(crf)
    if name == "prores":
        settings["profile"] = "4444" if clear else "hq"
    pixels = codec.clear_pixels if clear else codec.pixels
    assert pixels is not None
    return Encoding(name, encoder, pixels, clear, FORMATS[extension], settings, codec.tag)
