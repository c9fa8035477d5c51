"""A table with bottle, jug, guitar and fruit broken into planes: ochre, umber, grey and blue."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sample_paintings.brush import Brush
from sample_paintings.canvas import Canvas, Strokes
from sample_paintings.fields import Field, Floats, Ints, jitter, mix, ramp, rgb, scatter

_TONES = [
    rgb("#2a1a10", "#6a4420", "#b07c36", "#e0b766", "#f3e0ac"),  # ochre
    rgb("#1a120e", "#48301e", "#7f5834", "#b18f62", "#dccaa2"),  # umber
    rgb("#15181c", "#3c4348", "#757d7d", "#b3b5a8", "#e9e4d2"),  # grey
    rgb("#0c1524", "#1f3a5a", "#44708f", "#86a8b4", "#cddad2"),  # blue
    rgb("#20120e", "#6e2a18", "#ae4f26", "#d68a52", "#efc79a"),  # sienna
    rgb("#121a14", "#33452f", "#66744c", "#a3a878", "#dcd9b4"),  # olive
]
_INK = rgb("#120d0c")[0]


class _Plan:
    """The drawing: planes cut by others, each with a tone, a gradient and a stroke direction."""

    def __init__(self, canvas: Canvas, rng: np.random.Generator) -> None:
        self.canvas, self.rng = canvas, rng
        self.image = Image.new("I", (canvas.w, canvas.h), 0)
        self.draw = ImageDraw.Draw(self.image)
        self.planes: list[tuple[int, float, float, float, float, float, float, float]] = []
        self.outlines: list[tuple[int, Floats]] = []

    def add(
        self, points: Floats, tone: int, value: float, *, slope: float | None = None, ink: float = 1
    ) -> None:
        """Cut a new plane with the corners ``points`` (n, 2) out of what is there."""
        rng, k = self.rng, self.canvas.k
        centre, size = points.mean(0), float(np.ptp(points, axis=0).max())
        slope = float(rng.uniform(0, 2 * np.pi)) if slope is None else slope
        steep = float(rng.uniform(0.28, 0.5)) * rng.choice([1, 1, 0.6])
        lie = float(
            rng.choice([0.0, slope + np.pi / 2, rng.uniform(-0.9, 0.9)], p=[0.25, 0.5, 0.25])
        )
        self.planes.append((tone, value, centre[0], centre[1], size, slope, steep, lie))
        self.draw.polygon([(float(a * k), float(b * k)) for a, b in points], fill=len(self.planes))
        if rng.random() < ink:
            self.outlines.append((len(self.planes), points))

    def split(self, points: Floats, tone: int, value: float, *, deep: int = 1) -> None:
        """Add a plane and break it along chords into planes of related tone and other light."""
        self.add(points, tone, value)
        for _ in range(deep):
            i, j = sorted(self.rng.choice(len(points), 2, replace=False))
            if j - i < 2 and len(points) > 3:
                j = min(j + len(points) // 3 + 1, len(points) - 1)
            a, b = (_along(points, float(n + self.rng.uniform(0.2, 0.8))) for n in (i, j))
            part = np.concatenate([a[None], points[i + 1 : j + 1], b[None]])
            if len(part) < 3:
                continue
            other = tone if self.rng.random() < 0.62 else int(self.rng.integers(len(_TONES)))
            shift = float(self.rng.choice([-1, 1]) * self.rng.uniform(0.12, 0.34))
            self.add(part.astype(np.float32), other, value + shift, ink=0.75)

    def passages(self, n: int) -> None:
        """Let ``n`` slivers of light and shade slide across planes, in the tones beneath them."""
        rng, size = self.rng, np.array([self.canvas.W, self.canvas.H])
        beneath = np.asarray(self.image, np.int32)
        for _ in range(n):
            middle = (size * rng.normal(0.5, 0.2, 2).clip(0.05, 0.95)).astype(np.float32)
            plane = int(self.canvas.look(beneath, middle, 1 / self.canvas.k))
            if not plane:
                continue
            tone, value = self.planes[plane - 1][:2]
            way = self.planes[plane - 1][5] + float(rng.choice([0, np.pi / 2, np.pi / 4]))
            along = np.array([np.cos(way), np.sin(way)]) * self.canvas.H * rng.uniform(0.06, 0.17)
            across = np.array([-along[1], along[0]]) * rng.uniform(0.3, 0.7)
            corners = [middle - along, middle + across * rng.uniform(0.2, 1), middle + along]
            if rng.random() < 0.6:
                corners.append(middle - across * rng.uniform(0.4, 1))
            value += float(rng.choice([-1, 1]) * rng.uniform(0.16, 0.3))
            self.add(np.array(corners, np.float32), tone, value, slope=way, ink=0.7)


def paint(width: int, height: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the picture (height, width, 3)."""
    canvas = Canvas(width, height, rng)
    W, H = canvas.W, canvas.H
    plan = _Plan(canvas, rng)
    _wall_and_table(plan, rng, W, H)
    _still_life(plan, rng, W, H)
    plan.passages(22)

    planes = np.array([(2, 0.5, W / 2, H / 2, W, 0, 0.3, 0), *plan.planes], np.float32)
    regions: Ints = np.asarray(plan.image, np.int32)
    x, y = canvas.grid()
    row = np.minimum(((y[:, 0]) * canvas.k).astype(int), canvas.h - 1)
    col = np.minimum(((x[0]) * canvas.k).astype(int), canvas.w - 1)
    where = regions[row][:, col]
    cloud = Field(rng, 70, octaves=3)(x, y)
    picture = _tone(planes, where, x, y, cloud)
    angle = planes[where, 7] + 0.12 * cloud
    canvas.ground(picture * 0.8)
    flat = regions.reshape(-1)

    bristle = Brush.bristle(rng, taper=0.12, ragged=0.16, dry=0.45, groove=0.4)
    layers = (
        (2200, 58, 21, 0.5, 0.03, 0.5),
        (8500, 27, 9.5, 0.8, 0.06, 0.9),
        (5000, 17, 6, 1.0, 0.07, 0.97),
    )
    for n, length, size, load, vary, strict in layers:
        xy = (scatter(rng, n) * [W + 12, H + 12] - 6).astype(np.float32)
        strokes = canvas.strokes(angle, xy, length, size, load=load, wobble=0.14, bend=0.08)
        mine = canvas.look(where, xy)
        colour = _tone(planes, mine, xy[:, 0], xy[:, 1], canvas.look(cloud, xy))
        colour = jitter(rng, colour, vary)
        second = jitter(rng, colour, 0.06)
        loose = rng.random(n) > strict
        order = np.argsort(rng.random(n) - loose)  # what strays over an edge lies beneath
        batch = strokes.tint(colour, second).take(order)
        if strict < 0.6:
            canvas.paint(bristle, batch, streak=0.06, blend=0.6)
            continue
        clean = ~loose[order]
        canvas.paint(bristle, batch.take(~clean), streak=0.07, blend=0.6)
        own = mine[order][clean].astype(np.int32)
        canvas.paint(bristle, batch.take(clean), streak=0.07, blend=0.6, clip=(flat, own))

    # What is visible may differ by a pixel between sizes: each kind of line draws its own luck.
    for_lines, for_lights = rng.spawn(2)
    lines = _contours(plan, for_lines)
    loaded = Brush.bristle(rng, taper=0.2, ragged=0.06, dry=0.55)
    canvas.paint(loaded, lines, streak=0.05, blend=0.5, bury=0.8)
    canvas.paint(loaded, _edges_of_light(plan, for_lights), streak=0.05, blend=0.4, bury=0.7)
    return canvas.photograph(relief=0.75, gloss=0.12, weave=0.6)


