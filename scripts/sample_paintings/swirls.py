"""Night wind over a wheat field: short thick strokes along a flow with vortices and lamps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sample_paintings.brush import Brush
from sample_paintings.canvas import Canvas, Strokes
from sample_paintings.fields import Field, Floats, blur, jitter, mix, ramp, rgb, scatter, smoothstep

_NIGHT = rgb("#0b1030", "#14225a", "#1f3c86", "#2f5ba6", "#4a80bd", "#7fabc9", "#b9d0cc", "#e9e6c4")
_LAMP = rgb("#dd861f", "#f0b024", "#f6d24a", "#f3e58e", "#dfe6b0", "#a9ccb4", "#6b9fba", "#3f72ad")
_HILL = rgb("#0a1230", "#16245a", "#27407f", "#41609a", "#7d8fae")
_WHEAT = rgb("#3a2a12", "#6f5016", "#a5741a", "#cf9a22", "#e6bf3e", "#f2dd86")
_BUSH = rgb("#08160f", "#12301c", "#25502a", "#4d7434", "#8c9a45")


def paint(width: int, height: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the picture (height, width, 3)."""
    canvas = Canvas(width, height, rng)
    W, H = canvas.W, canvas.H
    x, y = canvas.grid()
    vortices, lamps = _stage(rng, W, H)
    horizon, field_top = _skyline(rng, x[:1], W, H)
    sky, wheat = y < horizon, y > field_top

    wind = Field(rng, 190, octaves=2)(x, y)
    vx = 1.0 + 0 * x
    vy = 0.55 * wind
    glow = np.zeros_like(x)
    arms = np.zeros_like(x)
    for cx, cy, r, spin in vortices:
        dx, dy = x - cx, y - cy
        d = np.hypot(dx, dy) + 1e-3
        pull = 5.0 * np.exp(-((d / r) ** 2)) * np.clip(d / (0.12 * r), 0, 1)
        vx += pull * (-spin * dy - 0.32 * dx) / d
        vy += pull * (spin * dx - 0.32 * dy) / d
        phase = 2 * np.arctan2(dy, dx) + spin * 5.6 * np.log(d / r + 0.25)
        arms += np.exp(-((d / (0.95 * r)) ** 2)) * (0.25 + 0.75 * np.cos(phase))
    for cx, cy, r in lamps:
        dx, dy = x - cx, y - cy
        d = np.hypot(dx, dy) + 1e-3
        ring = 9 * np.exp(-((d / (2.3 * r)) ** 2))
        vx += ring * -dy / d
        vy += ring * dx / d
        glow = np.maximum(glow, np.exp(-((d / (1.9 * r)) ** 1.2)))
    angle = np.arctan2(vy, vx)

    ripple = Field(rng, 120, octaves=2)(x, y)
    slope = np.broadcast_to(np.gradient(horizon, axis=1), x.shape)
    hill_angle = np.arctan(slope * 1.4) + 0.35 * ripple
    rows = (y - field_top) / (H - field_top)
    lean = Field(rng, 160, stretch=(1.6, 0.5))(x, y)
    wheat_angle = -0.5 - 0.75 * rows + 0.42 * lean + 0.2 * Field(rng, 26)(x, y)
    angle = np.where(sky, angle, np.where(wheat, wheat_angle, hill_angle)).astype(np.float32)

    bands = _comb(angle, rng, canvas)
    depth = y / (horizon + 1)
    tone = 0.30 + 0.17 * bands + 0.30 * arms + 0.16 * smoothstep(0.55, 1.0, depth)
    tone += 0.07 * Field(rng, 150)(x, y) - 0.08 * smoothstep(0.4, 0, depth)
    picture = ramp(_NIGHT, tone)
    # The halo breaks into single strokes: bands decide where it lets the night through.
    lamp = ramp(_LAMP, 1.04 - 1.1 * glow + 0.10 * bands)
    picture = mix(picture, lamp, smoothstep(0.10, 0.42, glow + 0.12 * bands))
    furrow = np.sin(rows * 13 + 1.6 * lean + x / 130)
    wheat_tone = 0.55 + 0.13 * bands + 0.12 * lean + 0.14 * furrow - 0.2 * rows * rows
    ground = ramp(_WHEAT, wheat_tone)
    ground = mix(ground, ramp(_BUSH, 0.62 + 0.2 * bands), smoothstep(1.2, 1.7, ripple - furrow))
    hills = ramp(_HILL, 0.34 + 0.17 * bands + 0.14 * ripple + 0.3 * (y - horizon) / (0.1 * H))
    bush = Field(rng, 60, octaves=2)(x, y) + 1.1 - np.abs(y - field_top + 6) / 13
    hills = mix(hills, ramp(_BUSH, 0.42 + 0.25 * bands), smoothstep(0.2, 0.5, bush))
    ground = mix(ground, ramp(_BUSH, 0.48 + 0.25 * bands), smoothstep(0.5, 0.8, bush))
    picture = np.where(sky[..., None], picture, np.where(wheat[..., None], ground, hills))

    # A dark line where one thing ends and the next begins holds the drawing together.
    edge = np.minimum(np.abs(y - horizon), np.abs(y - field_top)) + 3 * bands
    picture = mix(picture, picture * 0.28, smoothstep(6, 2.5, edge))
    canvas.ground(picture * 0.55)
    light = blur(picture.mean(2), 1)

    def lay(
        brush: Brush, n: int, length: float, size: float, load: float, shift: float, vary: float
    ) -> Strokes:
        xy = (scatter(rng, n) * [W + 40, H + 40] - 20).astype(np.float32)
        short = 1 - 0.35 * canvas.look(wheat, xy).astype(np.float32)
        strokes = canvas.strokes(angle, xy, length * short, size, load=load, wobble=0.12, bend=0.25)
        colour = np.asarray(canvas.look(picture, strokes.start), np.float32)
        colour = jitter(rng, colour, vary, shift)
        stray = rng.random(n) < 0.035  # a brush that still holds another colour
        colour[stray] = 0.5 * (colour[stray] + rng.permutation(colour)[stray])
        second = jitter(rng, colour, 0.10, 0.05)
        strokes = strokes.tint(colour, second)
        order = np.argsort(0.5 * colour.mean(1) + rng.random(n))
        canvas.paint(brush, strokes.take(order), streak=0.09, blend=0.6)
        return strokes

    broad = Brush.bristle(rng, taper=0.2, ragged=0.2, dry=0.5)
    loaded = Brush.bristle(rng, taper=0.3, ragged=0.12, dry=0.3)
    lay(broad, 1500, 80, 20, 0.6, -0.08, 0.05)
    lay(loaded, 5000, 38, 9.0, 1.0, -0.03, 0.07)
    lay(loaded, 5000, 28, 6.2, 1.3, 0.02, 0.09)

    xy = (scatter(rng, 7600) * [W + 24, H + 24] - 12).astype(np.float32)
    bright = canvas.look(light, xy)
    xy = xy[rng.random(len(xy)) < 0.08 + 0.9 * smoothstep(0.35, 0.85, bright)]
    strokes = canvas.strokes(angle, xy, 18, 4.2, load=1.7, wobble=0.12)
    colour = jitter(rng, np.asarray(canvas.look(picture, xy), np.float32), 0.09, 0.10)
    canvas.paint(loaded, strokes.tint(colour, jitter(rng, colour, 0.06, 0.06)), streak=0.08)
    return canvas.photograph(relief=0.9)


