"""Breaking waves, cut in wood and printed: bold contours, flat blues, foam, grain and paper."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sample_paintings.canvas import Canvas
from sample_paintings.fields import Field, Floats, mix, ramp, rgb, smoothstep

_PAPER, _INK, _DEEP, _BLUE, _TEAL, _PALE, _FOAM, _SKY, _ROSE, _SUN = range(10)
_INKS = rgb(
    "#e9dcbd", "#101a38", "#17305f", "#27558e", "#5d9aa6", "#a9c7b9", "#f3ead2", "#dccfae",
    "#d9a084", "#c8452f",
)  # fmt: skip


class _Block:
    """The picture as areas of ink, drawn from the back to the front."""

    def __init__(self, canvas: Canvas, rng: np.random.Generator) -> None:
        self.image = Image.new("L", (canvas.w, canvas.h), _PAPER)
        self.draw = ImageDraw.Draw(self.image)
        self.rng, self.k = rng, canvas.k

    def fill(self, points: Floats, ink: int) -> None:
        """Fill a closed outline (n, 2)."""
        self.draw.polygon((points * self.k).ravel().tolist(), fill=ink)

    def dot(self, x: float, y: float, r: float, ink: int) -> None:
        """Fill a disc."""
        k = self.k
        self.draw.ellipse(((x - r) * k, (y - r) * k, (x + r) * k, (y + r) * k), fill=ink)

    def line(self, points: Floats, width: float, ink: int, *, swell: float = 0.5) -> None:
        """Cut a line that swells towards its middle and runs out at its ends."""
        n = len(points)
        t = np.linspace(0, 1, n)
        half = 0.5 * width * ((1 - swell) + swell * np.sin(np.pi * t) ** 0.7)
        half *= 1 + 0.12 * np.sin(np.arange(n) * 0.8 + self.rng.uniform(0, 6))
        way = np.gradient(points, axis=0)
        way /= np.linalg.norm(way, axis=1, keepdims=True) + 1e-6
        side = np.stack([-way[:, 1], way[:, 0]], 1) * half[:, None]
        self.fill(np.concatenate([points + side, (points - side)[::-1]]).astype(np.float32), ink)


def paint(width: int, height: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the picture (height, width, 3)."""
    canvas = Canvas(width, height, rng)
    W, H = canvas.W, canvas.H
    block = _Block(canvas, rng)
    _sky(block, rng, W, H)
    facing = float(rng.choice([-1, 1]))
    # base, height and length of the waves, and how far a crest leans over.
    for i, (base, tall, long, lean) in enumerate(
        ((0.64, 0.10, 0.24, 0.5), (0.74, 0.20, 0.46, 0.9), (0.90, 0.44, 0.92, 1.15),
         (1.02, 0.20, 0.50, 0.8), (1.10, 0.15, 0.34, 0.6))
    ):  # fmt: skip
        _wave(block, rng, W, H, base * H, tall * H, long * W, facing * lean, 0.45 + 0.16 * i)
    return _print(canvas, np.asarray(block.image), rng)


def _sky(block: _Block, rng: np.random.Generator, W: float, H: float) -> None:
    """A low sun, a far mountain and bars of cloud."""
    x = W * float(rng.uniform(0.3, 0.7))
    block.dot(x, H * 0.2, H * 0.085, _INK)
    block.dot(x, H * 0.2, H * 0.085 - 1.6, _SUN)
    t = np.linspace(0, 1, 60)
    for _ in range(7):
        cx, cy = W * rng.uniform(-0.1, 1.1), H * rng.uniform(0.04, 0.4)
        long = W * rng.uniform(0.16, 0.34)
        lobe = np.abs(np.sin(t * np.pi * int(rng.integers(2, 5)))) ** 0.7 * np.sin(np.pi * t) ** 0.5
        top = np.stack([cx + long * (t - 0.5), cy - H * 0.035 * lobe], 1)
        foot = np.stack([cx + long * (t - 0.5), cy + H * 0.010 * np.sin(np.pi * t)], 1)
        block.fill(
            np.concatenate([top, foot[::-1]]).astype(np.float32),
            int(rng.choice([_FOAM, _ROSE, _PALE])),
        )
        block.line(top.astype(np.float32), 1.8, _BLUE)
    x = W * float(rng.uniform(0.2, 0.8))
    run = np.linspace(-1, 1, 80)
    rise = (1 - np.abs(run)) ** 1.35 * 0.19 * H
    slope = np.stack([x + run * W * 0.26, H * 0.60 - rise], 1).astype(np.float32)
    block.fill(slope, _BLUE)
    snow = slope[np.abs(run) < 0.36]
    teeth = snow[::-1].copy()
    teeth[:, 1] = snow[0, 1] + 6 * np.sin(np.arange(len(snow)) * 1.5) + rng.normal(0, 4, len(snow))
    block.fill(np.concatenate([snow, teeth]), _FOAM)
    block.line(slope, 2.6, _INK, swell=0.3)