def _tone(planes: Floats, at: NDArray[np.int32], x: Floats, y: Floats, cloud: Floats) -> Floats:
    """The colour of each point: its plane's tone, lit along the plane's gradient."""
    p = planes[at]
    run = ((x - p[..., 2]) * np.cos(p[..., 5]) + (y - p[..., 3]) * np.sin(p[..., 5])) / p[..., 4]
    value = p[..., 1] + p[..., 6] * np.tanh(3.0 * run) + 0.045 * cloud
    colour = np.zeros((*x.shape, 3), np.float32)
    for i, tones in enumerate(_TONES):
        here = p[..., 0] == i
        colour[here] = ramp(tones, np.clip(value[here], 0.02, 1))
    return colour


def _wall_and_table(plan: _Plan, rng: np.random.Generator, W: float, H: float) -> None:
    """Large planes that fill the canvas: a wall of tilted sheets, a table seen from above."""
    for _ in range(16):
        centre = (rng.random(2) * [W, H * 0.7]).astype(np.float32)
        size = rng.uniform(0.22, 0.42) * H
        plan.split(
            _shard(rng, centre, size, int(rng.integers(3, 6))),
            int(rng.choice([2, 1, 3, 0, 5], p=[0.34, 0.26, 0.2, 0.12, 0.08])),
            float(rng.uniform(0.3, 0.62)),
        )
    left, right = H * rng.uniform(0.6, 0.68, 2)
    top = np.array([[-9, left], [W * 0.46, left - 26], [W + 9, right]], np.float32)
    table = np.concatenate([top, [[W + 9, H + 9], [-9, H + 9]]]).astype(np.float32)
    plan.add(table, 1, 0.45, slope=-1.2)
    for i in range(9):
        a = W * (i / 8 - 0.08) + rng.normal(0, 14)
        lean = (a - W / 2) * 0.35
        b = a + W / 8.5 * rng.uniform(0.7, 1.5)
        corners = [[a, left - 8], [b, right + 6], [b + lean, H + 9], [a + lean, H + 9]]
        plan.split(
            np.array(corners, np.float32), int(rng.choice([0, 1, 4])), rng.uniform(0.35, 0.6)
        )
    cloth = np.array([[0.3, 0.72], [0.62, 0.66], [0.78, 0.82], [0.6, 1.02], [0.38, 0.98]]) * [W, H]
    cloth = (cloth + rng.normal(0, 12, cloth.shape)).astype(np.float32)
    plan.split(cloth, 2, 0.74, deep=4)


