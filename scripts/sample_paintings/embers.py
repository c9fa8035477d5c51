"""Evening fire over black water: slabs of warm paint set down with a palette knife."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sample_paintings.brush import Brush
from sample_paintings.canvas import Canvas
from sample_paintings.fields import Field, Floats, jitter, mix, ramp, rgb, scatter, smoothstep

_FIRE = rgb("#2a0b14", "#5e1220", "#9c1f1d", "#cf3d17", "#ea6a1b", "#f49a2c", "#fbca55", "#fdeeb4")
_COOL = rgb("#0d1220", "#1b2b45", "#2b5066", "#4f8389", "#a3bfae")


def paint(width: int, height: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the picture (height, width, 3)."""
    canvas = Canvas(width, height, rng)
    W, H = canvas.W, canvas.H
    x, y = canvas.grid()
    picture, angle = _scene(rng, x, y, W, H)
    canvas.ground(picture * 0.6)

    knife = Brush.knife(rng)
    broad = Brush.bristle(rng, taper=0.15, ragged=0.25, dry=0.6)
    layers = (
        (broad, 1300, 90, 30, 0.5, 0.05),
        (knife, 1500, 66, 27, 1.0, 0.07),
        (knife, 2300, 40, 15, 1.5, 0.09),
        (knife, 2200, 24, 8, 1.9, 0.10),
    )
    for i, (brush, n, length, size, load, vary) in enumerate(layers):
        xy = (scatter(rng, n) * [W + 60, H + 60] - 30).astype(np.float32)
        if i > 1:  # the smaller the slab, the closer to the light
            glow = np.asarray(canvas.look(picture, xy))[:, 0]
            xy = xy[rng.random(n) < 0.25 + 0.75 * smoothstep(0.3, 0.95, glow)]
        turn = np.pi / 2 * (rng.random(len(xy)) < 0.22)  # some slabs lie across the others
        across = angle + np.pi / 2
        batch = [
            canvas.strokes(a, xy[pick], length, size, load=load, wobble=0.22, bend=0.06, points=5)
            for a, pick in ((angle, turn == 0), (across.astype(np.float32), turn > 0))
        ]
        for strokes in batch[::-1]:
            colour = jitter(rng, np.asarray(canvas.look(picture, strokes.start)), vary)
            # The knife drags in what lay beside it.
            near = strokes.start + rng.normal(0, 26, (len(colour), 2)).astype(np.float32)
            second = jitter(rng, np.asarray(canvas.look(picture, near)), 0.12)
            order = np.argsort(0.7 * colour.mean(1) + rng.random(len(colour)))
            strokes = strokes.tint(colour, second).take(order)
            canvas.paint(brush, strokes, streak=0.06, blend=0.8, bury=0.6)
    return canvas.photograph(relief=1.0, gloss=0.2, weave=0.3)


def _scene(
    rng: np.random.Generator, x: Floats, y: Floats, W: float, H: float
) -> tuple[Floats, Floats]:
    """Return the colours (h, w, 3) and the lie of the slabs (h, w)."""
    horizon = H * float(rng.uniform(0.52, 0.6))
    sx, sy = W * float(rng.uniform(0.28, 0.72)), horizon - H * float(rng.uniform(0.1, 0.2))
    drift = Field(rng, 150, stretch=(2.2, 0.6), octaves=3)(x, y)
    flame = Field(rng, 60, stretch=(1.6, 0.7), octaves=2)(x, y)
    d = np.hypot((x - sx) * 0.8, y - sy)
    heat = 0.30 + 0.62 * np.exp(-((d / (0.36 * H)) ** 1.3)) + 0.17 * drift + 0.06 * flame
    heat += 0.12 * smoothstep(0.5, 1.0, y / horizon)
    sky = ramp(_FIRE, heat)
    cold = smoothstep(0.5, 1.3, -drift + 0.4 * flame + 0.7 * (0.45 - y / horizon) + d / (0.9 * W))
    sky = mix(sky, ramp(_COOL, 0.45 + 0.25 * flame), 0.9 * cold)
    down = y - horizon
    wave = Field(rng, 46, stretch=(3.4, 0.4), octaves=2)(x, y)
    path = np.exp(-(((x - sx - 20 * wave) / (36 + 0.42 * np.abs(down))) ** 2))
    water = 0.12 + 0.10 * wave + path * (0.56 + 0.2 * wave) - 0.12 * down / H
    sea = mix(ramp(_FIRE, water), ramp(_COOL, 0.35 + 0.28 * wave), 0.75 * (1 - path))
    sea = mix(sea, ramp(_FIRE, 0.30 + 0.14 * wave), smoothstep(1.0, 1.6, wave) * 0.8)
    # A dark shore with a jagged top divides fire from water.
    top = horizon - 12 - 16 * Field(rng, 60, octaves=3)(x[:1], 0 * x[:1]).clip(-0.7, 3)
    shore = smoothstep(-2, 2, y - top) * smoothstep(3, -3, down - 4)
    picture = mix(sky, sea, smoothstep(-1, 1, down))
    picture = mix(picture, ramp(rgb("#120a10", "#2c1420", "#5c2420"), 0.35 + 0.3 * flame), shore)
    swirl = np.arctan2(y - sy, x - sx) + np.pi / 2
    near = np.exp(-((d / (0.22 * H)) ** 2))
    angle = np.where(down > 0, 0.08 * wave, 0.35 * drift + near * np.sin(swirl) * 0.5 - 0.25)
    angle = np.where(shore > 0.5, -0.3 + 0.6 * flame, angle)
    return picture, np.asarray(angle, np.float32)