def _wave(
    block: _Block,
    rng: np.random.Generator,
    W: float,
    H: float,
    base: float,
    tall: float,
    long: float,
    lean: float,
    bold: float,
) -> None:
    """One rank of waves across the picture, filled to the lower edge."""
    s = np.linspace(-0.9 * W, 1.9 * W, 900)
    start = float(rng.uniform(0, 1))
    theta = 2 * np.pi * (s / long + start + 0.05 * np.sin(2 * np.pi * s / (2.3 * long)))
    turn = np.floor(theta / (2 * np.pi) + 0.5).astype(int)
    vary = rng.uniform(0.72, 1.1, 200)[turn % 200]
    crest = (0.5 + 0.5 * np.cos(theta)) ** 1.7

    def curve(level: float) -> Floats:
        """The wave's outline, sunk by ``level`` (0 the crest, 1 the trough) along its face."""
        rise = crest * tall * vary * (1 - 0.85 * level)
        hook = lean * tall * 0.85 * (crest**2.6) * vary * (1 - 0.9 * level)
        sink = base - rise + level * 0.85 * tall + 0.06 * tall * np.sin(2 * theta + 5 * level)
        return np.stack([s + hook + lean * 0.30 * tall * level, sink], 1).astype(np.float32)

    def body(level: float, ink: int) -> None:
        c = curve(level)
        block.fill(
            np.concatenate([c, [[2.5 * W, 2 * H], [-1.5 * W, 2 * H]]]).astype(np.float32), ink
        )

    body(0, _FOAM)
    order = [_PALE, _TEAL, _BLUE, _DEEP]
    levels = np.linspace(0.05, 1.5, 15) + rng.normal(0, 0.012, 15)
    inks = [_PALE, _BLUE, _TEAL, _DEEP, _BLUE, _DEEP, _PALE, _DEEP, _BLUE, _DEEP, _TEAL, _DEEP]
    for i, level in enumerate(levels):
        body(float(level), inks[i % len(inks)] if i else order[0])
        # Tongues of another tone run up the face from each stripe.
        c = curve(float(level))
        for j in rng.integers(0, len(c) - 60, 16):
            n = int(rng.integers(16, 58))
            part = c[j : j + n]
            bulge = np.sin(np.linspace(0, np.pi, n)) * tall * rng.uniform(0.03, 0.09)
            upper = part + np.stack([0 * bulge, bulge], 1)
            tongue = np.concatenate([part, upper[::-1]]).astype(np.float32)
            block.fill(tongue, int(rng.choice([_PALE, _TEAL, _BLUE, _FOAM, _DEEP])))
        if i % 2:
            for j in range(0, len(c) - 60, 60):
                block.line(c[j : j + int(rng.integers(30, 70))], 1.4 + bold, _INK, swell=0.9)
    top = curve(0)
    block.line(top, 2.4 + 1.6 * bold, _INK, swell=0.0)
    _foam(block, rng, top, crest, tall, lean, bold)