def _still_life(plan: _Plan, rng: np.random.Generator, W: float, H: float) -> None:
    """Bottle, guitar, jug, glass, newspaper and fruit, each seen in slices that do not meet."""
    flip = bool(rng.random() < 0.5)

    def at(
        points: list[tuple[float, float]], cx: float, cy: float, s: float, turn: float
    ) -> Floats:
        p = np.array(points, np.float32) * s
        c, n = np.cos(turn), np.sin(turn)
        p = p @ np.array([[c, n], [-n, c]], np.float32) + [cx, cy]
        if flip:
            p[:, 0] = W - p[:, 0]
        return p.astype(np.float32)

    def sliced(points: Floats, tones: list[int], value: float, cuts: int, shift: float) -> None:
        """Cut a silhouette into slices that slide against each other and change light."""
        way = float(rng.uniform(-0.5, 0.5)) + (np.pi / 2 if rng.random() < 0.3 else 0)
        axis = np.array([np.cos(way), np.sin(way)], np.float32)
        reach = points @ axis
        knives = np.linspace(reach.min(), reach.max(), cuts + 1)
        knives[1:-1] += rng.normal(0, (knives[1] - knives[0]) * 0.16, cuts - 1)
        for i in range(cuts):
            part = _clip(_clip(points, axis, knives[i]), -axis, -knives[i + 1])
            if len(part) < 3:
                continue
            slide = rng.normal(0, shift) * np.array([-axis[1], axis[0]])
            light = value + (0.3 * (-1) ** i + rng.normal(0, 0.06)) * 0.75
            tone = tones[i % len(tones)]
            plan.add((part + slide).astype(np.float32), tone, float(light), slope=way)

    s = H
    body = [
        (
            0.30 * np.cos(a) * (1 - 0.30 * np.exp(-(((a % np.pi - 1.45) / 0.36) ** 2))),
            0.20 * np.sin(a) * (1 - 0.34 * np.exp(-(((a % np.pi - 1.45) / 0.30) ** 2))),
        )
        for a in np.linspace(0, 2 * np.pi, 44, endpoint=False)
    ]
    sliced(at(body, W * 0.40, H * 0.60, s * 1.02, -0.55), [0, 4, 0, 1, 0], 0.58, 5, 8)
    neck = [(0.2, -0.035), (0.62, -0.028), (0.62, 0.028), (0.2, 0.035)]
    sliced(at(neck, W * 0.40, H * 0.60, s, -0.55), [1, 2, 1], 0.3, 3, 5)
    hole = [(0.07 * np.cos(a), 0.07 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 24)]
    sliced(at(hole, W * 0.42, H * 0.585, s, 0.2), [1, 3], 0.16, 2, 5)

    bottle = [
        (-0.03, -0.36), (0.03, -0.36), (0.032, -0.2), (0.05, -0.14), (0.085, -0.09),
        (0.09, 0.24), (-0.09, 0.24), (-0.085, -0.09), (-0.05, -0.14), (-0.032, -0.2),
    ]  # fmt: skip
    sliced(at(bottle, W * 0.66, H * 0.47, s * 1.06, 0.04), [5, 3, 5, 2], 0.42, 4, 12)
    sliced(
        at([(-0.085, 0), (0.085, 0), (0.085, 0.13), (-0.085, 0.13)], W * 0.665, H * 0.5, s, 0.08),
        [2, 0],
        0.72,
        3,
        7,
    )

    jug = [
        (-0.08, -0.2), (0.09, -0.22), (0.13, -0.17), (0.08, -0.1), (0.13, 0.02), (0.12, 0.13),
        (0.06, 0.19), (-0.07, 0.19), (-0.13, 0.12), (-0.13, 0.0), (-0.07, -0.1),
    ]  # fmt: skip
    sliced(at(jug, W * 0.17, H * 0.55, s * 1.02, -0.08), [3, 2, 3], 0.55, 4, 10)
    news = [(-0.16, -0.09), (0.14, -0.1), (0.17, 0.07), (-0.13, 0.1)]
    sliced(at(news, W * 0.55, H * 0.83, s * 1.1, -0.25), [2, 0, 2], 0.8, 3, 6)
    glass = [
        (-0.06, -0.13),
        (0.06, -0.13),
        (0.045, 0.02),
        (0.012, 0.05),
        (0.012, 0.12),
        (0.06, 0.14),
        (-0.06, 0.14),
        (-0.012, 0.12),
        (-0.012, 0.05),
        (-0.045, 0.02),
    ]
    sliced(at(glass, W * 0.84, H * 0.66, s * 1.15, 0.07), [3, 2], 0.66, 3, 8)
    for cx, cy, r, tones in (
        (0.27, 0.83, 0.065, [4, 0]),
        (0.36, 0.87, 0.055, [0, 5]),
        (0.75, 0.85, 0.06, [4, 1]),
    ):
        fruit = [(r * np.cos(a), 0.94 * r * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 26)]
        sliced(at(fruit, W * cx, H * cy, s, 0.3), tones, 0.6, 3, 4)


