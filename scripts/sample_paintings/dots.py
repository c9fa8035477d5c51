"""A river on a bright afternoon, painted in divided tone: small dots of nearly pure colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sample_paintings.brush import Brush
from sample_paintings.canvas import Canvas
from sample_paintings.fields import Field, Floats, blur, mix, ramp, rgb, scatter, smoothstep

_SKY = rgb("#4f8fc9", "#79aedb", "#a9cbd9", "#efdcae", "#f7cf8c", "#f3b98a")
_WATER = rgb("#1f4c86", "#3673a8", "#5c9fbb", "#9cc7bd", "#f0dca6")
_GRASS = rgb("#1d3f4a", "#27623f", "#4f8f3c", "#94b33f", "#d5cf55", "#efe08a")
_TREE = rgb("#14284a", "#1a4a4c", "#2c6e3f", "#5c9440", "#b3b84a")
_SAND = rgb("#a87a68", "#d5a878", "#ecd09a", "#f5e6bf")
_PIGMENTS = rgb(
    "#fbf4dc", "#f6d645", "#f2a62c", "#e8702e", "#d8452f", "#c2527f", "#8a5aa8", "#4a4fa6",
    "#2a63b4", "#3f92c8", "#8cc6dc", "#2f9c8c", "#2f8a46", "#7db53e", "#c3d254", "#17305c",
    "#f3c3a4", "#d8c8e2",
)  # fmt: skip


def paint(width: int, height: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the picture (height, width, 3)."""
    canvas = Canvas(width, height, rng)
    W, H = canvas.W, canvas.H
    x, y = canvas.grid()
    picture, angle = _river_bank(rng, x, y, W, H)
    canvas.ground(blur(picture, (2, 2, 0)) * 0.9)

    broad = Brush.bristle(rng, taper=0.2, ragged=0.2, dry=0.5)
    dab = Brush.dab(rng)
    for n, length, size, load in ((2600, 34, 13, 0.4), (9000, 13, 7.5, 0.6)):
        xy = (scatter(rng, n) * [W + 20, H + 20] - 10).astype(np.float32)
        strokes = canvas.strokes(angle, xy, length, size, load=load, wobble=0.35)
        colour = np.asarray(canvas.look(picture, strokes.start), np.float32)
        colour = np.clip(colour + 0.05 * rng.standard_normal((n, 3)), 0, 1).astype(np.float32)
        second = _divide(rng, colour, 0.16)
        canvas.paint(broad, strokes.tint(mix(colour, second, 0.3), second), blend=0.5)

    for n, size, vary in ((26000, 5.6, 0.13), (24000, 4.3, 0.17), (12000, 3.4, 0.17)):
        xy = (scatter(rng, n) * [W + 8, H + 8] - 4).astype(np.float32)
        strokes = canvas.strokes(
            angle, xy, size * 1.35, size, points=3, load=0.8, spread=0.2, wobble=0.5
        )
        wander = xy + rng.normal(0, 1.8, (n, 2)).astype(np.float32)
        colour = _divide(rng, np.asarray(canvas.look(picture, wander), np.float32), vary)
        second = np.clip(colour + 0.06 * rng.standard_normal((n, 3)), 0, 1).astype(np.float32)
        canvas.paint(dab, strokes.tint(colour, second), streak=0.03, blend=0.3, bury=0.5)
    return canvas.photograph(relief=0.55, gloss=0.10, weave=0.4)


def _divide(rng: np.random.Generator, colour: Floats, vary: float) -> Floats:
    """Exchange each colour (n, 3) for a pigment near it, so that neighbours mix in the eye."""
    n = len(colour)
    aim = colour + vary * rng.standard_normal((n, 3)) + 0.5 * vary * rng.standard_normal((n, 1))
    grey = colour.mean(1, keepdims=True)
    # Here and there a dot answers with the complement, least in the light.
    answer = rng.random((n, 1)) < 0.10 - 0.07 * grey
    aim = np.where(answer, grey + 1.1 * (grey - colour) + 0.3 * (aim - colour), aim)
    far = ((aim[:, None] - _PIGMENTS[None]) ** 2).sum(2)
    pigment = _PIGMENTS[far.argmin(1)]
    return np.clip(mix(colour, pigment, 0.55 + 0.3 * rng.random(n)), 0, 1).astype(np.float32)