def _stage(
    rng: np.random.Generator, W: float, H: float
) -> tuple[list[tuple[float, float, float, float]], list[tuple[float, float, float]]]:
    """Place vortices (x, y, radius, spin) and lamps (x, y, radius) well apart in the sky."""
    taken: list[tuple[float, float, float]] = []

    def place(r: float, low: float, high: float) -> tuple[float, float]:
        tries = rng.random((60, 2)) * [W * 0.94, H * (high - low)] + [W * 0.03, H * low]
        room = [
            min([np.hypot(px - qx, py - qy) - qr for qx, qy, qr in taken], default=1e9)
            for px, py in tries
        ]
        best = tries[int(np.argmax(np.minimum(room, r * 2.2) + rng.random(60)))]
        taken.append((float(best[0]), float(best[1]), r))
        return float(best[0]), float(best[1])

    vortices = []
    for r, spin in ((150, 1.0), (105, -1.0), (78, 1.0), (60, -1.0)):
        cx, cy = place(r * 0.9, 0.12, 0.55)
        vortices.append((cx, cy, float(r), spin * float(rng.choice([-1, 1]))))
    lamps = []
    for r in (30, 20, 17, 14, 12, 10, 9):
        cx, cy = place(r * 2.2, 0.05, 0.58)
        lamps.append((cx, cy, r * float(rng.uniform(0.9, 1.15))))
    return vortices, lamps


def _skyline(rng: np.random.Generator, x: Floats, W: float, H: float) -> tuple[Floats, Floats]:
    """Return the height of the hills and of the field's upper edge for every column, (1, w)."""
    ridge = Field(rng, 150, octaves=3)(x, 0 * x)
    edge = Field(rng, 260, octaves=2)(x, 0 * x)
    tilt = float(rng.uniform(-0.05, 0.05))
    horizon = H * (0.69 + tilt * (x / W - 0.5)) + 22 * ridge
    return horizon, np.maximum(H * 0.805 + 9 * edge, horizon + 14)


def _comb(angle: Floats, rng: np.random.Generator, canvas: Canvas) -> Floats:
    """Noise smeared along the flow: bands of tone that run with the strokes; unit spread."""
    x, y = canvas.grid()
    grain = Field(rng, 9)(x, y) + 0.9 * Field(rng, 24)(x, y)
    step = 2
    small = grain[::step, ::step]
    at = np.stack([x, y], -1)[::step, ::step]
    total = small.copy()
    for sign in (1, -1):
        p = at.copy()
        for _ in range(11):
            theta = canvas.look(angle, p)
            p[..., 0] += sign * 6 * np.cos(theta)
            p[..., 1] += sign * 6 * np.sin(theta)
            total += canvas.look(grain, p)
    total = np.repeat(np.repeat(total, step, 0), step, 1)[: x.shape[0], : x.shape[1]]
    return np.asarray(total / total.std(), np.float32)