def _foam(
    block: _Block,
    rng: np.random.Generator,
    top: Floats,
    crest: NDArray[np.float64],
    tall: float,
    lean: float,
    bold: float,
) -> None:
    """Scalloped foam along the crests, with claws that reach forward, and spray beyond."""
    high = np.flatnonzero(crest > 0.30)
    side = np.sign(lean)
    unit = 0.055 * tall + 1.6
    for layer in range(4):  # from the lowest fringe up: each a scalloped cloud of its own
        some = rng.permutation(high)[: len(high) * 2 // 3]
        reach = tall * 0.20 * (crest[some] - 0.25) * (4 - layer) / 2
        px = top[some, 0] + side * rng.normal(0.1, 0.35, len(some)) * reach
        py = top[some, 1] + np.abs(rng.normal(0.15, 0.55, len(some))) * reach
        r = unit * rng.uniform(0.4, 1.15, len(some)) * (0.5 + 0.7 * crest[some])
        for grow, ink in ((1.0 + 0.6 * bold, _INK), (0.0, _PALE if layer == 0 else _FOAM)):
            for x, y, size in zip(px, py, r, strict=True):
                block.dot(float(x), float(y), float(size) + grow, ink)
        for x, y, size in zip(px[::9], py[::9], r[::9], strict=True):
            t = np.linspace(0.3, 3.0 + layer * 0.4, 12) + (0 if side > 0 else 0.4)
            arc = np.stack([x + side * size * np.cos(t), y + size * np.sin(t)], 1)
            block.line(
                arc.astype(np.float32), 1.3 + 1.4 * bold, _TEAL if layer % 2 else _BLUE, swell=0.9
            )
    for j in rng.choice(high, min(len(high), 90), replace=False):
        if crest[j] < 0.45:
            continue
        size = unit * float(rng.uniform(1.4, 3.2))
        t = np.linspace(0, 1, 14)
        curl = t * rng.uniform(1.6, 3.4)
        claw = np.stack(
            [side * np.sin(curl), -0.35 * np.sin(curl * 0.5) + 0.7 * (1 - np.cos(curl))], 1
        )
        claw = (claw * size * 0.8 + top[j]).astype(np.float32)
        block.line(claw, size * 0.62 + 2 + bold, _INK, swell=0.75)
        block.line(claw, size * 0.62, _FOAM, swell=0.8)
    peaks = high[crest[high] > 0.75]
    for j in rng.choice(peaks, 260):
        away = np.abs(rng.normal(0, 1, 2)) * tall * [0.55, 0.30] + unit
        px, py = top[j] + [side * away[0], (away[1] - tall * 0.22)]
        r = float(rng.uniform(0.8, 2.3)) * (0.6 + 0.5 * bold)
        block.dot(px, py, r + 0.8, _INK)
        block.dot(px, py, r, _FOAM)


def _print(canvas: Canvas, areas: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Print the block: uneven pressure, the grain of the wood, graded inks, fibrous paper."""
    x, y = canvas.grid(2)
    hand = [canvas.pixels(Field(rng, 17, octaves=2)(x, y)) for _ in range(2)]
    row = np.arange(canvas.h)[:, None] + (hand[0] * 0.7 * canvas.k).astype(np.int32)
    col = np.arange(canvas.w)[None, :] + (hand[1] * 0.7 * canvas.k).astype(np.int32)
    areas = areas[row.clip(0, canvas.h - 1), col.clip(0, canvas.w - 1)]
    x, y = canvas.grid(1)
    knots = Field(rng, 120, stretch=(2.5, 1))(x, y)
    grain = Field(rng, 60, stretch=(6, 0.055), octaves=2)(x, y + 16 * knots)
    mottle = Field(rng, 7, octaves=3)(x, y)
    cloud = Field(rng, 110, octaves=3)(x, y)
    fibre = Field(rng, 5, stretch=(3.5, 0.5))(x, y) + Field(rng, 5, stretch=(0.5, 3.5))(x, y)

    up = y / canvas.H
    paper = ramp(rgb("#3c5a78", "#8fa39a", "#dccfac", "#ead9b4", "#d9a883"), 0.02 + 1.5 * up)
    paper = mix(paper, rgb("#e9dcbd")[0], 0.25 + 0.05 * cloud)
    ink = _INKS[areas].reshape(canvas.h, canvas.w, 3)
    colour = np.where((areas == _PAPER)[..., None], canvas.pixels(paper), ink)
    thin = 0.08 + 0.045 * grain + 0.03 * mottle + 0.05 * cloud
    worn = smoothstep(2.1, 3.4, grain + 0.9 * mottle) * 0.15
    colour = mix(colour, _INKS[_PAPER], canvas.pixels(thin + worn))
    tone = canvas.pixels(1 + 0.035 * grain + 0.02 * mottle + 0.008 * fibre + 0.03 * cloud)
    canvas.colour = (colour * tone[..., None]).reshape(-1, 3).astype(np.float32)
    edge = (areas != _INK) & (areas != _FOAM)
    pressed = 0.4 * edge + 0.10 * canvas.pixels(grain) * edge + 0.05 * canvas.pixels(fibre)
    canvas.relief = pressed.reshape(-1).astype(np.float32)
    return canvas.photograph(relief=0.8, gloss=0.03, weave=0.0)
