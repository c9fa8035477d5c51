"""Tiny films for the tests, made as they run."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av")


def picture(number, width=64, height=48, seed=0):
    """A smooth picture that moves to the right by two pixels a frame, uint8 (height, width, 3)."""
    random = np.random.default_rng(seed)
    angles = random.uniform(0.05, 0.3, (2, 3))
    y, x = np.mgrid[:height, :width]
    waves = np.sin((x[:, :, None] - 2 * number) * angles[0] + y[:, :, None] * angles[1])
    tint = random.uniform(0.3, 0.7, 3)
    return np.rint(255 * np.clip(tint + 0.25 * waves, 0, 1)).astype(np.uint8)


def write(
    path: Path,
    pictures,
    *,
    stamps=None,
    base=Fraction(1, 25),
    codec="libx264",
    pixels="yuv420p",
    sound=None,
    rotation=None,
    form=None,
    tags=None,
    settings=None,
    metadata=None,
):
    """Write a film. ``sound`` is a codec, ``stamps`` the time stamps in units of ``base``."""
    pictures = list(pictures)
    height, width = pictures[0].shape[:2]
    stamps = range(len(pictures)) if stamps is None else stamps
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.options = settings or ({"crf": "8"} if codec == "libx264" else {})
        stream.codec_context.time_base = base
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        stream.metadata.update(metadata or {})
        if rotation is not None:
            stream.set_display_rotation(rotation)
        heard = container.add_stream(sound, rate=48000) if sound else None
        for rgb, pts in zip(pictures, stamps, strict=True):
            kind = "rgba" if rgb.shape[2] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(rgb, format=kind)
            frame.pts, frame.time_base = pts, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if heard:
            _hum(container, heard, float((max(stamps) + 1) * base))
    return path


def _hum(container, stream, seconds):
    samples = np.sin(np.arange(int(48000 * seconds)) * 0.05).astype(np.float32)
    for start in range(0, len(samples), 1024):
        part = np.zeros(1024, np.float32)
        part[: len(samples[start : start + 1024])] = samples[start : start + 1024]
        frame = av.AudioFrame.from_ndarray(np.stack([part] * 2), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def film(path: Path, frames=12, width=64, height=48, **how):
    """Write a film that moves."""
    return write(path, [picture(k, width, height) for k in range(frames)], **how)


def with_subtitles(path: Path, out: Path):
    """Copy a film to ``out``, a .mkv file, with two subtitles, after 0.1 and 0.3 seconds."""
    text = out.with_suffix(".srt")
    text.write_text(
        "1\n00:00:00,100 --> 00:00:00,200\nfirst\n\n2\n00:00:00,300 --> 00:00:00,400\nlast\n"
    )
    with av.open(str(path)) as one, av.open(str(text)) as other, av.open(str(out), "w") as made:
        streams = {stream: made.add_stream_from_template(stream, opaque=True)
                   for stream in (*one.streams, *other.streams)}  # fmt: skip
        for packet in (*one.demux(), *other.demux()):
            if packet.size:
                packet.stream = streams[packet.stream]
                made.mux(packet)
    return out


def packets(path: Path, kind: str):
    """Return (time in seconds, hash) of each packet of a kind, in the order of the file."""
    found = []
    with av.open(str(path)) as container:
        for packet in container.demux(**{kind: 0}):
            if packet.size:
                time = Fraction(packet.pts) * packet.time_base
                found.append((time, hashlib.sha256(bytes(packet)).hexdigest()))
    return found


def decoded(path: Path):
    """Return the frames (h, w, 3) and their times in seconds."""
    pictures, times = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            pictures.append(frame.to_ndarray(format="rgb24"))
            times.append(frame.pts * frame.time_base)
    assert all(a < b for a, b in pairwise(times))
    return pictures, times


def apart(one, other):
    return float(np.abs(one.astype(np.float32) - other.astype(np.float32)).mean())


class Plain:
    """Paints frames as negatives, and remembers what it was asked."""

    piece = 4
    follows = False
    at_once = 1

    def __init__(self):
        self.seen, self.shots = [], 0
        self.stop_after = None

    def prepare(self, width, height, _stability):
        self.size = width, height

    def begin_shot(self):
        self.shots += 1

    def stylize(self, rgb, _start):
        if self.stop_after is not None and len(self.seen) >= self.stop_after:
            raise KeyboardInterrupt
        self.seen.append(rgb)
        return 255 - rgb

    def state(self):
        return {}

    def restore(self, _state):
        pass

    def recipe(self):
        return {"negative": True}