def _shard(rng: np.random.Generator, centre: Floats, size: float, corners: int) -> Floats:
    """An angular convex plane (corners, 2) about ``centre``."""
    turn = np.sort((np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) / corners) * 2 * np.pi
    turn += rng.uniform(0, 2 * np.pi)
    reach = size * rng.uniform(0.7, 1.2, corners)
    shape = np.stack([np.cos(turn) * reach * 0.75, np.sin(turn) * reach * 1.15], 1)
    return (shape + centre).astype(np.float32)


def _along(points: Floats, t: float) -> Floats:
    """The point at ``t`` corners along a closed outline."""
    i = int(t)
    a, b = points[i % len(points)], points[(i + 1) % len(points)]
    return np.asarray(a + (b - a) * (t - i), np.float32)


def _clip(points: Floats, axis: Floats, level: float) -> Floats:
    """The part of a polygon where ``points @ axis >= level`` (Sutherland and Hodgman)."""
    kept: list[Floats] = []
    for a, b in zip(points, np.roll(points, -1, 0), strict=True):
        u, v = float(a @ axis - level), float(b @ axis - level)
        if u >= 0:
            kept.append(a)
        if u * v < 0:
            kept.append(a + (b - a) * (u / (u - v)))
    return np.array(kept, np.float32).reshape(-1, 2)