def _river_bank(
    rng: np.random.Generator, x: Floats, y: Floats, W: float, H: float
) -> tuple[Floats, Floats]:
    """Return the scene (h, w, 3) under the dots and the direction of the dabs (h, w)."""
    fold = Field(rng, 130, stretch=(2.4, 0.7), octaves=3)(x, y)
    soft = Field(rng, 90, octaves=3)(x, y)
    horizon = H * float(rng.uniform(0.36, 0.42))
    sun = W * float(rng.uniform(0.25, 0.75))

    up = y / horizon
    sky = ramp(_SKY, 0.02 + 0.80 * up + 0.14 * np.exp(-(((x - sun) / (0.3 * W)) ** 2)))
    cloud = smoothstep(0.25, 1.4, fold + 0.3 * soft) * smoothstep(1.0, 0.5, up)
    sky = mix(sky, rgb("#fdf3da")[0], 0.8 * cloud)
    under = smoothstep(0.3, 1.3, np.roll(fold, 14, 0)) * smoothstep(1.1, 0.6, up) * (1 - cloud)
    sky = mix(sky, rgb("#9d8ac6")[0], 0.7 * under)

    # The far bank: a row of trees, lit from one side, and what the water makes of it.
    side = 1.0 if sun > W / 2 else -1.0
    row = Field(rng, 64, octaves=3)(x[:1], 0 * x[:1])
    tall = np.clip(30 + 15 * row + 20 * np.cos((x[:1] / W - 0.5 - 0.2 * side) * 6), 9, 90)
    lump = Field(rng, 26, octaves=2)
    trees = smoothstep(-1.5, 1.5, y - (horizon - tall)) * smoothstep(1, -1, y - horizon)
    light = 0.45 + 0.25 * lump(x, y) + 0.16 * side * np.gradient(row, axis=1) * 20
    light += 0.4 * (0.5 - np.clip((horizon - y) / tall, 0, 1)) * -1
    picture = mix(sky, ramp(_TREE, light), trees)
    strip = smoothstep(1.5, 0, np.abs(y - horizon + 1) - 2.0 - 1.5 * soft)
    picture = mix(picture, ramp(_SAND, 0.6 + 0.2 * soft), strip)

    # The water mirrors what stands above the horizon, drawn out and broken by ripples.
    down = y - horizon
    ripple = Field(rng, 34, stretch=(3.2, 0.28), octaves=2)(x, y)
    mirror = np.clip(horizon - 0.9 * down - 5 * ripple, 0, horizon - 2)
    rows = np.clip(mirror.astype(int), 0, y.shape[0] - 1)
    cols = np.clip((x + 7 * ripple).astype(int), 0, x.shape[1] - 1)
    water = mix(ramp(_WATER, 0.45 + 0.2 * ripple - 0.3 * down / H), picture[rows, cols], 0.5)
    glitter = np.exp(-(((x - sun) / (30 + 0.35 * np.abs(down))) ** 2)) * smoothstep(
        0.2, 1.3, ripple
    )
    water = mix(water, rgb("#fff0bd")[0], 0.8 * glitter)
    picture = np.where((down > 0)[..., None], water, picture)

    # The near bank falls away to the river; its path and light follow the slope.
    drop = 0.5 - 0.5 * np.tanh((x[:1] / W - 0.5 + 0.05 * side) * 3.2 * side)
    bank = H * (0.90 - 0.30 * drop) + 7 * Field(rng, 90, octaves=3)(x[:1], 0 * x[:1])
    land = smoothstep(-1, 1.5, y - bank)
    into = (y - bank) / (H * 0.3)
    shade = smoothstep(0.0, 0.9, soft + 1.2 * Field(rng, 170, stretch=(1.6, 0.6))(x, y) - 0.1)
    grass = ramp(_GRASS, 0.70 + 0.10 * lump(x, y) - 0.5 * shade + 0.06 * ripple)
    meadow = Field(rng, 55, stretch=(1.8, 0.6), octaves=2)(x, y)
    grass = mix(grass, ramp(_SAND, 0.6 + 0.2 * soft), smoothstep(1.0, 1.5, meadow) * (1 - shade))
    grass = mix(grass, rgb("#2b3f86")[0], 0.45 * shade * smoothstep(0.4, -0.8, meadow))
    grass = mix(grass, rgb("#f3e9bf")[0], 0.8 * smoothstep(0.05, 0.0, np.abs(into - 0.012)))
    picture = mix(picture, grass, land)
    angle = np.where(y < bank, 0.06 * fold, 0.35 * side * drop + 0.9 + 0.4 * meadow)

    # Two or three trees on the near bank, dark against the water, with their shadows.
    base = 0.5 - side * 0.34
    for i in range(int(rng.integers(2, 4))):
        tx = W * (base + side * (0.13 * i + float(rng.uniform(-0.03, 0.03))))
        size = H * float(rng.uniform(0.15, 0.2)) * (1 - 0.16 * i)
        foot = float(np.interp(tx, x[0], bank[0])) + H * 0.05
        top = foot - size * float(rng.uniform(2.0, 2.3))
        lean = 0.12 * size * np.sin((y - top) / size)
        trunk = smoothstep(1, -1, np.abs(x - tx - lean) - 0.055 * size - 0.02 * np.abs(y - foot))
        trunk *= (y > top) & (y < foot)
        dx, dy = (x - tx - lean) / size, (y - top) / (0.85 * size)
        crown = 1.0 - np.hypot(dx, dy) + 0.24 * lump(x, y) + 0.16 * soft
        cast = 1 - np.hypot((x - tx + side * size * 0.7) / size, (y - foot - 6) / (0.17 * size))
        cast = smoothstep(0.1, 0.5, cast + 0.2 * lump(x, y)) * land
        picture = mix(picture, rgb("#1f3566")[0], 0.75 * cast)
        picture = mix(
            picture, ramp(rgb("#2a1e3e", "#6a4650", "#c98a5a"), 0.3 + side * dx * 5), trunk
        )
        leaf = 0.42 + 0.2 * lump(x, y) + 0.34 * side * dx - 0.26 * dy
        picture = mix(picture, ramp(_TREE, leaf), smoothstep(0, 0.12, crown))
        angle = np.where(crown > 0, np.arctan2(dx, -dy) + 1.2, angle)
    return picture, np.asarray(angle, np.float32)
