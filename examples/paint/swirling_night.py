"""A night sky in whirls over a river village, in thick strokes after Vincent van Gogh."""

from dataclasses import replace

import numpy as np
from PIL import Image

from .core.canvas import INK, OIL, Canvas
from .core.colour import colours, jitter, mix, ramp
from .core.fields import along, at, blur, grid, noise, scatter, swirl, trace
from .core.shapes import below, curve, mask

MAP = 512  # the side of the maps that plan the picture
SKY = colours("0b1640 14266b 1f43a0 2f6bb8 5c9cc9 a8cdd0 1c3a94 101f5a")
LAND = colours("0c1c33 12384a 1f5a58 3f7f5c 8a9a4a 16384f")
TREE = colours("06100f 0c2620 1c4030 4a4a22 15281c")
NIGHT = colours("0a1030")[0]
GLOW = colours("fff6c8 ffdf63 f2b134 d99a2b 8fae72 3f78a8")
LIGHTS = [  # x, y, radius of the halo
    (0.17, 0.15, 0.125),
    (0.39, 0.08, 0.05),
    (0.55, 0.19, 0.06),
    (0.93, 0.30, 0.055),
    (0.69, 0.07, 0.07),
    (0.07, 0.42, 0.065),
    (0.30, 0.34, 0.045),
    (0.96, 0.09, 0.05),
    (0.63, 0.45, 0.045),
]
WHIRLS = [(0.44, 0.30, 0.17, 2.4), (0.70, 0.30, 0.11, -2.2), (0.20, 0.52, 0.09, 1.2)]
HOUSES = [(0.08, 0.035), (0.15, 0.045), (0.21, 0.03), (0.33, 0.05), (0.40, 0.035), (0.47, 0.04),
          (0.54, 0.03), (0.61, 0.045)]  # fmt: skip


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the picture."""
    x, y = grid(MAP)
    halos = [(sx, sy, r, 1.6) for sx, sy, r in LIGHTS]
    field = swirl(MAP, WHIRLS + halos)
    field[..., 0] += 0.55
    field[..., 1] += 0.45 * np.cos(7 * x + 3 * y) + 0.25 * noise(MAP, 4, rng)

    # The colour runs in bands along the field: noise smeared by following it.
    seeds = noise(MAP, 14, rng, 3)
    everywhere = np.stack([x, y], -1).reshape(-1, 2)
    bands = at(seeds, trace(field, everywhere, 0.22, 14)).mean(1).reshape(MAP, MAP)
    picture = ramp(SKY, np.clip(0.45 + 0.95 * bands + 0.12 * (y - 0.2), 0, 1))
    for sx, sy, r in LIGHTS:
        far = np.hypot(x - sx, y - sy) / r
        rings = 0.5 + 0.5 * np.cos(2 * np.pi * (2.6 * far - 0.1))
        glow = np.clip(1.7 - 1.3 * far, 0, 1) * np.maximum(rings, far < 0.3)
        picture = mix(picture, ramp(GLOW, far / 1.3), glow)

    canvas = Canvas(size, colours("1a2c5c")[0], rng)
    thick = replace(OIL, thick=0.9, dry=0.3, streak=0.45)
    for spacing, length, width in ((0.021, 0.12, 0.026), (0.0132, 0.075, 0.013)):
        spots = scatter(spacing, rng)
        spots = spots[spots[:, 1] < 0.66]
        lines = trace(field, spots, length * rng.uniform(0.6, 1.2, len(spots)))
        canvas.strokes(lines, jitter(at(picture, spots), rng, 0.05, 0.015), width, rng, thick)
    for sx, sy, r in LIGHTS:
        for ring in np.arange(0.15, 1.2, 0.19):
            for turn in rng.uniform(0, 2 * np.pi, int(5 + 6 * ring)):
                arc = turn + np.linspace(0, 0.028 / (ring * r), 6)
                line = np.stack([sx + ring * r * np.cos(arc), sy + ring * r * np.sin(arc)], 1)
                colour = jitter(ramp(GLOW, np.array(ring * 0.75)), rng, 0.04, 0.02)
                canvas.stroke(line, colour, 0.008, rng, thick)

    ridges = [
        [(-0.05, 0.60), (0.15, 0.57), (0.36, 0.64), (0.60, 0.56), (0.80, 0.50), (1.05, 0.55)],
        [(-0.05, 0.68), (0.20, 0.66), (0.45, 0.69), (0.70, 0.65), (1.05, 0.62)],
        [(-0.05, 0.86), (0.25, 0.80), (0.50, 0.83), (0.75, 0.77), (1.05, 0.74)],
    ]
    lands = [mask(below(curve(ridge)), MAP) for ridge in ridges] + [np.zeros((MAP, MAP))]
    furrow = np.stack([x - 0.30, y - 0.66], -1)  # ploughed rows meet behind the village
    for depth in range(3):
        tone = np.clip(0.35 + 0.5 * noise(MAP, 9, rng) + 0.1 * depth, 0, 1)
        way = along(y + 0.025 * noise(MAP, 4, rng, 2))
        if depth == 2:
            rows = np.sin(34 * np.arctan2(furrow[..., 0], furrow[..., 1]))
            tone, way = np.clip(0.45 + 0.3 * rows + 0.3 * (tone - 0.5), 0, 1), furrow
        greens = mix(ramp(LAND, tone), SKY[3], 0.45 - 0.2 * depth)
        spots = scatter(0.0132, rng, np.clip(lands[depth] - blur(lands[depth + 1], 0.01), 0, 1))
        lines = trace(way, spots, 0.07)
        canvas.strokes(lines, jitter(at(greens, spots), rng, 0.04, 0.015), 0.014, rng, thick)
        if depth == 1:
            _village(canvas, rng)
    _tree(canvas, rng)
    return canvas.finish(relief=0.7)


def _village(canvas: Canvas, rng: np.random.Generator) -> None:
    walls, roofs = colours("2c4a78 3f5f86 56708a 2a3f66"), colours("8a3f2a 3a2c5c a8562c 24305c")
    lit, ink = replace(OIL, thick=0.7, taper=0.0), replace(INK, thick=0.5)
    for k, (hx, w) in enumerate(HOUSES):
        base, eave, top = (0.775 + 0.02 * np.sin(9 * hx) - h * w for h in (0, 1.0, 1.9))
        for row in np.arange(base, eave, -0.008):
            line = np.array([(hx - w, row), (hx + w, row + 0.002)])
            canvas.stroke(line, jitter(walls[k % 4], rng), 0.011, rng, lit)
        for side in np.linspace(-1.15, 1.15, 11):
            line = np.array([(hx + (side * 0.7 + 0.1) * w, top), (hx + side * w, eave)])
            canvas.stroke(line, jitter(roofs[k % 4], rng), 0.010, rng, lit)
        frame = [(-1.15, eave), (-0.72, top), (0.9, top), (1.2, eave), (-1.15, eave), (-1, base)]
        canvas.stroke(np.array([(hx + u * w, v) for u, v in frame]), NIGHT, 0.004, rng, ink)
        for pane in (-0.5, 0.45):
            spot = np.array([(hx + pane * w, base - 0.35 * w), (hx + pane * w, base - 0.75 * w)])
            canvas.stroke(spot, jitter(GLOW[1], rng), 0.010, rng, lit)
    steeple = np.array([(0.27, 0.775), (0.27, 0.70), (0.27, 0.60)])
    canvas.stroke(steeple, walls[0], np.array([0.03, 0.026, 0.002]), rng, lit)
    canvas.stroke(steeple[1:] + 0.004, roofs[1], np.array([0.028, 0.002]), rng, lit)


def _tree(canvas: Canvas, rng: np.random.Generator) -> None:
    flame = replace(OIL, thick=1.0, streak=0.6, taper=0.5)
    for stem, height, spread in ((0.90, 0.62, 0.045), (0.83, 0.95, 0.07)):
        for level in np.linspace(0, 1, 260):
            foot = 1.02 - height * level * 0.9
            reach = spread * (1.15 - level) ** 0.8 * min(1, 0.35 + 3 * level)
            side = rng.uniform(-1, 1)
            bend = 0.02 * np.sin(9 * level)
            start = np.array([stem + 0.6 * side * reach + bend, foot])
            lick = np.array([(0, 0), (side * 0.5, -0.3), (side * 0.55, -0.7), (side * 0.1, -1.0)])
            line = start + lick * [reach, 0.09 + 0.04 * (1 - level)]
            colour = jitter(TREE[rng.integers(len(TREE))], rng, 0.03, 0.012)
            canvas.stroke(curve(line, 8), colour, 0.013, rng, flame)
