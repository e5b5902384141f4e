"""A guitar, a bottle and a glass broken into planes, after Georges Braque and Pablo Picasso."""

from dataclasses import replace

import numpy as np
from PIL import Image

from .core.canvas import INK, OIL, Canvas
from .core.colour import colours, jitter, ramp
from .core.fields import at, grid, noise, scatter
from .core.shapes import curve, ellipse, mask

MAP = 512  # the side of the maps that plan the picture
OCHRE = colours("16100b 3a2816 664625 8c6836 ad874a c6a263 d9bf8a e8dab6 f3ecd8")
SILVER = colours("121315 2a2c2e 45494a 666a68 858780 a3a294 bdbba6 d6d3c0 ebe8da")
DARK = colours("1a130e")[0]
DAB = replace(OIL, thick=0.7, dry=0.25, streak=0.3, taper=0.1, ragged=0.8)
LINE = replace(INK, thick=0.3, taper=0.15, opacity=0.85)
SLANTS = np.radians([92, 86, 60, 55, 120, 126, 30, -26, 3])  # few directions hold it together
LIGHTS = [0.08, 0.25, 0.45, 0.6, 0.72, 0.82, 0.95]
GUITAR = np.array([
    (0, 0.36), (0.16, 0.33), (0.24, 0.2), (0.19, 0.05), (0.12, -0.03), (0.16, -0.14),
    (0.12, -0.24), (0, -0.27), (-0.12, -0.24), (-0.16, -0.14), (-0.12, -0.03), (-0.19, 0.05),
    (-0.24, 0.2), (-0.16, 0.33),
])  # fmt: skip
BOTTLE = np.array([
    (-0.028, -0.3), (0.028, -0.3), (0.03, -0.14), (0.09, -0.06), (0.095, 0.3), (-0.095, 0.3),
    (-0.09, -0.06), (-0.03, -0.14),
])  # fmt: skip
SCROLLS = [(0.15, 0.27, 0.05), (0.86, 0.78, 0.055), (0.29, 0.16, 0.03), (0.80, 0.13, 0.025)]


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the picture."""
    x, y = grid(MAP)
    heart = np.exp(-(((x - 0.5) / 0.42) ** 4) - ((y - 0.52) / 0.50) ** 4)  # the edges fade
    plan = np.zeros((3, MAP, MAP), np.float32)  # lightness, warmth, and the slope of the brush
    plan[0] = 0.58 + 0.10 * noise(MAP, 4, rng, 4)
    plan[1] = 0.7 + 0.35 * noise(MAP, 3, rng, 2)
    lean = np.array([(np.cos(0.42), np.sin(0.42)), (-np.sin(0.42), np.cos(0.42))])
    guitar = curve(GUITAR, 90, True) @ lean + (0.46, 0.63)
    things = [
        (guitar[:46], 0.72, 1.0),
        (guitar[44:] + (0.03, -0.045), 0.36, 0.95),
        (BOTTLE + (0.71, 0.40), 0.30, 0.1),
        (BOTTLE[[0, 7, 6, 5, 4]] + (0.67, 0.43), 0.80, 0.2),
        (ellipse(0.25, 0.49, 0.085, 0.03), 0.85, 0.1),
        (np.array([(0.165, 0.49), (0.335, 0.49), (0.285, 0.66), (0.215, 0.66)]), 0.62, 0.0),
        (ellipse(0.475, 0.595, 0.062, 0.058), 0.06, 0.6),
    ]
    planes = []
    for wide in np.geomspace(0.42, 0.09, 150):
        planes.append(_plane(rng.normal(size=2) * (0.29, 0.3) + 0.51, wide, rng))
        _shade(plan, heart, planes[-1], rng.choice(LIGHTS), rng.random(), rng)
        if len(planes) in (40, 90):  # later planes cut across the things on the table
            for outline, base, warm in things:
                _shade(plan, heart, outline, base, warm, rng)

    tone, warmth = np.clip(plan[:2], 0, 1)
    picture = warmth[..., None] * ramp(OCHRE, tone) + (1 - warmth[..., None]) * ramp(SILVER, tone)
    canvas = Canvas(size, OCHRE[3], rng)
    for spacing, long, wide in ((0.024, 0.024, 0.026), (0.0105, 0.011, 0.0105)):
        spots = scatter(spacing, rng)
        turn = at(plan[2], spots) + rng.normal(size=len(spots)) * 0.12
        half = long * rng.uniform(0.6, 1.2, len(spots))
        reach = np.stack([half * np.cos(turn), half * np.sin(turn)], 1)
        lines = np.stack([spots - reach, spots, spots + reach], 1)
        canvas.strokes(lines, jitter(at(picture, spots), rng, 0.035, 0.007), wide, rng, DAB)
    crisp = Image.fromarray((picture * 255).astype(np.uint8)).resize((size, size))
    canvas.rgb += 0.55 * (np.asarray(crisp, np.float32) / 255 - canvas.rgb)  # edges, as if wiped

    spots = scatter(0.02, rng, 0.8 * heart)  # loose dabs, like bricks, knit the planes together
    bricks = spots[:, None] + np.array([(-0.009, 0), (0, -0.0007), (0.009, 0)])
    canvas.strokes(bricks, jitter(at(picture, spots), rng, 0.06, 0.01), 0.0085, rng, DAB)

    for plane in planes[6:76]:
        _contour(canvas, np.roll(plane, rng.integers(4), 0)[: rng.integers(2, 4)], 0.0022, rng)
    for outline, _, _ in things * 4:  # seen from many sides: no contour runs on to its end
        part = np.roll(outline, rng.integers(len(outline)), 0)[: 2 + len(outline) // 3]
        _contour(canvas, part + rng.normal(size=2) * 0.009, 0.0036, rng)
    _strings(canvas, lean, rng)
    return canvas.finish(relief=0.6, grain=0.05)


def _plane(middle: np.ndarray, wide: float, rng: np.random.Generator) -> np.ndarray:
    """Corners (4, 2) of a facet: two pairs of edges along the directions of the picture."""
    turns = rng.choice(SLANTS, 3, replace=False)
    u, v, w = np.stack([np.cos(turns), np.sin(turns)], 1) * wide * rng.uniform(0.4, 1.1, (3, 1))
    return middle + np.array([-u - v, u - v + 0.3 * w, u + v, v - u - 0.3 * w]) / 2


def _shade(
    plan: np.ndarray, heart: np.ndarray, outline: np.ndarray, base: float, warm: float,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Lay a facet, graded from one edge to the other and open on a third (the passage)."""
    x, y = grid(MAP)
    turn = rng.choice(SLANTS) + rng.choice([0, np.pi])
    way = np.array([np.cos(turn), np.sin(turn)], np.float32)
    reach = (outline @ way).astype(np.float32)
    across = np.clip((x * way[0] + y * way[1] - reach.min()) / np.ptp(reach), 0, 1)
    full = mask(outline, MAP) * (0.5 + 0.5 * heart) * np.clip(1.9 - 1.7 * across, 0, 1)
    graded = np.float32(base) + np.float32(rng.choice([-0.45, 0.45])) * (across - 0.25)
    for layer, value, cover in zip(plan, (graded, warm), (0.95, 0.8), strict=False):
        layer += cover * full * (np.float32(value) - layer)
    plan[2][full > 0.5] = rng.choice([0.0, 0.0, -0.15, 0.15, turn + np.pi / 2])