def _trace(
    plan: _Plan, rng: np.random.Generator, keep: float, piece: float, inset: float = 0
) -> tuple[Floats, Floats]:
    """Follow the visible outlines with brush strokes: paths (n, 9, 2) and weights (n,).

    A stroke covers about ``piece`` units and ``inset`` moves it into its plane.
    """
    regions = np.asarray(plan.image, np.int32)
    paths, weights = [], []
    for plane, points in plan.outlines:
        closed = np.concatenate([points, points[:1]])
        edges = np.diff(closed, axis=0)
        turn = np.abs(np.angle(np.exp(1j * np.diff(np.arctan2(edges[:, 1], edges[:, 0])))))
        corners = [0, *(np.flatnonzero(turn > 0.45) + 1).tolist(), len(closed) - 1]
        heavy = float(rng.uniform(0.6, 1.5))
        for a, b in pairwise(corners):
            run = closed[a : b + 1]
            far = np.concatenate([[0], np.linalg.norm(np.diff(run, axis=0), axis=1).cumsum()])
            if far[-1] < 5 or rng.random() > keep:
                continue
            marks = np.linspace(0, far[-1], max(1, round(float(far[-1]) / piece)) + 1)
            swell = heavy * rng.uniform(0.7, 1.3)
            for low, high in pairwise(marks):
                t = np.linspace(low - 3, high + 3, 9).clip(0, far[-1])
                path = np.stack([np.interp(t, far, run[:, i]) for i in (0, 1)], 1)
                shake = rng.normal(0, 0.5, (1, 2)) + rng.normal(0, 0.18, path.shape)
                weight = swell * rng.uniform(0.85, 1.15)
                way = np.gradient(path, axis=0)
                way /= np.linalg.norm(way, axis=1, keepdims=True) + 1e-6
                side = np.stack([-way[:, 1], way[:, 0]], 1)
                inner = (path + 3 * side, path - 3 * side)
                seen = [
                    (plan.canvas.look(regions, q, 1 / plan.canvas.k) == plane).mean() for q in inner
                ]
                if max(seen) < 0.7:
                    continue
                path = path + (inset if seen[0] > seen[1] else -inset) * side
                paths.append(path + shake)
                weights.append(weight)
    return np.array(paths, np.float32).reshape(-1, 9, 2), np.array(weights, np.float32)


def _contours(plan: _Plan, rng: np.random.Generator) -> Strokes:
    """Dark lines along most visible edges of the planes, here heavy, there lost."""
    paths, weights = _trace(plan, rng, 0.85, 34)
    n = len(paths)
    colour = jitter(rng, np.repeat(_INK[None], n, 0), 0.03)
    second = mix(colour, np.repeat(rgb("#4a3424"), n, 0), 0.6 + 0.4 * rng.random(n))
    return Strokes(paths, 3.6 * weights, colour, second, 0.6 * weights)


def _edges_of_light(plan: _Plan, rng: np.random.Generator) -> Strokes:
    """Pale strokes just inside some edges, as if the planes were sheets with thickness."""
    paths, weights = _trace(plan, rng, 0.16, 26, inset=4)
    pale = rgb("#f4ead0", "#e6cf98", "#c9d4d2")[rng.integers(0, 3, len(paths))]
    colour = jitter(rng, pale, 0.05)
    return Strokes(paths, 3.4 * weights, colour, colour * np.float32(0.85), 1.2 * weights)