def _contour(canvas: Canvas, line: np.ndarray, width: float, rng: np.random.Generator) -> None:
    """A thin dark line, drawn a little beyond its start; now and then a light one beside it."""
    line = np.vstack([line[:1] * 1.15 - line[1:2] * 0.15, line])
    width *= rng.uniform(0.6, 1.5)
    if rng.random() < 0.35:
        canvas.stroke(line + 0.0035, OCHRE[7], width, rng, LINE)
    canvas.stroke(line, DARK, width, rng, LINE)


def _strings(canvas: Canvas, lean: np.ndarray, rng: np.random.Generator) -> None:
    """Strings, frets and pegs, the scrolls of a chair, and the edge of the table."""
    for side in np.linspace(-0.025, 0.025, 6):
        neck = np.array([(side, 0.22), (side, -0.2), (0.8 * side, -0.58)])
        tint = (OCHRE[8], DARK)[rng.integers(2)]
        canvas.stroke(neck @ lean + (0.46, 0.63), tint, 0.0022, rng, LINE)
    for fret in np.linspace(-0.28, -0.56, 9):
        bar = np.array([(-0.032, fret), (0.032, fret + 0.01 * rng.normal())])
        canvas.stroke(bar @ lean + (0.46, 0.63), DARK, 0.004, rng, LINE)
    pegs = np.array([(side, rise) for side in (-0.05, 0.05) for rise in (-0.53, -0.57, -0.61)])
    canvas.dots(pegs @ lean + (0.46, 0.63), OCHRE[[0, 5, 1, 0, 5, 1]], 0.007, rng)
    turn = np.linspace(0, 9, 50)
    spiral = np.stack([np.cos(turn), np.sin(turn)], 1) * (1 - turn / 10)[:, None]
    for x, y, reach in SCROLLS:
        canvas.stroke(spiral * (reach, reach * 0.8) + (x, y), DARK, 0.0035, rng, LINE)
    for shift in (0, 0.02, 0.055):
        rim = curve([(0.06, 0.80), (0.26, 0.93), (0.52, 0.965), (0.78, 0.92), (0.95, 0.80)], 40)
        part = rim[rng.integers(0, 12) : rng.integers(24, 40)] + (0, shift)
        canvas.stroke(part, DARK, 0.004, rng, LINE)
